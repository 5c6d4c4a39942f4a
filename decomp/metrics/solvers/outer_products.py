"""Weighted sums of x xᵀ over the same data points, for many sets of weights at once."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import inputs


def products(x: jax.Array) -> jax.Array:
    """The products x_a x_b, a ≤ b, of each point: `[N, K]` to `[N, K (K + 1)/2]`.

    >>> products(jnp.array([[2.0, 3.0]])).tolist()
    [[4.0, 6.0, 9.0]]
    """
    x = inputs.real(x)
    chex.assert_rank(x, 2)
    a, b = np.triu_indices(x.shape[1])
    return x[:, a] * x[:, b]


def weighted(weights: jax.Array, products: jax.Array) -> jax.Array:
    """The sums Σ_n c_n x_n x_nᵀ for P sets of weights.

    Args:
        weights: Weights c `[P, N]`.
        products: The products of x, from the function `products`.

    Returns:
        `[P, K, K]`.

    >>> weighted(jnp.array([[0.5]]), products(jnp.array([[2.0, 4.0]]))).tolist()
    [[[2.0, 4.0], [4.0, 8.0]]]
    """
    weights, products = inputs.real(weights), inputs.real(products)
    chex.assert_equal_shape_suffix([weights, products.T], 1)
    sums = jnp.matmul(weights, products, precision="highest")
    size = int((2 * products.shape[1]) ** 0.5)
    index = np.zeros((size, size), int)
    index[np.triu_indices(size)] = np.arange(products.shape[1])
    return sums[:, index + np.triu(index, 1).T]


def inverse(matrices: jax.Array) -> jax.Array:
    """Regularised inverses of positive semi-definite matrices `[P, K, K]`.

    Gauss–Jordan sweeps over the diagonal are faster than LAPACK, which would distribute
    such small matrices over threads.

    >>> print(inverse(jnp.array([[[4.0]]])).round(3))
    [[[0.25]]]
    """
    matrices = inputs.real(matrices)
    diagonal = jnp.diagonal(matrices, axis1=1, axis2=2)
    used = diagonal > 0
    scale = jnp.where(used, 1 / jnp.sqrt(jnp.where(used, diagonal, 1)), 0)
    scale = scale[:, :, None] * scale[:, None, :]
    size = diagonal.shape[1]
    # 1e-5 bounds the inverse in float32 for any rounding of the sums.
    least = jnp.where(used, 1e-5, 1).astype(jnp.float32)
    ridge = least[:, :, None] * jnp.eye(size, dtype=jnp.float32)[None]
    start = matrices * scale + ridge

    def sweep(j: jax.Array, a: jax.Array) -> jax.Array:
        unit = jnp.arange(size) == j
        pivot = a[:, j, j][:, None]
        row, column = a[:, j] / pivot, a[:, :, j]
        others = a - column[:, :, None] * row[:, None, :]
        others = jnp.where(unit[None, :, None], row[:, None, :], others)
        own = jnp.where(unit[None, :], 1 / pivot, -column / pivot)
        return jnp.where(unit[None, None, :], own[:, :, None], others)

    return scale * jax.lax.fori_loop(0, size, sweep, start)
