from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions import full_gaussian, gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import kl_aggregate_prior, moments
from tests.decomp.distributions import quick

full_gaussian, gaussian = quick.compiled(full_gaussian), quick.compiled(gaussian)
covariance_of_means = jax.jit(moments.covariance_of_means)
covariance_of_aggregate = jax.jit(moments.covariance_of_aggregate)
kl_of_moments = jax.jit(moments.kl_of_moments)


def _posteriors(seed=0, count=8, dims=3):
    rng = np.random.default_rng(seed)
    loc = rng.normal(size=(count, dims)) @ rng.normal(size=(dims, dims))
    return loc, rng.uniform(0.2, 1.5, size=(count, dims))


def test_the_covariance_of_means_is_exact():
    loc, scale = _posteriors()
    with jax.enable_x64(True):
        covariance = covariance_of_means(Gaussian(jnp.array(loc), jnp.array(scale)))
    np.testing.assert_allclose(covariance, np.cov(loc.T, bias=True), rtol=1e-12)


def test_the_covariance_of_the_aggregate_is_that_of_its_draws():
    loc, scale = _posteriors()
    rng = np.random.default_rng(1)
    z = loc + scale * rng.normal(size=(125_000, *loc.shape))  # a million draws
    covariance = covariance_of_aggregate(Gaussian(jnp.float32(loc), jnp.float32(scale)))
    np.testing.assert_allclose(covariance, np.cov(z.reshape(-1, 3).T), atol=1e-2)


def test_variances_of_posteriors_reach_the_diagonal_only():
    q = Gaussian(*map(jnp.float32, _posteriors()))
    difference = covariance_of_aggregate(q) - covariance_of_means(q)
    exact = np.diag(np.mean(np.square(q.scale), axis=0))
    np.testing.assert_allclose(difference, exact, atol=1e-6)


def test_a_minibatch_underestimates_by_one_part_in_b_the_covariance_of_means():
    loc, scale = _posteriors(count=3)
    with jax.enable_x64(True):
        q = Gaussian(jnp.array(loc), jnp.array(scale))
        pairs = jnp.array(list(product(range(3), repeat=2)))  # all minibatches, B = 2
        batches = jax.tree.map(lambda leaf: leaf[pairs], q)
        average = jnp.mean(jax.vmap(covariance_of_means)(batches), axis=0)
        exact = np.asarray(covariance_of_means(q))
    np.testing.assert_allclose(average, exact / 2, rtol=1e-12)


def test_the_penalty_of_a_minibatch_is_biased_by_its_variance_and_by_its_shrinkage():
    # Means of ±√C with equal probability: two draws have the covariance 0 or C.
    for variance, average in ((1.0, 0.5), (3.0, 2.5)):  # ½ 1² + ½ (C − 1)²
        loc = variance**0.5 * jnp.array([[-1.0], [1.0]])
        q = Gaussian(loc, jnp.ones_like(loc))
        pairs = jnp.array(list(product(range(2), repeat=2)))
        batches = jax.tree.map(lambda leaf, pairs=pairs: leaf[pairs], q)
        penalties = [
            moments.penalty(c, jnp.eye(1), off_diagonal=0.0, diagonal=1.0)
            for c in (covariance_of_means(q), *jax.vmap(covariance_of_means)(batches))
        ]
        exact, *sampled = penalties
        np.testing.assert_allclose(exact, (variance - 1) ** 2, atol=1e-6)
        np.testing.assert_allclose(np.mean(sampled), average, rtol=1e-6)


def test_the_penalty_weights_squares_on_and_off_the_diagonal():
    covariance = jnp.array([[2.0, 0.5], [0.5, 0.0]])
    penalty = jax.jit(moments.penalty)  # the weights are traced
    value = penalty(covariance, jnp.eye(2), off_diagonal=10.0, diagonal=3.0)
    np.testing.assert_allclose(value, 10 * (0.25 + 0.25) + 3 * (1 + 1))
    assert penalty(covariance, covariance, off_diagonal=10.0, diagonal=3.0) == 0


def test_the_kl_of_moments_of_independent_dimensions_is_the_diagonal_one():
    with jax.enable_x64(True):
        q = Gaussian(jnp.array([0.5, -1.0]), jnp.array([0.4, 2.0]))
        p = Gaussian(jnp.array([0.0, 0.3]), jnp.array([1.0, 0.7]))
        kl = kl_of_moments(q.loc, jnp.diag(q.scale**2), p.loc, jnp.diag(p.scale**2))
        np.testing.assert_allclose(kl, gaussian.kl(q, p), rtol=1e-12)


def test_under_a_gaussian_prior_it_is_the_kl_minus_the_part_that_is_not_gaussian():
    # KL(q‖p) = KL(q‖N(m, C)) + KL(N(m, C)‖p)
    with jax.enable_x64(True):
        q = Gaussian(*map(jnp.array, _posteriors(count=5, dims=2)))
        p = FullGaussian(jnp.array([0.2, -0.1]), jnp.array([[1.1, 0.0], [0.4, 0.8]]))
        mean, covariance = jnp.mean(q.loc, axis=0), covariance_of_aggregate(q)
        matched = FullGaussian(mean, jnp.linalg.cholesky(covariance))

        @jax.jit
        def kl_to(g):
            return kl_aggregate_prior.kl_aggregate_prior_quadrature(
                partial(full_gaussian.log_prob, g),
                q,
                low=-15.0,
                high=15.0,
                points_per_axis=200,
            ).value

        kl = kl_of_moments(mean, covariance, p.loc, full_gaussian.covariance(p))
        assert kl_to(matched) > 0.01
        np.testing.assert_allclose(kl + kl_to(matched), kl_to(p), rtol=1e-7)


def test_a_covariance_without_full_rank_gives_nan():
    q = Gaussian(jnp.array([[0.0, 1.0], [1.0, 3.0]]), jnp.ones((2, 2)))
    rank_one = covariance_of_means(q)
    kl = kl_of_moments(jnp.zeros(2), rank_one, jnp.zeros(2), jnp.eye(2))
    assert not np.isfinite(kl)
