"""The paper's theorem and corollary, and what follows from them, in float64.

Notation: the decoder is p(x|z) = N(Az + b, s²I), the encoder q(z|x) = N(m, S), and

    L_β(x) = E_q[log p(x|z)] − β KL(q‖p)                                       (Eq. 1)
    L_β(x) = E_q[log p(x|z)] − KL(q‖f_β) + (β − 1) H[q] + log F_β              (Eq. 2)

with f_β = p^β/F_β: Theorem 1, here for Gaussian priors, by quadrature for the others in
test_theory_quadrature.py.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.distributions import annealed, full_gaussian, gaussian, student_t
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.student_t import StudentT

BETAS = [0.3, 1.0, 2.5, 8.0]
HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(160)


class Decoder(NamedTuple):
    weights: jax.Array  # [X, D]
    bias: jax.Array  # [X]
    scale: float


def _decoder(rng, latents, pixels=6):
    weights = jnp.asarray(rng.normal(size=(pixels, latents)))
    return Decoder(weights, jnp.asarray(rng.normal(size=pixels)), 0.8)


def _full(rng, dim, covariance_scale=1.0):
    root = rng.normal(size=(dim, dim)) + 2 * np.eye(dim)
    tril = np.linalg.cholesky(covariance_scale * root @ root.T)
    return FullGaussian(jnp.asarray(rng.normal(size=dim)), jnp.asarray(tril))


def _rotation(rng, dim):
    return jnp.asarray(stats.ortho_group.rvs(dim, random_state=rng))


def _with_covariance(loc, covariance):
    return FullGaussian(loc, jnp.linalg.cholesky(covariance))


def _rotated(q, rotation):
    covariance = rotation @ full_gaussian.covariance(q) @ rotation.T
    return _with_covariance(rotation @ q.loc, covariance)


def _reconstruction(decoder, q, x):
    """E_q[log N(x; Az + b, s²I)] = log N(x; Am + b, s²I) − tr(ASAᵀ)/(2s²)."""
    mean = decoder.weights @ q.loc + decoder.bias
    likelihood = Gaussian(mean, jnp.full_like(mean, decoder.scale))
    spread = decoder.weights @ q.scale_tril
    return gaussian.log_prob(likelihood, x) - 0.5 * jnp.sum(
        (spread / decoder.scale) ** 2
    )


def _beta_vae(decoder, q, p, x, beta):
    """Eq. 1 with Gaussian prior and posterior."""
    return _reconstruction(decoder, q, x) - beta * full_gaussian.kl(q, p)


@pytest.mark.parametrize("beta", BETAS)
def test_theorem_1_holds_for_a_gaussian_prior_of_any_covariance(beta):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        decoder, p, q = _decoder(rng, 4), _full(rng, 4), _full(rng, 4, 0.1)
        x = jnp.asarray(rng.normal(size=6))
        bound = _reconstruction(decoder, q, x) - full_gaussian.kl(
            q, annealed.full_gaussian(p, beta)
        )
        right = (
            bound
            + (beta - 1) * full_gaussian.entropy(q)
            + annealed.log_normaliser_full_gaussian(p, beta)
        )
        assert abs(_beta_vae(decoder, q, p, x, beta) - right) < 1e-10


@pytest.mark.parametrize("beta", BETAS)
def test_corollary_1_is_a_vae_with_scaled_codes_and_an_entropy_bonus(beta):
    # L_β(x) = L(x)(p'(x|z) p(z), q') + ½(β − 1) log|S'| + c,
    # p'(x|z) = p(x|z/√β), m' = √β m, S' = βS,
    # c = ½D(β − 1)(1 + log(2π/β)) + log F_β = ½D(β − 1) − ½Dβ log β + ½(1 − β) log|Σ|
    dim = 4
    with jax.enable_x64(True):
        rng = np.random.default_rng(3)
        decoder, q = _decoder(rng, dim), _full(rng, dim, 0.1)
        p = _full(rng, dim)._replace(loc=jnp.zeros(dim))
        x, root = jnp.asarray(rng.normal(size=6)), jnp.sqrt(beta)
        scaled_decoder = decoder._replace(weights=decoder.weights / root)
        scaled_q = FullGaussian(root * q.loc, root * q.scale_tril)
        log_det_q, log_det_p = (
            np.linalg.slogdet(full_gaussian.covariance(s))[1] for s in (scaled_q, p)
        )
        log_normaliser = annealed.log_normaliser_full_gaussian(p, beta)
        printed = 0.5 * dim * (beta - 1) * (1 + np.log(2 * np.pi / beta))
        printed = printed + log_normaliser
        closed = 0.5 * dim * (beta - 1) - 0.5 * dim * beta * np.log(beta)
        closed += 0.5 * (1 - beta) * log_det_p
        assert abs(printed - closed) < 1e-12

        bound = _beta_vae(scaled_decoder, scaled_q, p, x, 1.0)
        right = bound + 0.5 * (beta - 1) * log_det_q + closed
        assert abs(_beta_vae(decoder, q, p, x, beta) - right) < 1e-10


@pytest.mark.parametrize("beta", BETAS)
def test_the_objective_of_an_isotropic_prior_does_not_see_a_rotation(beta):
    # q → N(Qm, QSQᵀ), A → AQᵀ leaves every term of Eq. 2 as it was
    dim = 3
    with jax.enable_x64(True):
        rng = np.random.default_rng(4)
        decoder, q, x = _decoder(rng, dim), _full(rng, dim, 0.1), jnp.zeros(6)
        rotation = _rotation(rng, dim)
        p = FullGaussian(jnp.zeros(dim), 1.3 * jnp.eye(dim))
        f = annealed.full_gaussian(p, beta)
        before, after = (
            (
                _reconstruction(d, s, x),
                full_gaussian.kl(s, f),
                full_gaussian.entropy(s),
                _beta_vae(d, s, p, x, beta),
            )
            for d, s in (
                (decoder, q),
                (
                    decoder._replace(weights=decoder.weights @ rotation.T),
                    _rotated(q, rotation),
                ),
            )
        )
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)


def test_the_objective_of_an_anisotropic_prior_sees_a_rotation():
    # the reconstruction does not change, so ΔL = −β ΔKL; with Σ = diag(2, .8, .2)
    # ΔKL = ½[tr Σ⁻¹(QSQᵀ − S) + ‖Σ^{−½}Qm‖² − ‖Σ^{−½}m‖²]
    with jax.enable_x64(True):
        rng = np.random.default_rng(5)
        q, rotation = _full(rng, 3, 0.1), _rotation(rng, 3)
        precision = jnp.diag(1 / jnp.array([2.0, 0.8, 0.2]))
        p = _with_covariance(jnp.zeros(3), jnp.linalg.inv(precision))
        second_moment = full_gaussian.covariance(q) + jnp.outer(q.loc, q.loc)
        turned = rotation @ second_moment @ rotation.T
        exact = 0.5 * jnp.trace(precision @ (turned - second_moment))
        moved = full_gaussian.kl(_rotated(q, rotation), p) - full_gaussian.kl(q, p)
        assert abs(exact) > 0.1
        assert abs(moved - exact) < 1e-12


def _cross_entropy(p, q):
    """E_q[log p(z)] of a factorised p by Gauss–Hermite on the marginals of q."""
    scale = jnp.sqrt(jnp.diagonal(full_gaussian.covariance(q)))
    nodes = q.loc[None] + scale[None] * HERMITE[:, None]
    log_pz = jax.vmap(student_t.log_prob, (None, 0))(p, nodes)
    return HERMITE_WEIGHTS @ log_pz / np.sqrt(2 * np.pi)


def test_the_objective_of_a_student_t_prior_sees_a_rotation_and_its_limit_does_not():
    # ΔKL = E_q[log p] − E_{Qq}[log p], the entropy being invariant; at ν = 3 a narrow q
    # at (3, 0) turned by 45° goes from 2 log(1 + 9/3) to 4 log(1 + 4.5/3) nats
    with jax.enable_x64(True):
        turn = jnp.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
        q = FullGaussian(jnp.array([3.0, 0.0]), 1e-4 * jnp.eye(2))

        def moved(df):
            p = StudentT(jnp.array(df), jnp.zeros(2), jnp.ones(2))
            return _cross_entropy(p, q) - _cross_entropy(p, _rotated(q, turn))

        exact = 4 * np.log(2.5) - 2 * np.log(4)
        assert moved(3.0) == pytest.approx(exact, abs=1e-7)
        assert abs(moved(np.inf)) < 1e-12


def test_a_diagonal_encoder_pays_for_a_rotation_what_hadamard_says():
    # KL(N(m, C)‖N(m, diag C)) = ½(Σ_d log C_dd − log|C|) ≥ 0, C = QSQᵀ, S diagonal
    with jax.enable_x64(True):
        rng = np.random.default_rng(7)
        rotation, variances = _rotation(rng, 3), jnp.array([0.01, 0.3, 2.0])
        permutation = jnp.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])

        def gap(rotation, variances):
            turned = rotation @ jnp.diag(variances) @ rotation.T
            diagonal = jnp.diagonal(turned)
            q = _with_covariance(jnp.ones(3), turned)
            p = full_gaussian.from_diagonal(Gaussian(jnp.ones(3), jnp.sqrt(diagonal)))
            formula = 0.5 * (jnp.sum(jnp.log(diagonal)) - jnp.sum(jnp.log(variances)))
            assert abs(full_gaussian.kl(q, p) - formula) < 1e-12
            return formula

        assert gap(rotation, variances) > 0.1
        assert abs(gap(rotation, jnp.full(3, 0.4))) < 1e-12
        assert abs(gap(permutation, variances)) < 1e-12


def test_no_other_diagonal_encoder_is_closer_to_the_rotated_posterior():
    with jax.enable_x64(True):
        rng = np.random.default_rng(8)
        q = _full(rng, 3)
        best = 0.5 * jnp.log(jnp.diagonal(full_gaussian.covariance(q)))

        def cost(log_scale):
            p = full_gaussian.from_diagonal(Gaussian(q.loc, jnp.exp(log_scale)))
            return full_gaussian.kl(q, p)

        np.testing.assert_allclose(jax.grad(cost)(best), 0.0, atol=1e-12)
        for step in 0.1 * rng.normal(size=(5, 3)):
            assert cost(best + step) > cost(best)


@pytest.mark.parametrize("beta", BETAS)
def test_scaling_codes_and_prior_together_leaves_the_kl_unchanged(beta):
    # KL(N(m, S)‖N(0, Σ)) = KL(N(√β m, βS)‖N(0, βΣ))
    with jax.enable_x64(True):
        rng = np.random.default_rng(9)
        q, p = _full(rng, 4, 0.1), _full(rng, 4)._replace(loc=jnp.zeros(4))
        root = jnp.sqrt(beta)
        scaled = (FullGaussian(root * s.loc, root * s.scale_tril) for s in (q, p))
        assert abs(full_gaussian.kl(*scaled) - full_gaussian.kl(q, p)) < 1e-12


@pytest.mark.parametrize(("df", "beta"), [(3.0, 2.0), (9.0, 4.0), (5.0, 0.5)])
def test_the_annealed_student_t_is_a_student_t_of_other_degrees_of_freedom(df, beta):
    # log f_β = β log t(z; ν) − log F_β = log t(z; ν', σ√(ν/ν')), ν' = β(ν + 1) − 1
    scale = 0.7
    other = beta * (df + 1) - 1
    with jax.enable_x64(True):
        p = StudentT(jnp.array(df), jnp.zeros(1), jnp.full(1, scale))
        z = np.linspace(-25, 25, 101)
        power = beta * stats.t.logpdf(z, df, 0.0, scale)
        power -= annealed.log_normaliser_student_t(p, beta)
        exact = stats.t.logpdf(z, other, 0.0, scale * np.sqrt(df / other))
        np.testing.assert_allclose(power, exact, rtol=0, atol=1e-12)
        found = jax.vmap(student_t.log_prob, (None, 0))(
            annealed.student_t(p, beta), z[:, None]
        )
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12)
