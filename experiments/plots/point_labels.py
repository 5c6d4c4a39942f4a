"""Places a short text beside each point of a plot, where it hides the least."""

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

_ANGLES = np.deg2rad([90, 45, -45, -90, 135, -135, 0, 180])
_GAPS = [4.0, 9.0, 14.0]  # points


def place(
    axes: Axes,
    points: np.ndarray,
    texts: list[str],
    colours: list[str],
    lines: list[np.ndarray],
    *,
    size: float = 9.0,
) -> None:
    """Writes the texts in turn, each at the candidate position with the least cost.

    The cost counts earlier texts, markers and lines under the text. The figure must
    have its final layout, as the cost depends on it.

    Args:
        axes: Where to write.
        points: Positions `[N, 2]` in data units.
        texts: The N texts.
        colours: Their N colours.
        lines: Polylines `[·, 2]` in data units, which texts should not cover.
        size: Type size in points.
    """
    scale = 72.0 / axes.figure.dpi
    centres = axes.transData.transform(points) * scale  # [N, 2] in points of paper
    drawn = [axes.transData.transform(line) * scale for line in lines]
    ink = np.concatenate([_sampled(line) for line in drawn] + [centres])
    frame = np.array(axes.get_window_extent().extents) * scale
    boxes: list[np.ndarray] = []
    for point, centre, text, colour in zip(
        points, centres, texts, colours, strict=True
    ):
        half = np.array([0.25 * len(text), 0.5]) * size  # as the type is set
        offsets = [_offset(angle, gap, half) for gap in _GAPS for angle in _ANGLES]
        costs = [
            _cost(centre + offset, half, centres, ink, boxes, frame)
            + 0.25 * np.hypot(*offset)
            for offset in offsets
        ]
        offset = offsets[int(np.argmin(costs))]
        boxes.append(np.concatenate([centre + offset - half, centre + offset + half]))
        _write(axes, point, offset, text, colour, size)


def _offset(angle: float, gap: float, half: np.ndarray) -> np.ndarray:
    direction = np.array([np.cos(angle), np.sin(angle)])
    return direction * (gap + 2.0) + np.sign(np.round(direction, 6)) * half * 0.9


def _cost(
    centre: np.ndarray,
    half: np.ndarray,
    markers: np.ndarray,
    ink: np.ndarray,
    boxes: list[np.ndarray],
    frame: np.ndarray,
) -> float:
    low, high = centre - half, centre + half
    outside = np.any(low < frame[:2]) or np.any(high > frame[2:])
    shared = sum(
        np.prod(np.clip(np.minimum(high, b[2:]) - np.maximum(low, b[:2]), 0, None))
        for b in boxes
    )
    hidden = np.sum(np.all(np.abs(markers - centre) < half + 3.0, axis=1))
    crossed = np.sum(np.all(np.abs(ink - centre) < half + 0.5, axis=1))
    return 100.0 * outside + 5.0 * shared + 30.0 * hidden + 3.0 * crossed


def _sampled(line: np.ndarray) -> np.ndarray:
    """Points along a polyline, spaced by two typographic points."""
    pieces = []
    for start, end in zip(line[:-1], line[1:], strict=True):
        count = max(2, int(np.hypot(*(end - start)) / 2.0))
        pieces.append(np.linspace(start, end, count))
    return np.concatenate(pieces) if pieces else line


def _write(
    axes: Axes,
    point: np.ndarray,
    offset: np.ndarray,
    text: str,
    colour: str,
    size: float,
) -> None:
    axes.annotate(
        text,
        (point[0], point[1]),
        xytext=(offset[0], offset[1]),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=size,
        color=colour,
        path_effects=[patheffects.withStroke(linewidth=2.0, foreground="white")],
        zorder=6,
    )
