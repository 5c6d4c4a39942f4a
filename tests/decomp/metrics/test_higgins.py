import functools

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from decomp.metrics import higgins
from tests.decomp.metrics import cases

FEW = {"num_train": 300, "num_test": 300, "samples": 20}
draw = jax.jit(higgins.draw_pairs, static_argnames=("points", "samples"))
score = jax.jit(higgins.score, static_argnames=(*FEW, "iterations"))


def _run(codes, factors, **options):
    key, codes = jax.random.key(0), np.asarray(codes, np.float32)
    return jax.device_get(score(key, codes, factors, **FEW, **options))


def _wide(codes):
    """Codes with constant dimensions up to three, so that all tests share a program."""
    return np.pad(np.float32(codes), ((0, 0), (0, 3 - codes.shape[1])))


def _within(share, exact, trials=300):
    """Whether a share of `trials` trials is within 4 standard errors."""
    return abs(float(share) - exact) < 4 * np.sqrt(exact * (1 - exact) / trials)


def test_pairs_share_the_value_of_their_factor_and_have_the_documented_distribution():
    factors = np.array([[0, 0], [0, 7], [0, 2], [-1, 2]], np.int32)
    pairs = draw(jax.random.key(0), factors, points=4000, samples=3)
    factor, first, second = map(np.asarray, pairs)
    column = factor[:, None]
    np.testing.assert_array_equal(factors[first, column], factors[second, column])
    assert _within(np.mean(factor), 0.5, 4000)
    for row in range(4):
        assert _within(np.mean(first[:, 0] == row), 1 / 4, 4000)
    # Row 2 shares factor 0 with three rows and factor 1 with two.
    for f, exact in ((0, 1 / 3), (1, 1 / 2)):
        rows = (factor == f) & (first[:, 0] == 2)
        assert _within(np.mean(second[rows, 0] == 2), exact, rows.sum())


def test_factors_that_are_not_classes_are_refused_in_one_line():
    angles = np.random.default_rng(0).uniform(size=(200, 2))
    with pytest.raises(ValueError, match=r"^factor 0 has 200 distinct numbers .*\.$"):
        higgins.score(jax.random.key(0), angles, angles)


def test_differences_and_score_agree_with_a_slow_implementation():
    factors = cases.grid(3, 4, 5)
    codes = np.asarray(cases.mixed(factors))
    out = _run(codes, factors)
    key = jax.random.key(0)
    pairs = jax.device_get(draw(key, factors, points=600, samples=20))
    x = np.zeros((600, 4))
    for m in range(600):
        for a, b in zip(pairs.first[m].tolist(), pairs.second[m].tolist(), strict=True):
            x[m] += np.abs(np.float64(codes[a]) - codes[b]) / 20
    differences = jax.jit(functools.partial(higgins.differences, block=70))
    value = differences(codes, pairs)
    np.testing.assert_allclose(value, x, rtol=1e-5)
    y = np.asarray(pairs.factor)
    classifier = LogisticRegression(tol=1e-8, max_iter=10**4).fit(x[:300], y[:300])
    exact = classifier.score(x[300:], y[300:])
    np.testing.assert_allclose(out.score, exact, atol=1 / 300)  # one point may tip
    assert 1 / 3 < out.score < 1


def test_a_perfect_code_scores_one_in_any_order_with_any_sign():
    factors = cases.grid(4, 4, 4)
    for codes in (factors, -factors[:, [2, 0, 1]]):
        out = _run(codes, factors)
        assert out.score == 1
        assert out.train_accuracy == 1
        np.testing.assert_array_equal(out.per_factor, 1)
    assert out.variant == "locatello, num_train=300, num_test=300, samples=20"


def test_a_missing_factor_is_not_detected():
    # This is the weakness for which Kim & Mnih proposed their score: the last factor is
    # recognised because all other dimensions vary.
    factors = cases.grid(4, 4, 4)
    assert _run(_wide(factors[:, :2]), factors).score == 1


def test_factors_that_share_a_dimension_or_are_rotated_score_by_chance():
    factors = cases.grid(4, 4, 4)
    rest = factors[:, 2:]
    for codes in (factors[:, :2].sum(axis=1, keepdims=True), cases.rotated(factors)):
        out = _run(_wide(np.c_[codes, rest]), factors)
        assert _within(out.score, 1 / 3 + 2 / 3 * 1 / 2)
        assert out.per_factor[2] == 1


@pytest.mark.slow
def test_noise_and_collapsed_codes_score_by_chance():
    factors = cases.grid(4, 4, 4)
    points = np.repeat(factors, 200, axis=0)  # few points may encode a factor by chance
    noise = np.random.default_rng(0).normal(size=(len(points), 5))
    assert _within(_run(noise, points).score, 1 / 3)
    out = _run(np.full((64, 3), 0.3), factors)
    assert out.score == out.chance
    assert _within(out.chance, 1 / 3)
    assert out.num_active == 0


def test_diverged_codes_score_nan():
    factors = cases.grid(4, 4, 4)
    codes = np.ones((64, 3))
    codes[3, 1] = np.nan
    assert np.isnan(_run(codes, factors).score)


def test_an_unfinished_fit_is_reported():
    factors = cases.grid(4, 4, 4)
    assert _run(factors, factors).converged
    assert not _run(factors, factors, iterations=1).converged


def test_a_single_factor_is_refused():
    with pytest.raises(ValueError, match="two factors"):
        higgins.score(jax.random.key(0), np.ones((4, 2)), np.ones((4, 1), np.int32))
