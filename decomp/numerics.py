"""Numerical helpers that stay finite in float32."""

import jax
import jax.numpy as jnp


def log_mean_exp(x: jax.Array, axis: int = 0) -> jax.Array:
    """log of the mean of exp(x) along an axis: logsumexp(x) − log(size)."""
    return jax.nn.logsumexp(x, axis=axis) - jnp.log(x.shape[axis])


def log1p_ratio(u: jax.Array) -> jax.Array:
    """log(1 + u)/u, smooth through u = 0 (value 1), for u > −1."""
    small = jnp.abs(u) < 0.25
    near = jnp.where(small, u, 0.0)
    t = near / (2.0 + near)
    series = 2.0 / (2.0 + near) * (1.0 + t * t * _atanh_rest(t * t))
    far = jnp.where(small, 1.0, u)  # the unused branch must not divide by 0
    return jnp.where(small, series, jnp.log1p(far) / far)


def ratio_excess(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b − 1 − log(a/b) ≥ 0 of positive a and b, without cancellation at a ≈ b."""
    x = (a - b) / b
    small = jnp.abs(x) < 0.25
    near = jnp.where(small, x, 0.0)
    t = near / (2.0 + near)
    series = t * near - 2.0 * t * t * t * _atanh_rest(t * t)
    ratio = jnp.where(small, 2.0, a / b)
    return jnp.where(small, series, ratio - 1.0 - jnp.log(ratio))


def standardise(x: jax.Array) -> jax.Array:
    """Columns of `x [N, D]` with mean 0 and variance 1; 0 for an exactly constant one.

    Columns are shifted by a row and divided by their range first, so that squares of
    very small or very large values stay in range.
    """
    span = jnp.ptp(x, axis=0, keepdims=True)
    x = (x - x[:1]) / jnp.where(span == 0, 1, span)
    x = x - jnp.mean(x, axis=0, keepdims=True)
    scale = jnp.sqrt(jnp.mean(x**2, axis=0, keepdims=True))
    return jnp.where(span == 0, 0, x / jnp.where(span == 0, 1, scale))


def _atanh_rest(q: jax.Array) -> jax.Array:
    """Σ_k qᵏ/(2k + 3), that is (atanh(t)/t − 1)/t² at q = t², for q ≤ 1/49."""
    total = jnp.full_like(q, 1.0 / 19.0)
    for denominator in (17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        total = total * q + 1.0 / denominator
    return total
