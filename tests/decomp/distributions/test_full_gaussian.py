import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from decomp.distributions import full_gaussian, gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

full_gaussian, gaussian = quick.compiled(full_gaussian), quick.compiled(gaussian)


def _random(seed, dim=4):
    rng = np.random.default_rng(seed)
    tril = np.tril(rng.normal(size=(dim, dim)), -1)
    tril += np.diag(rng.uniform(0.5, 2.0, dim))
    return FullGaussian(jnp.asarray(rng.normal(size=dim)), jnp.asarray(tril))


def test_log_prob_and_entropy_are_those_of_scipy():
    with jax.enable_x64(True):
        q, z = _random(0), jnp.asarray(np.random.default_rng(1).normal(size=4))
        exact = stats.multivariate_normal(q.loc, full_gaussian.covariance(q))
        log_prob = full_gaussian.log_prob(q, z)
        np.testing.assert_allclose(log_prob, exact.logpdf(z), rtol=1e-12)
        np.testing.assert_allclose(
            full_gaussian.entropy(q), exact.entropy(), rtol=1e-12
        )


def test_kl_is_the_textbook_trace_and_determinant_formula():
    with jax.enable_x64(True):
        q, p = _random(2), _random(3)
        sq, sp = (np.asarray(full_gaussian.covariance(s)) for s in (q, p))
        shift = np.asarray(p.loc - q.loc)
        inverse = np.linalg.inv(sp)
        log_dets = np.linalg.slogdet(sp)[1] - np.linalg.slogdet(sq)[1]
        quadratic = np.trace(inverse @ sq) + shift @ inverse @ shift
        exact = 0.5 * (quadratic - 4 + log_dets)
        np.testing.assert_allclose(full_gaussian.kl(q, p), exact, rtol=1e-11)
        np.testing.assert_allclose(full_gaussian.kl(q, q), 0.0, atol=1e-13)


def test_a_diagonal_covariance_gives_the_diagonal_family():
    with jax.enable_x64(True):
        rng = np.random.default_rng(4)
        q, p = (
            Gaussian(jnp.asarray(rng.normal(size=3)), jnp.asarray(rng.uniform(1, 2, 3)))
            for _ in range(2)
        )
        full_q, full_p = map(full_gaussian.from_diagonal, (q, p))
        z = jnp.array([0.1, -2.0, 1.0])
        pairs = [
            (full_gaussian.log_prob(full_q, z), gaussian.log_prob(q, z)),
            (full_gaussian.entropy(full_q), gaussian.entropy(q)),
            (full_gaussian.kl(full_q, full_p), gaussian.kl(q, p)),
        ]
        for value, exact in pairs:
            np.testing.assert_allclose(value, exact, rtol=1e-12)
        np.testing.assert_allclose(
            full_gaussian.covariance(full_q), np.diag(np.asarray(q.scale) ** 2)
        )


def test_samples_have_the_mean_and_the_covariance():
    q = _random(5, 3)
    count = 20_000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(jax.vmap(full_gaussian.sample, (0, None))(keys, q), float)
    exact = np.asarray(full_gaussian.covariance(q), float)
    variances = np.diag(exact)
    mean_error = np.abs(draws.mean(0) - q.loc) / np.sqrt(variances / count)
    # Var of a sample covariance: (S_ii S_jj + S_ij²)/n
    covariance_stderr = np.sqrt((np.outer(variances, variances) + exact**2) / count)
    assert np.all(mean_error < 4)
    assert np.all(np.abs(np.cov(draws.T) - exact) < 4 * covariance_stderr)


def test_float32_log_prob_agrees_with_float64():
    q, z = _random(6), jnp.array([0.5, 1.0, -3.0, 2.0])
    log_prob = full_gaussian.log_prob(q, z)
    assert log_prob.dtype == jnp.float32
    tril = np.asarray(q.scale_tril, float)
    exact = stats.multivariate_normal(np.asarray(q.loc, float), tril @ tril.T)
    np.testing.assert_allclose(log_prob, exact.logpdf(np.asarray(z, float)), rtol=1e-5)


def test_derivatives_agree_with_finite_differences():
    def values(q, p, z):
        return (
            full_gaussian.log_prob(q, z),
            full_gaussian.kl(q, p),
            full_gaussian.entropy(q),
        )

    with jax.enable_x64(True):
        z = jnp.array([0.3, -1.0, 2.0])
        assert_derivatives_agree(values, _random(7, 3), _random(8, 3), z)


def test_the_mean_is_the_parameter_and_the_covariance_the_square_of_the_factor():
    with jax.enable_x64(True):
        q = _random(9)
        tril = np.asarray(q.scale_tril)
        np.testing.assert_array_equal(full_gaussian.mean(q), q.loc)
        covariance = full_gaussian.covariance(q)
        np.testing.assert_allclose(covariance, tril @ tril.T, rtol=1e-13)
