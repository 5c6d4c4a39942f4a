from functools import partial

import jax
import numpy as np
import pytest
from scipy.special import digamma

from decomp.metrics import inputs, modularity
from decomp.metrics.solvers import neighbours
from tests.decomp.metrics import cases

SIZES = (5, 6, 7)
run = jax.jit(modularity.score, static_argnames=("sizes", "preset", "bins"))
score = partial(run, sizes=SIZES)
explicitness = jax.jit(modularity.explicitness, static_argnames="sizes")
FACTORS = cases.grid(*SIZES)


def _codes(seed=0):
    return cases.mixed(FACTORS, seed, noise=0.5)


def _slow_modularity(codes, factors, bins):
    codes, values = np.asarray(codes, np.float64), []
    for d in range(codes.shape[1]):
        m = [cases.binned_information(codes[:, d], f, bins) for f in factors.T]
        template = [x if x == max(m) else 0 for x in m]
        squared = sum((a - b) ** 2 for a, b in zip(m, template, strict=True))
        values.append(1 - squared / (max(m) ** 2 * (len(m) - 1)))
    return np.mean(values)


@pytest.mark.parametrize("bins", [10, 20])
def test_modularity_agrees_with_a_slow_implementation(bins):
    codes = _codes(bins)
    exact = _slow_modularity(codes, FACTORS, bins)
    assert 0.1 < exact < 0.9
    np.testing.assert_allclose(score(codes, FACTORS, bins=bins).score, exact, rtol=1e-5)


@pytest.mark.parametrize("scale", [3.0, -1.0, 1e-20, 1e15])
def test_permuted_scaled_and_flipped_factors_score_one(scale):
    out = score(np.float32(FACTORS[:, [2, 0, 1]] * scale), FACTORS)
    assert out.score == 1
    np.testing.assert_array_equal(out.best, [2, 0, 1])


def test_a_missing_factor_does_not_lower_the_score():
    assert score(np.float32(FACTORS[:, :2]), FACTORS).score == 1


def test_two_factors_in_one_dimension_reduce_its_modularity():
    # m = (log 5, 0, log 5), so 1 − δ = 1/2; the other dimension has one factor.
    factors = cases.grid(5, 6, 5)
    both = factors[:, 0] * 5 + factors[:, 2]
    codes = np.float32(np.stack([both, factors[:, 1]], axis=1))
    out = run(codes, factors, sizes=(5, 6, 5), bins=25)
    np.testing.assert_allclose(out.per_code, [0.5, 1], rtol=1e-5)
    np.testing.assert_allclose(out.score, 0.75, rtol=1e-5)


def test_a_rotation_by_45_degrees_of_two_factors_scores_zero():
    factors = cases.grid(8, 8)
    codes = np.float32(factors @ np.array([[1, 1], [1, -1]]))
    out = run(codes, factors, sizes=(8, 8), bins=15)
    np.testing.assert_allclose(out.score, 0, atol=1e-5)


def test_constant_dimensions_count_as_zero_unless_excluded():
    codes = np.pad(np.float32(FACTORS), ((0, 0), (0, 1)), constant_values=0.1)
    out = score(codes, FACTORS)
    np.testing.assert_array_equal(out.per_code, [1, 1, 1, 0])
    assert out.score == 0.75
    assert score(codes, FACTORS, counted=np.ptp(codes, axis=0) > 0).score == 1
    assert score(codes, FACTORS, counted=np.zeros(4, bool)).score == 0
    assert score(np.full((210, 4), np.float32(0.1)), FACTORS).score == 0
    codes[2, 0] = np.nan
    assert np.isnan(score(codes, FACTORS).score)


def test_constant_factors_do_not_raise_the_score():
    # Two factors vary and one dimension encodes both: 1 − δ = 1 − 1/(2 − 1).
    factors = cases.grid(5, 5)
    both = np.float32(factors @ np.array([[5], [1]]))
    padded = np.pad(factors, ((0, 0), (0, 1)))
    out = run(both, padded, sizes=(5, 5, 1), bins=25)
    np.testing.assert_allclose(out.score, 0, atol=1e-6)
    assert run(both, padded[:, 1:], sizes=(5, 1), bins=25).score == 0


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([_codes(seed) for seed in range(3)])
    batch = jax.vmap(score, (0, None))(codes, FACTORS)
    for r in range(3):
        alone = score(codes[r], FACTORS)
        np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-5)


def _slow_area(scores, target):
    """P(score of a positive > score of a negative) + half the ties, by loops."""
    positive, negative = scores[target], scores[~target]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (positive.size * negative.size)


def _slow_logistic(x, target, penalty):
    """Weights of −Σ log p + ½‖w‖²/C by Newton's method; the offset is not penalised."""
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    ridge = np.eye(design.shape[1]) / penalty
    ridge[-1, -1] = 0
    w = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ w))
        gradient = design.T @ (p - target) + ridge @ w
        w -= np.linalg.solve(design.T * (p * (1 - p)) @ design + ridge, gradient)
    return w


def test_explicitness_agrees_with_a_slow_implementation():
    rng = np.random.default_rng(0)
    factors, eval_factors = rng.integers(0, (2, 3), (2, 300, 2))
    mix = rng.normal(size=(2, 3))
    codes, eval_codes = (
        f @ mix + 2 * rng.normal(size=(300, 3)) for f in (factors, eval_factors)
    )
    out = explicitness(codes, factors, eval_codes, eval_factors, sizes=(2, 3))
    unit, eval_unit = ((x - codes.mean(0)) / codes.std(0) for x in (codes, eval_codes))
    per_factor = []
    for f, size in enumerate((2, 3)):
        areas = []
        for v in range(size):
            w = _slow_logistic(unit, factors[:, f] == v, 1.0)
            areas.append(_slow_area(eval_unit @ w[:-1], eval_factors[:, f] == v))
        per_factor.append(np.mean(areas))
    assert 0.55 < np.mean(per_factor) < 0.9
    np.testing.assert_allclose(out.per_factor, per_factor, atol=1e-4)
    np.testing.assert_allclose(out.score, np.mean(per_factor), atol=1e-4)
    np.testing.assert_allclose(out.above_chance, 2 * out.score - 1)


def test_explicitness_of_scores_agrees_with_loops_over_pairs():
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, 2, 80), rng.integers(0, 3, 80)], axis=1)
    of_class = np.concatenate(
        [np.eye(size)[factors[:, f]] for f, size in enumerate((2, 3))], axis=1
    )
    scores = (of_class + rng.normal(size=(80, 5))).round(1)  # some are equal
    areas = [_slow_area(scores[:, p], of_class[:, p] == 1) for p in range(5)]
    per_factor = [np.mean(areas[:2]), np.mean(areas[2:])]
    of_scores = jax.jit(modularity.explicitness_of_scores, static_argnames="sizes")
    out = of_scores(scores, factors, sizes=(2, 3))
    np.testing.assert_allclose(out.per_factor, per_factor, rtol=1e-5)
    np.testing.assert_allclose(out.score, np.mean(per_factor), rtol=1e-5)
    scores[3, 1] = np.nan
    assert np.isnan(of_scores(scores, factors, sizes=(2, 3)).score)
    with pytest.raises(ValueError, match=r"column per class, \(80, 5\); got \(80, 4\)"):
        modularity.explicitness_of_scores(scores[:, 1:], factors)


def test_explicitness_is_one_for_classes_on_their_own_dimensions():
    factors = cases.grid(3, 2)
    codes = np.concatenate([np.eye(3)[factors[:, 0]], -5.0 * factors[:, 1:]], axis=1)
    out = explicitness(codes, factors, codes, factors, sizes=(3, 2))
    assert out.score == out.train_score == 1
    # On a line, a linear classifier separates the ends from the rest, not the middle.
    line = factors[:, [0] * 4]  # in four equal dimensions, as above
    line = explicitness(line, factors, line, factors, sizes=(3, 2))
    assert line.per_factor[1] == 0.5
    np.testing.assert_allclose(line.per_factor[0], (1 + 0.5 + 1) / 3, rtol=1e-6)


def test_explicitness_of_collapsed_codes_is_chance_and_of_broken_ones_nan():
    factors = cases.grid(3, 2)
    codes = np.full((6, 4), 0.3)
    out = explicitness(codes, factors, codes, factors, sizes=(3, 2))
    assert out.score == 0.5
    assert out.above_chance == 0
    codes[1, 2] = np.nan
    out = explicitness(codes, factors, codes, factors, sizes=(3, 2))
    assert np.isnan(out.score)


def test_explicitness_of_classes_of_equal_means_is_chance_in_any_order():
    # The regression is 0 up to rounding, which the areas must ignore.
    first = [[0, 0], [0, 0], [2, 0], [1, 6], [6, 6], [6, 6]]
    second = [[1, 0], [3, 0], [2, 0], [2, 6], [1, 6], [6, 6]]
    codes, factors = np.float32(first + second), np.repeat([[0], [1]], 6, axis=0)
    for labels in (factors, 1 - factors):
        out = explicitness(codes, labels, codes, labels, sizes=(2,))
        assert out.score == 0.5
        assert out.converged


def test_explicitness_excludes_values_without_an_area():
    codes, factors = cases.grid(4, 2), cases.grid(4, 2)
    constant = np.pad(factors, ((0, 0), (0, 1)))
    sizes = (4, 2, 1)
    out = explicitness(codes, constant, codes, constant, sizes=sizes)
    np.testing.assert_array_equal(out.used, [True, True, False])
    assert out.per_factor[1] == 1
    empty = explicitness(codes, 0 * constant, codes, 0 * constant, sizes=sizes)
    assert np.isnan(empty.score)  # there is no area to average
    rows = np.where(factors[:, 0] < 3, np.arange(8), 0)  # one value has no such point
    out = explicitness(codes, constant, codes[rows], constant[rows], sizes=sizes)
    assert np.isfinite(out.score)


def test_modularity_of_neighbours_accepts_numbers_and_classes():
    rng = np.random.default_rng(0)
    number, label = rng.normal(size=400), rng.integers(0, 3, 400)
    codes = np.stack([np.exp(number), label + 0.1 * rng.normal(size=400)], axis=1)
    out = modularity.score_neighbours(codes, np.stack([number, label], axis=1))
    # exp keeps the order, and nearly the nearest neighbours.
    assert out.information[0, 0] > 3
    np.testing.assert_allclose(out.information[1, 1], np.log(3), atol=0.05)
    np.testing.assert_array_equal(out.best, [0, 1])
    assert out.score > 0.98
    assert np.isnan(modularity.score_neighbours(codes * np.nan, codes).score)


def test_neighbours_agree_with_a_slow_implementation():
    rng = np.random.default_rng(1)
    x, v = rng.normal(size=60), rng.integers(0, 2, 60)
    y = x + rng.normal(size=60)
    k = 3
    gaps = lambda a: np.abs(a[:, None] - a[None, :]) + np.diag(np.full(60, np.inf))  # noqa: E731
    both = np.sort(np.maximum(gaps(x / x.std()), gaps(y / y.std())), axis=1)[:, k - 1]
    counts = [(gaps(a / a.std()) < both[:, None]).sum(axis=1) + 1 for a in (x, y)]
    exact = digamma(60) + digamma(k) - np.mean(digamma(counts[0]) + digamma(counts[1]))
    table = inputs.factors(np.stack([y, v], axis=1), continuous=[0]).table
    information = neighbours.information(x[:, None], table, neighbours=k)[0]
    np.testing.assert_allclose(information[0], exact, atol=1e-3)
    same = np.where(v[:, None] == v[None, :], gaps(x), np.inf)
    within = np.sort(same, axis=1)[:, k - 1]
    inside = (gaps(x) <= within[:, None]).sum(axis=1)
    class_sizes = np.bincount(v)[v]
    exact = digamma(60) + digamma(k) - np.mean(digamma(class_sizes) + digamma(inside))
    np.testing.assert_allclose(information[1], max(exact, 0), atol=1e-3)


def test_the_kth_neighbour_is_not_nearer_than_itself_in_a_class_of_few_points():
    # A point has k = 2 neighbours in a class of three, and m = 2 points are nearer than
    # the second: itself and the first. ψ(k) and ψ(m) cancel, and I = ψ(N) − ψ(3). The
    # point that is alone in its class drops.
    first = np.array([0.1, 1.3, 1.7])
    codes = np.concatenate([first + 100 * v for v in range(20)] + [[3000.3]])
    classes = np.append(np.repeat(np.arange(20), 3), 20)
    table = inputs.factors(classes[:, None]).table
    information = neighbours.information(codes[:, None], table, neighbours=3)
    np.testing.assert_allclose(information, digamma(60) - digamma(3), rtol=1e-12)
