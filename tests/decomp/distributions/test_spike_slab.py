import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp.distributions import gaussian, spike_slab
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.spike_slab import SpikeSlab
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

GAMMA = np.array([0.8, 0.3, 0.5])
SPIKE, SLAB = np.array([0.05, 0.1, 0.2]), np.array([1.0, 2.0, 0.9])
DRAWS = quick.jit(jax.vmap(spike_slab.sample, (0, None)))
VALUE_AND_GRADIENTS = quick.jit(jax.value_and_grad(spike_slab.log_prob, (0, 1)))


def _prior():
    return SpikeSlab(*map(jnp.asarray, (special.logit(GAMMA), SPIKE, SLAB)))


def test_log_prob_and_responsibilities_are_those_of_a_mixture_in_each_dimension():
    with jax.enable_x64(True):
        p, z = _prior(), np.array([0.02, -0.3, 1.5])
        spike = GAMMA * stats.norm.pdf(z, 0, SPIKE)
        density = spike + (1 - GAMMA) * stats.norm.pdf(z, 0, SLAB)
        log_prob = spike_slab.log_prob_dims(p, z)
        np.testing.assert_allclose(log_prob, np.log(density), rtol=1e-12)
        total = spike_slab.log_prob(p, z)
        np.testing.assert_allclose(total, np.log(density).sum(), rtol=1e-12)
        shares = spike_slab.spike_probability(p, z)
        np.testing.assert_allclose(shares, spike / density, rtol=1e-12)


def test_samples_follow_the_distribution_independently_in_each_dimension():
    p, count = _prior(), 8000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(DRAWS(keys, p), float)
    for d in range(3):

        def cdf(z, d=d):
            spike, slab = stats.norm.cdf(z, 0, SPIKE[d]), stats.norm.cdf(z, 0, SLAB[d])
            return GAMMA[d] * spike + (1 - GAMMA[d]) * slab

        assert stats.kstest(draws[:, d], cdf).pvalue > 0.01
    # If all dimensions shared one choice, their magnitudes would be correlated.
    correlation = np.corrcoef(np.abs(draws).T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlation) < 4 / count**0.5)


def test_moments_are_those_of_the_mixture():
    with jax.enable_x64(True):
        p = _prior()
        variance = GAMMA * SPIKE**2 + (1 - GAMMA) * SLAB**2
        covariance = spike_slab.covariance(p)
        np.testing.assert_allclose(covariance, np.diag(variance), rtol=1e-12)
        np.testing.assert_array_equal(spike_slab.mean(p), np.zeros(3))


@pytest.mark.parametrize(("log_odds", "scale"), [(-np.inf, SLAB), (np.inf, SPIKE)])
def test_a_certain_choice_is_one_gaussian_with_finite_gradients(log_odds, scale):
    p = _prior()._replace(log_odds=jnp.full(3, log_odds))
    z = jnp.array([0.02, -0.3, 1.5])
    value, gradients = VALUE_AND_GRADIENTS(p, z)
    exact = gaussian.log_prob(Gaussian(jnp.zeros(3), jnp.asarray(scale, float)), z)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    draws = DRAWS(jax.random.split(jax.random.key(1), 8000), p)
    assert stats.kstest(np.asarray(draws) / scale, "norm", axis=0).pvalue.min() > 0.01


def test_log_densities_in_float32_are_accurate_for_any_scale_odds_and_distance():
    scales = np.array([[1e-6, 1.0], [1e-6, 1e6], [0.05, 1.0], [1.0, 1e6]])
    cases = [(s, S, odds) for s, S in scales for odds in (-90.0, 0.0, 90.0)]
    spike, slab, odds = (jnp.asarray(column, float) for column in np.array(cases).T)
    p = SpikeSlab(odds, spike, slab)
    points = np.stack([np.full(len(cases), z) for z in (0.0, 0.3, 1e4, -1e4)])
    dims = jax.jit(jax.vmap(spike_slab.log_prob_dims, (None, 0)))
    slopes = quick.jit(jax.vmap(jax.grad(spike_slab.log_prob, (0, 1)), (None, 0)))
    log_probs = dims(p, jnp.asarray(points, float))
    odds, spike, slab = (np.asarray(leaf, float) for leaf in p)  # after rounding
    exact = np.logaddexp(
        special.log_expit(odds) + stats.norm.logpdf(points, 0, spike),
        special.log_expit(-odds) + stats.norm.logpdf(points, 0, slab),
    )
    np.testing.assert_allclose(log_probs, exact, rtol=2e-6, atol=2e-6)
    for leaf in jax.tree.leaves(slopes(p, jnp.asarray(points, float))):
        assert np.isfinite(leaf).all()


def test_the_log_density_is_one_number_per_point():
    assert spike_slab.log_prob(_prior(), jnp.zeros(3)).shape == ()
    with pytest.raises(AssertionError, match="shape"):
        spike_slab.log_prob(_prior(), jnp.zeros(1))


def test_derivatives_agree_with_finite_differences():
    def value(p, z):
        log_pz = spike_slab.log_prob(p, z)
        return log_pz + spike_slab.spike_probability(p, z) @ jnp.arange(3.0)

    with jax.enable_x64(True):
        p, z = _prior(), jnp.array([0.4, -0.3, 0.7])
        p = p._replace(spike_scale=4 * p.spike_scale)
        assert_derivatives_agree(value, p, z)
