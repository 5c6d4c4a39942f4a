import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import irs
from tests.decomp.metrics import cases

run = jax.jit(irs.score, static_argnames=("preset", "bins"))


def _slow(codes, factors, quantile):
    codes = np.asarray(codes, np.float64)
    num_dims, num_factors = codes.shape[1], factors.shape[1]
    matrix, weights = np.zeros((num_dims, num_factors)), np.zeros(num_dims)
    for d in range(num_dims):
        z = codes[:, d]
        weights[d] = np.max(np.abs(z - z.mean()))
        for k in range(num_factors):
            inside = []
            for value in np.unique(factors[:, k]):
                group = z[factors[:, k] == value]
                inside.append(np.quantile(np.abs(group - group.mean()), quantile))
            matrix[d, k] = 1 - np.mean(inside) / weights[d]
    return np.average(matrix.max(axis=1), weights=weights), matrix


@pytest.mark.parametrize("quantile", [0.5, 0.99, 1.0])
def test_the_score_agrees_with_a_slow_implementation(quantile):
    rng = np.random.default_rng(1)
    factors = rng.choice([-3, 2, 7], size=(150, 2)).astype(np.int32)  # no grid
    codes = cases.mixed(factors)
    out = run(codes, factors, quantile=quantile)
    exact, matrix = _slow(codes, factors, quantile)
    np.testing.assert_allclose(out.matrix, matrix, atol=1e-5)
    np.testing.assert_allclose(out.score, exact, rtol=1e-5)
    np.testing.assert_array_equal(out.parent, matrix.argmax(axis=1))


@pytest.mark.parametrize("preset", ["locatello", "suter"])
def test_a_permuted_scaled_sign_flipped_perfect_code_scores_one(preset):
    factors = cases.grid(3, 4, 5)
    out = run(cases.perfect(factors), factors, preset=preset)
    np.testing.assert_allclose(out.score, 1, rtol=1e-5)
    np.testing.assert_array_equal(out.parent, [2, 1, 0])
    off = np.asarray(out.matrix)[:, ::-1][~np.eye(3, dtype=bool)]
    np.testing.assert_allclose(off, 0, atol=1e-5)  # fixing another factor does nothing
    assert out.variant == preset


def test_two_factors_in_one_dimension_and_a_rotation_score_one_half():
    # a, b ∈ {−1, 0, 1}: |a + b| reaches 2, and with one of them fixed 1.
    factors = cases.grid(3, 3)
    both = np.float32(factors.sum(axis=1, keepdims=True))
    for codes in (both, cases.rotated(factors)):
        out = run(codes, factors, preset="suter")
        np.testing.assert_allclose(out.matrix, 0.5, rtol=1e-5)
        np.testing.assert_allclose(out.score, 0.5, rtol=1e-5)


def test_a_missing_factor_goes_unnoticed():
    factors = cases.grid(3, 4, 5)
    out = run(np.float32(factors[:, :2]), factors)
    np.testing.assert_allclose(out.score, 1, rtol=1e-5)


def test_noise_scores_less_the_more_points_there_are():
    # With n normal points a value, the largest deviations in and over the classes
    # approach each other like √(log n/log 3n).
    factors = np.repeat(cases.grid(3, 1), 2000, axis=0)
    codes = np.random.default_rng(0).normal(size=(6000, 4)).astype(np.float32)
    out = run(codes, factors, preset="suter")
    assert 0 < out.score < 0.25
    np.testing.assert_allclose(
        out.matrix[:, 1], 0, atol=1e-5
    )  # one value: fixes nothing


def test_active_dimensions_are_counted_and_not_summed():
    # A released defect reports the sum of the codes of the active dimensions.
    factors = cases.grid(3, 4)
    codes = np.float32(np.c_[factors, np.full(12, 0.3), 10 + factors[:, :1]])
    out = run(codes, factors)
    assert out.num_active == 3
    np.testing.assert_array_equal(out.active, [True, True, False, True])
    np.testing.assert_array_equal(out.matrix[2], [0, 0])
    np.testing.assert_allclose(out.score, 1, rtol=1e-5)


def test_collapsed_codes_score_zero_and_diverged_ones_nan():
    factors = cases.grid(3, 4)
    out = run(jnp.full((12, 2), 0.3), factors)
    assert out.score == 0
    assert out.num_active == 0
    assert all(np.isfinite(x).all() for x in out[:-1])
    for bad in (np.nan, np.inf):
        assert jnp.isnan(run(jnp.ones((12, 2)).at[3, 1].set(bad), factors).score)


def test_continuous_factors_are_binned_and_so_cannot_score_one_by_being_unique():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(400, 2)).astype(np.float32)
    codes = rng.normal(size=(400, 2)).astype(np.float32)
    label = np.asarray(irs.labels(factors, bins=4))
    assert set(label.ravel()) == {0, 1, 2, 3}
    out = run(codes, factors, bins=4)
    np.testing.assert_allclose(out.score, _slow(codes, label, 0.99)[0], rtol=1e-5)
    assert out.score < 0.6
    assert out.variant == "locatello, bins=4"


def test_many_runs_equal_each_run_alone():
    factors = cases.grid(3, 4, 5)
    codes = np.stack([cases.mixed(factors, seed) for seed in range(2)])
    together = jax.jit(jax.vmap(irs.score, (0, None)))(codes, factors)
    for r in range(2):
        np.testing.assert_allclose(
            together.score[r], run(codes[r], factors).score, rtol=1e-6
        )
    assert together.variant == "locatello"
