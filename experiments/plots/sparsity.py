"""Sparse codes: their sparsity, and the latents that each class uses."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.plots import style
from experiments.results import reading

_SCORE = "hoyer"
_PANELS = 4  # matrices at most
_CURVES = 3.6  # width of the left panel, in inches


def sparsity(results: reading.Results) -> dict[str, Figure]:
    """Draws the sparsity of the codes, and matrices of class by latent.

    The left panel has the sparsity against `figure_label`, with a line per
    `figure_line`. A matrix has the mean |z_d| of every class in one run; its latents
    are sorted by their sum over the classes.

    Args:
        results: Results with summary.csv, which has the score hoyer, settings.json and,
            in pictures.npz, class_magnitude `[settings, C, D]`; class_names `[C]` is
            optional.

    Returns:
        One figure by name.
    """
    rows = [row for row in reading.summary(results) if _SCORE in row.cells]
    if not rows:
        raise reading.Missing(f"summary.csv has no score '{_SCORE}'")
    settings = reading.settings(results)
    magnitude = reading.array(results, "class_magnitude", len(settings), None, None)
    names = _class_names(results, magnitude.shape[1])
    key = reading.column(results, "figure_line", "prior", settings[0])
    label = reading.column(results, "figure_label", "beta", settings[0])
    places = _chosen(settings, key, label)
    words = style.varying([settings[i] for i in places]) or [label]
    titles = [style.describe(settings[i], words) for i in places]

    title = str(results.config.get("title", ""))
    note = f"{style.runs(rows, [_SCORE])}; matrices: one run each"
    figure, left, panels = _canvas(magnitude[places].shape, title, note)
    _curves(left, rows, key, label)
    _matrices(panels, magnitude[places], titles, names)
    bar = "mean |$z_d$| of a class"
    figure.colorbar(panels[0].images[0], ax=panels, label=bar, aspect=30, pad=0.02)
    return {"sparsity": figure}


def _class_names(results: reading.Results, count: int) -> list[str]:
    if "class_names" in (results.pictures or {}):
        return [str(name) for name in reading.array(results, "class_names", count)]
    return [str(i) for i in range(count)]


def _chosen(settings: list[reading.Setting], key: str, label: str) -> list[int]:
    """At most `_PANELS` settings, with the same labels for each line."""
    lines = sorted({row[key] for row in settings}, key=style.rank)[:_PANELS]
    labels = sorted({row[label] for row in settings}, key=style.rank)
    count = min(len(labels), _PANELS // len(lines))
    columns = [labels[i * len(labels) // count] for i in range(count)]
    places = {(row[key], row[label]): i for i, row in enumerate(settings)}
    pairs = [(line, column) for line in lines for column in columns]
    return [places[pair] for pair in pairs if pair in places]


def _canvas(
    shape: tuple[int, ...], title: str, note: str
) -> tuple[Figure, Axes, list[Axes]]:
    """A figure with lines on the left and matrices of `shape` on the right."""
    count, classes, latents = shape
    across = 1 if count <= 2 else 2
    down = math.ceil(count / across)
    width = max(1.8, 0.07 * latents)
    height = max(2.6, down * (0.16 * classes + 0.5)) + 1.0
    figure = style.new(_CURVES + across * width + 1.6, height, title, note)
    widths = [_CURVES, *[width] * across]
    grid = figure.add_gridspec(down, 1 + across, width_ratios=widths)
    left = figure.add_subplot(grid[:, 0])
    places = [grid[i // across, 1 + i % across] for i in range(count)]
    return figure, left, [figure.add_subplot(place) for place in places]


def _curves(axes: Axes, rows: list[reading.RunRow], key: str, label: str) -> None:
    """Draws a line per value of `key`; the values of `label` are equally spaced."""
    values = sorted({row.setting[label] for row in rows}, key=style.rank)
    lines = {row.setting[key]: [] for row in rows}
    for row in sorted(rows, key=lambda row: style.rank(row.setting[label])):
        lines[row.setting[key]].append(row)
    looks = style.series(list(lines))
    for name, members in lines.items():
        x = [values.index(row.setting[label]) for row in members]
        cells = [row.cells[_SCORE] for row in members]
        low, high = [c.low for c in cells], [c.high for c in cells]
        colour = looks[name]["color"]
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.vlines(x, low, high, color=colour, linewidth=0.8, alpha=0.7)
        words = style.describe(members[0].setting, [key])
        axes.plot(x, [c.mean for c in cells], **looks[name], label=words)
    if len(lines) > 1:
        axes.legend()
    axes.set_xticks(range(len(values)), [style.number(value) for value in values])
    axes.set(xlabel=style.symbol(label), ylabel="Hoyer sparsity of the codes")
    style.grid(axes)


def _matrices(
    panels: list[Axes], magnitude: np.ndarray, titles: list[str], names: list[str]
) -> None:
    """Draws the matrices `[panels, C, D]` with one colour scale."""
    top = np.max(magnitude, initial=1e-12, where=np.isfinite(magnitude))
    for axes, values, title in zip(panels, magnitude, titles, strict=True):
        order = np.argsort(-values.sum(axis=0), kind="stable")
        axes.imshow(
            values[:, order],
            cmap="Blues",
            vmin=0,
            vmax=top,
            aspect="auto",
            extent=(0.5, len(order) + 0.5, len(names) - 0.5, -0.5),
            interpolation="nearest",
        )
        place = axes.get_subplotspec()
        axes.set_yticks(range(len(names)), names if place.colspan.start == 1 else [])
        axes.set_xlabel("latents, by total" if place.is_last_row() else "")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.tick_params(length=0)
        axes.set_title(title if np.isfinite(values).all() else f"{title}: diverged")
        for spine in axes.spines.values():
            spine.set_visible(True)
