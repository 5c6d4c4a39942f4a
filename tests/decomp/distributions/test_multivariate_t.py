import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.distributions import multivariate_t
from decomp.distributions.multivariate_t import MultivariateT
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

DFS = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 40.0])
LOC, SCALE = np.array([1.0, -2.0, 0.3]), 0.6
POINT = np.array([0.4, 3.0, -1.0])


@jax.jit
def values(df, z):
    """Log density, entropy and moments for every df, at points `[6, D]`."""

    def one(df, z):
        p = MultivariateT(df, jnp.asarray(LOC[: len(z)], z.dtype), jnp.asarray(SCALE))
        moments = multivariate_t.mean(p), multivariate_t.covariance(p)
        return multivariate_t.log_prob(p, z), multivariate_t.entropy(p), *moments

    return jax.vmap(one)(df, z)


def _scipy(df, dim):
    return stats.multivariate_t(LOC[:dim], SCALE**2 * np.eye(dim), df)


@pytest.mark.parametrize("dim", [2, 3])
def test_log_prob_and_entropy_are_those_of_scipy(dim):
    with jax.enable_x64(True):
        z = np.tile(POINT[:dim], (6, 1))
        log_prob, entropy, _, _ = values(DFS, z)
        exact = [_scipy(df, dim).logpdf(POINT[:dim]) for df in DFS]
        np.testing.assert_allclose(log_prob, exact, rtol=1e-12)
        exact = [_scipy(df, dim).entropy() for df in DFS]
        np.testing.assert_allclose(entropy, exact, rtol=1e-10)


def test_a_rotation_about_the_centre_does_not_change_the_density():
    with jax.enable_x64(True):
        rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
        rotated = np.tile(LOC + rotation @ (POINT - LOC), (6, 1))
        before, after = values(DFS, np.tile(POINT, (6, 1)))[0], values(DFS, rotated)[0]
        np.testing.assert_allclose(after, before, rtol=1e-13)


def test_moments_are_exact_where_they_exist_and_nan_or_infinite_elsewhere():
    with jax.enable_x64(True):
        _, _, mean, covariance = values(DFS, np.tile(POINT, (6, 1)))
        np.testing.assert_array_equal(mean, [[np.nan] * 3] * 2 + [LOC] * 4)
        variances = [np.nan, np.nan, np.inf, np.inf, SCALE**2 * 3, SCALE**2 * 40 / 38]
        for matrix, variance in zip(covariance, variances, strict=True):
            exact = np.diag(np.full(3, variance))
            np.testing.assert_allclose(matrix, exact, rtol=1e-14)


@pytest.mark.parametrize("df", [0.5, 3.0, 1e3, 1e6])
def test_log_prob_in_float32_is_accurate_from_heavy_tails_to_almost_gaussian(df):
    y = np.logspace(-3, 4, 6)[:, None] * np.array([2.0, -1.0, 2.0]) / 3
    z = (LOC + y).astype(np.float32)
    log_prob = values(jnp.full(6, df), jnp.asarray(z))[0]
    assert log_prob.dtype == jnp.float32
    exact = stats.multivariate_t(
        np.asarray(LOC, np.float32), float(np.float32(SCALE)) ** 2 * np.eye(3), df
    )
    np.testing.assert_allclose(log_prob, exact.logpdf(z.astype(float)), rtol=2e-6)


@pytest.mark.parametrize("df", [0.1, 1.0, 30.0])
def test_log_prob_is_exact_where_the_square_of_a_point_overflows(df):
    z = np.array([[1e20, -1e3, 2e20], [-1e30, 2e30, 2e30], [0, 1e37, 0]], np.float32)
    log_prob = values(jnp.full(3, df), jnp.asarray(z))[0]
    square = np.sum(((z.astype(float) - LOC) / SCALE) ** 2, axis=1)
    unit = stats.multivariate_t(np.zeros(3), SCALE**2 * np.eye(3), df)
    exact = unit.logpdf(np.zeros(3)) - (df + 3) / 2 * np.log1p(square / df)
    np.testing.assert_allclose(log_prob, exact, rtol=1e-6)


def test_gradients_are_finite_everywhere_and_those_of_the_gaussian_at_infinite_df():
    slopes = quick.jit(jax.vmap(jax.grad(multivariate_t.log_prob, argnums=(0, 1))))
    scales, far = (1e-6, 1.0, 1e6), (0.0, 1e4)
    table = [(df, s, z) for df in (0.5, 3.0, 1e6, np.inf) for s in scales for z in far]
    df, scale, distance = jnp.asarray(np.array(table).T, float)
    z = jnp.stack([distance, -0.3 * distance], 1)
    gradients = slopes(MultivariateT(df, jnp.zeros_like(z), scale), z)
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all()
    s, z = np.asarray(scale[-6:], float), np.asarray(z[-6:], float)
    np.testing.assert_array_equal(gradients[0].df[-6:], 0.0)
    exact = (z**2).sum(1) / s**3 - 2 / s
    np.testing.assert_allclose(gradients[0].scale[-6:], exact, rtol=2e-6)
    np.testing.assert_allclose(gradients[1][-6:], -z / s[:, None] ** 2, rtol=2e-6)


def test_derivatives_agree_with_finite_differences():
    with jax.enable_x64(True):
        p = MultivariateT(jnp.array(4.0), jnp.asarray(LOC[:2]), jnp.array(SCALE))
        assert_derivatives_agree(multivariate_t.log_prob, p, POINT[:2])
