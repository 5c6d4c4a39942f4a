"""Weighted sums of x xᵀ over the same data points, for many sets of weights at once."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import inputs


def products(x: jax.Array) -> jax.Array:
    """x_a x_b of each point for a ≤ b, from `[N, K]` to `[N, K (K + 1)/2]`."""
    x = inputs.real(x)
    chex.assert_rank(x, 2)
    a, b = np.triu_indices(x.shape[1])
    return x[:, a] * x[:, b]


def weighted(weights: jax.Array, products: jax.Array) -> jax.Array:
    """Σ_n c_n x_n x_nᵀ.

    Args:
        weights: P sets of weights c `[P, N]`.
        products: From `products`.

    Returns:
        `[P, K, K]`.
    """
    weights, products = inputs.real(weights), inputs.real(products)
    chex.assert_equal_shape_suffix([weights, products.T], 1)
    sums = jnp.matmul(weights, products, precision="highest")
    size = int((2 * products.shape[1]) ** 0.5)
    place = np.zeros((size, size), int)
    place[np.triu_indices(size)] = np.arange(products.shape[1])
    return sums[:, place + np.triu(place, 1).T]


def inverse(matrices: jax.Array) -> jax.Array:
    """Inverses of positive semi-definite matrices `[P, K, K]`, a little regularised.

    By sweeps over the diagonal: LAPACK would share such small ones among threads.
    """
    matrices = inputs.real(matrices)
    diagonal = jnp.diagonal(matrices, axis1=1, axis2=2)
    used = diagonal > 0
    scale = jnp.where(used, 1 / jnp.sqrt(jnp.where(used, diagonal, 1)), 0)
    scale = scale[:, :, None] * scale[:, None, :]
    size = diagonal.shape[1]
    # 1e-5 bounds the inverse in float32, whatever the rounding of the sums.
    least = jnp.where(used, 1e-5, 1).astype(jnp.float32)
    ridge = least[:, :, None] * jnp.eye(size, dtype=jnp.float32)[None]
    start = matrices * scale + ridge

    def sweep(j: jax.Array, a: jax.Array) -> jax.Array:
        unit = jnp.arange(size) == j
        pivot = a[:, j, j][:, None]
        row, column = a[:, j] / pivot, a[:, :, j]
        rest = a - column[:, :, None] * row[:, None, :]
        rest = jnp.where(unit[None, :, None], row[:, None, :], rest)
        ends = jnp.where(unit[None, :], 1 / pivot, -column / pivot)
        return jnp.where(unit[None, None, :], ends[:, :, None], rest)

    return scale * jax.lax.fori_loop(0, size, sweep, start)
