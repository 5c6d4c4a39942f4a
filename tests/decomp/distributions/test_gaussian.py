import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

gaussian = quick.compiled(gaussian)

EPS = np.finfo(np.float32).eps
SCALES = np.logspace(-6, 6, 25).astype(np.float32)


def _random(seed, dim=5):
    rng = np.random.default_rng(seed)
    return Gaussian(
        jnp.asarray(rng.normal(size=dim)), jnp.asarray(rng.uniform(0.7, 2.0, dim))
    )


def test_log_prob_is_the_sum_of_univariate_normals():
    with jax.enable_x64(True):
        q, z = _random(0), jnp.asarray(np.random.default_rng(1).normal(size=5))
        exact = stats.norm.logpdf(z, q.loc, q.scale)
        np.testing.assert_allclose(gaussian.log_prob_dims(q, z), exact, rtol=1e-13)
        np.testing.assert_allclose(gaussian.log_prob(q, z), exact.sum(), rtol=1e-13)


@pytest.mark.parametrize("standardised", [0.0, -0.3, 2.0, 30.0])
def test_log_prob_in_float32_is_rounded_once_per_term_at_every_scale(standardised):
    loc = np.full_like(SCALES, 0.3)
    z = (loc + np.float32(standardised) * SCALES).astype(np.float32)
    log_prob = gaussian.log_prob_dims(Gaussian(*map(jnp.asarray, (loc, SCALES))), z)
    y = (z.astype(float) - loc) / SCALES
    exact = -0.5 * y**2 - np.log(SCALES.astype(float)) - 0.5 * np.log(2 * np.pi)
    terms = 0.5 * y**2 + np.abs(np.log(SCALES)) + 1.0
    assert log_prob.dtype == jnp.float32
    assert np.all(np.abs(np.asarray(log_prob, float) - exact) < 4 * EPS * terms)


def test_entropy_and_log_det_are_those_of_scipy():
    with jax.enable_x64(True):
        q = _random(2)
        exact = stats.norm.entropy(q.loc, q.scale).sum()
        np.testing.assert_allclose(gaussian.entropy(q), exact, rtol=1e-13)
        sign, log_det = np.linalg.slogdet(np.diag(np.asarray(q.scale) ** 2))
        assert sign == 1
        np.testing.assert_allclose(gaussian.log_det(q), log_det, rtol=1e-12)


def test_kl_is_its_defining_integral():
    with jax.enable_x64(True):
        q, p = _random(3, 3), _random(4, 3)
        for d, kl in enumerate(gaussian.kl_dims(q, p)):
            f, g = (stats.norm(s.loc[d], s.scale[d]) for s in (q, p))
            exact, _ = integrate.quad(
                lambda z, f=f, g=g: f.pdf(z) * (f.logpdf(z) - g.logpdf(z)),
                *(f.mean() + f.std() * np.array([-15, 15])),
                epsabs=1e-12,
            )
            np.testing.assert_allclose(kl, exact, rtol=1e-9)


@pytest.mark.parametrize("spread", [-0.5, -1e-2, -1e-5, 0.0, 1e-6, 1e-3, 0.3, 4.0])
def test_kl_in_float32_has_full_relative_accuracy_at_almost_equal_scales(spread):
    near = (SCALES * np.float32(1 + spread)).astype(np.float32)
    zero = jnp.zeros_like(SCALES)
    kl = gaussian.kl_dims(Gaussian(zero, near), Gaussian(zero, jnp.asarray(SCALES)))
    x = (near.astype(float) - SCALES) / SCALES
    exact = 0.5 * x * (2 + x) - np.log1p(x)
    series = x**2 - x**3 / 3 + x**4 / 4
    exact = np.where(np.abs(x) < 1e-4, series, exact)
    np.testing.assert_allclose(kl, exact, rtol=1e-6)


def test_kl_in_float32_is_accurate_between_the_extreme_scales():
    q_scale, p_scale = (jnp.asarray(s) for s in (SCALES, SCALES[::-1].copy()))
    zero, one = jnp.zeros_like(q_scale), jnp.ones_like(q_scale)
    kl = gaussian.kl_dims(Gaussian(one, q_scale), Gaussian(zero, p_scale))
    a, b = np.asarray(q_scale, float), np.asarray(p_scale, float)
    exact = 0.5 * (a / b) ** 2 - 0.5 - np.log(a / b) + 0.5 / b**2
    np.testing.assert_allclose(kl, exact, rtol=1e-6)


def test_kl_of_a_distribution_with_itself_is_zero_with_zero_gradient():
    q = Gaussian(jnp.ones_like(SCALES), jnp.asarray(SCALES))
    value, gradient = jax.value_and_grad(gaussian.kl)(q, q)
    assert value == 0.0
    np.testing.assert_array_equal(gradient.loc, 0.0)
    np.testing.assert_array_equal(gradient.scale, 0.0)


def test_samples_follow_the_distribution():
    q = Gaussian(jnp.array([1.0, -2.0]), jnp.array([0.1, 3.0]))
    keys = jax.random.split(jax.random.key(0), 4000)
    draws = np.asarray(jax.vmap(gaussian.sample, (0, None))(keys, q), float)
    for d in range(2):
        exact = stats.norm(float(q.loc[d]), float(q.scale[d]))
        assert stats.kstest(draws[:, d], exact.cdf).pvalue > 0.01
        assert abs(draws[:, d].mean() - exact.mean()) < 4 * exact.std() / 4000**0.5
        error = draws[:, d].var() / exact.var() - 1
        assert abs(error) < 4 * (2 / 4000) ** 0.5


def test_derivatives_agree_with_finite_differences():
    def values(q, p, z):
        return gaussian.log_prob(q, z), gaussian.kl(q, p), gaussian.entropy(q)

    with jax.enable_x64(True):
        z = jnp.array([0.3, -1.0, 2.0])
        assert_derivatives_agree(values, _random(5, 3), _random(6, 3), z)


def test_all_axes_are_event_axes_and_a_wrong_shape_is_refused():
    image = Gaussian(jnp.zeros((4, 3)), jnp.ones((4, 3)))
    assert gaussian.log_prob(image, jnp.zeros((4, 3))).shape == ()
    with pytest.raises(AssertionError, match="shape"):
        gaussian.log_prob(image, jnp.zeros(3))


def test_moments_are_the_parameters():
    q = Gaussian(jnp.array([1.0, -2.0]), jnp.array([0.5, 3.0]))
    np.testing.assert_array_equal(gaussian.mean(q), q.loc)
    np.testing.assert_array_equal(gaussian.covariance(q), [[0.25, 0], [0, 9]])
    with pytest.raises(AssertionError, match="rank"):
        gaussian.covariance(Gaussian(jnp.zeros((4, 3)), jnp.ones((4, 3))))
