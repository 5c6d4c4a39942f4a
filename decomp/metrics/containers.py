"""Tables as they come: NumPy arrays out of any container, and columns of factors."""

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


class Column(NamedTuple):
    """A factor as NumPy holds it."""

    values: np.ndarray  # [N], numbers or strings
    numeric: bool
    missing: np.ndarray  # [N] bool


def array(values: Any, name: str) -> Any:
    """Values as a NumPy array, or as the traced array that they are or hold.

    Raises:
        ValueError: In one line, if they are no array, or some are masked.
    """
    if traced(values):
        return jnp.asarray(values)
    values = _detached(values)
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


def traced(values: Any) -> bool:
    """Whether values are traced by JAX, or hold a traced one."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def of_numbers(table: Any) -> bool:
    """Whether an array holds integers, bools or real numbers."""
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    return any(jnp.issubdtype(table.dtype, kind) for kind in kinds)


def columns(values: Any) -> tuple[list[Column], Sequence[str] | None]:
    """The columns of a table of factors, and their names if it has any.

    A frame such as that of pandas, which has `columns` and `items()`, is taken column
    by column: each has a type of its own.
    """
    if hasattr(values, "columns") and callable(getattr(values, "items", None)):
        pairs = [(str(name), _table(column)) for name, column in values.items()]
        return _checked([column for _, column in pairs], [name for name, _ in pairs])
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
    found, names = _checked(parts, names)
    pairs = zip(found, masks, strict=True)
    columns = [
        column if mask is None else column._replace(missing=column.missing | mask)
        for column, mask in pairs
    ]
    return columns, names


def _checked(
    parts: Sequence[np.ndarray], names: Sequence[Any] | None
) -> tuple[list[Column], Sequence[str] | None]:
    """Columns of one length, and their names as strings."""
    shapes = {part.shape for part in parts}
    if len(shapes) != 1 or any(part.ndim != 1 or part.size == 0 for part in parts):
        raise ValueError(
            f"expected a table of factors [N, F]; got columns of the shapes {shapes}."
        )
    columns = [_column(part, f) for f, part in enumerate(parts)]
    return columns, None if names is None else [str(name) for name in names]


def distinct(values: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of distinct values, and the rank of each; rounding makes no difference."""
    found, rank = np.unique(values, return_inverse=True)
    rank = rank.reshape(len(values))
    if found.dtype.kind != "f" or found.size < 2:
        return found.size, rank
    rounding = 4 * np.finfo(np.float64).eps * np.abs(found[1:])
    apart = np.concatenate([[0], np.cumsum(np.diff(found) > rounding)])
    return int(apart[-1]) + 1, apart[rank]


def ordered(column: Column) -> bool:
    """Whether there is an order of the values, or none is needed."""
    return column.numeric or distinct(column.values)[0] < 3


def named(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of so many factors, which are their indices by default."""
    if names is None:
        return tuple(map(str, range(count)))
    if len(names) != count:
        raise ValueError(f"expected a name for each of {count} factors; got {names}.")
    return tuple(map(str, names))


def places(columns: Sequence[Any], names: tuple[str, ...]) -> tuple[int, ...]:
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


def _detached(values: Any) -> Any:
    """A PyTorch tensor without its gradient and on the CPU; anything else as it is."""
    for step in ("detach", "cpu"):
        values = getattr(values, step, lambda values=values: values)()
    return values


def _table(values: Any) -> np.ndarray:
    """A table of factors that is no NumPy array; objects stay what they are."""
    if isinstance(values, (list, tuple)):  # NumPy would make strings of all
        try:
            objects = np.array(values, object)
        except ValueError:  # arrays of different lengths
            objects = np.empty(0, object)
        return objects if objects.ndim == 2 else array(values, "factors")
    values = _detached(values)
    try:
        return np.asarray(values)
    except TypeError:
        return array(values, "factors")


def _column(part: np.ndarray, f: int) -> Column:
    """Numbers or labels, and where one is missing."""
    kind = part.dtype.kind
    if kind in "mM":
        return Column(part.astype(np.int64), True, np.isnat(part))
    if kind == "O":
        missing = np.array([_absent(value) for value in part])
        return _of_objects(part, missing)
    if kind in "US":
        return Column(part, False, np.zeros(len(part), bool))
    if not of_numbers(part):
        raise ValueError(
            f"expected numbers or labels in factors [N, F]; got {part.dtype}."
        )
    if kind in "iu":
        return Column(part, True, np.zeros(len(part), bool))
    part = part.astype(np.float64)
    if np.isinf(part).any():
        raise ValueError(f"expected finite factors [N, F]; factor {f} is infinite.")
    return Column(part, True, np.isnan(part))


def _of_objects(part: np.ndarray, missing: np.ndarray) -> Column:
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
    return Column(np.array(text), False, missing)


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
