"""Discrete variables: classes, bins, entropies and plug-in mutual information.

The metrics that count (mig, modularity, infomec, unsupervised) share this file. A
factor enters them as integer classes 0 … V_f − 1; their numbers `sizes = (V_1, …, V_F)`
are static, so that everything after `classes` can be jitted and mapped over runs.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

MAX_VALUES = 100


def classes(
    factors: Any, *, bins: int | None = None, max_values: int = MAX_VALUES
) -> tuple[jax.Array, tuple[int, ...]]:
    """Integer classes of a table of factors; on the host only.

    The distinct values of a column, in ascending order, become 0 … V − 1. A column of
    floats with more than `max_values` distinct values is continuous: it is cut into
    `bins` of equal width, and refused where no number of bins is given.

    Args:
        factors: `[N, F]`, numbers or strings; any set of rows, not only a full grid.
        bins: Bins of a continuous column.
        max_values: Most distinct values of a discrete column of floats.

    Returns:
        Classes `[N, F]` int32, and the number of classes of each factor.

    Raises:
        ValueError: If there are no points, a value is not finite or a column is
            continuous and `bins` is not given.
    """
    table = np.asarray(factors)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"factors are a table [N, F]; got shape {table.shape}.")
    columns, sizes = [], []
    for f, column in enumerate(table.T):
        column, size = _column(column, f, bins=bins, max_values=max_values)
        columns.append(column)
        sizes.append(size)
    return jnp.asarray(np.stack(columns, axis=1), jnp.int32), tuple(sizes)


def check_classes(factors: jax.Array) -> None:
    """Refuses factors that are not integer classes.

    Raises:
        ValueError: For floats, of which hardly two are equal.
    """
    if jnp.issubdtype(factors.dtype, jnp.floating):
        raise ValueError(
            f"expected classes, see discrete.classes; got {factors.dtype}."
        )


def resolve(
    factors: Any, sizes: tuple[int, ...] | None, *, bins: int | None = None
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes as they are where `sizes` is given, from `classes` where it is not.

    Args:
        factors: Classes `[N, F]` if `sizes` is given, otherwise any factors.
        sizes: Number of classes of each factor; needed under jit and vmap.
        bins: Passed to `classes`.

    Returns:
        Classes `[N, F]` int32 and sizes.
    """
    if sizes is None:
        if isinstance(factors, Tracer):
            raise ValueError(
                "under jit or vmap the number of classes must be static: call "
                "`classes, sizes = discrete.classes(factors)` outside and give sizes=."
            )
        return classes(factors, bins=bins)
    chex.assert_shape(factors, (None, len(sizes)))
    return jnp.asarray(factors, jnp.int32), tuple(sizes)


def equal_width(codes: jax.Array, *, bins: int) -> jax.Array:
    """Bins of equal width between the least and the largest code of each dimension.

    b_nd = min(⌊bins · (z_nd − min_d)/(max_d − min_d)⌋, bins − 1)

    Args:
        codes: `[N, D]`.
        bins: Number of bins.

    Returns:
        `[N, D]` int32; 0 for a constant dimension, and for what is not finite (the
        metrics give NaN for such codes).
    """
    chex.assert_rank(codes, 2)
    low, span = jnp.min(codes, axis=0), jnp.ptp(codes, axis=0)
    span = jnp.where(span > 0, span, 1)
    place = (codes - low[None, :]) / span[None, :] * bins
    place = jnp.where(jnp.isfinite(place), place, 0)
    return jnp.clip(place.astype(jnp.int32), 0, bins - 1)


def entropy(labels: jax.Array, *, sizes: tuple[int, ...]) -> jax.Array:
    """Plug-in entropies H(v_f) = Σ_v p(v) log 1/p(v).

    Args:
        labels: `[N, F]`, column f in 0 … sizes[f] − 1.
        sizes: Number of classes of each column.

    Returns:
        `[F]`, nats; exactly 0 for a column of one value.
    """
    chex.assert_shape(labels, (None, len(sizes)))
    one = jnp.zeros((labels.shape[0], 1), labels.dtype)
    joint = counts(one, labels, bins=1, sizes=sizes)[0, :, 0]  # [F, V]
    share = joint / jnp.sum(joint, axis=1, keepdims=True)
    return jnp.sum(share * jnp.log(jnp.where(joint > 0, 1 / share, 1)), axis=1)


def mutual_information(
    codes: jax.Array, labels: jax.Array, *, bins: int, sizes: tuple[int, ...]
) -> jax.Array:
    """Plug-in mutual information I(z_d; v_f) = Σ_zv p(z, v) log p(v|z)/p(v).

    Exact on the given points, that is of their empirical distribution. As an estimate
    from points drawn independently it is biased upwards: where the variables are
    independent, by about (bins − 1)(V − 1)/(2N).

    Args:
        codes: Bins `[N, D]`, each in 0 … bins − 1.
        labels: Classes `[N, F]`, column f in 0 … sizes[f] − 1.
        bins: Number of bins.
        sizes: Number of classes of each factor.

    Returns:
        `[D, F]`, nats, never negative. It is exactly H(v) where z determines v, and
        exactly 0 where the counts factorise, as for a constant.
    """
    chex.assert_equal_shape_prefix([codes, labels], 1)
    joint = counts(codes, labels, bins=bins, sizes=sizes)  # [D, F, bins, V]
    of_bin = jnp.sum(joint, axis=3, keepdims=True)
    of_class = jnp.sum(joint, axis=2, keepdims=True)
    floats = jnp.result_type(float)
    actual = joint.astype(floats) * codes.shape[0]
    free = of_bin.astype(floats) * of_class  # what independence would have there
    # The quotient of equal numbers may be 1 ± ε where the compiler multiplies by 1/x.
    uneven = (joint > 0) & (actual != free)
    log_ratio = jnp.log(jnp.where(uneven, actual, 1) / jnp.where(uneven, free, 1))
    terms = joint / codes.shape[0] * jnp.where(uneven, log_ratio, 0)
    information = jnp.maximum(jnp.sum(terms, axis=(2, 3)), 0)
    cells, used = jnp.sum(joint > 0, axis=(2, 3)), jnp.sum(of_bin > 0, axis=(2, 3))
    return jnp.where(cells == used, entropy(labels, sizes=sizes)[None, :], information)


def counts(
    codes: jax.Array, labels: jax.Array, *, bins: int, sizes: tuple[int, ...]
) -> jax.Array:
    """Joint histograms of binned codes `[N, D]` and classes `[N, F]`.

    Returns:
        `[D, F, bins, max(sizes)]` int32.
    """
    size = max(sizes)
    cells = codes[:, :, None] * size + labels[:, None, :]  # [N, D, F]

    def histogram(column: jax.Array) -> jax.Array:
        return jnp.zeros(bins * size, jnp.int32).at[column].add(1)

    tables = jax.vmap(histogram, 1)(cells.reshape(cells.shape[0], -1))
    return tables.reshape(*cells.shape[1:], bins, size)


def broken(codes: jax.Array) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool: the score of such a run is NaN."""
    return ~jnp.isfinite(codes).all()


def safe_divide(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b, and 0 where b is 0."""
    return jnp.where(b == 0, 0, a / jnp.where(b == 0, 1, b))


def _column(
    column: np.ndarray, f: int, *, bins: int | None, max_values: int
) -> tuple[np.ndarray, int]:
    """Classes and number of classes of one column."""
    floats = np.issubdtype(column.dtype, np.floating)
    if floats and not np.isfinite(column).all():
        raise ValueError(f"factor {f} holds values that are not finite.")
    values, labels = np.unique(column, return_inverse=True)
    if not floats or values.size <= max_values:
        return labels, values.size
    if bins is None:
        raise ValueError(
            f"factor {f} has {values.size} distinct float values and looks continuous: "
            "cut it by discrete.classes(factors, bins=...) and give its sizes too."
        )
    edges = np.linspace(values[0], values[-1], bins + 1)[1:-1]
    return np.searchsorted(edges, column, side="right"), bins
