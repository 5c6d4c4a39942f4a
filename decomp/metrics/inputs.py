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

A missing factor (NaN, None, masked) is refused, with the count and the remedy; the
sheet and the command leave such rows out and say how many. A code that is not finite is
not missing: its encoder failed, and the score is NaN.

The sheet says in its notes which of these rules it applied to what.
"""

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from decomp.distributions.gaussian import Gaussian

MAX_VALUES = 100
BINS = 20
_FARTHEST = 1e30  # of an origin, in spreads


class Codes(NamedTuple):
    """Codes z = 2^exponent (unit + origin), of which `unit` keeps the digits."""

    unit: jax.Array  # [..., N, D] float32, from −1 to 1; 0 for a constant latent
    origin: jax.Array  # [..., D] float32
    exponent: jax.Array  # [..., D] int32


class Factors(NamedTuple):
    """A table of factors on the host, and what the rules make of each column."""

    classes: np.ndarray  # [N, F] int32, 0 … V_f − 1; the bins of a continuous column
    sizes: tuple[int, ...]  # V_f
    numbers: np.ndarray  # [N, F] float64, of spread about 1; 0 in a column of `labels`
    continuous: tuple[int, ...]  # columns
    labels: tuple[int, ...]  # columns that hold no numbers, and more than two values
    constant: tuple[int, ...]  # columns
    names: tuple[str, ...]  # such as "age", or "0", "1", … where there are none
    rows: np.ndarray  # [N] rows of the table, those that are complete
    total: int  # rows of the table


class _Column(NamedTuple):
    values: np.ndarray  # [N], numbers or strings
    numeric: bool
    missing: np.ndarray  # [N] bool


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
        return _centred_in_graph(table)
    parts = table[None] if rank == 2 else table
    found = [_centred(part) for part in parts]  # one by one: float64 takes memory
    leaves = [np.stack(leaf) for leaf in zip(*found, strict=True)]
    return Codes(*(jnp.asarray(leaf[0] if rank == 2 else leaf) for leaf in leaves))


def of_rank(values: Any, name: str, rank: int) -> Any:
    """A table of numbers `[N, D]`, or one of each run `[R, N, D]`, as an array.

    Raises:
        ValueError: In one line, if it is none.
    """
    table = array(values, name)
    shape = ("[N, D]", "[R, N, D]")[rank - 2]
    if table.dtype.kind == "V" and not _of_numbers(table):
        raise ValueError(
            f"expected numbers in {name} {shape}; got {table.dtype}: NumPy writes "
            "bfloat16 so, and cannot read it; save float32."
        )
    if not _of_numbers(table):
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
    scale = array(q.scale, "scales")
    if scale.shape != z.unit.shape or not _of_numbers(scale):
        raise ValueError(
            f"expected scales of the shape of the means, {z.unit.shape}; got "
            f"{scale.dtype} of shape {scale.shape}."
        )
    if not isinstance(scale, Tracer):
        scale = scale.astype(np.float64)
        own = np.frexp(np.abs(scale).max(axis=0))[1]  # where the means say nothing
        power = np.where(active(z), z.exponent, own)
        narrow = np.ldexp(scale, -power[None, :]).astype(np.float32)
        return Gaussian(z.unit, jnp.asarray(narrow))
    scale = scale.astype(jnp.float32)
    power = jnp.where(active(z), z.exponent, _exponent(scale))
    return Gaussian(z.unit, times_power(scale, -power[None, :]))


def stacked(values: Any, others: Any, name: str) -> Any:
    """Two tables as one, rows of the first before those of the second."""
    if _traced(values) or _traced(others):
        return jnp.concatenate([jnp.asarray(values), jnp.asarray(others)])
    if name == "codes":
        return np.concatenate([array(values, name), array(others, name)])
    parts = [_columns(table)[0] for table in (values, others)]
    joined = [
        np.concatenate([np.asarray(part.values, object) for part in pair])
        for pair in zip(*parts, strict=True)
    ]
    return np.stack(joined, axis=1)


def rows(z: Codes, chosen: jax.Array) -> Codes:
    """Some data points of a table of codes, in its own units."""
    return z._replace(unit=jnp.take(z.unit, chosen, axis=-2))


def active(z: Codes) -> jax.Array:
    """Latents that are not constant, `[..., D]` bool."""
    return jnp.ptp(z.unit, axis=-2) != 0


def broken(z: Codes) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool: the score of such a run is NaN."""
    return ~jnp.isfinite(z.unit).all()


def together(z: Codes, values: jax.Array) -> jax.Array:
    """Values `[D]` in the units of each latent, in one unit for all: 2^max exponent.

    That of the largest latent which is not constant.
    """
    return times_power(values, z.exponent - largest_exponent(z))


def largest_exponent(z: Codes) -> jax.Array:
    """The exponent of the widest latent, `[]` int32; 0 if all are constant."""
    moving = active(z)
    least = jnp.min(z.exponent)
    largest = jnp.max(jnp.where(moving, z.exponent, least))
    return jnp.where(jnp.any(moving), largest, 0)


def times_power(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """x · 2^exponent, exact in the range of the type of x; ±inf or 0 beyond."""
    exponent = jnp.broadcast_to(exponent, jnp.shape(x))
    info = jnp.finfo(x.dtype)
    bits = jnp.int32 if info.bits == 32 else jnp.int64
    for _ in range(3):
        part = jnp.clip(exponent, info.minexp, -info.minexp)
        power = (part.astype(bits) + info.maxexp - 1) << info.nmant
        x = x * jax.lax.bitcast_convert_type(power, x.dtype)
        exponent = exponent - part
    return x


def real(values: Any, name: str = "an array") -> jax.Array:
    """Numbers of any kind as float32, for functions beneath the metrics."""
    table = array(values, name)
    if not _of_numbers(table):
        raise ValueError(f"expected numbers in {name}; got {table.dtype}.")
    return jnp.asarray(table).astype(jnp.float32)


def array(values: Any, name: str) -> Any:
    """Values as a NumPy array, or as the traced array that they are or hold.

    Raises:
        ValueError: In one line, if they are no array, or some are masked.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values)):
        return jnp.asarray(values)
    for step in ("detach", "cpu"):  # of a PyTorch tensor
        values = getattr(values, step, lambda values=values: values)()
    try:
        table = np.asarray(values)
    except TypeError:  # PyTorch's bfloat16
        if not hasattr(values, "float"):
            raise ValueError(f"expected an array of {name}; got {values!r}.") from None
        table = np.asarray(values.float())
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"expected an array of {name}; NumPy says {reason}") from None
    count = np.ma.count_masked(values) if np.ma.isMaskedArray(values) else 0
    if count:
        raise ValueError(f"expected whole {name}; {count} entries are masked.")
    return _plain(table, name)


def equal_width(z: Codes, *, bins: int) -> jax.Array:
    """Bins `[N, D]` of equal width, as `discrete.equal_width` defines them."""
    low, span = jnp.min(z.unit, axis=0), jnp.ptp(z.unit, axis=0)
    span = jnp.where(span > 0, span, 1)
    place = (z.unit - low[None, :]) / span[None, :] * bins + bins * 2.0**-21
    place = jnp.where(jnp.isfinite(place), place, 0)
    return jnp.clip(place.astype(jnp.int32), 0, bins - 1)


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
        names: Of the columns; by default those of the table, if it has any.
        incomplete: Leave out rows with a missing factor, and not refuse them.

    Returns:
        Factors.

    Raises:
        ValueError: In one line, if this is no table, or a value is infinite or missing.
    """
    if _traced(values):
        raise ValueError(
            "under jit or vmap the number of classes must be static: call "
            "`classes, sizes = discrete.classes(factors)` outside and give sizes=."
        )
    columns, own = _columns(values)
    names = _named(names if names is not None else own, len(columns))
    missing = np.any([column.missing for column in columns], axis=0)
    if missing.any() and not (incomplete and not missing.all()):
        raise ValueError(
            f"expected whole factors [N, F]; {missing.sum()} of {len(missing)} rows "
            "have a missing one (NaN, None or masked): leave those rows out of the "
            "codes, too."
        )
    kept = np.flatnonzero(~missing)
    columns = [column._replace(values=column.values[kept]) for column in columns]
    told = {place: True for place in _places(continuous or (), names)}
    told |= {place: False for place in _places(discrete or (), names)}
    kinds = [
        told.get(f, column.numeric and _distinct(column.values)[0] > max_values)
        for f, column in enumerate(columns)
    ]
    for f, column in enumerate(columns):
        if kinds[f] and not column.numeric:
            raise ValueError(f"factor {names[f]} holds labels: it is not continuous.")
    found = [
        (bins, _cut(column.values, bins)) if kind else _distinct(column.values)
        for column, kind in zip(columns, kinds, strict=True)
    ]
    classes = np.stack([labels for _, labels in found], axis=1).astype(np.int32)
    return Factors(
        classes,
        tuple(size for size, _ in found),
        np.stack([_numbers(column) for column in columns], axis=1),
        tuple(f for f, kind in enumerate(kinds) if kind),
        tuple(f for f, column in enumerate(columns) if not _ordered(column)),
        tuple(np.flatnonzero((classes == classes[:1]).all(axis=0)).tolist()),
        names,
        kept,
        len(missing),
    )


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
        chosen = list(_places(continuous, found.names))
    others = [f for f in range(count) if f not in chosen]
    return factors(values, continuous=chosen, discrete=others)


def classes(
    values: Any, sizes: tuple[int, ...] | None = None, *, bins: int | None = None
) -> tuple[jax.Array, tuple[int, ...]]:
    """Classes `[N, F]` int32 and their numbers, of classes or of any factors.

    Args:
        values: Classes `[N, F]`, 0 … V_f − 1, if `sizes` is given, or any factors.
        sizes: V_f; needed under jit and vmap.
        bins: Bins of a continuous factor; None refuses one.

    Returns:
        Classes and sizes.

    Raises:
        ValueError: In one line, if these are no classes.
    """
    table = values
    if sizes is None:
        return cut(factors(values, bins=bins or BINS), bins)
    table = array(values, "factors")
    chex.assert_shape(table, (None, len(sizes)))
    if not isinstance(table, Tracer):
        _check_classes(table, sizes)
    return jnp.asarray(table).astype(jnp.int32), tuple(sizes)


def labels(values: Any, *, bins: int | None = None) -> jax.Array:
    """Classes `[N, F]` int32 where nothing hangs on their number; `bins` as above.

    Of traced numbers the ranks, and the same rule. Without `bins` they are classes as
    they are, and have to be whole.

    Raises:
        ValueError: For a continuous factor without bins.
    """
    if not _traced(values):
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
    return jnp.where(many, equal_width(codes(table), bins=bins), found)


def regressed(values: Any) -> jax.Array:
    """Factors as float32 numbers `[N, F]` of spread about 1, to regress.

    Raises:
        ValueError: For labels that are no numbers.
    """
    if _traced(values):
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


def _traced(values: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def _of_numbers(table: Any) -> bool:
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    return any(jnp.issubdtype(table.dtype, kind) for kind in kinds)


def _plain(table: np.ndarray, name: str) -> np.ndarray:
    """Numbers out of an array of objects; other arrays as they are."""
    if table.dtype.kind != "O":
        return table
    if any(isinstance(value, (str, bytes)) for value in table.flat):
        return table
    try:
        wide = [np.nan if _absent(value) else value for value in table.flat]
        return np.array(wide, np.float64).reshape(table.shape)
    except (TypeError, ValueError):
        return table


def _absent(value: Any) -> bool:
    """Whether an object stands for a missing value."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _centred(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit, origin and exponent of codes `[N, D]`, on the host.

    Each latent is taken off its median, which is one of its values.
    """
    whole = table.dtype.kind in "iu"
    wide = table if whole else table.astype(np.float64)
    bad = ~np.isfinite(table.astype(np.float64)).all(axis=0)
    wide = np.where(bad, 0, wide)
    coarse = np.where(whole, 0, np.frexp(np.abs(wide).max(axis=0).astype(float))[1])
    if not whole:
        wide = np.ldexp(wide, -coarse)
    middle = np.partition(wide, len(wide) // 2, axis=0)[len(wide) // 2]
    if whole:  # the difference of two integers may leave their type
        least = np.minimum(wide, middle).astype(table.dtype)
        most = np.maximum(wide, middle).astype(table.dtype)
        size = (most - least).view(f"u{table.dtype.itemsize}").astype(np.float64)
        rest = np.where(wide < middle, -size, size)
    else:
        rest = wide - middle
        rounding = 4 * np.finfo(np.float64).eps * np.abs(wide).max(axis=0)
        rest = np.where(np.ptp(rest, axis=0) <= rounding, 0, rest)
    fine = np.frexp(np.abs(rest).max(axis=0))[1]
    unit = np.where(bad, np.nan, np.ldexp(rest, -fine))
    origin = np.clip(np.ldexp(middle.astype(np.float64), -fine), -_FARTHEST, _FARTHEST)
    return (
        unit.astype(np.float32),
        origin.astype(np.float32),
        (coarse + fine).astype(np.int32),
    )


def _centred_in_graph(table: jax.Array) -> Codes:
    """The same of traced codes `[..., N, D]`, in their own type, off the first row."""
    first = table[..., :1, :]
    if jnp.issubdtype(table.dtype, jnp.floating):
        wide = table.astype(jnp.promote_types(table.dtype, jnp.float32))
        coarse = _exponent(wide)
        wide = times_power(wide, -coarse[..., None, :])
        first = wide[..., :1, :]
        rest = wide - first
    else:
        coarse = jnp.zeros(table.shape[:-2] + table.shape[-1:], jnp.int32)
        rest = _difference(table, first)
        first = first.astype(jnp.float32)
    fine = _exponent(rest)
    unit = times_power(rest, -fine[..., None, :])
    origin = times_power(first, -fine[..., None, :])[..., 0, :]
    return Codes(
        unit.astype(jnp.float32),
        jnp.clip(origin, -_FARTHEST, _FARTHEST).astype(jnp.float32),
        coarse + fine,
    )


def _difference(table: jax.Array, first: jax.Array) -> jax.Array:
    """Integers or bools less others, as float32 without a wrap."""
    if table.dtype == jnp.bool_ or jnp.iinfo(table.dtype).bits < 32:
        return (table.astype(jnp.int32) - first.astype(jnp.int32)).astype(jnp.float32)
    kind = jnp.uint32 if jnp.iinfo(table.dtype).bits == 32 else jnp.uint64
    below = table < first
    size = jnp.where(below, first - table, table - first).astype(kind)
    size = size.astype(jnp.float32)
    return jnp.where(below, -size, size)


def _exponent(x: jax.Array) -> jax.Array:
    """e of the largest |x| = m 2^e, ½ ≤ m < 1, of each column; 0 for a column of 0."""
    size = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-2))
    sound = jnp.isfinite(size) & (size > 0)
    return jnp.frexp(jnp.where(sound, size, 0.5))[1].astype(jnp.int32)


def _columns(values: Any) -> tuple[list[_Column], Sequence[str] | None]:
    """The columns of a table of factors, and their names if it has any."""
    masked: Any = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    values = np.ma.getdata(values) if masked is not None else values
    table = values if isinstance(values, np.ndarray) else _table(values)
    names = table.dtype.names or getattr(values, "columns", None)
    if table.dtype.names:
        parts = [table[name] for name in table.dtype.names]
        masks = [None if masked is None else masked[name] for name in table.dtype.names]
    elif table.ndim == 2:
        parts = list(table.T)
        masks = [None] * len(parts) if masked is None else list(masked.T)
    else:
        raise ValueError(f"expected factors [N, F]; got shape {table.shape}.")
    if not parts or any(part.ndim != 1 or part.size == 0 for part in parts):
        raise ValueError(f"expected a table of factors [N, F]; got {table.shape}.")
    columns = []
    for f, (part, mask) in enumerate(zip(parts, masks, strict=True)):
        column = _column(part, f)
        hidden = column.missing if mask is None else column.missing | mask
        columns.append(column._replace(missing=hidden))
    return columns, None if names is None else [str(name) for name in names]


def _table(values: Any) -> np.ndarray:
    """A table of factors that is no NumPy array; objects stay what they are."""
    if isinstance(values, (list, tuple)):  # NumPy would make strings of all
        try:
            objects = np.array(values, object)
        except ValueError:  # arrays of different lengths
            objects = np.empty(0, object)
        return objects if objects.ndim == 2 else array(values, "factors")
    for step in ("detach", "cpu"):
        values = getattr(values, step, lambda values=values: values)()
    try:
        return np.asarray(values)
    except TypeError:
        return array(values, "factors")


def _column(part: np.ndarray, f: int) -> _Column:
    """Numbers or labels, and where one is missing."""
    kind = part.dtype.kind
    if kind in "mM":
        return _Column(part.astype(np.int64), True, np.isnat(part))
    if kind == "O":
        missing = np.array([_absent(value) for value in part])
        return _of_objects(part, missing)
    if kind in "US":
        return _Column(part, False, np.zeros(len(part), bool))
    if not _of_numbers(part):
        raise ValueError(
            f"expected numbers or labels in factors [N, F]; got {part.dtype}."
        )
    if kind in "iu":
        return _Column(part, True, np.zeros(len(part), bool))
    part = part.astype(np.float64)
    if np.isinf(part).any():
        raise ValueError(f"expected finite factors [N, F]; factor {f} is infinite.")
    return _Column(part, True, np.isnan(part))


def _of_objects(part: np.ndarray, missing: np.ndarray) -> _Column:
    present = part[~missing]
    real = all(isinstance(value, (numbers.Real, np.bool_)) for value in present)
    if real:
        values = np.zeros(len(part))
        values[~missing] = present.astype(np.float64)
        column = _column(values, 0)
        return column._replace(missing=missing)
    text = [
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in part
    ]
    return _Column(np.array(text), False, missing)


def _distinct(values: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of distinct values, and the rank of each; rounding makes no difference."""
    found, rank = np.unique(values, return_inverse=True)
    rank = rank.reshape(len(values))
    if found.dtype.kind != "f" or found.size < 2:
        return found.size, rank
    rounding = 4 * np.finfo(np.float64).eps * np.abs(found[1:])
    apart = np.concatenate([[0], np.cumsum(np.diff(found) > rounding)])
    return int(apart[-1]) + 1, apart[rank]


def _cut(values: np.ndarray, bins: int) -> np.ndarray:
    return np.asarray(equal_width(codes(values[:, None], name="factors"), bins=bins))[
        :, 0
    ]


def _numbers(column: _Column) -> np.ndarray:
    if not column.numeric:  # of two labels the order does not matter
        two = _ordered(column)
        return _distinct(column.values)[1] * (1.0 if two else 0.0)
    return _centred(column.values[:, None])[0][:, 0].astype(np.float64)


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


def _check_classes(table: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Refuses what is not a class of 0 … V_f − 1."""
    if not _of_numbers(table) or (table != np.floor(table.astype(np.float64))).any():
        raise ValueError("expected classes 0 … V − 1, see discrete.classes.")
    least, most = table.min(axis=0), table.max(axis=0)
    for f, size in enumerate(sizes):
        if least[f] < 0 or most[f] >= size:
            raise ValueError(
                f"expected classes 0 … {size - 1} of factor {f}; got {least[f]} to "
                f"{most[f]}, see discrete.classes."
            )


def _ordered(column: _Column) -> bool:
    """Whether there is an order of the values, or none is needed."""
    return column.numeric or _distinct(column.values)[0] < 3


def _named(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(count)))
    if len(names) != count:
        raise ValueError(f"expected a name for each of {count} factors; got {names}.")
    return tuple(map(str, names))


def _places(columns: Sequence[Any], names: tuple[str, ...]) -> tuple[int, ...]:
    """The indices of columns given by index or name."""
    found = []
    for column in columns:
        text = str(column).strip()
        if text in names:
            found.append(names.index(text))
        elif text.isdigit() and int(text) < len(names):
            found.append(int(text))
        else:
            choices = ", ".join(names)
            raise ValueError(f"there is no factor {text!r}; choices: {choices}.")
    return tuple(found)
