"""What TensorBoard shows of a sweep: points of curves, scores and pictures, by setting.

Values only; `tensorboard` has the files.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.results import summary
from experiments.results.summary import Row

TOTAL = ("mean", "low", "high")  # of a measure over the runs, with its 95 % interval


class Point(NamedTuple):
    """A value of one setting at one step."""

    tag: str
    step: int
    value: float


def names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each setting, fit for a folder: the columns in which they differ."""
    return [",".join(f"{c}={_value(row[c])}" for c in _columns(rows)) for row in rows]


def hyperparameters(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same columns; as text where one of their numbers is infinite."""
    columns = _columns(rows)
    infinite = {c for c in columns for row in rows if row[c] in (math.inf, -math.inf)}
    return [{c: _value(r[c]) if c in infinite else r[c] for c in columns} for r in rows]


def curve(runs: np.ndarray, measures: Sequence[str]) -> Iterator[Point]:
    """The training curve of one setting: means over its runs, with their intervals.

    Args:
        runs: Curves of the runs in the mean `[R, records, 1 + measures]`, the step
            first; a value that is not finite is left out.
        measures: Names of the columns behind the step.

    Yields:
        `MEASURE/mean` where any run is left, `/low` and `/high` where two are.
    """
    for record in np.asarray(runs, np.float64).transpose(1, 2, 0):
        step, *values = record
        for measure, column in zip(measures, values, strict=True):
            finite = column[np.isfinite(column)]
            mean, _, low, high = summary.interval(finite)
            for name, value in zip(TOTAL, (mean, low, high), strict=True):
                if math.isfinite(value):
                    yield Point(f"{measure}/{name}", int(step[0]), value)


def scores(
    statistics: Sequence[Row], setting: Mapping[str, Any], step: int
) -> Iterator[Point]:
    """The mean of every score of a setting, at the last step of the training."""
    for row in statistics:
        if row.setting == setting and math.isfinite(row.mean):
            yield Point(f"score/{row.score}", step, row.mean)


def charts(measures: Sequence[str]) -> dict[str, dict[str, list]]:
    """A chart of each measure, its interval as a band, as TensorBoard lays them out."""
    bands = {m: ["Margin", [f"{m}/{name}" for name in TOTAL]] for m in measures}
    return {"means over runs, 95 % intervals": bands}


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that differ between settings, or the first if none does."""
    varying = [c for c in rows[0] if len({row[c] for row in rows}) > 1]
    return varying or list(rows[0])[:1]


def _value(value: Any) -> str:
    """As short as tells it from all others."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
