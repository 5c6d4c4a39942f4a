"""Moment matching: compares mean and covariance of q(z) with those of the prior.

`q` is a set of posteriors, leaves `[B, D]`. Covariances divide by B (ddof 0), which is
exact for the aggregate of the B given posteriors. If these are a minibatch of
independent data points, the covariance of means is on average (B − 1)/B of the data
set's. So a squared entry (Ĉ − T)² of a penalty has the bias

    Var[Ĉ] + (E[Ĉ] − T)² − (C − T)²,    E[Ĉ] − C = −Cov[μ(x)]/B,

which is upward for a variance C ≤ T, and may be downward for C > T and for covariances.

Source: Kumar et al. 2018, arXiv:1711.00848.
"""

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import full_gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian


def covariance_of_means(q: Gaussian) -> jax.Array:
    """Cov[μ(x)] = (1/B) Σ_n (μ_n − μ̄)(μ_n − μ̄)ᵀ, for DIP-VAE-I.

    Args:
        q: Posteriors, leaves `[B, D]`.

    Returns:
        `[D, D]`, of rank at most B − 1.

    Source: Kumar et al. 2018, Eq. 6.

    >>> q = Gaussian(jnp.array([[-1.0], [1.0]]), jnp.full((2, 1), 0.5))
    >>> covariance_of_means(q).tolist()
    [[1.0]]
    """
    (q,) = numerics.floats(q)
    chex.assert_rank([q.loc, q.scale], 2)
    chex.assert_equal_shape([q.loc, q.scale])
    centred = q.loc - jnp.mean(q.loc, axis=0, keepdims=True)
    return jnp.matmul(centred.T, centred, precision="highest") / q.loc.shape[0]


def covariance_of_aggregate(q: Gaussian) -> jax.Array:
    """Cov_q(z)[z] = E[diag σ²(x)] + Cov[μ(x)], for DIP-VAE-II.

    Args:
        q: Posteriors, leaves `[B, D]`.

    Returns:
        `[D, D]`.

    Source: Kumar et al. 2018, Eq. 7.

    >>> q = Gaussian(jnp.array([[-1.0], [1.0]]), jnp.full((2, 1), 0.5))
    >>> covariance_of_aggregate(q).tolist()  # 1, and 0.5² of the posteriors
    [[1.25]]
    """
    (q,) = numerics.floats(q)
    return covariance_of_means(q) + jnp.diag(jnp.mean(q.scale**2, axis=0))


def penalty(
    covariance: jax.Array,
    target: jax.Array,
    *,
    off_diagonal: float | jax.Array,
    diagonal: float | jax.Array,
) -> jax.Array:
    """λ_od Σ_{i≠j} (C_ij − T_ij)² + λ_d Σ_i (C_ii − T_ii)².

    Kumar et al. use λ_d = 10 λ_od with the covariance of means and λ_d = λ_od with that
    of the aggregate.

    Args:
        covariance: C `[D, D]`.
        target: T `[D, D]`, the prior's covariance; I for N(0, I).
        off_diagonal: λ_od, may be traced.
        diagonal: λ_d, may be traced.

    Returns:
        `[]`, in the unit of the weights times z⁴; 0 where C = T.

    Source: Kumar et al. 2018, Eq. 6 and 7; here for any target.

    >>> c = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    >>> float(penalty(c, jnp.eye(2), off_diagonal=10.0, diagonal=1.0))  # 10·2·½² + 1
    6.0
    """
    covariance, target, off_diagonal, diagonal = numerics.floats(
        covariance, target, off_diagonal, diagonal
    )
    chex.assert_rank(covariance, 2)
    chex.assert_equal_shape([covariance, target])
    squares = (covariance - target) ** 2
    on_diagonal = jnp.eye(covariance.shape[0], dtype=bool)
    return jnp.sum(jnp.where(on_diagonal, diagonal, off_diagonal) * squares)


def kl_of_moments(
    mean: jax.Array,
    covariance: jax.Array,
    target_mean: jax.Array,
    target_covariance: jax.Array,
) -> jax.Array:
    """KL(N(m, C)‖N(m_p, C_p)) of the Gaussians with the moments of q(z) and p(z).

    If p(z) is Gaussian, KL(q(z)‖p(z)) is this plus KL(q(z)‖N(m, C)) ≥ 0. So this is a
    lower bound, which is tight if q(z) is Gaussian too.

    Args:
        mean: E_q(z)[z] `[D]`, the mean of the posteriors' means.
        covariance: Cov_q(z)[z] `[D, D]`, from `covariance_of_aggregate`.
        target_mean: E_p(z)[z] `[D]`.
        target_covariance: Cov_p(z)[z] `[D, D]`.

    Returns:
        `[]`, nats. NaN if a covariance is not positive definite, such as one of fewer
        than D + 1 means or, by rounding, one with a correlation within 1e-7 of ±1.

    >>> one, two = jnp.ones(1), jnp.full((1, 1), 2.0)
    >>> round(float(kl_of_moments(one, two / 2, 0 * one, two / 2)), 4)  # ½ · 1²
    0.5
    """
    mean, covariance, target_mean, target_covariance = numerics.floats(
        mean, covariance, target_mean, target_covariance
    )
    chex.assert_rank([mean, covariance], [1, 2])
    chex.assert_equal_shape([mean, target_mean])
    chex.assert_equal_shape([covariance, target_covariance])
    return full_gaussian.kl(
        FullGaussian(mean, jnp.linalg.cholesky(covariance)),
        FullGaussian(target_mean, jnp.linalg.cholesky(target_covariance)),
    )
