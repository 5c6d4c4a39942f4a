"""A line of means with the band of their 95 % intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from experiments.results import summary


def draw(
    axes: Axes,
    x: Sequence[float],
    scores: Sequence[Mapping[float, float]],
    dash: str = "-",
    **look: Any,
) -> None:
    """Draws the mean over seeds at each x, with the interval of this mean.

    Args:
        axes: Where to draw.
        x: Places `[L]`.
        scores: A score by seed at each of them.
        dash: Matplotlib's style of the line.
        **look: Colour, marker and label of the line.
    """
    intervals = [
        summary.interval(np.array(list(by_seed.values()))) for by_seed in scores
    ]
    mean, _, low, high = np.array(intervals).T
    axes.plot(x, mean, dash, **look)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.15, lw=0)
