"""Corollaries 1 and 2 in float64, with the misprints of Appendix A corrected."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions import annealed, full_gaussian, gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.theory import corollary_1, corollary_2, linear_vae, theorem_1
from decomp.theory.linear_vae import LinearVAE

BETAS = np.array([0.3, 1.0, 2.5, 8.0])
DIM, PIXELS, SCALE = 4, 6, 0.8


def random_full(rng, covariance_scale=1.0):
    root = rng.normal(size=(DIM, DIM)) + 2 * np.eye(DIM)
    tril = np.linalg.cholesky(covariance_scale * root @ root.T)
    return FullGaussian(rng.normal(size=DIM), tril)


def random_vae(rng):
    encoder, decoder = rng.normal(size=(DIM, PIXELS)), rng.normal(size=(PIXELS, DIM))
    tril = random_full(rng, 0.1).scale_tril
    return LinearVAE(encoder, tril, decoder, rng.normal(size=PIXELS))


def centred(p):
    return p._replace(loc=np.zeros(DIM))


@jax.jit
@partial(jax.vmap, in_axes=(None, None, None, 0))
def equation_4(vae, p, x, beta):
    """Both sides, the right side with the networks θ', φ', and the constants."""
    q = linear_vae.posterior(vae, x)
    reconstruction = linear_vae.reconstruction(vae, q, x, SCALE)
    matched = linear_vae.scaled(vae, beta)
    matched_q = linear_vae.posterior(matched, x)
    by_networks = corollary_1.entropy_regularised(
        linear_vae.reconstruction(matched, matched_q, x, SCALE), matched_q, p, beta
    )
    return (
        corollary_1.sides(reconstruction, q, p, beta),
        by_networks,
        corollary_1.constant(p, beta),
        corollary_1.constant_as_printed(p, beta),
    )


def test_corollary_1_is_a_vae_with_scaled_codes_and_an_entropy_bonus():
    rng = np.random.default_rng(3)
    p, vae, x = centred(random_full(rng)), random_vae(rng), rng.normal(size=PIXELS)
    with jax.enable_x64(True):
        (left, right), by_networks, c, c_of_paper = equation_4(vae, p, x, BETAS)
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-10)
    np.testing.assert_allclose(left, by_networks + c, rtol=0, atol=1e-10)
    np.testing.assert_allclose(c, c_of_paper, rtol=0, atol=1e-12)
    _, log_det = np.linalg.slogdet(p.scale_tril @ p.scale_tril.T)
    exact = DIM * (BETAS - 1) - DIM * BETAS * np.log(BETAS) + (1 - BETAS) * log_det
    np.testing.assert_allclose(c, exact / 2, rtol=0, atol=1e-12)


@jax.jit
def scaled_quantities(q, p, z, beta):
    decode = corollary_1.scaled_decoder(jnp.sin, p, beta)
    scaled = corollary_1.scaled_posterior(q, p, beta)
    scaled_z = p.loc + jnp.sqrt(beta) * (z - p.loc)
    f = annealed.full_gaussian(p, beta)
    sides = corollary_1.sides(jnp.zeros(()), q, p, beta)
    shift = full_gaussian.log_prob(q, z) - full_gaussian.log_prob(scaled, scaled_z)
    prior_shift = full_gaussian.log_prob(f, z) - full_gaussian.log_prob(p, scaled_z)
    return sides, decode(scaled_z), shift, prior_shift


def test_a_prior_with_a_mean_has_codes_scaled_about_its_mean():
    rng = np.random.default_rng(4)
    q, p, z = random_full(rng, 0.1), random_full(rng), rng.normal(size=DIM)
    with jax.enable_x64(True):
        (left, right), decoded, _, _ = scaled_quantities(q, p, z, 2.5)
        assert abs(left - right) < 1e-10
    np.testing.assert_allclose(decoded, np.sin(z), rtol=0, atol=1e-12)


def test_densities_of_scaled_codes_gain_a_factor_and_not_an_exponent():
    # f_β(z/√β) = β^{D/2} p(z) and q_φ(z/√β|x) = β^{D/2} q_φ'(z|x)
    rng = np.random.default_rng(5)
    q, p, z = random_full(rng, 0.1), centred(random_full(rng)), rng.normal(size=DIM)
    with jax.enable_x64(True):
        _, _, shift, prior_shift = scaled_quantities(q, p, z, 2.5)
        assert abs(shift - DIM / 2 * np.log(2.5)) < 1e-12
        assert abs(prior_shift - DIM / 2 * np.log(2.5)) < 1e-12


@jax.jit
@partial(jax.vmap, in_axes=(None, None, 0))
def kl_of_scaled(q, p, beta):
    scaled_p = corollary_1.scaled_posterior(p, p, beta)
    return full_gaussian.kl(corollary_1.scaled_posterior(q, p, beta), scaled_p)


def test_scaling_codes_and_prior_together_leaves_the_kl_unchanged():
    # KL(N(m, S)‖N(0, Σ)) = KL(N(√β m, βS)‖N(0, βΣ)), for every β as for β = 1.
    rng = np.random.default_rng(9)
    q, p = random_full(rng, 0.1), centred(random_full(rng))
    with jax.enable_x64(True):
        kl = np.asarray(kl_of_scaled(q, p, BETAS))
    np.testing.assert_allclose(kl, kl[1], rtol=0, atol=1e-12)


@jax.jit
@partial(jax.vmap, in_axes=(0, None, None, 0))
def linear_gradients(vae, p, x, beta):
    def mean(objective):
        def of_example(vae, x):
            q = linear_vae.posterior(vae, x)
            reconstruction = linear_vae.reconstruction(vae, q, x, SCALE)
            return objective(reconstruction, q, p, beta)

        return lambda vae: jnp.mean(jax.vmap(of_example, (None, 0))(vae, x))

    return corollary_2.gradients(
        mean(theorem_1.beta_vae),
        mean(corollary_1.entropy_regularised),
        lambda vae: linear_vae.scaled(vae, beta),
        vae,
    )


def test_gradients_of_matched_linear_networks_are_equal():
    rng = np.random.default_rng(6)
    p, x = centred(random_full(rng)), rng.normal(size=(40, PIXELS))
    vaes = jax.tree.map(lambda leaf: np.stack([leaf] * len(BETAS)), random_vae(rng))
    with jax.enable_x64(True):
        gradients, pulled_back = linear_gradients(vaes, p, x, BETAS)
    for a, b in zip(gradients, pulled_back, strict=True):
        assert np.abs(a).max() > 0.1
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)


def test_both_objectives_are_stationary_at_matched_optima():
    # These are optima of the linear VAE with all or some latents, under p = N(0, I).
    rng = np.random.default_rng(7)
    x = rng.normal(size=(40, PIXELS)) @ rng.normal(size=(PIXELS, PIXELS))
    p = FullGaussian(np.zeros(DIM), np.eye(DIM))
    optimum = partial(linear_vae.optimum, num_latents=DIM)
    with jax.enable_x64(True):
        vaes = jax.jit(jax.vmap(optimum, (None, None, None, 0)))(
            x.mean(0), np.cov(x.T, ddof=0), SCALE, BETAS
        )
        used_latents = np.any(vaes.decoder != 0, axis=1)
        assert used_latents[0].all()
        assert not used_latents[-1].all()
        for gradient in jax.tree.leaves(linear_gradients(vaes, p, x, BETAS)):
            np.testing.assert_allclose(gradient, 0.0, atol=1e-8)


def test_gradients_of_matched_networks_that_are_not_linear_are_equal():
    # One draw per example replaces E_q; it is scaled with the codes.
    rng = np.random.default_rng(8)
    x, noise = rng.normal(size=(5, PIXELS)), rng.normal(size=(5, 2))
    shapes = {"hidden": (PIXELS, 8), "loc": (8, 2), "log_scale": (8, 2), "bias": (2,)}
    shapes |= {"decoder_in": (2, 8), "decoder_out": (8, PIXELS)}
    params = {name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()}
    p = FullGaussian(np.zeros(2), np.diag([0.7, 1.6]))
    beta = 4.0

    def of_example(objective, params, x, noise):
        hidden = jnp.tanh(x @ params["hidden"])
        scale = jnp.exp(hidden @ params["log_scale"] + params["bias"])
        q = Gaussian(hidden @ params["loc"], scale)
        z = q.loc + q.scale * noise
        mean = jnp.tanh(z @ params["decoder_in"]) @ params["decoder_out"]
        log_px_z = gaussian.log_prob(Gaussian(mean, jnp.ones_like(x)), x)
        return objective(log_px_z, full_gaussian.from_diagonal(q), p, beta)

    def mean(objective):
        batch = jax.vmap(partial(of_example, objective), (None, 0, 0))
        return lambda params: jnp.mean(batch(params, x, noise))

    def scaled(params):
        return params | {
            "loc": 2 * params["loc"],
            "bias": params["bias"] + np.log(2),
            "decoder_in": params["decoder_in"] / 2,
        }

    objectives = mean(theorem_1.beta_vae), mean(corollary_1.entropy_regularised)
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, params)
        gradients, pulled_back = jax.jit(
            lambda params: corollary_2.gradients(*objectives, scaled, params)
        )(params)
    for name in shapes:
        assert np.abs(gradients[name]).max() > 1e-3
        np.testing.assert_allclose(
            gradients[name], pulled_back[name], rtol=0, atol=1e-8
        )
