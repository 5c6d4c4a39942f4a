"""Classes of factors from a table of whatever values they have."""

from collections.abc import Sequence

import numpy as np

_MOST_FACTORS = 256
_LONGEST = 60  # letters of a name
_MOST_CLASSES = 1_000  # more are a continuous value or a name of each image


def ranked(
    columns: Sequence[np.ndarray],
    names: Sequence[str],
    *,
    most: Sequence[int] | None = None,
) -> np.ndarray:
    """The rank of every value among the different ones of its column.

    Args:
        columns: F arrays `[N]` of numbers or texts; texts that are all numbers count as
            numbers.
        names: Of the F factors, for errors.
        most: Classes that each can have.

    Returns:
        Classes from 0, uint16 `[N, F]`.

    Raises:
        ValueError: For a value that is not finite, or one class or too many of them.
    """
    if len(columns) > _MOST_FACTORS:
        raise ValueError(
            f"expected at most {_MOST_FACTORS} factors; got {len(columns):,}"
        )
    for name in names:
        if not name.isprintable() or not 0 < len(name) <= _LONGEST:
            raise ValueError(
                f"expected names of factors, {_LONGEST} letters at most; got "
                f"{name[: 2 * _LONGEST]!r}"
            )
    limits = most or (_MOST_CLASSES,) * len(columns)
    return np.stack(
        [_ranks(*given) for given in zip(columns, names, limits, strict=True)], axis=1
    )


def _ranks(column: np.ndarray, name: str, most: int) -> np.ndarray:
    values, ranks = np.unique(_numbers(column), return_inverse=True)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"expected finite values of {name}; got {values[-1]}")
    if not 1 < len(values) <= most:
        raise ValueError(
            f"expected 2 to {most:,} values of {name}; got {len(values):,}"
        )
    return ranks.astype(np.uint16)


def _numbers(column: np.ndarray) -> np.ndarray:
    """Texts that are all numbers as numbers, so that 10 comes after 9."""
    if column.dtype.kind != "U":
        return column
    try:
        return column.astype(np.float64)
    except ValueError:
        return column
