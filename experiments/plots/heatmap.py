"""Heatmaps of latent-by-factor matrices: information or importance."""

import pathlib

import matplotlib.style
import numpy as np

from experiments.plots import style

LABELS = {
    "information": "I(z; v) / H(v)",
    "importance": "importance of z for v",
}


def draw(path: pathlib.Path, matrix: np.ndarray, kind: str) -> list[pathlib.Path]:
    """Draws a matrix `[D, F]` with a number in every cell.

    Args:
        path: File name without its ending.
        matrix: Values ≥ 0; rows are latents, columns factors.
        kind: A key of `LABELS`.

    Returns:
        The files written.
    """
    latents, factors = matrix.shape
    with matplotlib.style.context(["default", style.RC]):
        figure = style.new(1.6 + 0.55 * factors, 1.2 + 0.4 * latents)
        axes = figure.add_subplot()
        top = max(float(np.max(matrix)), 1e-12)
        image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=top, aspect="auto")
        for (row, column), value in np.ndenumerate(matrix):
            ink = "white" if value > 0.6 * top else "black"
            axes.text(
                column, row, f"{value:.2f}", color=ink, size=7, ha="center", va="center"
            )
        axes.set_xticks(range(factors), [f"$v_{{{i + 1}}}$" for i in range(factors)])
        axes.set_yticks(range(latents), [f"$z_{{{i + 1}}}$" for i in range(latents)])
        axes.grid(visible=False)
        figure.colorbar(image, label=LABELS[kind])
        return style.save(figure, path)
