"""Discrete variables: classes, bins, entropies and plug-in mutual information.

The metrics that count (mig, modularity, infomec, unsupervised) share this file. A
factor enters them as integer classes 0 … V_f − 1; their numbers `sizes = (V_1, …, V_F)`
are static, so that everything after `classes` can be jitted and mapped over runs. Where
a factor is missing its class is −1: it is counted without that point.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs, units

MAX_VALUES = inputs.MAX_VALUES
CORRECTIONS = (None, "miller_madow")
_MOST_CELLS = 2**26  # N · D · F that are counted at once, 4 bytes each
# Of the metrics whose bins are all that is chosen.
PRESETS_OF_BINS: dict[str, dict[str, Any]] = {
    # Carbonneau et al. 2022, released code.
    "carbonneau": {"bins": 10},
    # The bins of Locatello et al. 2019, beside `mig`.
    "locatello": {"bins": 20},
}


class PlugIn(NamedTuple):
    """What binned codes and classes say of each other, nats."""

    information: jax.Array  # [D, F], I(z_d; v_f)
    factor_entropy: jax.Array  # [F], H(v_f)
    code_entropy: jax.Array  # [D, F], H(z_d) of the points that have factor f


def classes(
    factors: Any,
    *,
    bins: int | None = None,
    max_values: int = MAX_VALUES,
    continuous: Sequence[Any] | None = None,
    discrete: Sequence[Any] | None = None,
    incomplete: bool = False,
) -> tuple[jax.Array, tuple[int, ...]]:
    """Integer classes of a table of factors; on the host only.

    The distinct values of a column, in ascending order, become 0 … V − 1; a continuous
    column is cut into `bins` of equal width. `inputs` says what is continuous.

    Args:
        factors: `[N, F]`, numbers or labels; any set of rows, not only a full grid.
        bins: Bins of a continuous column; None refuses one.
        max_values: Most distinct values of a discrete column of numbers.
        continuous: Columns that are continuous whatever their values, by index or name.
        discrete: Columns of classes whatever their values.
        incomplete: Make a missing value the class −1, and do not refuse it.

    Returns:
        Classes `[N, F]` int32, and the number of classes of each factor.

    Raises:
        ValueError: If there are no points, a value is missing or not finite, or a
            column is continuous and `bins` is not given.
    """
    found = inputs.factors(
        factors,
        bins=bins or inputs.BINS,
        max_values=max_values,
        continuous=continuous,
        discrete=discrete,
        incomplete=incomplete,
    )
    return inputs.cut(found, bins)


def resolve(
    factors: Any, sizes: tuple[int, ...] | None, *, bins: int | None = None
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes as they are where `sizes` is given, from `classes` where it is not.

    Args:
        factors: Classes `[N, F]` if `sizes` is given, otherwise any factors.
        sizes: Number of classes of each factor; needed under jit and vmap.
        bins: Passed to `classes`.

    Returns:
        Classes `[N, F]` int32, −1 where they were given so, and sizes.
    """
    return inputs.classes(factors, sizes, bins=bins, incomplete=True)


def several(labels: jax.Array) -> jax.Array:
    """Factors of two classes or more `[F]` bool, of classes `[N, F]` or −1."""
    most = jnp.max(labels, axis=0)
    return jnp.any((labels != most[None, :]) & (labels >= 0), axis=0)


def equal_width(codes: Any, *, bins: int) -> jax.Array:
    """Bins of equal width between the least and the largest code of each dimension.

    b_nd = min(⌊bins · (z_nd − min_d)/(max_d − min_d)⌋, bins − 1)

    A code that lies below an edge by no more than the rounding of float32 lies on it,
    so that rounding does not choose the bin of a value on an edge.

    Args:
        codes: `[N, D]`.
        bins: Number of bins.

    Returns:
        `[N, D]` int32; 0 for a constant dimension, and for what is not finite (the
        metrics give NaN for such codes).
    """
    return units.equal_width(inputs.codes(codes), bins=bins)


def entropy(
    labels: jax.Array, *, sizes: tuple[int, ...], correction: str | None = None
) -> jax.Array:
    """Plug-in entropies H(v_f) = Σ_v p(v) log 1/p(v).

    "miller_madow" adds (K − 1)/2N, K the classes that have points: the leading term of
    what the plug-in misses on average.

    Args:
        labels: `[N, F]`, column f in 0 … sizes[f] − 1, or −1 where it is missing.
        sizes: Number of classes of each column.
        correction: One of `CORRECTIONS`.

    Returns:
        `[F]`, nats; exactly 0 for a column of one value.
    """
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    one = jnp.zeros((labels.shape[0], 1), labels.dtype)
    joint = counts(one, labels, bins=1, sizes=sizes)[0, :, 0]  # [F, V]
    return _entropy(joint, correction)


def mutual_information(
    codes: Any,
    labels: jax.Array,
    *,
    bins: int,
    sizes: tuple[int, ...],
    correction: str | None = None,
) -> jax.Array:
    """Plug-in mutual information I(z_d; v_f) = Σ_zv p(z, v) log p(v|z)/p(v).

    Exact on the given points, that is of their empirical distribution. As an estimate
    from points drawn independently it is biased upwards: where the variables are
    independent, by about (bins − 1)(V − 1)/(2N).

    "miller_madow" corrects its three entropies, of which I = H(z) + H(v) − H(z, v): it
    adds (K_z + K_v − K_zv − 1)/2N, of as many cells that have points, and stops at 0.
    Where points are fewer than cells that could have some it corrects too little.

    Args:
        codes: Bins `[N, D]`, each in 0 … bins − 1.
        labels: Classes `[N, F]`, column f in 0 … sizes[f] − 1, or −1 where the factor
            is missing: N is then the number of points that have it.
        bins: Number of bins.
        sizes: Number of classes of each factor.
        correction: One of `CORRECTIONS`.

    Returns:
        `[D, F]`, nats, never negative. It is exactly H(v) where z determines v, and
        exactly 0 where the counts factorise, as for a constant; both of the corrected
        numbers, too.

    Source: Miller 1955, Note on the bias of information estimates, for the correction.
    """
    codes = _cells(codes, bins)
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    chex.assert_equal_shape_prefix([codes, labels], 1)
    joint = counts(codes, labels, bins=bins, sizes=sizes)  # [D, F, bins, V]
    of_bin, of_class = (
        jnp.sum(joint, axis=axis, keepdims=True).astype(jnp.float32) for axis in (3, 2)
    )
    number = jnp.maximum(jnp.sum(labels >= 0, axis=0), 1)  # [F]
    actual = joint.astype(jnp.float32) * number[None, :, None, None]
    free = of_bin * of_class  # what independence would have there
    # The quotient of equal numbers may be 1 ± ε where the compiler multiplies by 1/x.
    uneven = (joint > 0) & (actual != free)
    log_ratio = jnp.log(jnp.where(uneven, actual, 1) / jnp.where(uneven, free, 1))
    share = joint.astype(jnp.float32) / number[None, :, None, None]
    terms = share * jnp.where(uneven, log_ratio, 0)
    information = jnp.maximum(jnp.sum(terms, axis=(2, 3)), 0)
    cells, used = jnp.sum(joint > 0, axis=(2, 3)), jnp.sum(of_bin > 0, axis=(2, 3))
    whole = entropy(labels, sizes=sizes, correction=correction)[None, :]
    if correction is not None:
        values = jnp.sum(of_class > 0, axis=(2, 3))
        more = (used + values - cells - 1) / (2 * number[None, :])
        information = jnp.maximum(information + more, 0)
    return jnp.where(cells == used, whole, information)


def plug_in(
    codes: Any,
    factors: Any,
    *,
    bins: int,
    sizes: tuple[int, ...] | None,
    correction: str | None = None,
) -> PlugIn:
    """Information and entropies of codes `[N, D]` in bins of equal width and classes.

    Args:
        codes: `[N, D]`.
        factors: As in `resolve`.
        bins: Bins of each dimension.
        sizes: As in `resolve`.
        correction: One of `CORRECTIONS`, of all three.
    """
    labels, sizes = resolve(factors, sizes)
    cells, kept = equal_width(codes, bins=bins), {"correction": correction}
    joint = counts(cells, labels, bins=bins, sizes=sizes)
    return PlugIn(
        mutual_information(cells, labels, bins=bins, sizes=sizes, **kept),
        entropy(labels, sizes=sizes, **kept),
        _entropy(jnp.sum(joint, axis=3), correction),
    )


def leaders(table: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The two largest of each column and their rows, `[2, F]` each.

    A row of zeros is added: of a table of one row the second is 0, and its row is D.

    Args:
        table: `[D, F]`, none below 0.
    """
    padded = jnp.pad(inputs.real(table), ((0, 1), (0, 0)))
    values, rows = jax.lax.top_k(padded.T, 2)
    return values.T, rows.T


def counts(
    codes: Any, labels: jax.Array, *, bins: int, sizes: tuple[int, ...]
) -> jax.Array:
    """Joint histograms of binned codes `[N, D]` and classes `[N, F]`.

    Returns:
        `[D, F, bins, max(sizes)]` int32, without the points whose class is −1.
    """
    codes = _cells(codes, bins)
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    size = max(sizes)

    def histogram(column: jax.Array) -> jax.Array:
        return jnp.zeros(bins * size, jnp.int32).at[column].add(1, mode="drop")

    def of_codes(some: jax.Array) -> jax.Array:
        cells = some[:, :, None] * size + labels[:, None, :]  # [N, D, F]
        cells = jnp.where(labels[:, None, :] < 0, bins * size, cells)
        return jax.vmap(histogram, 1)(cells.reshape(len(cells), -1))

    if codes.size * labels.shape[1] <= _MOST_CELLS:
        counted = of_codes(codes)
    else:  # one dimension after another
        counted = jax.lax.map(lambda column: of_codes(column[:, None]), codes.T)
    return counted.reshape(codes.shape[1], labels.shape[1], bins, size)


def broken(codes: Any) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool: the score of such a run is NaN."""
    return units.broken(inputs.codes(codes))


def safe_divide(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b, and 0 where b is 0."""
    return jnp.where(b == 0, 0, a / jnp.where(b == 0, 1, b))


def _entropy(counted: jax.Array, correction: str | None) -> jax.Array:
    """H of counts along the last axis; 0 of no counts."""
    _check(correction)
    number = jnp.maximum(jnp.sum(counted, axis=-1, keepdims=True), 1)
    share = counted.astype(jnp.float32) / number
    plain = jnp.sum(share * jnp.log(jnp.where(counted > 0, 1 / share, 1)), axis=-1)
    if correction is None:
        return plain
    used = jnp.maximum(jnp.sum(counted > 0, axis=-1), 1)
    return plain + (used - 1) / (2 * number[..., 0])


def _check(correction: str | None) -> None:
    """Raises ValueError for a correction that there is not."""
    if correction not in CORRECTIONS:
        names = " and ".join(map(repr, CORRECTIONS))
        raise ValueError(f"Unknown correction {correction!r}. Available are {names}.")


def _cells(codes: Any, bins: int) -> jax.Array:
    """Bins `[N, D]` int32, of any kind of integer."""
    width = containers.array(codes, "bins").shape[1]
    return inputs.classes(codes, (bins,) * width)[0]
