"""Product of Laplace distributions: Π_d exp(−|z_d − μ_d|/b_d)/(2b_d)."""

import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics

LOG_2 = math.log(2.0)


class Laplace(NamedTuple):
    """Median and mean absolute deviation b per dimension; the variance is 2b²."""

    loc: jax.Array  # [*X]
    scale: jax.Array  # [*X], positive


def log_prob(p: Laplace, z: jax.Array) -> jax.Array:
    """log p(z), summed over dimensions.

    Args:
        p: Leaves `[*X]`.
        z: Point `[*X]`.

    Returns:
        Log-density `[]` in nats.

    >>> p = Laplace(jnp.zeros(1), jnp.ones(1))
    >>> round(float(log_prob(p, jnp.array([1.0]))), 4)  # −log 2 − 1
    -1.6931
    """
    p, z = numerics.floats(p, z)
    return jnp.sum(log_prob_dims(p, z))


def log_prob_dims(p: Laplace, z: jax.Array) -> jax.Array:
    """log p(z_d) = −|z_d − μ_d|/b_d − log 2b_d.

    Args:
        p: Leaves `[*X]`.
        z: Point `[*X]`.

    Returns:
        Log-density of each dimension `[*X]` in nats.
    """
    p, z = numerics.floats(p, z)
    chex.assert_equal_shape([p.loc, p.scale, z])
    return -jnp.abs(z - p.loc) / p.scale - jnp.log(p.scale) - LOG_2


def sample(key: jax.Array, p: Laplace) -> jax.Array:
    """One reparameterised draw μ + b·ε, ε standard Laplace.

    Args:
        key: A random key, which is used up.
        p: Leaves `[*X]`.

    Returns:
        Draw `[*X]`, differentiable in `p`.
    """
    (p,) = numerics.floats(p)
    chex.assert_equal_shape([p.loc, p.scale])
    return p.loc + p.scale * jax.random.laplace(key, p.loc.shape, p.loc.dtype)


def entropy(p: Laplace) -> jax.Array:
    """H = Σ_d 1 + log 2b_d, `[]` in nats.

    >>> round(float(entropy(Laplace(jnp.zeros(1), jnp.ones(1)))), 4)  # log 2e
    1.6931
    """
    (p,) = numerics.floats(p)
    return jnp.sum(jnp.log(p.scale) + (LOG_2 + 1.0))


def mean(p: Laplace) -> jax.Array:
    """E[z] = μ, `[*X]`."""
    (p,) = numerics.floats(p)
    return p.loc


def covariance(p: Laplace) -> jax.Array:
    """Cov[z] = diag 2b², `[D, D]`, of leaves `[D]`.

    >>> covariance(Laplace(jnp.zeros(1), jnp.ones(1))).tolist()
    [[2.0]]
    """
    (p,) = numerics.floats(p)
    chex.assert_rank(p.scale, 1)
    return jnp.diag(2.0 * p.scale**2)


def kl(q: Laplace, p: Laplace) -> jax.Array:
    """KL(q‖p) = Σ_d (ρ − 1 − log ρ) + ρ(m + e⁻ᵐ − 1), ρ = b_q/b_p, m = |μ_q − μ_p|/b_q.

    Args:
        q: Leaves `[*X]`.
        p: Leaves `[*X]`.

    Returns:
        Divergence `[]` in nats, never negative.
    """
    q, p = numerics.floats(q, p)
    chex.assert_equal_shape([q.loc, q.scale, p.loc, p.scale])
    distance, ratio = jnp.abs(q.loc - p.loc), q.scale / p.scale
    shift = distance / q.scale
    small = shift < 0.5
    near = ratio * numerics.exp_excess(jnp.where(small, shift, 0.0))
    # This is ρm without b_q, whose derivatives would nearly cancel.
    far = distance / p.scale + ratio * jnp.expm1(-shift)
    excess = numerics.ratio_excess(q.scale, p.scale)
    return jnp.sum(excess + jnp.where(small, near, far))
