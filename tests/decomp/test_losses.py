import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import losses, minibatch, priors
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


@functools.partial(jax.jit, static_argnames=("kl", "aggregate", "divergence"))
def terms_of(key, x, **options):
    return losses.terms(
        key, x, encode=encode, log_px_z=log_px_z, log_pz=log_pz, **options
    )


def test_the_one_sample_kl_is_unbiased_for_the_closed_form():
    x = np.tile(np.float32([[1, -2]]), (40_000, 1))
    sampled = np.asarray(terms_of(jax.random.key(0), x).kl)
    (exact,) = terms_of(jax.random.key(0), x[:1], kl=analytic_kl).kl
    assert abs(sampled.mean() - exact) < 4 * sampled.std() / 200


def test_the_mean_of_the_elbo_is_its_closed_form():
    x = np.tile(np.float32([[1, -2]]), (40_000, 1))
    values = np.asarray(losses.elbo(terms_of(jax.random.key(0), x)))
    # E_q[log N(x; z, s²)] = Σ −½ log 2πs² − ((x − μ)² + σ²)/2s² with μ = x/2, σ = 0.4.
    squares = np.asarray([0.25, 1.0]) + 0.16
    likelihood = np.sum(-0.5 * np.log(2 * np.pi * NOISE**2) - squares / 2 / NOISE**2)
    kl = analytic_kl(Gaussian(x[0] / 2, np.full(2, 0.4, np.float32)))
    assert abs(values.mean() - (likelihood - kl)) < 4 * values.std() / 200


def known_terms():
    """Terms of two examples with distinct values."""
    parts = losses.Parts(*jnp.asarray([[0.5, 1.5], [0.25, 0.5], [2.0, 4.0], [8.0, 16]]))
    return losses.Terms(
        log_px_z=jnp.asarray([-3.0, -5.0]),
        kl=jnp.asarray([1.0, 2.0]),
        log_det=jnp.asarray([-4.0, -6.0]),
        divergence=jnp.asarray(10.0),
        parts=parts,
    )


def test_objectives_weight_the_terms_of_each_example():
    terms = known_terms()
    np.testing.assert_array_equal(losses.elbo(terms), [-4.0, -7.0])
    np.testing.assert_array_equal(losses.beta_vae(terms, 4.0), [-7.0, -13.0])
    np.testing.assert_array_equal(losses.alpha_beta(terms, 0.5, 0.0), [-8.0, -10.0])
    np.testing.assert_array_equal(
        losses.entropy_regularised(terms, 4.0), [-4 - 1.5 * 4, -7 - 1.5 * 6]
    )
    np.testing.assert_array_equal(losses.capacity(terms, 2.0, 5.0), [-10.0, -12.0])
    np.testing.assert_array_equal(losses.factor_vae(terms, 3.0), [-34.0, -37.0])
    np.testing.assert_array_equal(losses.info_vae(terms, 0.5, 2.0), [-18.5, -21.0])
    np.testing.assert_array_equal(losses.wae(terms, 2.0), [-23.0, -25.0])
    np.testing.assert_array_equal(losses.dip_vae(terms), [-14.0, -17.0])
    np.testing.assert_array_equal(
        losses.beta_tcvae(terms, 2.0, 4.0, 0.5),
        [-3 - 2 * 0.5 - 4 * 2.25 - 0.5 * 8, -5 - 2 * 1.5 - 4 * 4.5 - 0.5 * 16],
    )
    np.testing.assert_array_equal(
        losses.hfvae(terms, 2.0, 4.0, 0.5),
        [-3 - 2 * 0.5 - 4 * 0.25 - 0.5 * 2 - 8, -5 - 2 * 1.5 - 4 * 0.5 - 0.5 * 4 - 16],
    )


def exact_parts(q, z):
    """Exact log densities of q(z): the minibatch is the data set."""
    weights = minibatch.symmetrised(len(z), len(z))
    return minibatch.log_densities(q, z, weights, groups=(1, 1))


def exclusive_kl(key, q, z):
    del key
    log_qz = exact_parts(q, z).log_qz
    return jnp.mean(log_qz - jax.vmap(log_pz)(z))


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 1.0), (0.5, 4.0), (3.0, 0.0)])
def test_alpha_beta_with_the_exclusive_kl_is_the_beta_tcvae(alpha, beta):
    with jax.enable_x64(True):
        x = np.random.default_rng(3).normal(size=(50, 2))
        terms = terms_of(
            jax.random.key(4), x, aggregate=exact_parts, divergence=exclusive_kl
        )
        alpha_beta = jnp.mean(losses.alpha_beta(terms, alpha, beta))
        beta_tcvae = jnp.mean(
            losses.beta_tcvae(terms, beta, alpha + beta, alpha + beta)
        )
        np.testing.assert_allclose(alpha_beta, beta_tcvae, atol=1e-9, rtol=0)
        # The parts telescope to the one-sample KL, also with two levels.
        np.testing.assert_allclose(sum(terms.parts), terms.kl, atol=1e-9, rtol=0)
        hierarchical = losses.hfvae(terms, beta, beta, beta)
        flat = losses.beta_tcvae(terms, beta, beta, 1.0)
        np.testing.assert_allclose(hierarchical, flat, atol=1e-9, rtol=0)


def test_special_cases_of_the_objectives_agree():
    x = np.random.default_rng(1).normal(size=(6, 2)).astype(np.float32)
    terms = terms_of(
        jax.random.key(2), x, aggregate=exact_parts, divergence=exclusive_kl
    )
    assert_equal = functools.partial(np.testing.assert_allclose, rtol=1e-5)
    assert_equal(losses.beta_tcvae(terms, 3.0, 3.0, 3.0), losses.beta_vae(terms, 3.0))
    assert_equal(losses.info_vae(terms, 0.0, 1.0), losses.elbo(terms))
    assert_equal(losses.info_vae(terms, 1.0, 5.0), losses.wae(terms, 5.0))
    assert_equal(losses.factor_vae(terms, 2.0), losses.alpha_beta(terms, 2.0, 1.0))
    assert_equal(losses.entropy_regularised(terms, 1.0), losses.elbo(terms))
    assert_equal(
        losses.capacity(terms, 3.0, 0.0).mean(), losses.beta_vae(terms, 3.0).mean()
    )


@pytest.mark.parametrize("objective", [losses.beta_tcvae, losses.hfvae])
def test_an_objective_without_its_parts_is_refused_with_what_it_needs(objective):
    terms = terms_of(jax.random.key(0), jnp.ones((3, 2)))
    with pytest.raises(ValueError, match=f"{objective.__name__} .*`aggregate`.* none"):
        objective(terms, 1.0, 1.0, 1.0)


def test_log_det_is_that_of_the_posterior_covariance():
    terms = terms_of(jax.random.key(0), jnp.ones((3, 2)))
    np.testing.assert_allclose(terms.log_det, np.full(3, 4 * np.log(0.4)), rtol=1e-6)


def test_alpha_beta_without_alpha_is_the_beta_vae_and_at_beta_one_the_elbo():
    x = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    terms = terms_of(jax.random.key(2), x, kl=analytic_kl)
    np.testing.assert_array_equal(
        losses.alpha_beta(terms, 0.0, 1.0), losses.elbo(terms)
    )
    np.testing.assert_array_equal(
        losses.alpha_beta(terms, 0.0, 3.0), losses.beta_vae(terms, 3.0)
    )


def test_the_divergence_gets_all_posteriors_and_is_added_to_every_example():
    def divergence(key, q, z):
        del key, z
        return jnp.sum(q.loc)

    x = jnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    terms = terms_of(jax.random.key(0), x, divergence=divergence)
    assert terms.divergence == 5.0
    without = terms_of(jax.random.key(0), x)
    np.testing.assert_allclose(
        losses.alpha_beta(terms, 2.0, 1.0), losses.elbo(without) - 10.0, rtol=1e-6
    )


def test_a_sweep_over_weights_compiles_once():
    traces = []

    @jax.jit
    def loss(weights, key, x):
        traces.append(weights)
        return -jnp.mean(losses.alpha_beta(terms_of(key, x), *weights))

    x = jnp.ones((3, 2))
    values = [loss((a, b), jax.random.key(0), x) for a, b in [(0.0, 1.0), (2.0, 0.5)]]
    assert len(traces) == 1
    assert values[0] != values[1]


SQUARE = jnp.ones((2, 2))  # as many examples as latents, so that [B] and [D] are alike


@pytest.mark.parametrize("x", [SQUARE, jnp.ones((3, 2))])
@pytest.mark.parametrize(
    ("functions", "message"),
    [
        (
            {"log_pz": lambda z: gaussian.log_prob_dims(priors.isotropic(2), z)},
            r"log_pz must give log p\(z\) of one z of shape \[\]; got \[2\]",
        ),
        (
            {"kl": lambda q: gaussian.kl_dims(q, priors.isotropic(2))},
            r"kl must give a KL of one q\(z\|x\) of shape \[\]; got \[2\]",
        ),
        ({"log_px_z": lambda x, z: z}, r"log_px_z must give log p\(x\|z\) of shape"),
        (
            {"divergence": lambda key, q, z: jnp.mean(z, axis=0)},
            r"divergence must give D\(q\(z\), p\(z\)\) of shape \[\]; got \[2\]",
        ),
        ({"encode": lambda x: (x, x)}, r"encode must give a Gaussian.* got a tuple"),
    ],
)
def test_a_function_of_another_shape_is_refused_and_does_not_broadcast(
    x, functions, message
):
    known = {"encode": encode, "log_px_z": log_px_z, "log_pz": log_pz}
    known |= {"kl": analytic_kl, "aggregate": exact_parts}
    with pytest.raises(ValueError, match=message):
        losses.terms(jax.random.key(0), x, **known | functions)
