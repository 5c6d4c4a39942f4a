"""Sliced 2-Wasserstein distance between draws of q(z) and of p(z).

Source: Bonneel et al. 2015, J. Math. Imaging Vis. 51; as a penalty of autoencoders,
Kolouri et al. 2018, arXiv:1804.01947.
"""

import chex
import jax
import jax.numpy as jnp

from decomp import numerics


def squared(
    key: jax.Array, z: jax.Array, y: jax.Array, *, projections: int = 50
) -> jax.Array:
    """SW² = E_θ[W²(θ·z, θ·y)], θ uniform on the unit sphere of R^D.

    Between a set and the same set shifted by a it is |a|²/D.

    Args:
        key: A random key, which is used up.
        z: Draws of q(z) `[S, D]`.
        y: Draws of p(z) `[S, D]`, as many as of q(z).
        projections: Directions θ; memory is `projections · S`.

    Returns:
        `[]`, in the unit of z². It is unbiased over directions for the distance of the
        two *sets of points*. By Jensen, that is on average larger than the distance of
        their distributions, and positive even if q = p.

    >>> z, y = jnp.array([[0.0], [2.0]]), jnp.array([[3.0], [1.0]])
    >>> float(squared(jax.random.key(0), z, y))  # each moves by 1
    1.0
    """
    z, y = numerics.floats(z, y)
    chex.assert_rank([z, y], 2)
    chex.assert_equal_shape_suffix([z, y], 1)
    _check_counts(z, y)
    if projections < 1:
        raise ValueError(f"projections must be at least 1; got {projections}.")
    normals = jax.random.normal(key, (projections, z.shape[1]), z.dtype)
    directions = normals / jnp.linalg.norm(normals, axis=1, keepdims=True)
    z_along, y_along = (
        jnp.matmul(directions, x.T, precision="highest") for x in (z, y)
    )  # [projections, S]
    return jnp.mean(jax.vmap(squared_1d)(z_along, y_along))


def squared_1d(z: jax.Array, y: jax.Array) -> jax.Array:
    """W² = (1/S) Σ_s (z_(s) − y_(s))² of sorted points on a line.

    Args:
        z: `[S]`.
        y: `[S]`, as many as z.

    Returns:
        `[]`, in the unit of z²; exact for the two sets of points.

    >>> float(squared_1d(jnp.array([0.0, 2.0]), jnp.array([3.0, 1.0])))
    1.0
    """
    z, y = numerics.floats(z, y)
    chex.assert_rank([z, y], 1)
    _check_counts(z, y)
    return jnp.mean((jnp.sort(z) - jnp.sort(y)) ** 2)


def _check_counts(z: jax.Array, y: jax.Array) -> None:
    if z.shape[0] != y.shape[0]:
        raise ValueError(
            f"expected as many draws of q(z) as of p(z); got {z.shape[0]} "
            f"and {y.shape[0]}."
        )
