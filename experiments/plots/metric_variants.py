"""The spread of the variants of a metric, beside the spread of the settings."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.plots import style


class VariantLine(NamedTuple):
    """One variant of a metric: mean and interval of every setting."""

    metric: str
    variant: str
    cells: list[Any]  # with mean, low and high


def variants(rows: list[Any], names: list[tuple[str, str]]) -> Figure:
    """Draws a line per variant with a mark per setting, grouped by metric.

    Args:
        rows: Statistics with `setting`, `score` ("metric variant"), mean, low and high.
        names: Metric and variant, in the order of the lines. Metrics with values
            outside [0, 1] are left out, as they have no common scale.

    Returns:
        The figure.
    """
    settings = [row.setting for row in rows]
    columns = style.varying(settings) or ["prior", "beta"]
    labels = list(dict.fromkeys(style.describe(s, columns) for s in settings))
    lines = [_line(rows, columns, labels, *name) for name in names]
    lines = [line for line in lines if _comparable(line)]
    height = 0.27 * len(lines) + 0.12 * len({line.metric for line in lines})
    count = max(row.n for row in rows)
    figure = style.new(
        8.2,
        height + 1.6,
        note=f"means over {count} runs a setting; bars: 95 % t-interval",
    )
    axes = figure.subplots()
    places = _places(lines)
    looks = style.series(labels)
    offsets = np.linspace(0.24, -0.24, len(labels)) if len(labels) > 1 else [0.0]
    for index, (label, offset) in enumerate(zip(labels, offsets, strict=True)):
        cells = [line.cells[index] for line in lines]
        x = [cell.mean for cell in cells]
        y = [place + offset for place in places]
        look = looks[label] | {"linestyle": "none", "markersize": 3.6}
        low, high = [cell.low for cell in cells], [cell.high for cell in cells]
        axes.hlines(y, low, high, color=look["color"], linewidth=0.9)
        axes.plot(x, y, **look, label=label)
    _frame(axes, lines, places)
    figure.legend(
        loc="outside upper center",
        title="Variants of one metric, of the same codes",
        title_fontsize=12,
        ncols=min(3, len(labels)),
        columnspacing=1.4,
    )
    return figure


def _line(
    rows: list[Any], columns: list[str], labels: list[str], metric: str, variant: str
) -> VariantLine:
    cells = {
        style.describe(row.setting, columns): row
        for row in rows
        if row.score == f"{metric} {variant}"
    }
    return VariantLine(metric, variant, [cells[label] for label in labels])


def _comparable(line: VariantLine) -> bool:
    means = [cell.mean for cell in line.cells]
    return all(math.isfinite(m) and 0 <= m <= 1 for m in means)


def _places(lines: list[VariantLine]) -> list[float]:
    """The height of every line, downwards, with a gap between metrics."""
    places, y = [], 0.0
    for index, line in enumerate(lines):
        y -= 1.0 if not index or line.metric == lines[index - 1].metric else 1.45
        places.append(y)
    return places


def _frame(axes: Axes, lines: list[VariantLine], places: list[float]) -> None:
    axes.set_yticks(
        places, [f"{line.metric}: {line.variant}".replace("_", " ") for line in lines]
    )
    for place in places:
        axes.axhline(place, color="0.93", linewidth=7.0, zorder=0)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(places[-1] - 0.8, places[0] + 0.8)
    axes.set_xlabel("score")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
