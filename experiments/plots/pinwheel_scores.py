"""Scores of the pinwheel's aggregate posterior against β and against α."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from experiments.plots import style
from experiments.results import reading

_SCORES = ["kl_prior_aggregate", "mutual_information", "log_det", "reconstruction"]


class SweptColumn(NamedTuple):
    """One column of panels: the settings that differ in `name`."""

    name: str
    heading: str
    rows: list[reading.RunRow]


def scores_by_setting(results: reading.Results) -> dict[str, Figure]:
    """Draws a row of panels per score: against β (at α = 0) and against α.

    Args:
        results: Results with summary.csv, which has the columns beta and alpha.

    Returns:
        One figure by name.
    """
    rows = reading.summary(results)
    names = dict.fromkeys([*_SCORES, *results.config.get("figure_score", [])])
    scores = [name for name in names if any(name in row.cells for row in rows)]
    if not scores:
        raise reading.Missing(
            f"summary.csv has none of the scores {', '.join(_SCORES)}"
        )
    columns = _columns(rows)
    title = str(results.config.get("title", ""))
    note = style.runs(rows, scores)
    figure = style.new(
        max(3.6 * len(columns), 4.6), 1.9 * len(scores) + 1.2, title, note
    )
    grid = figure.subplots(
        len(scores), len(columns), sharex="col", sharey="row", squeeze=False
    )
    for score, panels in zip(scores, grid, strict=True):
        for axes, column in zip(panels, columns, strict=True):
            _panel(axes, column, score)
        _scale(panels, [row.cells[score] for row in rows if score in row.cells])
        panels[0].set_ylabel(style.score(score, per="point").replace("  (", "\n("))
    points = (results.pictures or {}).get("points")
    if points is not None and "mutual_information" in scores:
        _bound(grid[scores.index("mutual_information")], len(points))
    for axes, column in zip(grid[0], columns, strict=True):
        axes.set_title(column.heading)
    for axes, column in zip(grid[-1], columns, strict=True):
        axes.set_xlabel(style.symbol(column.name))
        _ticks(axes, _values(column.rows, column.name))
    figure.align_ylabels(grid[:, 0])
    return {"scores_by_setting": figure}


def _columns(rows: list[reading.RunRow]) -> list[SweptColumn]:
    for name in ("beta", "alpha"):
        if any(not isinstance(row.setting.get(name), float) for row in rows):
            raise reading.Missing(f"summary.csv has no number in some row of '{name}'")
    plain = [row for row in rows if row.setting["alpha"] == 0]
    added = [row for row in rows if row.setting["alpha"] != 0]
    columns = [("beta", "alpha", plain), ("alpha", "beta", added)]
    return [
        SweptColumn(x, _constant(group, c), group) for x, c, group in columns if group
    ]


def _values(rows: list[reading.RunRow], name: str) -> list[float]:
    values = (row.setting[name] for row in rows)
    return sorted({value for value in values if isinstance(value, float)})


def _constant(rows: list[reading.RunRow], name: str) -> str:
    values = _values(rows, name)
    return f"{style.symbol(name)} = {', '.join(map(style.number, values))}"


def _panel(axes: Axes, column: SweptColumn, score: str) -> None:
    """A line for each combination of the columns other than that of the x axis."""
    rows = [row for row in column.rows if score in row.cells]
    lines: dict[str, list[reading.RunRow]] = {}
    others = style.varying([row.setting for row in column.rows])
    for row in rows:
        names = [name for name in others if name != column.name]
        lines.setdefault(style.describe(row.setting, names), []).append(row)
    looks = style.series(list(lines))
    for name, members in lines.items():
        members = sorted(members, key=lambda row: style.rank(row.setting[column.name]))
        x = np.array([row.setting[column.name] for row in members], dtype=float)
        cells = [row.cells[score] for row in members]
        low, high = [c.low for c in cells], [c.high for c in cells]
        look = looks[name]
        axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
        axes.vlines(x, low, high, color=look["color"], linewidth=0.8, alpha=0.7)
        axes.plot(x, [c.mean for c in cells], **look, label=name)
    if len(lines) > 1:
        axes.legend()
    style.grid(axes)


def _scale(panels: np.ndarray, cells: list[reading.Cell]) -> None:
    """Uses a logarithmic axis if positive means span more than a factor of twenty."""
    means = np.array([cell.mean for cell in cells if np.isfinite(cell.mean)])
    if means.size and means.min() > 0 and means.max() > 20 * means.min():
        for axes in panels:
            axes.set_yscale("log", nonpositive="clip")
            axes.set_ylim(bottom=means.min() / 2)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())


def _bound(panels: np.ndarray, count: int) -> None:
    """Marks log N, the largest possible information of z about N points."""
    for axes in panels:
        axes.axhline(np.log(count), color=style.GREY, linewidth=0.8, linestyle="--")
    panels[0].annotate(
        f"log {count}",
        (1, np.log(count)),
        xycoords=panels[0].get_yaxis_transform(),
        xytext=(0, -2),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
        color=style.GREY,
    )


def _ticks(axes: Axes, values: list[float]) -> None:
    gaps = np.diff(values)
    if len(values) == 1 or gaps.min() > 0.06 * (values[-1] - values[0]):
        axes.set_xticks(values, [style.number(value) for value in values])
