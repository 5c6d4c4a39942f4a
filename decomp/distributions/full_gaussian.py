"""Gaussian with a full covariance: N(z; μ, LLᵀ), L lower triangular.

Rotations need it: the β-VAE objective with an isotropic prior is invariant to rotations
only for a family of posteriors that is closed under them.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from decomp import numerics
from decomp.distributions.gaussian import HALF_LOG_2PI, Gaussian


class FullGaussian(NamedTuple):
    """Mean and Cholesky factor of the covariance."""

    loc: jax.Array  # [D]
    scale_tril: jax.Array  # [D, D], lower triangular, positive diagonal


def from_diagonal(q: Gaussian) -> FullGaussian:
    """The same distribution as a diagonal Gaussian with leaves `[D]`."""
    (q,) = numerics.floats(q)
    chex.assert_rank([q.loc, q.scale], 1)
    return FullGaussian(q.loc, jnp.diag(q.scale))


def mean(q: FullGaussian) -> jax.Array:
    """E[z] = μ, `[D]`."""
    (q,) = numerics.floats(q)
    return q.loc


def covariance(q: FullGaussian) -> jax.Array:
    """The covariance matrix LLᵀ, `[D, D]`.

    >>> q = FullGaussian(jnp.zeros(2), jnp.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> covariance(q).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    (q,) = numerics.floats(q)
    return q.scale_tril @ q.scale_tril.T


def log_prob(q: FullGaussian, z: jax.Array) -> jax.Array:
    """log N(z; μ, LLᵀ) = −½‖L⁻¹(z − μ)‖² − Σ_d log L_dd − (D/2) log 2π.

    Args:
        q: Leaves `[D]` and `[D, D]`.
        z: Point `[D]`.

    Returns:
        Log-density `[]` in nats.

    >>> q = FullGaussian(jnp.zeros(2), jnp.eye(2))
    >>> round(float(log_prob(q, jnp.zeros(2))), 4)  # −log 2π
    -1.8379
    """
    q, z = numerics.floats(q, z)
    chex.assert_equal_shape([q.loc, z])
    y = solve_triangular(q.scale_tril, z - q.loc, lower=True)
    return -0.5 * jnp.sum(y * y) - _half_log_det(q) - z.shape[0] * HALF_LOG_2PI


def sample(key: jax.Array, q: FullGaussian) -> jax.Array:
    """One reparameterised draw μ + Lε, ε ~ N(0, I).

    Args:
        key: A random key, which is used up.
        q: Leaves `[D]` and `[D, D]`.

    Returns:
        Draw `[D]`, differentiable in `q`.
    """
    (q,) = numerics.floats(q)
    chex.assert_rank([q.loc, q.scale_tril], [1, 2])
    noise = jax.random.normal(key, q.loc.shape, q.loc.dtype)
    return q.loc + q.scale_tril @ noise


def entropy(q: FullGaussian) -> jax.Array:
    """H = Σ_d log L_dd + (D/2) log 2πe, `[]` in nats."""
    (q,) = numerics.floats(q)
    return _half_log_det(q) + q.loc.shape[0] * (HALF_LOG_2PI + 0.5)


def kl(q: FullGaussian, p: FullGaussian) -> jax.Array:
    """KL(q‖p) = ½(‖A‖² − D + ‖L_p⁻¹(μ_q − μ_p)‖²) − ½ log|S_q| + ½ log|S_p|.

    A = L_p⁻¹L_q, so that ‖A‖² = tr(S_p⁻¹S_q).

    Args:
        q: Leaves `[D]` and `[D, D]`.
        p: Leaves `[D]` and `[D, D]`.

    Returns:
        Divergence `[]` in nats.

    >>> p = FullGaussian(jnp.zeros(2), jnp.eye(2))
    >>> float(kl(FullGaussian(jnp.array([2.0, 0.0]), jnp.eye(2)), p))  # ½ 2²
    2.0
    """
    q, p = numerics.floats(q, p)
    chex.assert_equal_shape([q.scale_tril, p.scale_tril])
    ratio = solve_triangular(p.scale_tril, q.scale_tril, lower=True)
    shift = solve_triangular(p.scale_tril, q.loc - p.loc, lower=True)
    squares = jnp.sum(ratio * ratio) - q.loc.shape[0] + jnp.sum(shift * shift)
    return 0.5 * squares - _half_log_det(q) + _half_log_det(p)


def _half_log_det(q: FullGaussian) -> jax.Array:
    """½ log|LLᵀ| = Σ_d log L_dd."""
    return jnp.sum(jnp.log(jnp.diagonal(q.scale_tril)))
