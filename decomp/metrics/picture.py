"""A figure of a sheet: its values with their intervals, and two maps.

    maps = ["information", "importance"]
    metrics.score(codes, factors, intervals=100, maps=maps).plot()

The maps show which latents encode which factors: I(z_d; v_f)/H(v_f), and the importance
of each latent for a random forest that predicts the factor.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from decomp.metrics.definitions import ENTRIES
from decomp.metrics.entry import Maps

LABELS = {
    "information": "I(z; v) / H(v)",
    "importance": "importance of z for v, in random forests",
}


def draw(figure: Any, lines: Sequence[Any], maps: Maps | None = None) -> Any:
    """Draws the lines of a sheet, and the maps beside them, into a Matplotlib figure.

    A score with an upper bound of 1 is drawn as a point with its interval. A score with
    another unit, such as nats, is written as a number.

    Args:
        figure: An empty figure of the size `size(lines, maps)`.
        lines: The lines of a `tables.Sheet`.
        maps: The maps, or None.

    Returns:
        The axes of the values.
    """
    finite = [line for line in lines if np.isfinite(line.value)]
    matrices = {} if maps is None else maps.named()
    widths = [1.0, *[_width(maps)] * len(matrices)]
    grid = figure.add_gridspec(1, len(widths), width_ratios=widths)
    axes = figure.add_subplot(grid[0])
    _values(axes, finite)
    for column, (name, matrix) in enumerate(matrices.items(), 1):
        assert maps is not None
        _matrix(figure, figure.add_subplot(grid[column]), matrix, maps.names, name)
    return axes


def draw_map(figure: Any, maps: Maps, kind: str) -> Any:
    """Draws one of the maps, rows for latents and columns for factors, by itself.

    Args:
        figure: An empty figure, such as of `map_size(maps)`.
        maps: The maps.
        kind: A key of `LABELS` that `maps` has.

    Returns:
        The axes.
    """
    axes = figure.add_subplot()
    _matrix(figure, axes, maps.named()[kind], maps.names, kind)
    return axes


def map_size(maps: Maps) -> tuple[float, float]:
    """The width and the height in inches of a figure of one map."""
    latents, factors = maps.information.shape
    return 2.0 + 0.55 * factors, 1.4 + 0.3 * min(latents, 64)


def size(lines: Sequence[Any], maps: Maps | None = None) -> tuple[float, float]:
    """The width and the height of the figure in inches."""
    count = 0 if maps is None else len(maps.named())
    rows = sum(bool(np.isfinite(line.value)) for line in lines)
    latents = 0 if maps is None else len(maps.information)
    height = 1.2 + max(0.2 * rows, 0.22 * min(latents, 64))
    return 6.0 * (1 + count * _width(maps)), height


def _width(maps: Maps | None) -> float:
    """The width of a map, relative to that of the values."""
    return 0.0 if maps is None else min(0.3 + 0.08 * len(maps.names), 1.2)


def _values(axes: Any, lines: Sequence[Any]) -> None:
    """Draws one row per line: a point with its interval, or a number."""
    for row, line in enumerate(lines):
        entry = ENTRIES.get(line[:2])
        bounded = entry is not None and entry.bounds[1] == 1
        if not bounded:
            ends = "" if line.low is None else f"   {line.low:.4g} … {line.high:.4g}"
            text = f"{line.value:.4g}{ends}"
            axes.text(0.02, row, text, va="center", fontsize=7, color="0.35")
            continue
        if line.low is not None:
            axes.plot([line.low, line.high], [row, row], color="C0", linewidth=1.6)
        axes.plot(line.value, row, "o", color="C0", markersize=3.5)
    names = [f"{line.metric}, {line.variant}" for line in lines]
    axes.set_yticks(range(len(lines)), names, fontsize=7)
    axes.set_ylim(max(len(lines), 1) - 0.5, -0.5)
    ends = [line.low for line in lines if line.low is not None]
    least = min([0.0, *(e for e in ends if e > -1)])
    axes.set_xlim(least - 0.02, 1.02)
    removed = any(line.bias for line in lines)
    words = ", with the bias removed" if removed else ""
    axes.set_xlabel(f"score (dot) and its 95 % interval{words} (bar)", fontsize=9)
    axes.grid(axis="x", linewidth=0.4, color="0.85")
    axes.set_axisbelow(True)


def _matrix(
    figure: Any, axes: Any, matrix: np.ndarray, names: Sequence[str], kind: str
) -> None:
    """Draws a map of latents and factors, with its numbers if there is space."""
    latents, factors = matrix.shape
    top = max(float(np.nanmax(matrix)), 1e-12)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    if matrix.size <= 200:
        for (row, column), value in np.ndenumerate(matrix):
            color = "white" if value > 0.6 * top else "black"
            text = {"color": color, "size": 6, "ha": "center", "va": "center"}
            axes.text(column, row, f"{value:.2f}", **text)
    vertical = any(len(name) > 2 for name in names)
    axes.set_xticks(range(factors), names, rotation=90 * vertical, fontsize=7)
    step = -(-latents // 40)
    rows = range(0, latents, step)
    axes.set_yticks(rows, [f"$z_{{{d + 1}}}$" for d in rows], fontsize=7)
    axes.set_title(LABELS[kind], fontsize=9)
    figure.colorbar(image, ax=axes, fraction=0.05)
