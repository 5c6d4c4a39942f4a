"""Two levels in one latent vector: z = (t, b), where b depends on the upper level t.

    p(z) = N(t; 0, I) · N(b; W t, diag σ(t)²),   σ_d(t)² = s_d² (1 + c tanh(2 V_d · t)).

The upper level shifts the lower one (W) and switches its dimensions on and off (V). For
small V the log scale is log s + c V · t. The swing c < 1 keeps σ_d between s_d √(1 − c)
and s_d √(1 + c), so that no t makes the density degenerate. As tanh is odd, E[σ²] = s²
for any V, and mean and covariance have closed forms.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian

SWING = 0.99  # c: a dimension that is off has a tenth of the scale s


class Hierarchical(NamedTuple):
    """W, s and V, with T dimensions above and L = D − T below."""

    weights: jax.Array  # [L, T]
    scale: jax.Array  # [L], positive
    log_scale_weights: jax.Array  # [L, T]


def conditional(p: Hierarchical, top: jax.Array) -> Gaussian:
    """p(b|t) of the lower level, given the upper one `[T]`: leaves `[L]`."""
    p, top = numerics.floats(p, top)
    chex.assert_equal_shape([p.weights, p.log_scale_weights])
    variance = 1.0 + SWING * jnp.tanh(2.0 * (p.log_scale_weights @ top))
    return Gaussian(p.weights @ top, p.scale * jnp.sqrt(variance))


def log_prob(p: Hierarchical, z: jax.Array) -> jax.Array:
    """log p(z) = log p(t) + log p(b|t).

    Args:
        p: Leaves `[L, T]`, `[L]` and `[L, T]`.
        z: Point `[D]`, the upper level first.

    Returns:
        Log-density `[]` in nats. Its gradient is NaN if W t or b is so large that the
        derivative of log p(b|t) by the scale overflows float32, see `gaussian`.
    """
    p, z = numerics.floats(p, z)
    return jnp.sum(log_prob_levels(p, z))


def log_prob_levels(p: Hierarchical, z: jax.Array) -> jax.Array:
    """log p(t) and log p(b|t).

    Args:
        p: Leaves `[L, T]`, `[L]` and `[L, T]`.
        z: Point `[D]`, the upper level first.

    Returns:
        `[2]` in nats.
    """
    p, z = numerics.floats(p, z)
    lower, upper = p.weights.shape
    chex.assert_shape(z, (lower + upper,))
    top, bottom = z[:upper], z[upper:]
    log_top = gaussian.log_prob(_top(p), top)
    return jnp.stack([log_top, gaussian.log_prob(conditional(p, top), bottom)])


def sample(key: jax.Array, p: Hierarchical) -> jax.Array:
    """One draw, the upper level first.

    Args:
        key: A random key, which is used up.
        p: Leaves `[L, T]`, `[L]` and `[L, T]`.

    Returns:
        Draw `[D]`, differentiable in `p`.
    """
    (p,) = numerics.floats(p)
    top_key, bottom_key = jax.random.split(key)
    top = gaussian.sample(top_key, _top(p))
    return jnp.concatenate([top, gaussian.sample(bottom_key, conditional(p, top))])


def mean(p: Hierarchical) -> jax.Array:
    """E[z] = 0, `[D]`."""
    (p,) = numerics.floats(p)
    return jnp.zeros(sum(p.weights.shape), p.scale.dtype)


def covariance(p: Hierarchical) -> jax.Array:
    """Cov[z] = (I, Wᵀ; W, WWᵀ + diag s²), `[D, D]`, for any V.

    >>> p = Hierarchical(jnp.array([[0.6]]), jnp.array([0.8]), jnp.zeros((1, 1)))
    >>> round(float(covariance(p)[0, 1]), 4)
    0.6
    """
    (p,) = numerics.floats(p)
    lower = p.weights @ p.weights.T + jnp.diag(p.scale**2)
    upper = jnp.eye(p.weights.shape[1], dtype=p.weights.dtype)
    return jnp.block([[upper, p.weights.T], [p.weights, lower]])


def _top(p: Hierarchical) -> Gaussian:
    """p(t) = N(0, I)."""
    count, dtype = p.weights.shape[1], p.weights.dtype
    return Gaussian(jnp.zeros(count, dtype), jnp.ones(count, dtype))
