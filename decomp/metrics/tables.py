"""The tables that hold scores: the sheet of one representation, and those of several.

A notebook shows them as tables, and `print` as lines.
"""

import csv
import html
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from decomp import extras
from decomp.metrics.entry import Maps


class SheetLine(NamedTuple):
    """The value of one variant of a metric."""

    metric: str
    variant: str
    value: float  # NaN if there is none; the note has the reason
    definition: str
    source: str
    note: str = ""  # why there is no value, or the convention behind it
    low: float | None = None  # the ends of the 95 % interval, see `intervals`
    high: float | None = None
    bias: float | None = None  # the bias of the value, which the interval removes
    resampling: str = ""  # how the interval was estimated
    points: int = 0  # N, or an upper bound of it if factors are missing


class Sheet(list[SheetLine]):
    """The lines of a sheet, with `notes` on how its codes and factors were treated.

    A notebook shows it as a table, and `print` as lines. With intervals, `halves` has
    the scores of half samples of the points, `[B]` by metric and variant. `maps` has
    the maps, if the sheet was asked for them.
    """

    def __init__(
        self,
        lines: Iterable[SheetLine] = (),
        notes: Sequence[str] = (),
        *,
        num_points: int = 0,
        missing: Mapping[str, int] | None = None,
        halves: Mapping[tuple[str, str], np.ndarray] | None = None,
        maps: Maps | None = None,
    ):
        super().__init__(lines)
        self.notes = tuple(notes)
        self.num_points = num_points  # N
        self.missing = dict(missing or {})  # number of missing values by factor
        self.halves = dict(halves or {})
        self.maps = maps

    @property
    def values(self) -> dict[str, float]:
        """The values by "metric, variant"."""
        return {f"{line.metric}, {line.variant}": line.value for line in self}

    def __str__(self) -> str:
        """One line for each value, and the notes below."""
        width = max(map(len, self.values), default=0)
        lines = [
            f"{name:{width}}  {line.value:.4f}  {span(line)}".rstrip()
            for name, line in zip(self.values, self, strict=True)
        ]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        return html_table(cells(self), self.notes)

    def to_csv(self, path: Any) -> None:
        """Writes the lines to a CSV file with a header."""
        write_csv(path, SheetLine._fields, self)

    def plot(self, maps: Maps | None = None) -> Any:
        """Draws the values with their intervals, and returns the axes of Matplotlib.

        Args:
            maps: Maps to be drawn beside the values; by default the sheet's own.
        """
        extras.require("matplotlib")
        from matplotlib import pyplot

        from decomp.metrics import picture

        maps = self.maps if maps is None else maps
        figure = pyplot.figure(figsize=picture.size(self, maps), layout="constrained")
        return picture.draw(figure, self, maps)


class Sheets(list[Sheet]):
    """The sheets of several runs, which have the same lines.

    They are shown as the mean and the standard deviation over the runs.
    """

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The values `[R]` by "metric, variant"."""
        each = [sheet.values for sheet in self]
        names = each[0] if each else ()
        return {name: np.array([values[name] for values in each]) for name in names}

    def __str__(self) -> str:
        """One line for each mean and standard deviation."""
        lines = self._lines()
        width = max((len(name) for name, *_ in lines), default=0)
        return "\n".join(
            f"{name:{width}}  {mean} ± {sd}" for name, mean, sd, *_ in lines
        )

    def _repr_html_(self) -> str:
        head = ("metric", f"mean of {len(self)} runs", "standard deviation", "runs")
        return html_table([head, *self._lines()])

    def to_csv(self, path: Any) -> None:
        """Writes the lines of all runs to a CSV file, with the index of the run."""
        rows = [(run, *line) for run, sheet in enumerate(self) for line in sheet]
        write_csv(path, ("run", *SheetLine._fields), rows)

    def _lines(self) -> list[tuple[str, str, str, str]]:
        """Name, mean, standard deviation, and the number of runs that have a value."""
        rows = []
        for name, values in self.values.items():
            finite = values[np.isfinite(values)]
            mean = f"{finite.mean():.4f}" if len(finite) else "nan"
            sd = f"{finite.std(ddof=1):.4f}" if len(finite) > 1 else "nan"
            rows.append((name, mean, sd, str(len(finite))))
        return rows


def write_csv(path: Any, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows to a CSV file with a header."""
    with pathlib.Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def html_table(rows: Iterable[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """HTML of a table whose first row is its header, and of notes below it."""
    parts = []
    for index, row in enumerate(rows):
        tag = "td" if index else "th"
        line = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        parts.append(f"<tr>{line}</tr>")
    below = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return f"<table>{''.join(parts)}</table>{below}"


def cells(lines: Sequence[SheetLine]) -> list[tuple[str, ...]]:
    """The header and the rows of a table of a sheet, without empty columns."""
    columns = {
        "metric": [line.metric for line in lines],
        "variant": [line.variant for line in lines],
        "value": [f"{line.value:.4f}" for line in lines],
    }
    others = {
        "95 % interval": [span(line) for line in lines],
        "definition": [line.definition for line in lines],
        "source": [line.source for line in lines],
        "interval from": [line.resampling for line in lines],
        "note": [line.note for line in lines],
    }
    columns |= {head: column for head, column in others.items() if any(column)}
    return [tuple(columns), *zip(*columns.values(), strict=True)]


def span(line: Any) -> str:
    """The interval of a line, such as "0.2107 … 0.2345", or "" if it has none."""
    return "" if line.low is None else f"{line.low:.4f} … {line.high:.4f}"
