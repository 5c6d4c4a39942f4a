"""Theorem 1 in float64: in closed form for Gaussians, by quadrature for others."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from decomp.distributions import (
    annealed,
    annealed_quadrature,
    gaussian,
    laplace,
    mixture,
    student_t,
)
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.student_t import StudentT
from decomp.theory import linear_vae, theorem_1
from decomp.theory.linear_vae import LinearVAE

BETAS = np.array([0.3, 1.0, 2.0, 8.0])
HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
PANEL, PANEL_WEIGHTS = np.polynomial.legendre.leggauss(200)


def random_full(rng, dim, covariance_scale=1.0):
    root = rng.normal(size=(dim, dim)) + 2 * np.eye(dim)
    tril = np.linalg.cholesky(covariance_scale * root @ root.T)
    return FullGaussian(rng.normal(size=dim), tril)


@jax.jit
def gaussian_sides(vae, q, p, x):
    reconstruction = linear_vae.reconstruction(vae, q, x, 0.8)
    sides_at_beta = partial(theorem_1.sides, reconstruction, q, p)
    return jax.vmap(sides_at_beta)(jnp.asarray(BETAS))


def test_theorem_1_holds_for_a_gaussian_prior_of_any_covariance():
    rng = np.random.default_rng(0)
    p, q = random_full(rng, 4), random_full(rng, 4, 0.1)
    decoder, bias = rng.normal(size=(6, 4)), rng.normal(size=6)
    vae = LinearVAE(decoder.T, q.scale_tril, decoder, bias)
    with jax.enable_x64(True):
        left, right = gaussian_sides(vae, q, p, rng.normal(size=6))
        assert np.ptp(left) > 1
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-10)


def sides_of(module, annealed_prior, log_normaliser, q, p, beta, z):
    """Both sides of Theorem 1 at codes `[S, D]`, for log p(x|z) = −‖z‖²."""
    log_probs = (
        jax.vmap(f, (None, 0))(s, z)
        for f, s in (
            (gaussian.log_prob, q),
            (module.log_prob, p),
            (module.log_prob, annealed_prior),
        )
    )
    log_qz_x, log_pz, log_fz = log_probs
    return theorem_1.sides_at_samples(
        beta,
        log_px_z=-jnp.sum(z**2, axis=1),
        log_qz_x=log_qz_x,
        log_pz=log_pz,
        log_fz=log_fz,
        log_normaliser=log_normaliser,
    )


@jax.jit
def student_t_sides(q, p, beta, z, log_normaliser):
    f = annealed.student_t(p, beta)
    return sides_of(student_t, f, log_normaliser, q, p, beta, z)


@jax.jit
def laplace_sides(q, p, beta, z, log_normaliser):
    f = annealed.laplace(p, beta)
    return sides_of(laplace, f, log_normaliser, q, p, beta, z)


def posterior_nodes(q, kink):
    """Nodes and weights of E_q within 12 scales, in two panels around a kink."""
    ends = np.array([q.loc[0] - 12 * q.scale[0], kink, q.loc[0] + 12 * q.scale[0]])
    half, middle = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    z = (middle[:, None] + half[:, None] * PANEL).ravel()
    weights = (half[:, None] * PANEL_WEIGHTS).ravel()
    return z[:, None], weights * stats.norm.pdf(z, q.loc, q.scale)


@pytest.mark.parametrize("beta", BETAS)
def test_theorem_1_holds_for_student_t_and_laplace_priors(beta):
    # F_β is by quadrature of scipy's density, f_β in closed form; the left side is also
    # computed from its definition with scipy's density.
    q = Gaussian(np.array([0.7]), np.array([0.5]))
    loc, scale = np.array([0.2]), np.array([0.9])
    z, weights = posterior_nodes(q, kink=0.2)
    cases = [
        (student_t_sides, StudentT(np.array(4.0), loc, scale), stats.t(4.0, 0.2, 0.9)),
        (laplace_sides, Laplace(loc, scale), stats.laplace(0.2, 0.9)),
    ]
    reconstruction = -(0.7**2 + 0.5**2)
    entropy = stats.norm(0.7, 0.5).entropy()
    with jax.enable_x64(True):
        for sides, p, exact in cases:
            half, _ = integrate.quad(
                lambda s, exact=exact: exact.pdf(s) ** beta, 0.2, np.inf, epsabs=1e-12
            )
            left, right = sides(q, p, beta, z, np.log(2 * half))
            kl = -entropy - weights @ exact.logpdf(z[:, 0])
            assert abs(weights @ left - (reconstruction - beta * kl)) < 1e-8
            assert abs(weights @ left - weights @ right) < 1e-8
            # Both sides use the same samples, so there is no Monte-Carlo error.
            np.testing.assert_allclose(left, right, rtol=0, atol=1e-8)


@jax.jit
def mixture_sides(p, q):
    """Left sides by Gauss–Hermite, right sides and log F_β on a grid, for all β."""
    log_prob = jax.vmap(mixture.log_prob, (None, 0))
    log_qz_x = jax.vmap(gaussian.log_prob, (None, 0))
    hermite = jnp.stack(jnp.meshgrid(HERMITE, HERMITE), -1).reshape(-1, 2)
    nodes = q.loc[None] + q.scale[None] * hermite
    weights = jnp.outer(HERMITE_WEIGHTS, HERMITE_WEIGHTS).ravel() / (2 * np.pi)
    axis = jnp.linspace(-9.0, 10.0, 381)
    points = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(-1, 2)
    masses = (19 / 380) ** 2 * jnp.exp(log_qz_x(q, points))

    def sides_at(z, beta, log_normaliser):
        log_pz = log_prob(p, z)
        return theorem_1.sides_at_samples(
            beta,
            log_px_z=-jnp.sum(z**2, axis=1),
            log_qz_x=log_qz_x(q, z),
            log_pz=log_pz,
            log_fz=beta * log_pz - log_normaliser,
            log_normaliser=log_normaliser,
        )

    def sides_and_normaliser(beta):
        log_normaliser = annealed_quadrature.log_normaliser(
            partial(mixture.log_prob, p),
            beta,
            **{"low": -9.0, "high": 10.0, "points_per_axis": 381, "dims": 2},
        ).value
        left = weights @ sides_at(nodes, beta, log_normaliser).left
        right = masses @ sides_at(points, beta, log_normaliser).right
        return left, right, log_normaliser

    return jax.lax.map(sides_and_normaliser, jnp.asarray(BETAS))


def test_theorem_1_holds_for_a_mixture_prior_with_its_normaliser_by_quadrature():
    # ∫ p² = Σ_kl π_k π_l N(μ_k; μ_l, σ_k² + σ_l²), squared for two equal dimensions.
    weights, loc, scale = np.array([0.3, 0.7]), np.array([-0.8, 1.0]), [0.5, 0.7]
    overlaps = stats.norm.pdf(loc[:, None], loc, np.hypot.outer(scale, scale))
    components = Gaussian(np.stack([loc] * 2, 1), np.stack([scale] * 2, 1))
    p = Mixture(np.log(weights), components)
    q = Gaussian(np.full(2, 0.3), np.full(2, 0.4))
    with jax.enable_x64(True):
        left, right, log_normaliser = mixture_sides(p, q)
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-8)
        assert abs(log_normaliser[1]) < 1e-8
        assert abs(log_normaliser[2] - np.log(weights @ overlaps**2 @ weights)) < 1e-8


@jax.jit
def annealed_log_prob(p, beta, z):
    f = annealed.student_t(p, beta)
    at_points = jax.vmap(student_t.log_prob, (None, 0))(f, z)
    return at_points, annealed.log_normaliser_student_t(p, beta)


@pytest.mark.parametrize(("df", "beta"), [(3.0, 2.0), (9.0, 4.0), (5.0, 0.5)])
def test_the_annealed_student_t_is_a_student_t_of_other_degrees_of_freedom(df, beta):
    # log f_β = β log t(z; ν) − log F_β = log t(z; ν', σ√(ν/ν')), ν' = β(ν + 1) − 1
    scale = 0.7
    other = beta * (df + 1) - 1
    z = np.linspace(-25, 25, 101)
    exact = stats.t.logpdf(z, other, 0.0, scale * np.sqrt(df / other))
    with jax.enable_x64(True):
        p = StudentT(np.array(df), np.zeros(1), np.full(1, scale))
        log_prob, log_normaliser = annealed_log_prob(p, beta, z[:, None])
        power = beta * stats.t.logpdf(z, df, 0.0, scale) - log_normaliser
        np.testing.assert_allclose(power, exact, rtol=0, atol=1e-12)
        np.testing.assert_allclose(log_prob, exact, rtol=0, atol=1e-12)


def test_samples_of_unequal_number_are_refused():
    ones = np.ones(3)
    with pytest.raises(AssertionError, match="shape"):
        theorem_1.sides_at_samples(
            2.0,
            log_px_z=ones,
            log_qz_x=np.ones(()),
            log_pz=ones,
            log_fz=ones,
            log_normaliser=0.0,
        )
