"""Traversals and reconstructions: pages of small pictures."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.drawing import files, style

Panel = Callable[[Axes, int], None]  # draws one setting
_PANELS = 6  # on a page
_PAGE = 11.5  # inches
_TILE = 0.5  # inches, at most
_MARGIN = 0.5  # inches of words around a panel
_FADED = 0.2  # contrast of an inactive latent's row


def traversals(results: files.Results) -> dict[str, Figure]:
    """Draws, for every setting, a row of pictures per latent.

    Rows are sorted by information, as pictures.npz orders them; latents count from 1.

    Args:
        results: Needs settings.json and, in pictures.npz, side, traversals,
            traversal_values, active and order.

    Returns:
        The pages by name.
    """
    settings = files.settings(results)
    count, side = len(settings), _side(results)
    tiles = files.array(results, "traversals", count, None, None, side, side)
    latents, steps = tiles.shape[1:3]
    values = files.array(results, "traversal_values", steps)
    active = files.array(results, "active", count, latents).astype(bool)
    order = files.array(results, "order", count, latents).astype(int)
    if not np.all(np.sort(order, axis=1) == np.arange(latents)):
        raise ValueError(
            f"pictures.npz: a row of 'order' does not list {latents} latents."
        )

    def panel(axes: Axes, i: int) -> None:
        chosen = np.where(active[i][:, None, None, None], tiles[i], _fade(tiles[i]))
        _mosaic(axes, chosen[order[i]])
        axes.set_yticks(_middles(latents, side), [f"$z_{{{j + 1}}}$" for j in order[i]])
        for text, j in zip(axes.get_yticklabels(), order[i], strict=True):
            text.set_color("black" if active[i, j] else "0.65")
        shown = range(0, steps, max(1, (steps - 1) // 4))
        middles = _middles(steps, side)
        axes.set_xticks(
            [middles[t] for t in shown], [style.number(float(values[t])) for t in shown]
        )

    note = (
        "each row moves one latent through the values below it; rows by information, "
    )
    note += "most first; grey: inactive"
    return _pages(results, "traversals", (latents, steps), panel, note)


def reconstructions(results: files.Results) -> dict[str, Figure]:
    """Draws, for every setting, images over their reconstructions.

    Args:
        results: Needs settings.json and, in pictures.npz, side, originals and
            reconstructions.

    Returns:
        The pages by name.
    """
    count, side = len(files.settings(results)), _side(results)
    originals = files.array(results, "originals", count, None, side, side)
    shown = originals.shape[1]
    decoded = files.array(results, "reconstructions", count, shown, side, side)

    def panel(axes: Axes, i: int) -> None:
        _mosaic(axes, np.stack([originals[i], decoded[i]]))
        axes.set_yticks(_middles(2, side), ["$x$", r"$\hat{x}$"])
        axes.set_xticks([])

    note = "upper rows: data; lower rows: their reconstructions"
    return _pages(results, "reconstructions", (2, shown), panel, note)


def _side(results: files.Results) -> int:
    return int(files.array(results, "side"))


def _pages(
    results: files.Results,
    name: str,
    shape: tuple[int, int],
    panel: Panel,
    note: str,
) -> dict[str, Figure]:
    """One page if all settings fit, otherwise pages for each value of `figure_line`."""
    settings = files.settings(results)
    title = str(results.config.get("title", ""))
    everything = list(range(len(settings)))
    if len(settings) <= _PANELS:
        return {name: _page(settings, everything, shape, panel, title, note)}
    key = files.column(results, "figure_line", "prior", settings[0])
    several = key in style.varying(settings)
    pages = {}
    for value in dict.fromkeys(setting[key] for setting in settings):
        members = [i for i in everything if settings[i][key] == value]
        words = style.describe(settings[members[0]], [key] if several else [])
        share = math.ceil(len(members) / math.ceil(len(members) / _PANELS))
        heading = f"{title}: {words}" if title and words else title or words
        for start in range(0, len(members), share):
            part = members[start : start + share]
            stem = f"{name}_{style.slug(value)}"
            stem += f"_{start // share + 1}" if len(members) > _PANELS else ""
            pages[stem] = _page(settings, part, shape, panel, heading, note)
    return pages


def _page(
    settings: list[files.Setting],
    members: list[int],
    shape: tuple[int, int],
    panel: Panel,
    title: str,
    note: str,
) -> Figure:
    tile, columns = _arrange(len(members), *shape)
    rows = math.ceil(len(members) / columns)
    width = columns * (shape[1] * tile + _MARGIN)
    height = rows * (shape[0] * tile + _MARGIN) + _MARGIN
    figure = style.new(max(width, 3.6), height, title, note)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    names = style.varying([settings[i] for i in members]) or list(settings[0])
    for axes in grid[len(members) :]:
        axes.remove()
    for axes, i in zip(grid, members, strict=False):
        panel(axes, i)
        axes.set_title(style.describe(settings[i], names))
        axes.tick_params(length=0, labelsize=8.5)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _arrange(panels: int, rows: int, columns: int) -> tuple[float, int]:
    """The largest tile, in inches, that fits the page, and the panels side by side."""

    def fit(across: int) -> tuple[float, float]:
        down = math.ceil(panels / across)
        wide = (_PAGE - _MARGIN * across) / (across * columns)
        high = (_PAGE - _MARGIN * (down + 1)) / (down * rows)
        longest = max(across * columns, down * rows)  # a square page among equals
        return min(wide, high, _TILE), -longest

    across = max(range(1, panels + 1), key=fit)
    return fit(across)[0], across


def _gap(side: int) -> int:
    return max(1, side // 24)


def _middles(count: int, side: int) -> list[float]:
    return [(side + _gap(side)) * k + (side - 1) / 2 for k in range(count)]


def _mosaic(axes: Axes, tiles: np.ndarray) -> None:
    """One picture of tiles `[rows, columns, side, side]` with white gaps."""
    rows, columns, side, _ = tiles.shape
    step = side + _gap(side)
    canvas = np.full((rows * step, columns * step), 255.0)
    for i in range(rows):
        for j in range(columns):
            top, left = i * step, j * step
            canvas[top : top + side, left : left + side] = tiles[i, j]
    canvas = canvas[: rows * step - _gap(side), : columns * step - _gap(side)]
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _fade(tiles: np.ndarray) -> np.ndarray:
    return _FADED * tiles + (1 - _FADED) * 235.0
