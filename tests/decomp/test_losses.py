import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import losses, priors
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian

NOISE = 0.7


def encode(x):
    return Gaussian(0.5 * x, jnp.full_like(x, 0.4))


def log_px_z(x, z):
    likelihood = Gaussian(z, jnp.full_like(z, NOISE))
    return jax.vmap(gaussian.log_prob)(likelihood, x)


def log_pz(z):
    return gaussian.log_prob(priors.isotropic(2), z)


def analytic_kl(q):
    return gaussian.kl(q, priors.isotropic(2))


def compute(key, x, **options):
    return losses.terms(
        key, x, encode=encode, log_px_z=log_px_z, log_pz=log_pz, **options
    )


def test_the_one_sample_kl_is_unbiased_for_the_closed_form():
    x = jnp.tile(jnp.asarray([[1.0, -2.0]]), (40_000, 1))
    sampled = compute(jax.random.key(0), x).kl
    exact = compute(jax.random.key(0), x[:1], kl=analytic_kl).kl[0]
    assert abs(jnp.mean(sampled) - exact) < 4 * jnp.std(sampled) / 200


def test_the_mean_of_the_elbo_is_its_closed_form():
    x = jnp.tile(jnp.asarray([[1.0, -2.0]]), (40_000, 1))
    values = losses.elbo(compute(jax.random.key(0), x))
    # E_q[log N(x; z, s²)] = Σ −½ log 2πs² − ((x − μ)² + σ²)/2s² with μ = x/2, σ = 0.4.
    squares = np.asarray([0.25, 1.0]) + 0.16
    likelihood = np.sum(-0.5 * np.log(2 * np.pi * NOISE**2) - squares / 2 / NOISE**2)
    kl = analytic_kl(Gaussian(x[0] / 2, jnp.full(2, 0.4)))
    assert abs(jnp.mean(values) - (likelihood - kl)) < 4 * jnp.std(values) / 200


def test_objectives_weigh_the_terms_of_each_example():
    terms = losses.Terms(jnp.asarray([-3.0, -5.0]), jnp.asarray([1.0, 2.0]), 10.0)
    np.testing.assert_array_equal(losses.elbo(terms), [-4.0, -7.0])
    np.testing.assert_array_equal(losses.beta_vae(terms, 4.0), [-7.0, -13.0])
    np.testing.assert_array_equal(losses.alpha_beta(terms, 0.5, 0.0), [-8.0, -10.0])


def test_alpha_beta_without_alpha_is_the_beta_vae_and_at_beta_one_the_elbo():
    x = jax.random.normal(jax.random.key(1), (5, 2))
    terms = compute(jax.random.key(2), x, kl=analytic_kl)
    np.testing.assert_array_equal(
        losses.alpha_beta(terms, 0.0, 1.0), losses.elbo(terms)
    )
    np.testing.assert_array_equal(
        losses.alpha_beta(terms, 0.0, 3.0), losses.beta_vae(terms, 3.0)
    )


def test_the_divergence_sees_all_posteriors_and_counts_for_every_example():
    def divergence(key, q):
        del key
        return jnp.sum(q.loc)

    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    terms = compute(jax.random.key(0), x, divergence=divergence)
    assert terms.divergence == 5.0
    without = compute(jax.random.key(0), x)
    np.testing.assert_allclose(
        losses.alpha_beta(terms, 2.0, 1.0), losses.elbo(without) - 10.0, rtol=1e-6
    )


def test_a_sweep_over_weights_compiles_once():
    traces = []

    @jax.jit
    def loss(weights, key, x):
        traces.append(weights)
        return -jnp.mean(losses.alpha_beta(compute(key, x), *weights))

    x = jnp.ones((3, 2))
    values = [loss((a, b), jax.random.key(0), x) for a, b in [(0.0, 1.0), (2.0, 0.5)]]
    assert len(traces) == 1
    assert values[0] != values[1]


def test_a_likelihood_of_the_wrong_shape_is_refused():
    x = jnp.ones((3, 2))
    with pytest.raises(AssertionError):
        losses.terms(
            jax.random.key(0), x, encode=encode, log_px_z=lambda x, z: z, log_pz=log_pz
        )
