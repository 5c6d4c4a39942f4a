"""The variance of codes over many subsets of the data points, for many runs at once."""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import inputs

RUNS = 8  # side by side in a row: a gather then fetches whole cache lines


def variances(codes: Any, rows: jax.Array, *, block: int = 16) -> jax.Array:
    """Var[z_d | the points of a subset] of every subset, with ddof 1.

    One pass over each subset, of the codes less those of its first point p:
    (Σ_l (z_l − z_p)² − (Σ_l (z_l − z_p))²/L)/(L − 1), exactly 0 where all L agree.

    Mapped over runs that share the rows, the runs are gathered together, `RUNS` at a
    time, which costs a fraction of one run after the other.

    Args:
        codes: `[N, D]`, of a spread whose square is in range.
        rows: Data points of M subsets `[M, L]`, L ≥ 2.
        block: Subsets gathered at once; memory is `block · L · D`.

    Returns:
        `[M, D]`.
    """
    codes, rows = inputs.real(codes), jnp.asarray(rows)
    chex.assert_rank([codes, rows], 2)
    size = rows.shape[1]

    @jax.custom_batching.custom_vmap
    def gathered(codes: Any, rows: jax.Array) -> jax.Array:
        def one(subset: jax.Array) -> jax.Array:
            points = codes[subset] - codes[subset[:1]]  # [L, D]
            total = jnp.sum(points, axis=0)
            left = jnp.sum(points**2, axis=0) - total**2 / size
            return jnp.where(left < 0, 0, left) / (size - 1)  # a NaN stays

        return jax.lax.map(one, rows, batch_size=block)

    @gathered.def_vmap
    def of_runs(
        axis_size: int, batched: list[bool], codes: Any, rows: jax.Array
    ) -> tuple[jax.Array, bool]:
        if batched[1]:
            if not batched[0]:
                return jax.lax.map(lambda r: gathered(codes, r), rows), True
            return jax.lax.map(lambda pair: gathered(*pair), (codes, rows)), True
        if axis_size > RUNS:
            return jax.lax.map(
                lambda z: gathered(z, rows), codes, batch_size=RUNS
            ), True
        num_points, num_dims = codes.shape[1:]
        wide = jnp.moveaxis(codes, 0, 1).reshape(num_points, axis_size * num_dims)
        out = gathered(wide, rows).reshape(len(rows), axis_size, num_dims)
        return jnp.moveaxis(out, 1, 0), True

    return gathered(codes, rows)
