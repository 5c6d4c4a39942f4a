"""The paper's findings, each with its effects and their intervals."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.findings.effects import Finding
from experiments.plots import style

_COLUMNS = 3
# For each answer: colour, marker and whether it is filled.
_LOOKS = {
    "yes": ("#0072B2", "o", True),
    "no": ("#D55E00", "s", True),
    "open": ("#0072B2", "o", False),
    "": ("0.6", ".", True),
}


def forest(findings: Sequence[Finding]) -> Figure:
    """Draws a panel per finding; a line per comparison has the look of its answer."""
    rows = math.ceil(len(findings) / _COLUMNS)
    lines = [
        max(len(f.comparisons) for f in findings[start : start + _COLUMNS])
        for start in range(0, rows * _COLUMNS, _COLUMNS)
    ]
    note = (
        "intervals hold together in each panel with 95 %; filled circle: as the paper "
        "says, square: not so, hollow: open, grey: shown beside; dotted: the margin"
    )
    figure = style.new(13.0, 0.22 * sum(lines) + 1.05 * rows + 0.4, note=note)
    grid = figure.subplots(
        rows, _COLUMNS, squeeze=False, height_ratios=[n + 2 for n in lines]
    )
    for axes, finding in zip(grid.ravel(), findings, strict=False):
        _panel(axes, finding)
    for axes in grid.ravel()[len(findings) :]:
        axes.remove()
    return figure


def _panel(axes: Axes, finding: Finding) -> None:
    for place, c in enumerate(finding.comparisons):
        colour, marker, filled = _LOOKS[c.answer]
        axes.hlines(place, c.low, c.high, color=colour, linewidth=1.4)
        face = colour if filled else "white"
        look = {"color": colour, "markerfacecolor": face, "markersize": 5}
        axes.plot(c.mean, place, marker, **look, zorder=3)
        if c.wanted.startswith("within"):
            margin = float(c.wanted.removeprefix("within "))
            ends = {"color": style.GREY, "linewidth": 0.8, "linestyle": ":"}
            axes.vlines([-margin, margin], place - 0.4, place + 0.4, **ends)
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    count = len(finding.comparisons)
    axes.set_yticks(range(count), [c.label for c in finding.comparisons])
    axes.tick_params(axis="y", length=0, labelsize=8.5)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_title(f"{finding.name} {finding.verdict}", loc="left", fontweight="bold")
    axes.set_xlabel(finding.measure, fontsize=8.5)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
