"""Classes of factors, from tables of numbers or strings."""

import contextlib
from collections.abc import Sequence

import numpy as np

_MOST_FACTORS = 256
_LONGEST = 60  # the most characters of a name
# Strings that pandas reads as a missing value, except None, which may name a class.
_MISSING = {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null"}
_MOST_CLASSES = 1_000  # more values mean a continuous factor, or a name of each image


def ranked(
    columns: Sequence[np.ndarray],
    names: Sequence[str],
    *,
    most: Sequence[int] | None = None,
) -> np.ndarray:
    """The rank of every value among the distinct values of its column.

    Args:
        columns: F arrays `[N]` of numbers or strings; strings that are all numbers
            count as numbers.
        names: Names of the F factors, for errors.
        most: The most classes of each factor `[F]`; by default 1,000.

    Returns:
        Classes from 0, uint16 `[N, F]`; a constant column has class 0 only.

    Raises:
        ValueError: For a value that is missing or not finite, too many classes, or a
            name twice.
    """
    if len(columns) > _MOST_FACTORS:
        raise ValueError(
            f"expected at most {_MOST_FACTORS} factors; got {len(columns):,}"
        )
    for name in names:
        if not name.isprintable() or not 0 < len(name) <= _LONGEST:
            raise ValueError(
                f"expected names of factors, {_LONGEST} characters at most; got "
                f"{name[: 2 * _LONGEST]!r}"
            )
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise ValueError(
            f"expected names of factors, all different; got {repeated[0]} twice"
        )
    limits = most or (_MOST_CLASSES,) * len(columns)
    return np.stack(
        [_ranks(*column) for column in zip(columns, names, limits, strict=True)], axis=1
    )


def _ranks(column: np.ndarray, name: str, most: int) -> np.ndarray:
    values, ranks = np.unique(_numbers(column), return_inverse=True)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"expected finite values of {name}; got {values[-1]}")
    missing = _MISSING.intersection(values.tolist())
    if missing:
        raise ValueError(f"expected a value of {name} everywhere; got {min(missing)!r}")
    if len(values) > most:
        raise ValueError(
            f"expected at most {most:,} values of {name}; got {len(values):,}"
        )
    return ranks.astype(np.uint16)


def _numbers(column: np.ndarray) -> np.ndarray:
    """Converts strings to numbers if all of them are numbers, so that 10 comes after 9.

    Whole numbers become integers, as float64 confuses some beyond 2⁵³.
    """
    if column.dtype.kind != "U":
        return column
    for kind in (np.int64, np.float64):
        with contextlib.suppress(ValueError, OverflowError):
            return column.astype(kind)
    return column
