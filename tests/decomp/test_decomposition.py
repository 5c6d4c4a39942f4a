from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from decomp import aggregate, decomposition
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian

SIZES = {"samples_per_point": 500, "block": 500}
MANY = {"samples_per_point": 4000, "block": 4000}

information = jax.jit(partial(decomposition.mutual_information, **SIZES))
correlation = jax.jit(partial(decomposition.total_correlation, **SIZES))
marginals = jax.jit(partial(decomposition.dimension_wise_kl, **SIZES), static_argnums=2)
stratified = jax.jit(partial(decomposition._stratified, **SIZES), static_argnums=2)
sampled = jax.jit(
    partial(decomposition.sampled, num_samples=2000), static_argnums=(2, 3)
)
PRIOR = Gaussian(np.zeros(2, np.float32), np.float32([1.0, 2.0]))
log_pz = partial(gaussian.log_prob, PRIOR)
log_pz_dims = partial(gaussian.log_prob_dims, PRIOR)


def _correlated(n=6):
    """Posteriors with means on a diagonal line, so that q(z) is not a product."""
    loc = jnp.linspace(-1.5, 1.5, n)[:, None] * jnp.array([[1.0, 0.8]])
    return Gaussian(loc, jnp.tile(jnp.array([[0.4, 0.6]]), (n, 1)))


def _grid():
    a, b = np.meshgrid([-1.0, 0.0, 2.0], [-0.5, 1.0])
    loc = jnp.array(np.stack([a.ravel(), b.ravel()], 1), jnp.float32)
    return Gaussian(loc, jnp.tile(jnp.array([[0.3, 0.7]]), (6, 1)))


def test_the_three_parts_add_up_to_the_average_kl_on_the_same_samples():
    q = _correlated()
    prior = Gaussian(jnp.zeros(2), jnp.array([1.0, 2.0]))
    key = jax.random.key(0)
    log_pz_dims = partial(gaussian.log_prob_dims, prior)
    marginal = marginals(key, q, log_pz_dims)

    def term(q_n, z):
        return gaussian.log_prob(q_n, z) - gaussian.log_prob(prior, z)

    whole = stratified(key.copy(), q, term)
    first, second = information(key.copy(), q), correlation(key.copy(), q)
    total = first.value + second.value + jnp.sum(marginal.value)
    np.testing.assert_allclose(total, whole.value, rtol=1e-5)
    exact = np.mean(jax.jit(jax.vmap(gaussian.kl, (0, None)))(q, prior))
    assert abs(whole.value - exact) < 4 * whole.stderr


def test_equal_posteriors_share_no_information_with_the_index():
    q = Gaussian(jnp.ones((6, 2)), jnp.full((6, 2), 0.5))
    e = information(jax.random.key(0), q)
    np.testing.assert_allclose(e.value, 0, atol=1e-5)


def test_posteriors_far_apart_have_information_log_n():
    q = Gaussian(jnp.tile(100 * jnp.arange(6.0)[:, None], 2), jnp.ones((6, 2)))
    e = information(jax.random.key(0), q)
    np.testing.assert_allclose(e.value, np.log(6), rtol=1e-6)


def test_information_agrees_with_quadrature():
    loc, scale = np.array([-1.0, 0.5, 2.0]), np.array([0.5, 1.0, 0.7])

    def integrand(z):
        density = stats.norm.pdf(z, loc, scale)
        return np.mean(density * np.log(density / density.mean()))

    exact, _ = integrate.quad(integrand, -8, 9)
    q = Gaussian(jnp.float32(loc)[:, None], jnp.float32(scale)[:, None])
    e = jax.jit(partial(decomposition.mutual_information, **MANY))(jax.random.key(1), q)
    assert abs(e.value - exact) < 4 * e.stderr


def test_means_on_a_product_grid_have_no_total_correlation():
    e = correlation(jax.random.key(0), _grid())
    np.testing.assert_allclose(e.value, 0, atol=1e-6)
    np.testing.assert_allclose(e.stderr, 0, atol=1e-6)


def test_total_correlation_agrees_with_quadrature():
    q = _correlated()
    step = 0.02
    ticks = np.arange(-5, 5, step) + step / 2
    dims = [
        stats.norm.pdf(
            ticks[:, None], np.float64(q.loc[:, d]), np.float64(q.scale[:, d])
        )
        for d in range(2)
    ]  # [T, N]
    joint = dims[0] @ dims[1].T / len(q.loc)
    product = np.outer(dims[0].mean(1), dims[1].mean(1))
    exact = np.sum(joint * np.log(joint / product)) * step**2
    e = correlation(jax.random.key(2), q)
    assert abs(e.value - exact) < 4 * e.stderr


def test_dimension_wise_kl_agrees_with_the_closed_form_for_one_posterior():
    q = Gaussian(jnp.array([[0.5, -1.0]]), jnp.array([[0.7, 1.2]]))
    p = Gaussian(jnp.zeros(2), jnp.ones(2))
    e = jax.jit(partial(decomposition.dimension_wise_kl, **MANY), static_argnums=2)(
        jax.random.key(3),
        q,
        partial(gaussian.log_prob_dims, p),
    )
    exact = gaussian.kl_dims(Gaussian(q.loc[0], q.scale[0]), p)
    assert np.all(np.abs(e.value - exact) < 4 * e.stderr)


def test_the_standard_error_is_the_spread_of_independent_repetitions():
    q = _correlated()
    keys = jax.random.split(jax.random.key(4), 1000)
    estimate = partial(decomposition.mutual_information, samples_per_point=4, block=24)
    e = jax.jit(jax.vmap(estimate, (0, None)))(keys, q)
    spread = np.std(e.value, ddof=1)
    # The standard deviation of 1000 normal values has a relative error of 1/√2000.
    assert abs(np.sqrt(np.mean(e.stderr**2)) / spread - 1) < 4 / np.sqrt(2000)


def test_the_mutual_information_is_the_entropy_minus_the_conditional_entropy():
    q = _correlated()
    e = information(jax.random.key(5), q)
    entropy = partial(aggregate.entropy, num_samples=2000, block=2000)
    h = jax.jit(entropy)(jax.random.key(6), q)
    other = h.value - np.mean(jax.jit(jax.vmap(gaussian.entropy))(q))
    assert abs(e.value - other) < 4 * jnp.hypot(e.stderr, h.stderr)


def test_sampled_parts_agree_with_those_of_stratified_samples():
    q = _correlated()
    parts = sampled(jax.random.key(7), q, log_pz, log_pz_dims)
    others = (
        (parts.mutual_information, information(jax.random.key(8), q)),
        (parts.total_correlation, correlation(jax.random.key(9), q)),
        (parts.dimensions, marginals(jax.random.key(10), q, log_pz_dims)),
    )
    for part, other in others:
        error = jnp.hypot(part.stderr, other.stderr)
        assert np.all(np.abs(part.value - other.value) < 4 * error)
    exact = jnp.mean(jax.vmap(gaussian.kl, (0, None))(q, PRIOR))
    whole = parts.mutual_information.value + parts.kl.value
    assert abs(whole - exact) < 4 * (parts.mutual_information.stderr + parts.kl.stderr)


def test_sampled_parts_add_up_on_their_own_samples():
    parts = sampled(jax.random.key(11), _correlated(), log_pz, log_pz_dims)
    rest = parts.total_correlation.value + parts.dimension_wise.value
    np.testing.assert_allclose(rest, parts.kl.value, atol=1e-5)
    total = jnp.sum(parts.dimensions.value)
    np.testing.assert_allclose(total, parts.dimension_wise.value, atol=1e-5)


def test_sampled_parts_are_exact_for_posteriors_far_apart_and_for_equal_ones():
    far = Gaussian(jnp.tile(100 * jnp.arange(6.0)[:, None], 2), jnp.full((6, 2), 0.5))
    equal = Gaussian(jnp.ones((6, 2)), jnp.full((6, 2), 0.5))
    for q, information in ((far, np.log(6)), (equal, 0.0)):
        parts = sampled(jax.random.key(12), q, log_pz, None)
        estimate = parts.mutual_information
        np.testing.assert_allclose(estimate.value, information, atol=1e-4)
        exact = 2 * np.log(0.5) + np.log(2 * np.pi * np.e) + information
        assert abs(parts.entropy.value - exact) < 4 * parts.entropy.stderr
        # Far apart, each of the two coordinates determines n, so both share log N.
        np.testing.assert_allclose(
            parts.total_correlation.value, information, atol=1e-4
        )
        assert parts.dimensions is None
    exact = gaussian.kl(jax.tree.map(lambda leaf: leaf[0], equal), PRIOR)
    assert abs(parts.kl.value - exact) < 4 * parts.kl.stderr


def test_one_sample_per_point_is_refused():
    with pytest.raises(ValueError, match="at least 2; got 1"):
        decomposition.mutual_information(
            jax.random.key(0), _grid(), samples_per_point=1
        )


def test_a_sum_over_dimensions_is_refused_in_place_of_its_factors():
    q = Gaussian(jnp.zeros((3, 2)), jnp.ones((3, 2)))
    p = Gaussian(jnp.zeros(2), jnp.ones(2))
    with pytest.raises(ValueError, match=r"prior_log_prob_dims .* \[2\]; got \[\]"):
        decomposition.dimension_wise_kl(
            jax.random.key(0),
            q,
            lambda z: gaussian.log_prob(p, z),
            samples_per_point=2,
        )
