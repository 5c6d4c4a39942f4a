"""Conversion of any container to NumPy arrays, and to columns of factors."""

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


class Column(NamedTuple):
    """The values of one factor."""

    values: np.ndarray  # [N], numbers or strings
    numeric: bool  # whether the values are numbers
    missing: np.ndarray  # [N] bool


def array(values: Any, name: str) -> Any:
    """Values as a NumPy array, or as a JAX array if they are traced.

    Args:
        values: Anything that `np.asarray` takes, or a PyTorch tensor.
        name: What an error calls the values.

    Raises:
        ValueError: One line, if the values are not an array or some are masked.

    >>> array([[1, 2], [3, 4]], "codes").shape
    (2, 2)
    """
    if traced(values):
        return jnp.asarray(values)
    values = _detached(values)
    try:
        table = np.asarray(values)
    except TypeError:  # NumPy does not read PyTorch's bfloat16
        if not hasattr(values, "float"):
            raise ValueError(f"{name} must be an array; got {values!r}.") from None
        table = np.asarray(values.float())
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{name} must be an array; NumPy says {reason}") from None
    count = np.ma.count_masked(values) if np.ma.isMaskedArray(values) else 0
    if count:
        raise ValueError(f"{name} must have no masked entries; got {count}.")
    return _plain(table)


def traced(values: Any) -> bool:
    """Whether JAX traces the values, or one of the entries of a nested list."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def of_numbers(table: Any) -> bool:
    """Whether the entries of an array are integers, bools or real numbers."""
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    return any(jnp.issubdtype(table.dtype, kind) for kind in kinds)


def columns(values: Any) -> tuple[list[Column], Sequence[str] | None]:
    """The columns of a table of factors, and their names, or None without names.

    A data frame, which has `columns` and `items()`, is read column by column, since
    each column has its own type.

    Args:
        values: A data frame, a structured array, or a table `[N, F]`.

    Raises:
        ValueError: One line, if the values are not a table.

    >>> parts, names = columns([["ring", 1.5], ["heart", None]])
    >>> [part.numeric for part in parts], parts[1].missing.tolist(), names
    ([False, True], [False, True], None)
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
        raise ValueError(f"factors must have the shape [N, F]; got {table.shape}.")
    unmasked, names = _checked(parts, names)
    columns = [
        column if mask is None else column._replace(missing=column.missing | mask)
        for column, mask in zip(unmasked, masks, strict=True)
    ]
    return columns, names


def _checked(
    parts: Sequence[np.ndarray], names: Sequence[Any] | None
) -> tuple[list[Column], Sequence[str] | None]:
    """Columns of the same length, and their names as strings."""
    shapes = {part.shape for part in parts}
    if len(shapes) != 1 or any(part.ndim != 1 or part.size == 0 for part in parts):
        raise ValueError(
            "factors must be a table [N, F] with N ≥ 1; got columns of the shapes "
            f"{shapes}."
        )
    columns = [_column(part, f) for f, part in enumerate(parts)]
    return columns, None if names is None else [str(name) for name in names]


def distinct(values: np.ndarray) -> tuple[int, np.ndarray]:
    """The number of distinct values, and the rank of each value `[N]`.

    Floating-point numbers that differ by rounding only count as equal.

    >>> distinct(np.array([0.3, 0.1 + 0.2, -1.0]))
    (2, array([1, 1, 0]))
    """
    unique, rank = np.unique(values, return_inverse=True)
    rank = rank.reshape(len(values))
    if unique.dtype.kind != "f" or unique.size < 2:
        return unique.size, rank
    rounding = 4 * np.finfo(np.float64).eps * np.abs(unique[1:])
    merged = np.concatenate([[0], np.cumsum(np.diff(unique) > rounding)])
    return int(merged[-1]) + 1, merged[rank]


def ordered(column: Column) -> bool:
    """Whether the values are numbers, or at most two labels, which need no order."""
    return column.numeric or distinct(column.values)[0] < 3


def check_rows(codes: Any, classes: Any) -> None:
    """Refuses codes `[N, D]` and factors `[M, F]` if N is not M.

    Raises:
        ValueError: One line, with N and M.
    """
    if codes.shape[0] != classes.shape[0]:
        raise ValueError(
            "codes and factors must have the same number of rows, one for each data "
            f"point; got {codes.shape[0]} codes and {classes.shape[0]} rows of factors."
        )


def factor_names(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of the factors; by default they are the indices of the columns."""
    if names is None:
        return tuple(map(str, range(count)))
    if len(names) != count:
        raise ValueError(f"names must name each of {count} factors; got {names}.")
    return tuple(map(str, names))


def column_indices(columns: Sequence[Any], names: tuple[str, ...]) -> tuple[int, ...]:
    """The indices of columns that are given by index or by name.

    >>> column_indices(["age", 0], ("shape", "age"))
    (1, 0)
    """
    indices = []
    for column in columns:
        text = str(column).strip()
        if text in names:
            indices.append(names.index(text))
        elif text.isdigit() and int(text) < len(names):
            indices.append(int(text))
        else:
            choices = ", ".join(names)
            raise ValueError(f"there is no factor {text!r}; choices: {choices}.")
    return tuple(indices)


def _detached(values: Any) -> Any:
    """A PyTorch tensor on the CPU without its gradient; other values are unchanged."""
    for step in ("detach", "cpu"):
        values = getattr(values, step, lambda values=values: values)()
    return values


def _table(values: Any) -> np.ndarray:
    """A NumPy table of factors; Python objects in a list stay objects."""
    if isinstance(values, (list, tuple)):  # NumPy would turn numbers into strings
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
    """The values of factor f as numbers or labels, and which of them are missing."""
    kind = part.dtype.kind
    if kind in "mM":
        return Column(part.astype(np.int64), True, np.isnat(part))
    if kind == "O":
        missing = np.array([_absent(value) for value in part])
        return _of_objects(part, missing)
    if kind in "US":
        return Column(part, False, np.zeros(len(part), bool))
    if not of_numbers(part):
        raise ValueError(f"factors [N, F] must be numbers or labels; got {part.dtype}.")
    if kind in "iu":
        return Column(part, True, np.zeros(len(part), bool))
    part = part.astype(np.float64)
    if np.isinf(part).any():
        raise ValueError(f"factors [N, F] must be finite; factor {f} has infinity.")
    return Column(part, True, np.isnan(part))


def _of_objects(part: np.ndarray, missing: np.ndarray) -> Column:
    """A column of Python objects: numbers if all are numbers, otherwise strings."""
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


def _plain(table: np.ndarray) -> np.ndarray:
    """An array of objects as numbers if all are numbers; other arrays are unchanged."""
    if table.dtype.kind != "O":
        return table
    if any(isinstance(value, (str, bytes)) for value in table.flat):
        return table
    try:
        flat = [np.nan if _absent(value) else value for value in table.flat]
        return np.array(flat, np.float64).reshape(table.shape)
    except (TypeError, ValueError):
        return table


def _absent(value: Any) -> bool:
    """Whether an object is a missing value: None, NaN, NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))
