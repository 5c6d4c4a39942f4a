"""Discrete variables: classes, bins, entropies and plug-in mutual information.

The metrics that count bins and classes (mig, modularity, infomec, unsupervised) share
this file. They take factors as integer classes 0 … V_f − 1. The numbers of classes
`sizes = (V_1, …, V_F)` are static, so that everything after `classes` works under jit
and vmap. The class of a missing value is −1, and the counts of that factor leave out
the point.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs, units

MAX_VALUES = inputs.MAX_VALUES
CORRECTIONS = (None, "miller_madow")
_MOST_CELLS = 2**26  # the largest N · D · F that is counted at once, 4 bytes each
# The presets of the metrics that only choose the number of bins.
PRESETS_OF_BINS: dict[str, dict[str, Any]] = {
    # Carbonneau et al. 2022, released code.
    "carbonneau": {"bins": 10},
    # The bins of Locatello et al. 2019 for `mig`.
    "locatello": {"bins": 20},
}


class PlugIn(NamedTuple):
    """Plug-in information and entropies of binned codes and classes, in nats."""

    information: jax.Array  # [D, F], I(z_d; v_f)
    factor_entropy: jax.Array  # [F], H(v_f)
    code_entropy: jax.Array  # [D, F], H(z_d) over the points that have factor f


def classes(
    factors: Any,
    *,
    bins: int | None = None,
    max_values: int = MAX_VALUES,
    continuous: Sequence[Any] | None = None,
    discrete: Sequence[Any] | None = None,
    incomplete: bool = False,
) -> tuple[jax.Array, tuple[int, ...]]:
    """Integer classes of a table of factors; it works outside jit only.

    The distinct values of a column, in ascending order, become 0 … V − 1. A continuous
    column, see `inputs`, is cut into `bins` of equal width.

    Args:
        factors: `[N, F]`, numbers or labels; any set of rows, not only a full grid.
        bins: Number of bins of a continuous column; by default such a column is an
            error.
        max_values: The most distinct numbers of a column that is not continuous.
        continuous: Columns that are continuous whatever their values, by index or name.
        discrete: Columns that are classes whatever their values.
        incomplete: Whether missing values are allowed and become the class −1.

    Returns:
        Classes `[N, F]` int32, and the number of classes of each factor.

    Raises:
        ValueError: If there are no points, a value is missing or not finite, or a
            column is continuous and `bins` is not given.

    >>> labels, sizes = classes([["heart", 2.5], ["ring", 0.5], ["heart", 0.5]])
    >>> labels.tolist(), sizes
    ([[0, 1], [1, 0], [0, 0]], (2, 2))
    """
    table = inputs.factors(
        factors,
        bins=bins or inputs.BINS,
        max_values=max_values,
        continuous=continuous,
        discrete=discrete,
        incomplete=incomplete,
    )
    return inputs.binned_classes(table, bins)


def resolve(
    factors: Any, sizes: tuple[int, ...] | None, *, bins: int | None = None
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes and their numbers: as given with `sizes`, otherwise from `classes`.

    Args:
        factors: Classes `[N, F]` if `sizes` is given, otherwise any factors.
        sizes: Number of classes of each factor; required under jit and vmap.
        bins: Passed to `classes`.

    Returns:
        Classes `[N, F]` int32, in which −1 means missing, and sizes.

    >>> labels, sizes = resolve([[5], [2], [5]], None)
    >>> labels.tolist(), sizes
    ([[1], [0], [1]], (2,))
    """
    return inputs.classes(factors, sizes, bins=bins, incomplete=True)


def several(labels: jax.Array) -> jax.Array:
    """Whether each factor has at least two classes among its points, `[F]` bool.

    Args:
        labels: Classes `[N, F]`, −1 if missing.

    >>> several(jnp.array([[0, 1], [2, 1], [0, -1]])).tolist()
    [True, False]
    """
    most = jnp.max(labels, axis=0)
    return jnp.any((labels != most[None, :]) & (labels >= 0), axis=0)


def equal_width(codes: Any, *, bins: int) -> jax.Array:
    """Bins of equal width between the smallest and the largest code of each dimension.

    b_nd = min(⌊bins · (z_nd − min_d)/(max_d − min_d)⌋, bins − 1)

    A code that is below an edge by no more than the rounding of float32 counts as on
    the edge, so that rounding does not change its bin.

    Args:
        codes: `[N, D]`.
        bins: Number of bins.

    Returns:
        `[N, D]` int32; 0 for a constant dimension, and for codes that are not finite,
        which score NaN in every metric.

    >>> equal_width([[0.0], [0.4], [1.0]], bins=2).tolist()
    [[0], [0], [1]]
    """
    return units.equal_width(inputs.codes(codes), bins=bins)


def entropy(
    labels: jax.Array, *, sizes: tuple[int, ...], correction: str | None = None
) -> jax.Array:
    """Plug-in entropies H(v_f) = Σ_v p(v) log 1/p(v).

    "miller_madow" adds (K − 1)/2N, where K is the number of classes that have points.
    This is the leading term of the bias, as the plug-in entropy is too small on
    average.

    Args:
        labels: `[N, F]`, column f in 0 … sizes[f] − 1, or −1 if it is missing.
        sizes: Number of classes of each column.
        correction: One of `CORRECTIONS`.

    Returns:
        `[F]`, nats; exactly 0 for a column of one value.

    >>> print(entropy(jnp.array([[0], [1]]), sizes=(2,)).round(3))  # log 2
    [0.693]
    """
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    single = jnp.zeros((labels.shape[0], 1), labels.dtype)
    joint = counts(single, labels, bins=1, sizes=sizes)[0, :, 0]  # [F, V]
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

    It is exact for the empirical distribution of the given points. As an estimate from
    independent points it is biased upwards; if z and v are independent, the bias is
    about (bins − 1)(V − 1)/(2N).

    "miller_madow" corrects the three entropies of I = H(z) + H(v) − H(z, v): it adds
    (K_z + K_v − K_zv − 1)/2N, where each K is the number of cells that have points, and
    replaces a negative result by 0. If there are fewer points than possible cells, the
    correction is too small.

    Args:
        codes: Bins `[N, D]`, each in 0 … bins − 1.
        labels: Classes `[N, F]`, column f in 0 … sizes[f] − 1, or −1 if the factor is
            missing; N is then the number of points that have it.
        bins: Number of bins.
        sizes: Number of classes of each factor.
        correction: One of `CORRECTIONS`.

    Returns:
        `[D, F]`, nats, never negative. It is exactly H(v) if z determines v, and
        exactly 0 if the counts factorise, as for a constant; both also with the
        correction.

    Source: Miller 1955, Note on the bias of information estimates, for the correction.

    >>> bins, labels = jnp.array([[0], [1], [0], [1]]), jnp.array([[0], [1], [0], [1]])
    >>> table = mutual_information(bins, labels, bins=2, sizes=(2,))  # log 2
    >>> print(table.round(3))
    [[0.693]]
    """
    codes = _cells(codes, bins)
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    joint = counts(codes, labels, bins=bins, sizes=sizes)  # [D, F, bins, V]
    of_bin, of_class = (
        jnp.sum(joint, axis=axis, keepdims=True).astype(jnp.float32) for axis in (3, 2)
    )
    number = jnp.maximum(jnp.sum(labels >= 0, axis=0), 1)  # [F]
    actual = joint.astype(jnp.float32) * number[None, :, None, None]
    independent = of_bin * of_class  # the same count if z and v were independent
    # The quotient of equal numbers may be 1 ± ε if the compiler multiplies by 1/x.
    uneven = (joint > 0) & (actual != independent)
    log_ratio = jnp.log(
        jnp.where(uneven, actual, 1) / jnp.where(uneven, independent, 1)
    )
    share = joint.astype(jnp.float32) / number[None, :, None, None]
    terms = share * jnp.where(uneven, log_ratio, 0)
    information = jnp.maximum(jnp.sum(terms, axis=(2, 3)), 0)
    cells = jnp.sum(joint > 0, axis=(2, 3))
    filled_bins = jnp.sum(of_bin > 0, axis=(2, 3))
    factor_entropy = entropy(labels, sizes=sizes, correction=correction)[None, :]
    if correction is not None:
        values = jnp.sum(of_class > 0, axis=(2, 3))
        bias = (filled_bins + values - cells - 1) / (2 * number[None, :])
        information = jnp.maximum(information + bias, 0)
    # With one class in each bin, z determines v.
    return jnp.where(cells == filled_bins, factor_entropy, information)


def plug_in(
    codes: Any,
    factors: Any,
    *,
    bins: int,
    sizes: tuple[int, ...] | None,
    correction: str | None = None,
) -> PlugIn:
    """Plug-in information and entropies of factors and codes in bins of equal width.

    Args:
        codes: `[N, D]`.
        factors: As in `resolve`.
        bins: Number of bins per dimension.
        sizes: As in `resolve`.
        correction: Correction of all three estimates, one of `CORRECTIONS`.

    >>> z, v = [[0.0], [2.0], [0.0], [2.0]], [[0], [1], [0], [1]]
    >>> table = plug_in(z, v, bins=10, sizes=None)
    >>> print(table.information.round(3), table.code_entropy.round(3))  # log 2
    [[0.693]] [[0.693]]
    """
    labels, sizes = resolve(factors, sizes)
    cells, options = equal_width(codes, bins=bins), {"correction": correction}
    joint = counts(cells, labels, bins=bins, sizes=sizes)
    return PlugIn(
        mutual_information(cells, labels, bins=bins, sizes=sizes, **options),
        entropy(labels, sizes=sizes, **options),
        _entropy(jnp.sum(joint, axis=3), correction),
    )


def leaders(table: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The two largest entries of each column, and their rows, `[2, F]` each.

    A table of one row gets a second row of zeros, whose index is D = 1.

    Args:
        table: `[D, F]`, entries at least 0.

    >>> values, rows = leaders(jnp.array([[1.0], [3.0], [2.0]]))
    >>> values.tolist(), rows.tolist()
    ([[3.0], [2.0]], [[1], [2]])
    """
    padded = jnp.pad(inputs.real(table), ((0, 1), (0, 0)))
    values, rows = jax.lax.top_k(padded.T, 2)
    return values.T, rows.T


def counts(
    codes: Any, labels: jax.Array, *, bins: int, sizes: tuple[int, ...]
) -> jax.Array:
    """Joint histograms of binned codes and classes.

    Args:
        codes: Bins `[N, D]`, each in 0 … bins − 1.
        labels: Classes `[N, F]`, or −1 for points to leave out.
        bins: Number of bins.
        sizes: Number of classes of each factor.

    Returns:
        `[D, F, bins, max(sizes)]` int32.

    >>> bins, labels = jnp.array([[0], [1], [1]]), jnp.array([[0], [0], [1]])
    >>> counts(bins, labels, bins=2, sizes=(2,)).tolist()
    [[[[1, 0], [1, 1]]]]
    """
    codes = _cells(codes, bins)
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    containers.check_rows(codes, labels)
    size = max(sizes)

    def histogram(column: jax.Array) -> jax.Array:
        return jnp.zeros(bins * size, jnp.int32).at[column].add(1, mode="drop")

    def histograms(columns: jax.Array) -> jax.Array:
        cells = columns[:, :, None] * size + labels[:, None, :]  # [N, D, F]
        cells = jnp.where(labels[:, None, :] < 0, bins * size, cells)
        return jax.vmap(histogram, 1)(cells.reshape(len(cells), -1))

    if codes.size * labels.shape[1] <= _MOST_CELLS:
        joint = histograms(codes)
    else:  # one dimension after another
        joint = jax.lax.map(lambda column: histograms(column[:, None]), codes.T)
    return joint.reshape(codes.shape[1], labels.shape[1], bins, size)


def broken(codes: Any) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool; the score of such a run is NaN."""
    return units.broken(inputs.codes(codes))


def safe_divide(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b, and 0 where b is 0; derivatives are finite there.

    >>> safe_divide(jnp.array([3.0, 1.0]), jnp.array([2.0, 0.0])).tolist()
    [1.5, 0.0]
    """
    return jnp.where(b == 0, 0, a / jnp.where(b == 0, 1, b))


def _entropy(joint: jax.Array, correction: str | None) -> jax.Array:
    """The entropy of counts along the last axis, in nats; 0 if all counts are 0."""
    _check(correction)
    number = jnp.maximum(jnp.sum(joint, axis=-1, keepdims=True), 1)
    share = joint.astype(jnp.float32) / number
    plain = jnp.sum(share * jnp.log(jnp.where(joint > 0, 1 / share, 1)), axis=-1)
    if correction is None:
        return plain
    support = jnp.maximum(jnp.sum(joint > 0, axis=-1), 1)
    return plain + (support - 1) / (2 * number[..., 0])


def _check(correction: str | None) -> None:
    """Raises a ValueError for an unknown correction."""
    if correction not in CORRECTIONS:
        names = " and ".join(map(repr, CORRECTIONS))
        raise ValueError(f"unknown correction {correction!r}; choices: {names}.")


def _cells(codes: Any, bins: int) -> jax.Array:
    """Bins `[N, D]` as int32, from any integer type."""
    width = containers.array(codes, "bins").shape[1]
    return inputs.classes(codes, (bins,) * width)[0]
