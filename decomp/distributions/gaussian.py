"""Gaussian with a diagonal covariance: N(z; μ, diag σ²); all axes are event axes.

It serves as the posterior q(z|x), the prior p(z) and, with a learned scale, the
Gaussian likelihood p(x|z). Every function is accurate in float32 for scales from 1e-6
to 1e6 and points up to 1e6 away. Farther out, ((z − μ)/σ)² overflows float32 at 1e19
scales, where the log-density becomes −∞; the derivative by σ overflows where this
square over σ exceeds 3e38.
"""

import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Gaussian(NamedTuple):
    """Mean and standard deviation per dimension."""

    loc: jax.Array  # [*X]
    scale: jax.Array  # [*X], positive


def log_prob(q: Gaussian, z: jax.Array) -> jax.Array:
    """log N(z; μ, diag σ²), summed over dimensions.

    Args:
        q: Leaves `[*X]`.
        z: Point `[*X]`.

    Returns:
        Log-density `[]` in nats.

    >>> q = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> round(float(log_prob(q, jnp.zeros(2))), 4)  # −log 2π
    -1.8379
    """
    q, z = numerics.floats(q, z)
    return jnp.sum(log_prob_dims(q, z))


def log_prob_dims(q: Gaussian, z: jax.Array) -> jax.Array:
    """log N(z_d; μ_d, σ_d²) = −½((z_d − μ_d)/σ_d)² − log σ_d − ½ log 2π.

    Args:
        q: Leaves `[*X]`.
        z: Point `[*X]`.

    Returns:
        Log-density of each dimension `[*X]` in nats.

    >>> q = Gaussian(jnp.zeros(2), jnp.array([1.0, 2.0]))
    >>> [round(float(x), 4) for x in log_prob_dims(q, jnp.zeros(2))]
    [-0.9189, -1.6121]
    """
    q, z = numerics.floats(q, z)
    chex.assert_equal_shape([q.loc, q.scale, z])
    y = (z - q.loc) / q.scale
    return -0.5 * y * y - jnp.log(q.scale) - HALF_LOG_2PI


def sample(key: jax.Array, q: Gaussian) -> jax.Array:
    """One reparameterised draw μ + σ·ε, ε ~ N(0, I).

    Args:
        key: A random key, which is used up.
        q: Leaves `[*X]`.

    Returns:
        Draw `[*X]`, differentiable in `q`.

    >>> q = Gaussian(jnp.array([[1.0], [2.0]]), jnp.zeros((2, 1)))
    >>> sample(jax.random.key(0), q).tolist()  # without spread, the means
    [[1.0], [2.0]]
    """
    (q,) = numerics.floats(q)
    chex.assert_equal_shape([q.loc, q.scale])
    noise = jax.random.normal(key, q.loc.shape, q.loc.dtype)
    return q.loc + q.scale * noise


def entropy(q: Gaussian) -> jax.Array:
    """H = Σ_d log σ_d + ½ log 2πe, `[]` in nats.

    >>> round(float(entropy(Gaussian(jnp.zeros(1), jnp.ones(1)))), 4)  # ½ log 2πe
    1.4189
    """
    (q,) = numerics.floats(q)
    return jnp.sum(jnp.log(q.scale) + (HALF_LOG_2PI + 0.5))


def mean(q: Gaussian) -> jax.Array:
    """E[z] = μ, `[*X]`."""
    (q,) = numerics.floats(q)
    return q.loc


def covariance(q: Gaussian) -> jax.Array:
    """Cov[z] = diag σ², `[D, D]`, of leaves `[D]`."""
    (q,) = numerics.floats(q)
    chex.assert_rank(q.scale, 1)
    return jnp.diag(q.scale**2)


def kl(q: Gaussian, p: Gaussian) -> jax.Array:
    """KL(q‖p) of two diagonal Gaussians, summed over dimensions.

    Args:
        q: Leaves `[*X]`.
        p: Leaves `[*X]`.

    Returns:
        Divergence `[]` in nats, never negative.

    >>> p = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> float(kl(Gaussian(jnp.array([2.0, 0.0]), jnp.ones(2)), p))  # ½ 2²
    2.0
    """
    q, p = numerics.floats(q, p)
    return jnp.sum(kl_dims(q, p))


def kl_dims(q: Gaussian, p: Gaussian) -> jax.Array:
    """KL(q_d‖p_d) = ½(ρ² − 1) − log ρ + ½((μ_q − μ_p)/σ_p)², ρ = σ_q/σ_p.

    The first two terms are summed as (ρ − 1 − log ρ) + ½(ρ − 1)², which does not cancel
    at ρ ≈ 1.

    Args:
        q: Leaves `[*X]`.
        p: Leaves `[*X]`.

    Returns:
        Divergence of each dimension `[*X]` in nats, never negative.
    """
    q, p = numerics.floats(q, p)
    chex.assert_equal_shape([q.loc, q.scale, p.loc, p.scale])
    spread = (q.scale - p.scale) / p.scale
    shift = (q.loc - p.loc) / p.scale
    excess = numerics.ratio_excess(q.scale, p.scale)
    return excess + 0.5 * spread * spread + 0.5 * shift * shift


def log_det(q: Gaussian) -> jax.Array:
    """log|S| of the covariance S = diag σ²: 2 Σ_d log σ_d, `[]`.

    >>> round(float(log_det(Gaussian(jnp.zeros(2), jnp.full(2, math.e)))), 4)
    4.0
    """
    (q,) = numerics.floats(q)
    return 2.0 * jnp.sum(jnp.log(q.scale))
