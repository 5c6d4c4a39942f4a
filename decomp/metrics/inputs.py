"""The inputs of all metrics: codes and factors, and the rules that all metrics share.

Inputs may be anything that `np.asarray` takes: NumPy, JAX, pandas, PyTorch on the CPU,
or lists, with any integer type, bool, half precision, float32 or float64, in either
byte order. The same numbers have the same score in each of them.

Codes. The codes are centred in float64, or exactly if they are integers, and each
latent is scaled by a power of two before the conversion to float32. So an offset of
1e8 or a scale of 1e-300 loses no precision. Each metric's docstring says whether shift
and scale change its score. Under jit and vmap, the same happens in the type that the
codes have there.

Factors. The values of a factor decide how it is treated, not its type:

- A column with more than `MAX_VALUES` distinct numbers is continuous, whether or not
  they are whole numbers. Any other column is discrete, with one class per distinct
  value, and labels that are not numbers are always classes. `continuous=` and
  `discrete=` override this rule, by index or name.
- A metric that counts classes needs bins for a continuous factor. The sheet and `irs`
  cut it into `BINS` bins of equal width. Elsewhere it is an error that refers to
  `discrete.classes`, where you choose the bins. `dci`, `infoe` and `sap.r_squared`
  regress a continuous factor.
- The lasso and R² need numbers. Labels that are not numbers have no order, so that more
  than two of them are an error.

A constant factor is left out of every score, as it has no information. If every factor
is constant, the score is NaN.

A constant latent counts as one of the D dimensions. It has no information and no
importance, it cannot win a vote, and scores that would divide by its spread, such as
Hoyer's sparsity, leave it out. In float64, a latent that varies only by rounding counts
as constant. If all latents are constant, a score that compares codes with factors is 0,
or the chance level if it is an accuracy or an area under a curve.

A missing factor value (NaN, None, NaT, masked) is an error, which says how many there
are and what to do. The sheet and the command leave missing values out instead. If a
metric treats factors separately, see `entry.Entry.apart`, each factor leaves out its
own missing points. Other metrics, which compare points by all factors or by votes,
leave out every point that misses any factor. The class of a missing value is −1, as
`discrete.classes(factors, incomplete=True)` returns it. A code that is not finite is
not a missing value but the sign of an encoder that failed, and the score is NaN.

The notes of a sheet say which of these rules were applied.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import containers, units
from decomp.metrics.units import Codes

MAX_VALUES = 100
BINS = 20


class Factors(NamedTuple):
    """A table of factors as NumPy arrays, and how each column is treated."""

    # [N, F] int32, 0 … V_f − 1; the bins of a continuous column; −1 if missing
    classes: np.ndarray
    sizes: tuple[int, ...]  # V_f
    # [N, F] float64, scaled to a range of about 1; 0 in a column of `labels` and if
    # missing
    numbers: np.ndarray
    continuous: tuple[int, ...]  # indices of the continuous columns
    labels: tuple[int, ...]  # indices of the columns of more than two labels
    constant: tuple[int, ...]  # indices of the constant columns
    names: tuple[str, ...]  # such as "age"; by default "0", "1", …

    @property
    def missing(self) -> tuple[int, ...]:
        """The number of missing values of each factor."""
        return tuple(np.sum(self.classes < 0, axis=0).tolist())

    @property
    def table(self) -> "FactorTable":
        """The factors as JAX arrays, for compiled functions."""
        numbers = jnp.asarray(self.numbers, jnp.float32)
        return FactorTable(jnp.asarray(self.classes), numbers, self.continuous)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FactorTable:
    """Factors as classes and as numbers, for metrics that regress some of them."""

    classes: jax.Array  # [N, F] int32, as in `Factors`
    numbers: jax.Array  # [N, F] float32, as in `Factors`
    # Columns that a metric uses as numbers if it can.
    continuous: tuple[int, ...] = dataclasses.field(
        default=(), metadata={"static": True}
    )


def table(factors: Any) -> FactorTable:
    """A `FactorTable` of classes `[N, F]`, whose numbers are the classes themselves.

    A `FactorTable` is returned unchanged.
    """
    if isinstance(factors, FactorTable):
        return factors
    labels = jnp.asarray(factors)
    return FactorTable(labels, labels.astype(jnp.float32))


def resolved(values: Any) -> FactorTable:
    """Any factors `[N, F]`, see `factors`, or a `FactorTable`, as a `FactorTable`."""
    return values if isinstance(values, FactorTable) else factors(values).table


def of_table(factors: Any, sizes: tuple[int, ...]) -> Factors:
    """A `FactorTable`, or classes `[N, F]`, as `Factors`."""
    compiled = table(factors)
    classes, numbers = (np.asarray(a) for a in (compiled.classes, compiled.numbers))
    names = containers.factor_names(None, len(sizes))
    return Factors(
        classes,
        tuple(sizes),
        numbers.astype(np.float64),
        compiled.continuous,
        (),
        _constant(classes),
        names,
    )


def codes(values: Any, *, name: str = "codes", rank: int = 2) -> Codes:
    """Codes in units of their own, from a table of numbers.

    Args:
        values: `[N, D]`, or `[R, N, D]` for rank 3. `Codes` are returned unchanged.
        name: What an error calls the values.
        rank: Number of axes, 2 or 3.

    Returns:
        Codes. If a value of a latent is not finite, all its values are NaN.

    Raises:
        ValueError: One line, if the values are not such a table of numbers.

    >>> z = codes([[1.0], [3.0], [5.0]])  # 4 · (unit + 0.75)
    >>> z.unit[:, 0].tolist(), z.origin.tolist(), z.exponent.tolist()
    ([-0.5, 0.0, 0.5], [0.75], [2])
    """
    if isinstance(values, Codes):
        return values
    table = of_rank(values, name, rank)
    if isinstance(table, Tracer):
        return units.of_traced(table)
    parts = table[None] if rank == 2 else table
    # One run after another, as float64 takes memory.
    converted = [units.of_host(part) for part in parts]
    leaves = [np.stack(leaf) for leaf in zip(*converted, strict=True)]
    return Codes(*(jnp.asarray(leaf[0] if rank == 2 else leaf) for leaf in leaves))


def of_rank(values: Any, name: str, rank: int) -> Any:
    """A table of numbers `[N, D]`, or one per run `[R, N, D]`, as an array.

    Raises:
        ValueError: One line, with the given name, if the values are not such a table.
    """
    table = containers.array(values, name)
    shape = ("[N, D]", "[R, N, D]")[rank - 2]
    void = table.dtype.kind == "V" and table.dtype.names is None
    if void and not containers.of_numbers(table):
        raise ValueError(
            f"{name} {shape} must be numbers; got {table.dtype}: NumPy writes bfloat16 "
            "as raw bytes, which it cannot read, so save float32."
        )
    if not containers.of_numbers(table):
        raise ValueError(f"{name} {shape} must be numbers; got {table.dtype}.")
    if table.ndim != rank or 0 in table.shape:
        raise ValueError(f"{name} must have the shape {shape}; got {table.shape}.")
    return table


def posteriors(q: Gaussian) -> Gaussian:
    """Gaussian posteriors, leaves `[N, D]`, in the units of each latent's means.

    Raises:
        ValueError: One line, if the leaves are not tables of numbers of one shape.
    """
    z = codes(q.loc, name="means")
    scale = containers.array(q.scale, "scales")
    if scale.shape != z.unit.shape or not containers.of_numbers(scale):
        raise ValueError(
            f"scales must be numbers of the shape of the means, {z.unit.shape}; got "
            f"{scale.dtype} of shape {scale.shape}."
        )
    if not (isinstance(scale, Tracer) or isinstance(z.unit, Tracer)):
        scale = scale.astype(np.float64)
        # If the means are constant, the scales define the unit.
        own = np.frexp(np.abs(scale).max(axis=0))[1]
        power = np.where(units.active(z), z.exponent, own)
        narrow = np.ldexp(scale, -power[None, :]).astype(np.float32)
        return Gaussian(z.unit, jnp.asarray(narrow))
    scale = jnp.asarray(scale).astype(jnp.float32)
    power = jnp.where(units.active(z), z.exponent, units.exponent(scale))
    return Gaussian(z.unit, units.times_power(scale, -power[None, :]))


def stacked(values: Any, others: Any, name: str) -> Any:
    """One table of "codes" or "factors", with the rows of both, one after the other."""
    if containers.traced(values) or containers.traced(others):
        return jnp.concatenate([jnp.asarray(values), jnp.asarray(others)])
    if name == "codes":
        return np.concatenate(
            [containers.array(values, name), containers.array(others, name)]
        )
    parts = [containers.columns(table)[0] for table in (values, others)]
    joined = [
        np.concatenate([np.where(c.missing, None, c.values) for c in pair])
        for pair in zip(*parts, strict=True)
    ]
    return np.stack(joined, axis=1)


def real(values: Any, name: str = "an array") -> jax.Array:
    """Numbers of any type and shape as float32."""
    table = containers.array(values, name)
    if not containers.of_numbers(table):
        raise ValueError(f"{name} must be numbers; got {table.dtype}.")
    return jnp.asarray(table).astype(jnp.float32)


def factors(
    values: Any,
    *,
    continuous: Sequence[Any] | None = None,
    discrete: Sequence[Any] | None = None,
    bins: int = BINS,
    max_values: int = MAX_VALUES,
    names: Sequence[str] | None = None,
    incomplete: bool = False,
) -> Factors:
    """A table of factors, treated by the rules of this module; outside jit only.

    Args:
        values: `[N, F]`, numbers or labels; any set of rows, not only a full grid.
        continuous: Columns that are continuous whatever their values, by index or name.
        discrete: Columns that are classes whatever their values.
        bins: Number of bins of equal width of a continuous column.
        max_values: The most distinct numbers of a column that is not continuous.
        names: Names of the columns; by default the table's own, if it has any.
        incomplete: Whether missing values are allowed and become the class −1.

    Returns:
        Factors.

    Raises:
        ValueError: One line, if the values are not a table, or if a value is infinite
            or missing.

    >>> table = factors([["ring", 0.5], ["heart", 2.5], ["ring", 2.5]])
    >>> table.sizes, table.classes.tolist()
    ((2, 2), [[1, 0], [0, 1], [1, 1]])
    """
    if containers.traced(values):
        raise ValueError(
            "under jit or vmap the number of classes must be static: call "
            "`classes, sizes = discrete.classes(factors)` outside and give sizes=."
        )
    columns, own_names = containers.columns(values)
    names = containers.factor_names(own_names if names is None else names, len(columns))
    missing = np.stack([column.missing for column in columns], axis=1)
    rows = int(missing.any(axis=1).sum())
    if rows and not incomplete:
        raise ValueError(
            f"factors must have no missing values (NaN, None or masked); {rows} of "
            f"{len(missing)} rows have one: leave these rows out of factors and codes, "
            "or call metrics.score, which leaves them out factor by factor."
        )
    columns = [
        column._replace(values=column.values[~column.missing]) for column in columns
    ]
    override = {f: True for f in containers.column_indices(continuous or (), names)}
    override |= {f: False for f in containers.column_indices(discrete or (), names)}
    is_continuous = [
        override.get(
            f, column.numeric and containers.distinct(column.values)[0] > max_values
        )
        for f, column in enumerate(columns)
    ]
    for f, column in enumerate(columns):
        if is_continuous[f] and not column.numeric:
            raise ValueError(
                f"factor {names[f]} has labels; a continuous factor must be numbers."
            )
    is_continuous = [
        kind and column.values.size > 0
        for kind, column in zip(is_continuous, columns, strict=True)
    ]
    sizes = []
    classes = np.full(missing.shape, -1, np.int32)
    numbers = np.zeros(missing.shape)
    for f, (column, kind) in enumerate(zip(columns, is_continuous, strict=True)):
        size, labels = (
            (bins, _bins(column.values, bins))
            if kind
            else containers.distinct(column.values)
        )
        sizes.append(max(size, 1))
        if column.values.size:
            classes[~missing[:, f], f] = labels
            numbers[~missing[:, f], f] = _numbers(column)
    return Factors(
        classes,
        tuple(sizes),
        numbers,
        tuple(f for f, kind in enumerate(is_continuous) if kind),
        tuple(f for f, column in enumerate(columns) if not containers.ordered(column)),
        _constant(classes),
        names,
    )


def complete(table: Factors) -> tuple[Factors, np.ndarray]:
    """The points that have all factors, and their rows in the table `[M]`."""
    rows = np.flatnonzero((table.classes >= 0).all(axis=1))
    if len(rows) == len(table.classes):
        return table, rows
    classes = table.classes[rows]
    numbers, constant = table.numbers[rows], _constant(classes)
    return table._replace(classes=classes, numbers=numbers, constant=constant), rows


def with_continuous(values: Any, continuous: Sequence[Any] | None) -> Factors:
    """A table of factors in which only the given columns are continuous.

    Args:
        values: `[N, F]`.
        continuous: Columns by index or name, or one bool per column; None applies the
            rule of this module.
    """
    table = factors(values)
    if continuous is None:
        return table
    count = len(table.names)
    if len(continuous) == count and all(isinstance(c, bool) for c in continuous):
        columns = [f for f in range(count) if continuous[f]]
    else:
        columns = list(containers.column_indices(continuous, table.names))
    others = [f for f in range(count) if f not in columns]
    return factors(values, continuous=columns, discrete=others)


def classes(
    values: Any,
    sizes: tuple[int, ...] | None = None,
    *,
    bins: int | None = None,
    incomplete: bool = False,
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes `[N, F]` int32 and the number of classes of each factor.

    Args:
        values: Classes `[N, F]`, 0 … V_f − 1, if `sizes` is given; otherwise any
            factors.
        sizes: V_f; required under jit and vmap.
        bins: Number of bins of a continuous factor; by default such a factor is an
            error.
        incomplete: Whether the class −1, which means missing, is allowed.

    Returns:
        Classes and sizes.

    Raises:
        ValueError: One line, if the values are not such classes.
    """
    if sizes is None:
        return binned_classes(factors(values, bins=bins or BINS), bins)
    table = containers.array(values, "factors")
    chex.assert_shape(table, (None, len(sizes)))
    if not isinstance(table, Tracer):
        _check_classes(table, sizes, least=-1 if incomplete else 0)
    return jnp.asarray(table).astype(jnp.int32), tuple(sizes)


def labels(values: Any, *, bins: int | None = None) -> jax.Array:
    """Classes `[N, F]` int32 for metrics that do not need the number of classes.

    Under jit and vmap, the classes are the ranks of the values, or bins if the rule of
    this module calls the factor continuous. Without `bins`, traced values must be
    classes already, of an integer type.

    Raises:
        ValueError: For a continuous factor without bins.
    """
    if not containers.traced(values):
        return classes(values, bins=bins)[0]
    table = jnp.asarray(values)
    chex.assert_rank(table, 2)
    if bins is None:
        if jnp.issubdtype(table.dtype, jnp.floating):
            raise ValueError(
                f"factors must be classes, see discrete.classes; got {table.dtype}."
            )
        return table
    order = jnp.argsort(table, axis=0)
    ascending = jnp.take_along_axis(table, order, axis=0)
    steps = ascending[1:] > ascending[:-1]
    rank = jnp.cumsum(jnp.pad(steps, ((1, 0), (0, 0))), axis=0, dtype=jnp.int32)
    ranks = jnp.take_along_axis(rank, jnp.argsort(order, axis=0), axis=0)
    many = rank[-1:] >= MAX_VALUES
    return jnp.where(many, units.equal_width(codes(table), bins=bins), ranks)


def regressed(values: Any) -> jax.Array:
    """Factors as float32 numbers `[N, F]` with a range of about 1, to be regressed.

    Raises:
        ValueError: If a factor has more than two labels that are not numbers.
    """
    if containers.traced(values):
        return codes(values, name="factors").unit
    table = factors(values)
    check_numbers(table)
    return jnp.asarray(table.numbers, jnp.float32)


def check_numbers(table: Factors) -> None:
    """Raises a ValueError if a factor has more than two labels."""
    if table.labels:
        name = table.names[table.labels[0]]
        raise ValueError(f"factor {name} has labels; it must be numbers, in an order.")


def varying(classes: jax.Array) -> jax.Array:
    """Factors that are not constant, `[F]` bool."""
    return jnp.any(classes != classes[:1], axis=0)


def mean_over(values: jax.Array, used: jax.Array) -> jax.Array:
    """The mean of `values [F]` over the factors used; NaN if none is used."""
    count = jnp.sum(used)
    total = jnp.sum(jnp.where(used, values, 0))
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def _constant(classes: np.ndarray) -> tuple[int, ...]:
    """The columns with at most one class."""
    most = classes.max(axis=0, initial=-1)
    same = (classes == most[None, :]) | (classes < 0)
    return tuple(np.flatnonzero(same.all(axis=0)).tolist())


def _bins(values: np.ndarray, bins: int) -> np.ndarray:
    """The bins of equal width of a continuous column `[N]`."""
    return np.asarray(
        units.equal_width(codes(values[:, None], name="factors"), bins=bins)
    )[:, 0]


def _numbers(column: containers.Column) -> np.ndarray:
    """The numbers of a column, scaled to a range of about 1; 0 for labels."""
    if not column.numeric:  # the order of two labels does not matter
        two = containers.ordered(column)
        return containers.distinct(column.values)[1] * (1.0 if two else 0.0)
    return units.of_host(column.values[:, None])[0][:, 0].astype(np.float64)


def binned_classes(
    table: Factors, bins: int | None
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes and sizes of a table; an error if a column is continuous without bins."""
    if table.continuous and bins is None:
        f = table.continuous[0]
        raise ValueError(
            f"factor {table.names[f]} has {np.unique(table.numbers[:, f]).size} "
            "distinct numbers and counts as continuous: cut it by "
            "discrete.classes(factors, bins=...), or keep its classes by "
            f"discrete.classes(factors, discrete=[{f}]), and give the sizes, too."
        )
    return jnp.asarray(table.classes), table.sizes


def _check_classes(table: np.ndarray, sizes: tuple[int, ...], *, least: int) -> None:
    """Raises a ValueError for values that are not classes from `least` to V_f − 1."""
    if (
        not containers.of_numbers(table)
        or (table != np.floor(table.astype(np.float64))).any()
    ):
        raise ValueError("factors must be classes 0 … V − 1, see discrete.classes.")
    lowest, highest = table.min(axis=0), table.max(axis=0)
    for f, size in enumerate(sizes):
        if lowest[f] < least or highest[f] >= size:
            raise ValueError(
                f"factors must be classes 0 … V − 1, see discrete.classes; got "
                f"{lowest[f]} to {highest[f]} for factor {f} with V = {size}."
            )
