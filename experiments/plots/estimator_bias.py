"""Estimates from minibatches beside the exact values, against the batch size."""

import textwrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from experiments.plots import point_labels, style

QUANTITIES = {
    "entropy": "H[q(z)]",
    "mutual_information": "I(z; n)",
    "total_correlation": "total correlation",
    "kl": "KL(q(z) ‖ p(z))",
}
_REFERENCES = {"entropy": "Eq. 11", "mutual_information": "log n", "kl": "Eq. 12"}
_NOTE = (
    "Markers: mean over minibatches, band: its 95 % interval. Dashed: what Eq. 11 and "
    "12 expect where no two posteriors of a minibatch overlap, and the ceiling log n. "
    "Arrows: lines outside the panel."
)
_SHIFTED = "weighted"  # shifted by constants, so its line may lie outside a panel
_LEAST = 0.3  # nats that a panel spans at least, so that noise does not fill it
_GAP = 0.6  # of a panel's height; lines farther away are left out
_SIZE = 8.5  # size of the texts in a panel, in points


class Estimates(NamedTuple):
    """One quantity by one estimator at one batch size, over minibatches, in nats."""

    batch: int
    estimator: str
    quantity: str  # a key of QUANTITIES
    mean: float
    stderr: float
    negative: float  # share of minibatches with a value below 0
    count: int  # number of minibatches


class Regime(NamedTuple):
    """A column of the figure: a set of posteriors."""

    name: str
    points: int
    latents: int
    exact: dict[str, tuple[float, float]]  # value and standard error by quantity
    # By Eq. 11 and 12, and the ceiling log n of I; value and standard error.
    predicted: dict[str, tuple[float, float]]
    cells: list[Estimates]


class _Line(NamedTuple):
    name: str
    x: np.ndarray
    mean: np.ndarray
    half: np.ndarray  # half-width of the 95 % interval
    look: dict[str, Any]


def figure(regimes: list[Regime], *, title: str) -> Figure:
    """Draws a column of panels per set of posteriors, a row per quantity.

    A line that would compress the others is left out, and an arrow at the edge of its
    panel shows where it is.
    """
    rows, columns = len(QUANTITIES), len(regimes)
    page = style.new(2.7 * columns + 0.9, 1.8 * rows + 1.2, title, _NOTE)
    grid = page.subplots(rows, columns, sharex="col", squeeze=False)
    drawn = []
    for panels, quantity in zip(grid, QUANTITIES, strict=True):
        for axes, regime in zip(panels, regimes, strict=True):
            drawn.append((axes, _panel(axes, regime, quantity)))
        panels[0].set_ylabel(f"{QUANTITIES[quantity]}  (nats)")
    for axes, regime in zip(grid[0], regimes, strict=True):
        share = regime.exact["mutual_information"][0] / np.log(regime.points)
        name = textwrap.fill(regime.name, 40)
        axes.set_title(f"{name}\nI(z; n) is {share:.0%} of log n")
    for axes, regime in zip(grid[-1], regimes, strict=True):
        axes.set_xlabel("minibatch size B")
        batches = sorted({cell.batch for cell in regime.cells})
        axes.set_xticks(batches, [str(batch) for batch in batches])
        axes.minorticks_off()
    page.align_ylabels(grid[:, 0])
    page.draw_without_rendering()  # labels are placed in the final layout,
    page.set_layout_engine("none")  # which must not change afterwards
    for axes, lines in drawn:
        if axes in grid[:, 0]:
            _name(axes, lines)
    return page


def _panel(axes: Axes, regime: Regime, quantity: str) -> list[_Line]:
    """Draws a panel; returns the lines in it."""
    exact, stderr = regime.exact[quantity]
    lines = _lines(regime, quantity)
    inside, low, high = _inside(lines, exact)
    names = {line.name for line in inside}
    outside = [(o.name, o.mean, o.look["color"]) for o in lines if o.name not in names]
    texts = [("exact", exact, "black")]
    if quantity in regime.predicted:
        reference, _ = regime.predicted[quantity]
        text = (_REFERENCES[quantity], reference, style.GREY)
        if max(low - reference, reference - high) < _GAP * (high - low):
            low, high = min(low, reference), max(high, reference)
            axes.axhline(reference, color=style.GREY, linewidth=1, linestyle="--")
            texts.append(text)
        else:
            outside.append((text[0], np.array([reference]), text[2]))
    axes.axhline(exact, color="black", linewidth=1)
    axes.axhspan(
        exact - 1.96 * stderr, exact + 1.96 * stderr, color="0.85", linewidth=0
    )
    for line in inside:
        _draw(axes, line)
    axes.set_xscale("log", base=2)
    style.grid(axes)
    _frame(axes, low, high, outside)
    _references(axes, texts)
    return inside


def _lines(regime: Regime, quantity: str) -> list[_Line]:
    names = list(dict.fromkeys(cell.estimator for cell in regime.cells))
    looks = style.series(names)
    lines = []
    for name in names:
        cells = [
            c for c in regime.cells if (c.estimator, c.quantity) == (name, quantity)
        ]
        # Few minibatches are large ones: 16 of 1,024 points.
        columns = np.array(
            [
                (c.batch, c.mean, special.stdtrit(c.count - 1, 0.975) * c.stderr)
                for c in cells
            ]
        ).T
        look = looks[name]
        if name == "stratified":  # it nearly equals the symmetrised line below it
            look |= {"linewidth": 3.5, "markersize": 7.5, "alpha": 0.5}
        lines.append(_Line(style.number(name), *columns, look))
    return lines


def _inside(lines: list[_Line], exact: float) -> tuple[list[_Line], float, float]:
    """The lines to draw, and their lowest and highest value."""
    low, high = exact - _LEAST / 2, exact + _LEAST / 2
    selection = []
    for line in sorted(lines, key=lambda line: line.name == _SHIFTED):
        first, last = np.min(line.mean - line.half), np.max(line.mean + line.half)
        near = max(first - high, low - last) < _GAP * (high - low)
        if near or line.name != _SHIFTED:
            low, high = min(low, first), max(high, last)
            selection.append(line)
    return selection, low, high


def _draw(axes: Axes, line: _Line) -> None:
    low, high = line.mean - line.half, line.mean + line.half
    axes.fill_between(
        line.x, low, high, color=line.look["color"], alpha=0.2, linewidth=0
    )
    axes.plot(line.x, line.mean, **line.look)


def _frame(axes: Axes, low: float, high: float, outside: list[tuple]) -> None:
    """Sets the limits, with space for a text about each line outside the panel."""
    groups = [
        [line for line in outside if (np.median(line[1]) > high) == above]
        for above in (False, True)
    ]
    room = [0.09 + 0.11 * len(group) for group in groups]
    height = (high - low) / (1 - sum(room))
    axes.set_ylim(low - room[0] * height, high + room[1] * height)
    for above, group in enumerate(groups):
        for row, (name, values, colour) in enumerate(group):
            ends = dict.fromkeys(f"{value:.1f}" for value in (values[0], values[-1]))
            span = " to ".join(ends).replace("-", "−")
            axes.annotate(
                f"{'↑' if above else '↓'} {name}: {span}",
                (0.03, above),
                xycoords="axes fraction",
                xytext=(0, (2 + 11 * row) * (-1 if above else 1)),
                textcoords="offset points",
                va="top" if above else "bottom",
                fontsize=_SIZE,
                color=colour,
            )


def _references(axes: Axes, texts: list[tuple]) -> None:
    """Labels the horizontal lines at their right end; lines that coincide share one."""
    low, high = axes.get_ylim()
    if len(texts) == 2 and abs(texts[0][1] - texts[1][1]) < 0.1 * (high - low):
        texts = [(f"{texts[0][0]}, {texts[1][0]}", texts[0][1], texts[0][2])]
    for name, height, colour in texts:
        axes.annotate(
            name,
            (1, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=_SIZE,
            color=colour,
            annotation_clip=False,
        )


def _name(axes: Axes, lines: list[_Line]) -> None:
    """Labels the lines."""
    middle = [len(line.x) // 2 for line in lines]
    point_labels.place(
        axes,
        np.array(
            [(line.x[i], line.mean[i]) for line, i in zip(lines, middle, strict=True)]
        ),
        [line.name for line in lines],
        [line.look["color"] for line in lines],
        [np.stack([line.x, line.mean], axis=1) for line in lines],
        size=_SIZE,
    )
