"""The variance of codes over many subsets of the data points, for many runs at once."""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import inputs

RUNS = 8  # runs side by side in a row, so that a gather reads whole cache lines


def variances(codes: Any, rows: jax.Array, *, block: int = 16) -> jax.Array:
    """Var[z_d | the points of a subset] for every subset, with ddof 1.

    It is computed in one pass, on the differences from the first point p of the subset:
    (Σ_l (z_l − z_p)² − (Σ_l (z_l − z_p))²/L)/(L − 1), which is exactly 0 if all L codes
    are equal.

    Under vmap over runs with the same rows, `RUNS` runs are gathered together, which is
    several times as fast as one run after another.

    Args:
        codes: `[N, D]`; the square of their spread must be in the range of float32.
        rows: Data points of M subsets `[M, L]`, L ≥ 2.
        block: Subsets that are gathered at once; memory is `block · L · D`.

    Returns:
        `[M, D]`.

    >>> rows = jnp.array([[0, 1, 2], [1, 1, 1]])
    >>> variances([[1.0], [2.0], [3.0]], rows).tolist()
    [[1.0], [0.0]]
    """
    codes, rows = inputs.real(codes), jnp.asarray(rows)
    chex.assert_rank([codes, rows], 2)
    size = rows.shape[1]

    @jax.custom_batching.custom_vmap
    def of_run(codes: Any, rows: jax.Array) -> jax.Array:
        def of_subset(subset: jax.Array) -> jax.Array:
            points = codes[subset] - codes[subset[:1]]  # [L, D]
            total = jnp.sum(points, axis=0)
            squares = jnp.sum(points**2, axis=0) - total**2 / size
            return jnp.where(squares < 0, 0, squares) / (size - 1)  # NaN stays NaN

        return jax.lax.map(of_subset, rows, batch_size=block)

    @of_run.def_vmap
    def of_runs(
        axis_size: int, batched: list[bool], codes: Any, rows: jax.Array
    ) -> tuple[jax.Array, bool]:
        if batched[1]:
            if not batched[0]:
                return jax.lax.map(lambda r: of_run(codes, r), rows), True
            return jax.lax.map(lambda pair: of_run(*pair), (codes, rows)), True
        if axis_size > RUNS:
            return jax.lax.map(lambda z: of_run(z, rows), codes, batch_size=RUNS), True
        num_points, num_dims = codes.shape[1:]
        wide = jnp.moveaxis(codes, 0, 1).reshape(num_points, axis_size * num_dims)
        out = of_run(wide, rows).reshape(len(rows), axis_size, num_dims)
        return jnp.moveaxis(out, 1, 0), True

    return of_run(codes, rows)
