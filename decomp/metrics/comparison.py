"""Two representations of the same points: what the second scores above the first.

    first, second = (sheet.sheet(key, z, factors, intervals=100) for z in (a, b))
    comparison.compare(first, second)

The two sheets are scored on the same half samples of the points and with the same
draws, so that the difference of the scores has an interval of its own, see `intervals`.
It is narrower than those of the scores wherever points are hard for both alike. A bias
of counting that differs, as of codes with other numbers of values, is a part of the
difference; the variants `miller_madow` leave most of it out.
"""

import csv
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from decomp.metrics import intervals, reasons
from decomp.metrics import sheet as sheets
from decomp.metrics.definitions import ENTRIES
from decomp.metrics.sheet import Sheet, SheetLine


class DifferenceLine(NamedTuple):
    """Two scores by one variant of a metric."""

    metric: str
    variant: str
    first: float
    second: float
    difference: float  # second − first
    low: float | None  # ends of the interval of 95 % of the difference
    high: float | None
    definition: str
    source: str
    note: str = ""
    resampling: str = ""  # what the interval is from

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference leaves 0 out."""
        return self.low is not None and not self.low <= 0 <= (self.high or 0.0)


class Differences(list[DifferenceLine]):
    """The lines of a comparison; `notes` are those of the first sheet."""

    def __init__(self, lines: Iterable[DifferenceLine] = (), notes: Sequence[str] = ()):
        super().__init__(lines)
        self.notes = tuple(notes)

    def __str__(self) -> str:
        """A line for each difference with its interval, and the notes below."""
        names = [f"{line.metric}, {line.variant}" for line in self]
        width = max(map(len, names), default=0)
        lines = [
            f"{name:{width}}  {line.difference:+.4f}  {sheets.span(line)}".rstrip()
            for name, line in zip(names, self, strict=True)
        ]
        return "\n".join([*lines, *self.notes])

    def to_csv(self, path: Any) -> None:
        """Writes the lines as a table, with a header."""
        with pathlib.Path(path).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([DifferenceLine._fields, *self])


def compare(first: Sheet, second: Sheet) -> Differences:
    """The differences of two sheets, with an interval each.

    Args:
        first: Sheet with intervals.
        second: Sheet of other codes, with the same key, factors and options; the codes
            may have another number of latents.

    Returns:
        A line for each line of the sheets.

    Raises:
        ValueError: For sheets of other lines, points or numbers of half samples.
    """
    lines, others = ([line[:2] for line in each] for each in (first, second))
    if lines != others or first.num_points != second.num_points:
        raise ValueError(
            "expected two sheets of the same metrics and points; got "
            f"{len(first)} lines of {first.num_points} points and {len(second)} of "
            f"{second.num_points}."
        )
    pairs = zip(first, second, strict=True)
    told = [_line(a, b, first, second) for a, b in pairs]
    notes = [note for note in first.notes if note != reasons.INTERVALS]
    return Differences(told, [*notes, reasons.DIFFERENCES])


def _line(a: SheetLine, b: SheetLine, first: Sheet, second: Sheet) -> DifferenceLine:
    """The line of a metric, with the reason in its note if there is no interval."""
    name, difference = a[:2], b.value - a.value
    line = DifferenceLine(
        *(*name, a.value, b.value, difference, None, None, a.definition, a.source)
    )
    if np.isnan(difference):
        return line._replace(note=a.note if np.isnan(a.value) else b.note)
    if name not in first.halves or name not in second.halves:
        note = next((x.note for x in (a, b) if "no interval" in x.note), "")
        return line._replace(note=note or "no interval: none was asked for")
    scores = first.halves[name], second.halves[name]
    if len(scores[0]) != len(scores[1]):
        raise ValueError(
            "expected two sheets from the same half samples; got "
            f"{len(scores[0])} and {len(scores[1])} of them."
        )
    halves = scores[1] - scores[0]
    reason = reasons.no_interval(halves)
    if reason:
        return line._replace(note=reason)
    found = intervals.interval(
        ENTRIES[name], difference, halves, a.points, difference=True
    )
    return line._replace(
        low=found.low,
        high=found.high,
        resampling=a.resampling,
    )
