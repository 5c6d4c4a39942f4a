"""The optimum of the linear VAE at every β, with its limit at large β, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from decomp.distributions import full_gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.theory import corollary_1, linear_vae, theorem_1
from decomp.theory.linear_vae import LinearVAE

PIXELS, LATENTS, SCALE = 5, 3, 0.5
BETAS = np.array([0.5, 1.0, 3.0, 20.0, 1e4])
PRIOR = FullGaussian(np.zeros(LATENTS), np.eye(LATENTS))


def points(rng):
    return rng.normal(size=(50, PIXELS)) @ rng.normal(size=(PIXELS, PIXELS)) + 1.0


def mean_objective(objective, p):
    """The mean over `[N, X]` of an objective of E_q[log p(x|z)], q, p and β."""

    def of_example(vae, x, beta):
        q = linear_vae.posterior(vae, x)
        reconstruction = linear_vae.reconstruction(vae, q, x, SCALE)
        return objective(reconstruction, q, p, beta)

    return lambda vae, x, beta: jnp.mean(
        jax.vmap(of_example, (None, 0, None))(vae, x, beta)
    )


@jax.jit
@partial(jax.vmap, in_axes=(None, None, None, 0))
def optima(x, mean, covariance, beta):
    """The optimum, its objective and its mean KL."""
    vae = linear_vae.optimum(mean, covariance, SCALE, beta, num_latents=LATENTS)
    objective = mean_objective(theorem_1.beta_vae, PRIOR)(vae, x, beta)
    posteriors = jax.vmap(linear_vae.posterior, (None, 0))(vae, x)
    kl = jax.vmap(full_gaussian.kl, (0, None))(posteriors, PRIOR)
    return vae, objective, jnp.mean(kl)


def solve(x):
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, optima(x, x.mean(0), np.cov(x.T, ddof=0), BETAS)
        )


def test_the_optimum_is_the_evidence_of_principal_components_with_more_noise():
    # L_β ≤ β log N(x; b, WWᵀ + βs²I) + (X/2)(β log 2πβs² − log 2πs²), with equality for
    # the best encoder; no other W gives a larger right side.
    rng = np.random.default_rng(0)
    x = points(rng)
    vaes, values, _ = solve(x)
    for w, value, beta in zip(vaes.decoder, values, BETAS, strict=True):
        noise = beta * SCALE**2
        constant = beta * np.log(2 * np.pi * noise) - np.log(2 * np.pi * SCALE**2)

        def bound(w, beta=beta, noise=noise, constant=constant):
            covariance = w @ w.T + noise * np.eye(PIXELS)
            log_px = stats.multivariate_normal.logpdf(x, x.mean(0), covariance)
            return beta * log_px.mean() + PIXELS / 2 * constant

        assert value == pytest.approx(bound(w), rel=1e-10)
        for step in 0.1 * rng.normal(size=(20, *w.shape)):
            assert bound(w + step) < value


def test_the_kl_is_the_half_log_of_each_variance_above_the_noise():
    # E_x KL = Σ_d ½ log max(λ_d/βs², 1), which is 0 once βs² exceeds all variances.
    x = points(np.random.default_rng(2))
    _, _, rates = solve(x)
    variances = np.linalg.eigvalsh(np.cov(x.T, ddof=0))[-LATENTS:]
    depths = np.maximum(variances / (BETAS[:, None] * SCALE**2), 1)
    np.testing.assert_allclose(rates, np.log(depths).sum(1) / 2, rtol=0, atol=1e-10)
    assert rates[0] > 1
    assert abs(rates[-1]) < 1e-12


LINE = FullGaussian(np.zeros(1), np.eye(1))
VARIANCE = 2.0


@jax.jit
@jax.value_and_grad
def line_loss(parameters, beta, weights):
    """Minus the weighted L_β and L_{H,β}, averaged over x = ±√2, in (v, log √S, w)."""
    v, log_scale, w = (parameters[i, None, None] for i in range(3))
    vae = LinearVAE(v, jnp.exp(log_scale), w, jnp.zeros(1))
    x = jnp.sqrt(VARIANCE) * jnp.array([[1.0], [-1.0]])
    both = (theorem_1.beta_vae, corollary_1.entropy_regularised)
    values = [mean_objective(objective, LINE)(vae, x, beta) for objective in both]
    return -weights @ jnp.stack(values)


def optimum(beta, weights):
    """The parameters at the maximum, by BFGS from one common start."""
    with jax.enable_x64(True):
        return optimize.minimize(
            lambda parameters: jax.device_get(line_loss(parameters, beta, weights)),
            np.array([0.3, -0.5, 0.4]),
            jac=True,
            method="BFGS",
            options={"gtol": 1e-10},
        ).x


def test_optimal_encoders_differ_by_the_root_of_beta_and_have_the_stated_limits():
    # Under L_β, S = βs²/λ while βs² < λ = 2, and then S = 1 and KL(q‖p) falls to 0.
    # Under L_{H,β}, S is β times as large.
    betas = [0.5, 1.0, 2.0, 4.0, 16.0, 64.0]
    parameters = [[optimum(b, weights) for b in betas] for weights in np.eye(2)]
    beta_vae, regularised = np.array(parameters)
    scale, other = np.exp(beta_vae[:, 1]), np.exp(regularised[:, 1])
    np.testing.assert_allclose(other / scale, np.sqrt(betas), rtol=1e-5)
    exact = np.minimum(np.array(betas) * SCALE**2 / VARIANCE, 1)
    np.testing.assert_allclose(scale**2, exact, rtol=1e-5)
    kl = (scale**2 + beta_vae[:, 0] ** 2 * VARIANCE - 1) / 2 - np.log(scale)
    assert np.all(np.diff(kl[:4]) < -0.1)
    assert np.all(np.abs(kl[4:]) < 1e-8)
    assert np.all(np.diff(other**2) > 0)
    np.testing.assert_allclose(other[4:] ** 2, betas[4:], rtol=1e-5)


def test_the_optimum_has_finite_derivatives_where_latents_are_unused():
    with jax.enable_x64(True):
        slopes = jax.jit(jax.jacfwd(partial(linear_vae.optimum, num_latents=2), 3))(
            np.zeros(2), np.diag([1.0, 4.0]), 1.0, 4.0
        )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize("num_latents", [0, 3])
def test_a_number_of_latents_out_of_range_is_refused(num_latents):
    with pytest.raises(ValueError, match=f"0 < num_latents <= 2; got {num_latents}"):
        linear_vae.optimum(np.zeros(2), np.eye(2), 1.0, 1.0, num_latents=num_latents)
