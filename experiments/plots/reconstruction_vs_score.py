"""Figure 1: reconstruction loss against a score, one line per prior."""

import logging
import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from experiments.plots import point_labels, style
from experiments.results import reading

_LOG = logging.getLogger(__name__)
_X = "reconstruction"


class PriorLine(NamedTuple):
    """One line of a panel, with points in the order of their labels."""

    look: dict[str, Any]
    texts: list[str]  # P
    x: np.ndarray  # [P, 3] mean, low, high
    y: np.ndarray  # [P, 3]


def reconstruction_vs_score(results: reading.Results) -> dict[str, Figure]:
    """Draws one panel per score of `figure_score`.

    Args:
        results: Results with summary.csv.

    Returns:
        One figure by name.
    """
    rows = [row for row in reading.summary(results) if _X in row.cells]
    scores = _scores(results.config.get("figure_score", []), rows)
    key = reading.column(results, "figure_line", "prior", rows[0].setting)
    label = reading.column(results, "figure_label", "beta", rows[0].setting)
    groups = {row.setting[key]: [] for row in rows}
    for row in rows:
        groups[row.setting[key]].append(row)
    looks = style.series(list(groups))

    figure, panels = _canvas(results, scores, _note(rows, scores, key, label))
    drawn = []
    for axes, score in zip(panels, scores, strict=True):
        lines = [_line(groups[name], score, label, looks[name]) for name in groups]
        _panel(axes, lines, score)
        drawn.append(lines)
    if len(groups) > 1:
        _legend(figure, key, looks)
    figure.draw_without_rendering()  # the labels need the final sizes
    for axes, lines in zip(panels, drawn, strict=True):
        _label(axes, lines)
    return {"reconstruction_vs_score": figure}


def _canvas(results: reading.Results, scores: list[str], note: str):
    columns = len(scores) if len(scores) <= 3 else math.ceil(len(scores) / 2)
    down = math.ceil(len(scores) / columns)
    title = str(results.config.get("title", ""))
    figure = style.new(max(4.4 * columns, 5.2), 3.5 * down + 1.1, title, note)
    panels = figure.subplots(down, columns, squeeze=False).ravel()
    for axes in panels[len(scores) :]:
        axes.remove()
    return figure, panels[: len(scores)]


def _note(rows: list[reading.RunRow], scores: list[str], key: str, label: str) -> str:
    names = {row.setting[key] for row in rows}
    only = f"{style.symbol(key)}: {style.number(*names)}; " if len(names) == 1 else ""
    beside = f"numbers beside the points: {style.symbol(label)}; "
    return only + beside + style.runs(rows, [_X, *scores])


def _panel(axes: Axes, lines: list[PriorLine], score: str) -> None:
    for line in lines:
        _draw(axes, line)
    axes.set_xlabel(style.score(_X, per="image"))
    axes.set_ylabel(style.score(score, per="image"))
    axes.margins(0.08)
    style.grid(axes)


def _scores(names: list[str], rows: list[reading.RunRow]) -> list[str]:
    present = [s for s in names if any(s in row.cells for row in rows)]
    for score in names:
        if score not in present:
            _LOG.warning("a panel is left out: summary.csv has no score '%s'.", score)
    if not present:
        raise reading.Missing(
            f"summary.csv has '{_X}' with none of the scores {names} of figure_score"
        )
    return present


def _line(
    rows: list[reading.RunRow], score: str, label: str, look: dict[str, Any]
) -> PriorLine:
    """Collects one line; a setting without a finished run has no point."""
    rows = [row for row in rows if score in row.cells]
    rows = [
        r for r in rows if np.isfinite([r.cells[_X].mean, r.cells[score].mean]).all()
    ]
    rows = sorted(rows, key=lambda row: style.rank(row.setting[label]))
    texts = [style.number(row.setting[label]) for row in rows]
    x, y = ([_interval(row.cells[name]) for row in rows] for name in (_X, score))
    return PriorLine(look, texts, np.reshape(x, (-1, 3)), np.reshape(y, (-1, 3)))


def _interval(cell: reading.Cell) -> list[float]:
    return [cell.mean, cell.low, cell.high]


def _draw(axes: Axes, line: PriorLine) -> None:
    colour = line.look["color"]
    (x, left, right), (y, low, high) = line.x.T, line.y.T
    if strips := _strips(x, low, high):
        band = Path.make_compound_path(*strips)
        axes.add_patch(PathPatch(band, facecolor=colour, alpha=0.18, linewidth=0))
    bars = {"color": colour, "linewidth": 0.8, "alpha": 0.7, "zorder": 3}
    axes.hlines(y, left, right, **bars)
    axes.vlines(x, low, high, **bars)
    axes.plot(x, y, **line.look, markeredgecolor="white", markeredgewidth=0.6, zorder=4)


def _strips(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[Path]:
    """The area between low and high along a path on which x may decrease.

    It has one strip per step, all with the same orientation, so that the non-zero rule
    fills their union evenly, even if the path crosses itself.
    """
    strips = []
    for i in range(len(x) - 1):
        a, b = (i, i + 1) if x[i] <= x[i + 1] else (i + 1, i)
        corners = [(x[a], low[a]), (x[b], low[b]), (x[b], high[b]), (x[a], high[a])]
        if np.isfinite(corners).all():
            strips.append(Path([*corners, corners[0]], closed=True))
    return strips


def _label(axes: Axes, lines: list[PriorLine]) -> None:
    texts = [text for line in lines for text in line.texts]
    colours = [line.look["color"] for line in lines for _ in line.texts]
    paths = [np.stack([line.x[:, 0], line.y[:, 0]], axis=1) for line in lines]  # [P, 2]
    bars = [
        bar
        for line in lines
        for (x, left, right), (y, low, high) in zip(line.x, line.y, strict=True)
        for bar in ([(left, y), (right, y)], [(x, low), (x, high)])
        if np.isfinite(bar).all()
    ]
    paper = [path for path in paths if len(path)] + [np.array(bar) for bar in bars]
    if texts:
        point_labels.place(axes, np.concatenate(paths), texts, colours, paper)


def _legend(
    figure: Figure, key: str, looks: dict[reading.Value, dict[str, Any]]
) -> None:
    """Draws the legend, which includes the title so that they do not overlap."""
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6}
    handles = [
        Line2D([], [], label=style.describe({key: name}, [key]), **look, **edge)
        for name, look in looks.items()
    ]
    title = figure.get_suptitle()
    figure.suptitle("")
    figure.legend(
        handles=handles,
        title=title,
        title_fontsize="large",
        loc="outside upper center",
        ncols=min(len(handles), 4),
    )
