import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics.solvers import subsets

compute = jax.jit(subsets.variances)
RNG = np.random.default_rng(0)
CODES = np.float32(RNG.normal(size=(19, 60, 3)) + 10)
ROWS = RNG.integers(0, 60, size=(7, 20)).astype(np.int32)


def _slow(codes, rows):
    return np.float64(codes)[rows].var(axis=1, ddof=1)


def test_the_variances_agree_with_numpy():
    np.testing.assert_allclose(
        compute(CODES[0], ROWS), _slow(CODES[0], ROWS), rtol=1e-5
    )


def test_a_subset_of_equal_codes_has_variance_zero_and_a_nan_stays():
    codes = CODES[0].copy()
    codes[:, 1] = 0.1
    codes[5, 2] = np.nan
    value = compute(codes, ROWS)
    np.testing.assert_array_equal(value[:, 1], 0)
    np.testing.assert_array_equal(np.isnan(value[:, 2]), (ROWS == 5).any(axis=1))


def test_an_outlier_as_the_first_point_loses_only_the_expected_digits():
    # (z_p − mean)² is at most L times the variance, so the error is at most L ulp.
    codes = np.zeros((1000, 1), np.float32)
    codes[0] = 1
    rows = np.arange(1000, dtype=np.int32)[None]
    np.testing.assert_allclose(compute(codes, rows), 1e-3, rtol=1000 * 2.0**-23)


@pytest.mark.parametrize("runs", [1, 3, 8, 19])
def test_runs_under_vmap_with_the_same_rows_equal_each_run_alone(runs):
    batch = jax.jit(jax.vmap(subsets.variances, (0, None)))(CODES[:runs], ROWS)
    for r in range(runs):
        np.testing.assert_allclose(batch[r], compute(CODES[r], ROWS), rtol=1e-6)


def test_vmap_over_rows_is_possible():
    rows = np.stack([ROWS, ROWS[::-1]])
    both = jax.vmap(subsets.variances)(jnp.array(CODES[:2]), rows)
    same_codes = jax.vmap(subsets.variances, (None, 0))(jnp.array(CODES[0]), rows)
    for r in range(2):
        np.testing.assert_allclose(both[r], _slow(CODES[r], rows[r]), rtol=1e-5)
        np.testing.assert_allclose(same_codes[r], _slow(CODES[0], rows[r]), rtol=1e-5)
