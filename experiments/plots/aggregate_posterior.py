"""Figures 2 and 3: the aggregate posterior q(z) and the prior p(z) over the plane."""

import math
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MultipleLocator

from experiments.plots import style
from experiments.results import reading

_MAP = "Blues"
_OVER = "#6a0dad"  # above the scale's end; the colour map does not have this colour
_CONTOUR = "#D55E00"
_COLUMNS = 6  # panels in a row at most
_LEVELS = (0.05, 0.5)  # contours, as shares of the prior's peak
_SHOWN = {"kl_prior_aggregate": "KL(p‖q)", "mutual_information": "I(z;n)"}


class DensityPanel(NamedTuple):
    """One density with the texts above and in it."""

    title: str
    values: np.ndarray  # [G, G], indexed [y, x]
    prior: np.ndarray  # [G, G]
    small: str


def aggregate_posterior(results: reading.Results) -> dict[str, Figure]:
    """Draws q(z) for every setting, those with α = 0 first.

    All panels share a colour scale. It ends a tenth above the prior's peak; higher
    densities have one other colour, and every panel states its maximum.

    Args:
        results: Results with settings.json and, in pictures.npz, density_grid, density
            and prior_density; density_run and scores.csv add scores.

    Returns:
        One figure by name.
    """
    settings = reading.settings(results)
    grid = _grid(results)
    shape = (len(settings), len(grid), len(grid))
    prior = reading.array(results, "prior_density", *shape)
    density = reading.array(results, "density", *shape)
    drawn = np.isfinite(density).all(axis=(1, 2)) & np.isfinite(prior).all(axis=(1, 2))
    smalls = [_small(results, i, grid, q) for i, q in enumerate(density)]
    groups = _groups(settings)
    lines = [
        (
            heading,
            [DensityPanel(titles[i], density[i], prior[i], smalls[i]) for i in line],
        )
        for heading, members, titles in groups
        for line in _lines(members)
    ]
    count = max(len(panels) for _, panels in lines)
    contours = _contour_note(prior[drawn])
    figure = style.new(
        min(1.95 * count + 1.3, 12.0),
        2.45 * len(lines) + 0.9,
        str(results.config.get("title", "")),
        f"{contours}{_small_note(results)}; square-root colour scale",
    )
    figure.get_layout_engine().set(h_pad=0.12)
    axes_grid = figure.subplots(
        len(lines), count, sharex=True, sharey=True, squeeze=False
    )
    top = 1.1 * np.max(prior[drawn], initial=0.0) or 1.0
    for row, (heading, panels) in zip(axes_grid, lines, strict=True):
        for axes in row[len(panels) :]:
            axes.remove()
        for axes, panel in zip(row, panels, strict=False):
            _heat(axes, grid, panel.values, top)
            _contours(axes, grid, panel.prior)
            _title(axes, panel)
        row[0].set_ylabel(f"{heading}\n$z_2$" if heading else "$z_2$")
    for axes in axes_grid[-1, : len(lines[-1][1])]:
        axes.set_xlabel("$z_1$")
    extend = "max" if np.any(density[drawn] > top) else "neither"
    figure.colorbar(
        axes_grid[0, 0].images[0],
        ax=figure.axes,
        label="q(z)",
        extend=extend,
        shrink=0.85,
        aspect=30,
    )
    return {"aggregate_posterior": figure}


def prior_density(results: reading.Results) -> dict[str, Figure]:
    """Draws every distinct p(z), and the data if they are recorded.

    Args:
        results: Results with density_grid and prior_density in pictures.npz; points is
            optional.

    Returns:
        One figure by name.
    """
    grid = _grid(results)
    every = reading.array(results, "prior_density", None, len(grid), len(grid))
    priors = _different(every[np.isfinite(every).all(axis=(1, 2))])[:_COLUMNS]
    points = (results.pictures or {}).get("points")
    note = f"{_contour_note(priors)}square-root colour scale"
    count = len(priors) + (points is not None)
    figure = style.new(1.2 + 3.4 * count, 3.95, note=note)
    panels = figure.subplots(1, count, squeeze=False)[0]
    if points is not None:
        points = reading.array(results, "points", None, 2)
        panels[0].scatter(*points.T, s=5, color="0.2", linewidths=0)
        edge = 1.05 * np.abs(points).max()
        panels[0].set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
        panels[0].set(xlabel="$x_1$", ylabel="$x_2$")
        panels[0].set_title(f"data, n = {len(points)}")
        panels[0].spines[["top", "right"]].set_visible(True)
    for axes, prior in zip(panels[-len(priors) :], priors, strict=True):
        image = _heat(axes, grid, prior, priors.max())
        axes.set(xlabel="$z_1$", ylabel="$z_2$")
        axes.set_title("prior")
        _contours(axes, grid, prior)
    figure.colorbar(image, ax=panels, label="p(z)", shrink=0.8)
    return {"prior_density": figure}


def _different(priors: np.ndarray) -> np.ndarray:
    """The distinct densities, in their order."""
    if not len(priors):
        raise reading.Missing("every run of every setting diverged")
    _, first = np.unique(priors.reshape(len(priors), -1), axis=0, return_index=True)
    return priors[np.sort(first)]


def _grid(results: reading.Results) -> np.ndarray:
    grid = reading.array(results, "density_grid", None)
    if len(grid) < 2 or not np.all(np.diff(grid) > 0):
        raise ValueError("pictures.npz: 'density_grid' must be an increasing axis.")
    return grid


def _groups(settings: list[reading.Setting]) -> list[tuple]:
    """Heading, members and titles of each group: settings with α = 0, then others.

    Settings that differ in more than α and β form a single group in their order.
    """
    for name in ("alpha", "beta"):
        if any(not isinstance(s.get(name), float) for s in settings):
            raise reading.Missing(f"settings.json has no number in some '{name}'")
    every = [*range(len(settings))]
    if set(differing := style.varying(settings)) - {"alpha", "beta"}:
        titles = {i: style.describe(settings[i], differing) for i in every}
        return [("", every, titles)]
    parts = [
        [i for i, s in enumerate(settings) if (s["alpha"] == 0) == plain]
        for plain in (True, False)
    ]
    groups = []
    letters = (("beta", "alpha"), ("alpha", "beta"))
    for members, (name, fixed) in zip(parts, letters, strict=True):
        if not members:
            continue
        group = [settings[i] for i in members]
        differing = [c for c in style.varying(group) if c != name]
        titles = {i: style.describe(settings[i], [name, *differing]) for i in members}
        heading = "" if fixed in differing else style.describe(group[0], [fixed])
        groups.append((heading, members, titles))
    return groups


def _lines(members: list[int]) -> list[list[int]]:
    """The members in rows of about equal length."""
    count = -(-len(members) // _COLUMNS)
    length = -(-len(members) // count)
    return [members[k : k + length] for k in range(0, len(members), length)]


def _small(
    results: reading.Results, i: int, grid: np.ndarray, density: np.ndarray
) -> str:
    """The maximum, the mass in the window, and the scores of the run that is drawn."""
    if not np.isfinite(density).all():
        return style.LOST
    words, runs = [], None
    if "density_run" in (results.pictures or {}):
        runs = reading.array(results, "density_run", len(reading.settings(results)))
    run = -1 if runs is None else int(runs[i])
    scores = (results.scores or {}).get(run, {})
    for name, symbol in _SHOWN.items():
        if isinstance(value := scores.get(name), float) and math.isfinite(value):
            words.append(f"{symbol} {value:.2f}")
    inside = density.sum() * (grid[1] - grid[0]) ** 2
    outside = f", {100 * inside:.0f} % of q(z) in view" if inside < 0.99 else ""
    return "\n".join([", ".join(words), f"max {density.max():.3g}{outside}"]).strip()


def _small_note(results: reading.Results) -> str:
    symbols = [symbol for name, symbol in _SHOWN.items() if _has_score(results, name)]
    words = "max: highest q(z) on the grid"
    return (
        f"{words}; {' and '.join(symbols)} in nats, of the run drawn"
        if symbols
        else words
    )


def _has_score(results: reading.Results, name: str) -> bool:
    drawn = "density_run" in (results.pictures or {})
    return drawn and any(name in row for row in (results.scores or {}).values())


def _contour_note(prior: np.ndarray) -> str:
    levels = " and ".join(f"{level:.0%}" for level in _LEVELS).replace("%", " %")
    if not len(prior):
        return ""
    return f"lines: the prior p(z) at {levels} of its peak, {prior.max():.3g}; "


def _heat(axes: Axes, grid: np.ndarray, values: np.ndarray, top: float) -> AxesImage:
    half = (grid[1] - grid[0]) / 2
    extent = (grid[0] - half, grid[-1] + half) * 2
    image = axes.imshow(
        values,
        extent=extent,
        origin="lower",
        cmap=matplotlib.colormaps[_MAP].with_extremes(over=_OVER),
        norm=PowerNorm(0.5, vmin=0.0, vmax=top),
        interpolation="nearest",
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(max(1, round(grid[-1] / 2))))
    return image


def _contours(axes: Axes, grid: np.ndarray, prior: np.ndarray) -> None:
    if not np.isfinite(prior).all():
        return
    levels = [level * prior.max() for level in _LEVELS]
    axes.contour(grid, grid, prior, levels, colors=_CONTOUR, linewidths=0.7)


def _title(axes: Axes, panel: DensityPanel) -> None:
    pad = 13.5 + 12.0 * panel.small.count("\n")  # space for the small lines
    axes.set_title(panel.title, pad=pad)
    axes.text(
        0.5,
        1.02,
        panel.small,
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontsize=7.5,
        linespacing=1.1,
        color=style.GREY,
    )
