"""The effect of a rotation on the objective, and its cost for a diagonal encoder."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.distributions import annealed, full_gaussian, student_t
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.student_t import StudentT
from decomp.theory import linear_vae, rotation
from decomp.theory.linear_vae import LinearVAE

BETAS = np.array([0.3, 1.0, 2.5, 8.0])
HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
ISOTROPIC = FullGaussian(np.zeros(3), 1.3 * np.eye(3))
ANISOTROPIC = FullGaussian(np.zeros(3), np.diag(np.sqrt([2.0, 0.8, 0.2])))
SLIGHTLY_UNEQUAL = np.float32([1, 1.001, 1])


def random_full(rng, covariance_scale=0.1):
    root = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    tril = np.linalg.cholesky(covariance_scale * root @ root.T)
    return FullGaussian(rng.normal(size=3), tril)


def random_rotation(rng):
    return stats.ortho_group.rvs(3, random_state=rng)


@jax.jit
@partial(jax.vmap, in_axes=(None, None, None, None, None, 0))
def terms(vae, q, p, x, turn, beta):
    """The terms of Theorem 1 before and after a rotation, and both objectives."""
    rotated_vae = vae._replace(decoder=vae.decoder @ turn.T)
    f = annealed.full_gaussian(p, beta)
    before, after = (
        (
            linear_vae.reconstruction(v, s, x, 0.8),
            full_gaussian.kl(s, f),
            full_gaussian.entropy(s),
        )
        for v, s in ((vae, q), (rotated_vae, rotation.rotated(q, turn)))
    )
    return before, after, rotation.sides(before[0], q, p, beta, turn)


def test_the_objective_of_an_isotropic_prior_is_invariant_to_rotations():
    # q → N(Qm, QSQᵀ), W → WQᵀ leaves every term of Theorem 1 unchanged
    rng = np.random.default_rng(4)
    q, decoder = random_full(rng), rng.normal(size=(6, 3))
    vae = LinearVAE(decoder.T, q.scale_tril, decoder, rng.normal(size=6))
    with jax.enable_x64(True):
        before, after, (left, right) = terms(
            vae, q, ISOTROPIC, np.zeros(6), random_rotation(rng), BETAS
        )
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
        np.testing.assert_allclose(right, left, rtol=0, atol=1e-12)


def test_the_objective_of_an_anisotropic_prior_depends_on_rotations():
    # The reconstruction does not change, so ΔL = −β ΔKL. With Σ = diag(2, .8, .2),
    # ΔKL = ½ tr Σ⁻¹(QMQᵀ − M) and M = S + mmᵀ.
    rng = np.random.default_rng(5)
    q, q_turn = random_full(rng), random_rotation(rng)
    second_moment = q.scale_tril @ q.scale_tril.T + np.outer(q.loc, q.loc)
    rotated_moment = q_turn @ second_moment @ q_turn.T
    exact = (
        0.5 * (1 / np.array([2.0, 0.8, 0.2])) @ np.diag(rotated_moment - second_moment)
    )
    decoder = rng.normal(size=(6, 3))
    vae = LinearVAE(decoder.T, q.scale_tril, decoder, np.zeros(6))
    with jax.enable_x64(True):
        _, _, sides = terms(vae, q, ANISOTROPIC, np.zeros(6), q_turn, BETAS)
        left, right = map(np.asarray, sides)
    assert abs(exact) > 0.1
    np.testing.assert_allclose(right - left, -BETAS * exact, rtol=0, atol=1e-12)


@jax.jit
def student_t_shift(df, q, turn):
    """KL(Qq‖p) − KL(q‖p) under Student-t priors; the entropy of q does not change."""
    p = StudentT(df, jnp.zeros(2), jnp.ones(2))

    def cross_entropy(q):
        """E_q[log p] of a factorised p by Gauss–Hermite on the marginals of q."""
        marginals = rotation.closest_diagonal(q)
        nodes = marginals.loc[None] + marginals.scale[None] * HERMITE[:, None]
        log_pz = jax.vmap(student_t.log_prob, (None, 0))(p, nodes)
        return jnp.asarray(HERMITE_WEIGHTS) @ log_pz / np.sqrt(2 * np.pi)

    return cross_entropy(q) - cross_entropy(rotation.rotated(q, turn))


def test_the_objective_of_a_student_t_prior_depends_on_rotations_except_in_its_limit():
    # At ν = 3, a rotation by 45° takes a narrow q at (3, 0) from 2 log(1 + 9/3) nats to
    # 4 log(1 + 4.5/3) nats.
    rotation_by_45 = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    q = FullGaussian(np.array([3.0, 0.0]), 1e-4 * np.eye(2))
    with jax.enable_x64(True):
        exact = 4 * np.log(2.5) - 2 * np.log(4)
        assert student_t_shift(3.0, q, rotation_by_45) == pytest.approx(exact, abs=1e-7)
        assert abs(student_t_shift(np.inf, q, rotation_by_45)) < 1e-12


@jax.jit
def gap_of_rotation(q, turn):
    """The rotated q, the diagonal gap, and the KL that the gap equals."""
    after = rotation.rotated(q, turn)
    nearest = full_gaussian.from_diagonal(rotation.closest_diagonal(after))
    return after, rotation.diagonal_gap(q, turn), full_gaussian.kl(after, nearest)


def test_the_gap_of_a_diagonal_encoder_is_that_of_hadamards_inequality():
    # KL(N(m, C)‖N(m, diag C)) = ½(Σ_d log C_dd − log|C|) ≥ 0 with C = QSQᵀ, S diagonal.
    rng = np.random.default_rng(7)
    q_turn, variances = random_rotation(rng), np.array([0.01, 0.3, 2.0])
    permutation = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    q = FullGaussian(np.ones(3), np.diag(np.sqrt(variances)))
    isotropic = FullGaussian(np.ones(3), 0.6 * np.eye(3))
    covariance = q_turn @ np.diag(variances) @ q_turn.T
    exact = 0.5 * (np.log(np.diag(covariance)).sum() - np.log(variances).sum())
    with jax.enable_x64(True):
        _, gap, kl = gap_of_rotation(q, q_turn)
        assert exact > 0.1
        assert abs(gap - exact) < 1e-12
        assert abs(kl - exact) < 1e-12
        assert 0 <= gap_of_rotation(isotropic, q_turn)[1] < 1e-12
        assert 0 <= gap_of_rotation(q, permutation)[1] < 1e-12


def test_the_gap_is_never_negative_in_float32():
    rng = np.random.default_rng(10)
    for scale in np.float32([1e-6, 1, 1e6]):
        q = FullGaussian(np.zeros(3, np.float32), np.diag(scale * SLIGHTLY_UNEQUAL))
        for _ in range(50):
            gap = gap_of_rotation(q, np.float32(random_rotation(rng)))[1]
            assert 0 <= gap < 1e-5


def test_a_rotated_posterior_has_the_rotated_covariance_and_a_cholesky_factor():
    rng = np.random.default_rng(11)
    q, q_turn = random_full(rng), random_rotation(rng)
    exact = q_turn @ q.scale_tril @ q.scale_tril.T @ q_turn.T
    with jax.enable_x64(True):
        after = jax.tree.map(np.asarray, gap_of_rotation(q, q_turn)[0])
    np.testing.assert_allclose(after.loc, q_turn @ q.loc, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        after.scale_tril, np.linalg.cholesky(exact), rtol=0, atol=1e-12
    )


def test_no_other_diagonal_encoder_is_closer_to_the_rotated_posterior():
    rng = np.random.default_rng(8)
    q = random_full(rng, 1.0)

    @jax.jit
    @jax.value_and_grad
    def cost(log_scale):
        p = full_gaussian.from_diagonal(Gaussian(q.loc, jnp.exp(log_scale)))
        return full_gaussian.kl(q, p)

    with jax.enable_x64(True):
        best = jnp.log(rotation.closest_diagonal(q).scale)
        least, gradient = cost(best)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-12)
        assert abs(least - gap_of_rotation(q, np.eye(3))[1]) < 1e-12
        for step in 0.1 * rng.normal(size=(5, 3)):
            assert cost(best + step)[0] > least


def test_the_gap_has_its_exact_gradient():
    # The gap is Σ_d log ‖(QL)_d‖ − log L_dd as a function of L.
    rng = np.random.default_rng(12)
    q, q_turn = random_full(rng), random_rotation(rng)
    rows = q_turn @ q.scale_tril
    exact = q_turn.T @ (rows / (rows**2).sum(1, keepdims=True))
    exact -= np.diag(1 / np.diag(q.scale_tril))
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(rotation.diagonal_gap))(q, q_turn).scale_tril
        np.testing.assert_allclose(
            np.tril(gradient), np.tril(exact), rtol=0, atol=1e-10
        )


GAP_AND_SLOPE = jax.jit(jax.value_and_grad(rotation.diagonal_gap))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_gap_of_a_long_and_thin_posterior_is_exact_with_a_gradient(scale):
    q = FullGaussian(np.zeros(2, np.float32), np.diag(np.float32([scale, 1.0])))
    turn = stats.ortho_group.rvs(2, random_state=3)
    gap, slope = GAP_AND_SLOPE(q, np.float32(turn))
    squares = float(q.scale_tril[0, 0]) ** 2, 1.0
    exact = 0.5 * np.sum(np.log(turn**2 @ squares) - np.log(squares))
    np.testing.assert_allclose(gap, exact, rtol=1e-5)
    assert np.isfinite(slope.scale_tril).all()
