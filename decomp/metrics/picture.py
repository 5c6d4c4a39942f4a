"""A sheet as one figure: its values with their intervals, and two maps beside them.

    found = metrics.score(codes, factors, intervals=100)
    found.plot(picture.maps(key, codes, factors))

The maps say which latent knows which factor: I(z_d; v_f)/H(v_f), and the importance of
each latent in a forest that predicts the factor.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from decomp.metrics import dci, inputs, mig
from decomp.metrics.definitions import ENTRIES

LABELS = {
    "information": "I(z; v) / H(v)",
    "importance": "importance of z for v",
}


class Maps(NamedTuple):
    """Matrices of latents and factors."""

    names: tuple[str, ...]  # of the factors
    information: np.ndarray  # [D, F], from 0 to 1, in 20 bins
    importance: np.ndarray | None = None  # [D, F], each column sums to 1

    def named(self) -> dict[str, np.ndarray]:
        """The matrices that there are, by the keys of `LABELS`."""
        matrices = {"information": self.information, "importance": self.importance}
        return {name: m for name, m in matrices.items() if m is not None}


def maps(
    key: jax.Array, codes: Any, factors: Any, *, importance: bool = True, **options: Any
) -> Maps:
    """The information and the importances, as the sheet has them.

    Args:
        key: A random key, which is used up.
        codes: `[N, D]`.
        factors: `[N, F]`; a missing value is left out.
        importance: Whether to fit the forest, the preset `forest` of `dci`.
        **options: Those of `inputs.factors`, such as `names` and `continuous`.

    Returns:
        Maps.
    """
    found = inputs.factors(factors, incomplete=True, **options)
    gap = mig.score(codes, found.classes, sizes=found.sizes)
    entropy = np.maximum(np.asarray(gap.entropy), 1e-12)
    information = np.asarray(gap.information) / entropy
    if not importance:
        return Maps(found.names, information)
    fit = dci.score(key, codes, found, preset="forest")
    return Maps(found.names, information, np.asarray(fit.importance))


def draw(figure: Any, lines: Sequence[Any], found: Maps | None = None) -> Any:
    """Draws the lines of a sheet into a figure of Matplotlib, and the maps beside them.

    A score between 0 and 1 is a point with its interval. What has another unit, such as
    nats, is written as a number.

    Args:
        figure: Empty; `size` says how large it should be.
        lines: Of a `sheet.Sheet`.
        found: The maps.

    Returns:
        The axes of the values.
    """
    shown = [line for line in lines if np.isfinite(line.value)]
    matrices = {} if found is None else found.named()
    widths = [1.0, *[_width(found)] * len(matrices)]
    grid = figure.add_gridspec(1, len(widths), width_ratios=widths)
    axes = figure.add_subplot(grid[0])
    _values(axes, shown)
    for place, (name, matrix) in enumerate(matrices.items(), 1):
        assert found is not None
        _matrix(figure, figure.add_subplot(grid[place]), matrix, found.names, name)
    return axes


def size(lines: Sequence[Any], found: Maps | None = None) -> tuple[float, float]:
    """Width and height of the figure in inches."""
    count = 0 if found is None else len(found.named())
    rows = sum(bool(np.isfinite(line.value)) for line in lines)
    latents = 0 if found is None else len(found.information)
    height = 1.2 + max(0.2 * rows, 0.22 * min(latents, 64))
    return 6.0 * (1 + count * _width(found)), height


def _width(found: Maps | None) -> float:
    """The width of a map, of that of the values."""
    return 0.0 if found is None else min(0.3 + 0.08 * len(found.names), 1.2)


def _values(axes: Any, lines: Sequence[Any]) -> None:
    for row, line in enumerate(lines):
        entry = ENTRIES.get(line[:2])
        share = entry is not None and entry.bounds[1] == 1
        if not share:
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
    axes.set_xlabel(
        "score (dot) and its interval of 95 %, less its bias (bar)", fontsize=9
    )
    axes.grid(axis="x", linewidth=0.4, color="0.85")
    axes.set_axisbelow(True)


def _matrix(
    figure: Any, axes: Any, matrix: np.ndarray, names: Sequence[str], kind: str
) -> None:
    latents, factors = matrix.shape
    top = max(float(np.nanmax(matrix)), 1e-12)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    if matrix.size <= 200:
        for (row, column), value in np.ndenumerate(matrix):
            ink = "white" if value > 0.6 * top else "black"
            text = {"color": ink, "size": 6, "ha": "center", "va": "center"}
            axes.text(column, row, f"{value:.2f}", **text)
    turned = any(len(name) > 2 for name in names)
    axes.set_xticks(range(factors), names, rotation=90 * turned, fontsize=7)
    step = -(-latents // 40)
    places = range(0, latents, step)
    axes.set_yticks(places, [f"$z_{{{d + 1}}}$" for d in places], fontsize=7)
    axes.set_title(LABELS[kind], fontsize=9)
    figure.colorbar(image, ax=axes, fraction=0.05)
