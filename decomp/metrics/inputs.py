"""The gate: what every metric takes as codes and factors, and the rules that all keep.

Whatever `np.asarray` takes goes in: NumPy, JAX, PyTorch on the CPU, pandas, lists; any
integer, bool, half, float32, float64, in either byte order. The same numbers score the
same in each of them.

Codes. A concrete table is centred in float64, or exactly if it holds integers, and each
latent is scaled by a power of two before it becomes float32. So an offset of 1e8, or a
scale of 1e-300, costs no digit. Each definition says whether shift and scale matter.
Under jit and vmap the same is done in the type that the codes have there.

Factors. Their values decide, never their type:

- A column of numbers with more than `MAX_VALUES` distinct ones is a continuous
  quantity, whole numbers or not. Any other column is of classes, one for each distinct
  value; labels that are no numbers always are. `continuous=` and `discrete=` say
  otherwise, by index or name.
- A metric that counts classes cuts a continuous factor into `BINS` bins of equal width
  in the sheet and in `irs`; elsewhere it refuses it and names `discrete.classes`, which
  cuts it as you say. `dci`, `infoe` and `sap.r_squared` regress it.
- A lasso and R² need numbers. Labels that are no numbers have no order, and are refused
  if there are more than two of them.

A constant factor is left out of every score, as there is nothing to know of it. Where
every factor is constant the score is NaN.

A constant latent stays one of the D dimensions. It has no information and no
importance, it cannot win a vote, and it is left out of what would divide by its spread,
as Hoyer's sparsity does. In float64 a latent that varies by rounding alone is constant.
If all latents are constant, a score of factors says that nothing is known: 0, or what
guessing gives where the score is an accuracy or an area.

A missing factor (NaN, None, NaT, masked) is refused, with the count and the remedy. The
sheet and the command leave it out: of a metric that takes factors one by one, see
`definitions.Entry.apart`, the points without that factor; of the others, which compare
points by all factors or by votes, the points without any of them. Classes of −1 say so,
as `discrete.classes(factors, incomplete=True)` returns them. A code that is not finite
is not missing: its encoder failed, and the score is NaN.

The sheet says in its notes which of these rules it applied to what.
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
    """A table of factors on the host, and what the rules make of each column."""

    # [N, F] int32, 0 … V_f − 1; the bins of a continuous column; −1 where missing
    classes: np.ndarray
    sizes: tuple[int, ...]  # V_f
    # [N, F] float64, of spread about 1; 0 in a column of `labels` and where missing
    numbers: np.ndarray
    continuous: tuple[int, ...]  # columns
    labels: tuple[int, ...]  # columns that hold no numbers, and more than two values
    constant: tuple[int, ...]  # columns
    names: tuple[str, ...]  # such as "age", or "0", "1", … where there are none

    @property
    def missing(self) -> tuple[int, ...]:
        """How many points have no value of each factor."""
        return tuple(np.sum(self.classes < 0, axis=0).tolist())

    @property
    def table(self) -> "FactorTable":
        """The factors for compiled functions."""
        numbers = jnp.asarray(self.numbers, jnp.float32)
        return FactorTable(jnp.asarray(self.classes), numbers, self.continuous)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FactorTable:
    """Factors as classes and as numbers, for metrics that take some unbinned."""

    classes: jax.Array  # [N, F] int32, as in `Factors`
    numbers: jax.Array  # [N, F] float32, as in `Factors`
    # Columns to take as numbers where a metric can.
    continuous: tuple[int, ...] = dataclasses.field(
        default=(), metadata={"static": True}
    )


def table(factors: Any) -> FactorTable:
    """A table of factors, or of classes `[N, F]` that stand for their numbers."""
    if isinstance(factors, FactorTable):
        return factors
    labels = jnp.asarray(factors)
    return FactorTable(labels, labels.astype(jnp.float32))


def of_table(factors: Any, sizes: tuple[int, ...]) -> Factors:
    """A table of factors, or of classes `[N, F]`, on the host."""
    given = table(factors)
    classes, numbers = (np.asarray(a) for a in (given.classes, given.numbers))
    names = containers.named(None, len(sizes))
    return Factors(
        classes,
        tuple(sizes),
        numbers.astype(np.float64),
        given.continuous,
        (),
        _constant(classes),
        names,
    )


def codes(values: Any, *, name: str = "codes", rank: int = 2) -> Codes:
    """Takes a table of codes.

    Args:
        values: `[N, D]`, or `[R, N, D]` for rank 3; Codes are returned as they are.
        name: What an error calls them.
        rank: Number of axes.

    Returns:
        Codes. A latent that is not finite is NaN throughout.

    Raises:
        ValueError: In one line, if this is no table of numbers.
    """
    if isinstance(values, Codes):
        return values
    table = of_rank(values, name, rank)
    if isinstance(table, Tracer):
        return units.of_traced(table)
    parts = table[None] if rank == 2 else table
    found = [units.of_host(part) for part in parts]  # one by one: float64 takes memory
    leaves = [np.stack(leaf) for leaf in zip(*found, strict=True)]
    return Codes(*(jnp.asarray(leaf[0] if rank == 2 else leaf) for leaf in leaves))


def of_rank(values: Any, name: str, rank: int) -> Any:
    """A table of numbers `[N, D]`, or one of each run `[R, N, D]`, as an array.

    Raises:
        ValueError: In one line, if it is none.
    """
    table = containers.array(values, name)
    shape = ("[N, D]", "[R, N, D]")[rank - 2]
    unread = table.dtype.kind == "V" and table.dtype.names is None
    if unread and not containers.of_numbers(table):
        raise ValueError(
            f"expected numbers in {name} {shape}; got {table.dtype}: NumPy writes "
            "bfloat16 so, and cannot read it; save float32."
        )
    if not containers.of_numbers(table):
        raise ValueError(f"expected numbers in {name} {shape}; got {table.dtype}.")
    if table.ndim != rank or 0 in table.shape:
        raise ValueError(f"expected {name} {shape}; got shape {table.shape}.")
    return table


def posteriors(q: Gaussian) -> Gaussian:
    """Gaussian posteriors, leaves `[N, D]`, in the units of each latent's means.

    Raises:
        ValueError: In one line, if these are no tables of numbers of one shape.
    """
    z = codes(q.loc, name="means")
    scale = containers.array(q.scale, "scales")
    if scale.shape != z.unit.shape or not containers.of_numbers(scale):
        raise ValueError(
            f"expected scales of the shape of the means, {z.unit.shape}; got "
            f"{scale.dtype} of shape {scale.shape}."
        )
    if not (isinstance(scale, Tracer) or isinstance(z.unit, Tracer)):
        scale = scale.astype(np.float64)
        own = np.frexp(np.abs(scale).max(axis=0))[1]  # where the means say nothing
        power = np.where(units.active(z), z.exponent, own)
        narrow = np.ldexp(scale, -power[None, :]).astype(np.float32)
        return Gaussian(z.unit, jnp.asarray(narrow))
    scale = jnp.asarray(scale).astype(jnp.float32)
    power = jnp.where(units.active(z), z.exponent, units.exponent(scale))
    return Gaussian(z.unit, units.times_power(scale, -power[None, :]))


def stacked(values: Any, others: Any, name: str) -> Any:
    """Two tables as one, rows of the first before those of the second."""
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
    """Numbers of any kind as float32, for functions beneath the metrics."""
    table = containers.array(values, name)
    if not containers.of_numbers(table):
        raise ValueError(f"expected numbers in {name}; got {table.dtype}.")
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
    """Takes a table of factors, on the host, by the rules of this module.

    Args:
        values: `[N, F]`, numbers or labels; any set of rows, not only a full grid.
        continuous: Columns that are continuous whatever their values, by index or name.
        discrete: Columns of classes whatever their values.
        bins: Bins of equal width of a continuous column.
        max_values: Most distinct numbers of a column of classes.
        names: Names of the columns; by default the table's own, if it has any.
        incomplete: Take a missing factor as the class −1, and not refuse it.

    Returns:
        Factors.

    Raises:
        ValueError: In one line, if this is no table, or a value is infinite or missing.
    """
    if containers.traced(values):
        raise ValueError(
            "under jit or vmap the number of classes must be static: call "
            "`classes, sizes = discrete.classes(factors)` outside and give sizes=."
        )
    columns, own = containers.columns(values)
    names = containers.named(names if names is not None else own, len(columns))
    missing = np.stack([column.missing for column in columns], axis=1)
    rows = int(missing.any(axis=1).sum())
    if rows and not incomplete:
        raise ValueError(
            f"expected whole factors [N, F]; {rows} of {len(missing)} rows have a "
            "missing one (NaN, None or masked): leave those rows out of the codes, "
            "too, or call metrics.score, which leaves them out factor by factor."
        )
    columns = [
        column._replace(values=column.values[~column.missing]) for column in columns
    ]
    told = {place: True for place in containers.places(continuous or (), names)}
    told |= {place: False for place in containers.places(discrete or (), names)}
    kinds = [
        told.get(
            f, column.numeric and containers.distinct(column.values)[0] > max_values
        )
        for f, column in enumerate(columns)
    ]
    for f, column in enumerate(columns):
        if kinds[f] and not column.numeric:
            raise ValueError(f"factor {names[f]} holds labels: it is not continuous.")
    kinds = [
        kind and column.values.size > 0
        for kind, column in zip(kinds, columns, strict=True)
    ]
    sizes = []
    classes = np.full(missing.shape, -1, np.int32)
    numbers = np.zeros(missing.shape)
    for f, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        size, labels = (
            (bins, _cut(column.values, bins))
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
        tuple(f for f, kind in enumerate(kinds) if kind),
        tuple(f for f, column in enumerate(columns) if not containers.ordered(column)),
        _constant(classes),
        names,
    )


def complete(found: Factors) -> tuple[Factors, np.ndarray]:
    """The rows `[M]` of a table without a missing factor, and the factors of these."""
    rows = np.flatnonzero((found.classes >= 0).all(axis=1))
    if len(rows) == len(found.classes):
        return found, rows
    classes = found.classes[rows]
    numbers, constant = found.numbers[rows], _constant(classes)
    return found._replace(classes=classes, numbers=numbers, constant=constant), rows


def told(values: Any, continuous: Sequence[Any] | None) -> Factors:
    """Factors of which these columns are continuous, and no others; None asks the rule.

    Args:
        values: `[N, F]`.
        continuous: Columns by index or name, or a bool for each column.
    """
    found = factors(values)
    if continuous is None:
        return found
    count = len(found.names)
    if len(continuous) == count and all(isinstance(c, bool) for c in continuous):
        chosen = [f for f in range(count) if continuous[f]]
    else:
        chosen = list(containers.places(continuous, found.names))
    others = [f for f in range(count) if f not in chosen]
    return factors(values, continuous=chosen, discrete=others)


def classes(
    values: Any,
    sizes: tuple[int, ...] | None = None,
    *,
    bins: int | None = None,
    incomplete: bool = False,
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes `[N, F]` int32 and their numbers, of classes or of any factors.

    Args:
        values: Classes `[N, F]`, 0 … V_f − 1, if `sizes` is given, or any factors.
        sizes: V_f; needed under jit and vmap.
        bins: Bins of a continuous factor; None refuses one.
        incomplete: Take −1 as a missing class, and not refuse it.

    Returns:
        Classes and sizes.

    Raises:
        ValueError: In one line, if these are no classes.
    """
    table = values
    if sizes is None:
        return cut(factors(values, bins=bins or BINS), bins)
    table = containers.array(values, "factors")
    chex.assert_shape(table, (None, len(sizes)))
    if not isinstance(table, Tracer):
        _check_classes(table, sizes, least=-1 if incomplete else 0)
    return jnp.asarray(table).astype(jnp.int32), tuple(sizes)


def labels(values: Any, *, bins: int | None = None) -> jax.Array:
    """Classes `[N, F]` int32 where nothing hangs on their number; `bins` as above.

    Of traced numbers the ranks, and the same rule. Without `bins` they are classes as
    they are, and have to be whole.

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
                f"expected classes, see discrete.classes; got {table.dtype}."
            )
        return table
    order = jnp.argsort(table, axis=0)
    ascending = jnp.take_along_axis(table, order, axis=0)
    more = ascending[1:] > ascending[:-1]
    rank = jnp.cumsum(jnp.pad(more, ((1, 0), (0, 0))), axis=0, dtype=jnp.int32)
    found = jnp.take_along_axis(rank, jnp.argsort(order, axis=0), axis=0)
    many = rank[-1:] >= MAX_VALUES
    return jnp.where(many, units.equal_width(codes(table), bins=bins), found)


def regressed(values: Any) -> jax.Array:
    """Factors as float32 numbers `[N, F]` of spread about 1, to regress.

    Raises:
        ValueError: For labels that are no numbers.
    """
    if containers.traced(values):
        return codes(values, name="factors").unit
    found = factors(values)
    check_numbers(found)
    return jnp.asarray(found.numbers, jnp.float32)


def check_numbers(found: Factors) -> None:
    """Raises ValueError for labels that are no numbers."""
    if found.labels:
        name = found.names[found.labels[0]]
        raise ValueError(
            f"expected numbers, which have an order; factor {name} holds labels."
        )


def varying(classes: jax.Array) -> jax.Array:
    """Factors that are not constant `[F]` bool."""
    return jnp.any(classes != classes[:1], axis=0)


def mean_over(values: jax.Array, used: jax.Array) -> jax.Array:
    """The mean of `values [F]` over the factors used; NaN where none is."""
    count = jnp.sum(used)
    total = jnp.sum(jnp.where(used, values, 0))
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def _constant(classes: np.ndarray) -> tuple[int, ...]:
    """The columns of a single class, or of none."""
    most = classes.max(axis=0, initial=-1)
    same = (classes == most[None, :]) | (classes < 0)
    return tuple(np.flatnonzero(same.all(axis=0)).tolist())


def _cut(values: np.ndarray, bins: int) -> np.ndarray:
    return np.asarray(
        units.equal_width(codes(values[:, None], name="factors"), bins=bins)
    )[:, 0]


def _numbers(column: containers.Column) -> np.ndarray:
    if not column.numeric:  # of two labels the order does not matter
        two = containers.ordered(column)
        return containers.distinct(column.values)[1] * (1.0 if two else 0.0)
    return units.of_host(column.values[:, None])[0][:, 0].astype(np.float64)


def cut(found: Factors, bins: int | None) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes and sizes; a continuous factor is refused where no bins are given."""
    if found.continuous and bins is None:
        f = found.continuous[0]
        raise ValueError(
            f"factor {found.names[f]} has {np.unique(found.numbers[:, f]).size} "
            "distinct numbers and is taken for continuous: cut it by "
            "discrete.classes(factors, bins=...), or keep its classes by "
            f"discrete.classes(factors, discrete=[{f}]), and give the sizes too."
        )
    return jnp.asarray(found.classes), found.sizes


def _check_classes(table: np.ndarray, sizes: tuple[int, ...], *, least: int) -> None:
    """Refuses what is no class, `least` … V_f − 1."""
    if (
        not containers.of_numbers(table)
        or (table != np.floor(table.astype(np.float64))).any()
    ):
        raise ValueError("expected classes 0 … V − 1, see discrete.classes.")
    lowest, most = table.min(axis=0), table.max(axis=0)
    for f, size in enumerate(sizes):
        if lowest[f] < least or most[f] >= size:
            raise ValueError(
                f"expected classes 0 … {size - 1} of factor {f}; got {lowest[f]} to "
                f"{most[f]}, see discrete.classes."
            )
