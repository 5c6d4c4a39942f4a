from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import irs
from tests.decomp.metrics import cases

FACTORS = cases.grid(3, 4, 5)
run = jax.jit(irs.score, static_argnames=("preset", "bins"))
score = partial(run, preset="locatello")


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
    factors = rng.choice([-3, 2, 7], size=(60, 3)).astype(np.int32)  # not a grid
    codes = cases.mixed(factors)
    out = run(codes, factors, quantile=quantile)
    exact, matrix = _slow(codes, factors, quantile)
    np.testing.assert_allclose(out.matrix, matrix, atol=1e-5)
    np.testing.assert_allclose(out.score, exact, rtol=1e-5)
    np.testing.assert_array_equal(out.parent, matrix.argmax(axis=1))


@pytest.mark.parametrize(("preset", "quantile"), [("locatello", 0.99), ("suter", 1)])
def test_a_preset_is_its_quantile(preset, quantile):
    codes = cases.mixed(FACTORS)
    out = run(codes, FACTORS, preset=preset)
    np.testing.assert_allclose(out.score, _slow(codes, FACTORS, quantile)[0], rtol=1e-5)
    assert out.variant == preset


def test_active_dimensions_are_counted_and_not_summed():
    # A released version reports the sum of the codes of the active dimensions.
    codes = np.float32(np.c_[FACTORS[:, :2], np.full(60, 0.3), 10 + FACTORS[:, :1]])
    out = score(codes, FACTORS)
    assert out.num_active == 3
    np.testing.assert_array_equal(out.active, [True, True, False, True])
    np.testing.assert_array_equal(out.matrix[2], [0, 0, 0])
    np.testing.assert_array_equal(out.parent[np.array([0, 1, 3])], [0, 1, 0])
    np.testing.assert_allclose(out.score, 1, rtol=1e-5)


def test_collapsed_codes_score_zero_and_diverged_ones_nan():
    out = score(np.full((60, 4), 0.3, np.float32), FACTORS)
    assert out.score == 0
    assert out.num_active == 0
    assert all(np.isfinite(x).all() for x in out[:-1])
    for bad in (np.nan, np.inf):
        codes = np.ones((60, 4), np.float32)
        codes[3, 1] = bad
        assert jnp.isnan(score(codes, FACTORS).score)


def test_continuous_factors_are_binned_so_distinct_values_do_not_score_one():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(400, 2)).astype(np.float32)
    codes = rng.normal(size=(400, 2)).astype(np.float32)
    label = np.asarray(irs.labels(factors, bins=4))
    assert set(label.ravel()) == {0, 1, 2, 3}
    out = run(codes, factors, bins=4)
    np.testing.assert_allclose(out.score, _slow(codes, label, 0.99)[0], rtol=1e-5)
    assert out.score < 0.6
    assert out.variant == "locatello, bins=4"


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([cases.mixed(FACTORS, seed) for seed in range(2)])
    batch = jax.jit(jax.vmap(irs.score, (0, None)))(codes, FACTORS)
    for r in range(2):
        alone = score(codes[r], FACTORS).score
        np.testing.assert_allclose(batch.score[r], alone, rtol=1e-6)
    assert batch.variant == "locatello"
