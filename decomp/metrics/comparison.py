"""Differences between the scores of two representations of the same points.

    first, second = (sheet.sheet(key, z, factors, intervals=100) for z in (a, b))
    comparison.compare(first, second)

Both sheets use the same half samples of the points and the same draws. So each
difference of scores has an interval of its own, see `intervals`, which is narrower than
the intervals of the two scores if the same points are hard for both representations.
If the plug-in bias of the two scores differs, for instance because the codes take
different numbers of values, the difference contains it; the variants `miller_madow`
remove most of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from decomp.metrics import intervals, reasons, tables
from decomp.metrics.definitions import ENTRIES
from decomp.metrics.tables import Sheet, SheetLine


class DifferenceLine(NamedTuple):
    """The scores of two representations by one variant of a metric."""

    metric: str
    variant: str
    first: float
    second: float
    difference: float  # second − first
    low: float | None  # the ends of the 95 % interval of the difference, or None
    high: float | None
    definition: str
    source: str
    note: str = ""
    resampling: str = ""  # how the interval was estimated

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.low is not None and not self.low <= 0 <= (self.high or 0.0)


class Differences(list[DifferenceLine]):
    """The lines of a comparison, with the notes of the first sheet in `notes`."""

    def __init__(self, lines: Iterable[DifferenceLine] = (), notes: Sequence[str] = ()):
        super().__init__(lines)
        self.notes = tuple(notes)

    def __str__(self) -> str:
        """One line for each difference and its interval, and the notes below."""
        names = [f"{line.metric}, {line.variant}" for line in self]
        width = max(map(len, names), default=0)
        lines = [
            f"{name:{width}}  {line.difference:+.4f}  {tables.span(line)}".rstrip()
            for name, line in zip(names, self, strict=True)
        ]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        head = ("metric", "variant", "first", "second", "difference", "95 % interval")
        rows = [
            (
                *(line.metric, line.variant, f"{line.first:.4f}", f"{line.second:.4f}"),
                *(f"{line.difference:+.4f}", tables.span(line) or line.note),
            )
            for line in self
        ]
        return tables.html_table([head, *rows], self.notes)

    def to_csv(self, path: Any) -> None:
        """Writes the lines to a CSV file with a header."""
        tables.write_csv(path, DifferenceLine._fields, self)


def compare(first: Sheet, second: Sheet) -> Differences:
    """The differences between the scores of two sheets, each with a 95 % interval.

    Args:
        first: A sheet with intervals.
        second: A sheet of other codes, made with the same key, factors and options. Its
            codes may have another number of latents.

    Returns:
        One line for each line of the sheets.

    Raises:
        ValueError: If the sheets have different lines, points or numbers of half
            samples.
    """
    names, others = ([line[:2] for line in each] for each in (first, second))
    if names != others or first.num_points != second.num_points:
        raise ValueError(
            "the two sheets must have the same metrics and points; got "
            f"{len(first)} lines of {first.num_points} points and {len(second)} of "
            f"{second.num_points}."
        )
    pairs = zip(first, second, strict=True)
    lines = [_line(a, b, first, second) for a, b in pairs]
    notes = [note for note in first.notes if note != reasons.INTERVALS]
    return Differences(lines, [*notes, reasons.DIFFERENCES])


def _line(a: SheetLine, b: SheetLine, first: Sheet, second: Sheet) -> DifferenceLine:
    """The line of a metric; without an interval, its note gives the reason."""
    name, difference = a[:2], b.value - a.value
    line = DifferenceLine(
        *(*name, a.value, b.value, difference, None, None, a.definition, a.source)
    )
    if np.isnan(difference):
        return line._replace(note=a.note if np.isnan(a.value) else b.note)
    if name not in first.halves or name not in second.halves:
        note = next((x.note for x in (a, b) if "no interval" in x.note), "")
        return line._replace(note=note or "no interval: the sheets have none")
    scores = first.halves[name], second.halves[name]
    if len(scores[0]) != len(scores[1]):
        raise ValueError(
            "the two sheets must have the same half samples; got "
            f"{len(scores[0])} and {len(scores[1])} of them."
        )
    halves = scores[1] - scores[0]
    reason = reasons.no_interval(halves)
    if reason:
        return line._replace(note=reason)
    entry = ENTRIES[name]
    interval = intervals.interval(entry, difference, halves, a.points, difference=True)
    return line._replace(
        low=interval.low,
        high=interval.high,
        resampling=entry.resampling(len(halves), difference=True),
    )
