import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from decomp.distributions import laplace
from decomp.distributions.laplace import Laplace
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

laplace = quick.compiled(laplace)


def _random(seed, dim=4):
    rng = np.random.default_rng(seed)
    return Laplace(
        jnp.asarray(rng.normal(size=dim)), jnp.asarray(rng.uniform(0.3, 2.0, dim))
    )


def test_log_prob_and_entropy_are_those_of_scipy():
    with jax.enable_x64(True):
        p, z = _random(0), jnp.asarray(np.random.default_rng(1).normal(size=4))
        exact = stats.laplace(p.loc, p.scale)
        log_prob = laplace.log_prob_dims(p, z)
        np.testing.assert_allclose(log_prob, exact.logpdf(z), rtol=1e-13)
        np.testing.assert_allclose(laplace.log_prob(p, z), log_prob.sum(), rtol=1e-13)
        entropy = laplace.entropy(p)
        np.testing.assert_allclose(entropy, exact.entropy().sum(), rtol=1e-13)


def test_kl_is_its_defining_integral():
    with jax.enable_x64(True):
        q, p = _random(2, 3), _random(3, 3)
        exact = 0.0
        for d in range(3):
            f, g = (stats.laplace(float(s.loc[d]), float(s.scale[d])) for s in (q, p))
            low, high = f.mean() - 40 * f.std(), f.mean() + 40 * f.std()
            value, _ = integrate.quad(
                lambda z, f=f, g=g: f.pdf(z) * (f.logpdf(z) - g.logpdf(z)),
                *(low, high),
                points=[f.mean(), g.mean()],
                epsabs=1e-12,
                limit=200,
            )
            exact += value
        np.testing.assert_allclose(laplace.kl(q, p), exact, rtol=1e-9)


@pytest.mark.parametrize("spread", [0.0, 1e-6, -1e-4, 1e-2, 0.5])
def test_kl_in_float32_has_full_relative_accuracy_at_almost_equal_scales(spread):
    scale = np.float32(1 + spread)
    q, p = (Laplace(jnp.zeros(1), jnp.full(1, s)) for s in (scale, np.float32(1.0)))
    x = float(scale) - 1.0
    exact = x - np.log1p(x)
    if abs(x) < 1e-3:
        exact = x**2 / 2 - x**3 / 3 + x**4 / 4
    np.testing.assert_allclose(laplace.kl(q, p), exact, rtol=1e-6)


def test_samples_follow_the_distribution():
    p = Laplace(jnp.array([1.0, -2.0]), jnp.array([0.1, 3.0]))
    count = 4000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(jax.vmap(laplace.sample, (0, None))(keys, p), float)
    for d in range(2):
        exact = stats.laplace(float(p.loc[d]), float(p.scale[d]))
        assert stats.kstest(draws[:, d], exact.cdf).pvalue > 0.01
        assert abs(draws[:, d].mean() - exact.mean()) < 4 * exact.std() / count**0.5
        # The fourth moment is 24 b⁴, the variance 2 b²: s² has relative variance 5/n.
        assert abs(draws[:, d].var() / exact.var() - 1) < 4 * (5 / count) ** 0.5


def test_derivatives_agree_with_finite_differences_away_from_the_kink():
    def values(q, p, z):
        return laplace.log_prob(p, z), laplace.kl(q, p), laplace.entropy(p)

    with jax.enable_x64(True):
        z = jnp.array([3.3, -4.0, 5.0])
        assert_derivatives_agree(values, _random(4, 3), _random(5, 3), z)


def test_the_gradient_at_the_kink_is_finite():
    p = Laplace(jnp.zeros(2), jnp.ones(2))
    gradient = jax.grad(laplace.log_prob, argnums=(0, 1))(p, jnp.zeros(2))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


def test_moments_are_those_of_scipy():
    p = Laplace(jnp.array([1.0, -2.0]), jnp.array([0.5, 3.0]))
    np.testing.assert_array_equal(laplace.mean(p), p.loc)
    exact = np.diag(stats.laplace(p.loc, p.scale).var())
    np.testing.assert_allclose(laplace.covariance(p), exact, rtol=1e-6)


@pytest.mark.parametrize("distance", [0.0, 1e-6, 1e-3, 1.0, 1e4, 1e6])
def test_the_derivatives_of_the_kl_do_not_cancel(distance):
    q = Laplace(jnp.full(1, distance), jnp.full(1, 1e-3))
    p = Laplace(jnp.zeros(1), jnp.full(1, 2e-3))
    in_q, in_p = jax.grad(laplace.kl, (0, 1))(q, p)
    a, b, m = (float(x[0]) for x in (q.scale, p.scale, q.loc / q.scale))
    # d/dm (m + e⁻ᵐ) = 1 − e⁻ᵐ, and d/da of a (m + e⁻ᵐ − 1) is e⁻ᵐ(1 + m) − 1
    np.testing.assert_allclose(in_q.loc, -np.expm1(-m) / b, rtol=1e-5)
    exact = 1 / b - 1 / a + (np.exp(-m) * (1 + m) - 1) / b
    np.testing.assert_allclose(in_q.scale, exact, rtol=1e-4)
    excess = m + np.expm1(-m) if m > 0.01 else m**2 / 2 - m**3 / 6
    np.testing.assert_allclose(in_p.scale, 1 / b - a / b**2 * (1 + excess), rtol=1e-4)
