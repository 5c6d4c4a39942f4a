"""Traversals and reconstructions: pages of small images."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.plots import style
from experiments.results import reading

Panel = Callable[[Axes, int], None]  # draws one setting
_PANELS = 6  # per page
_PAGE = 11.5  # inches
_TILE = 0.5  # inches at most
_MARGIN = 0.5  # inches for the texts around a panel
_FADED = 0.2  # contrast of the row of an inactive latent
_NETWORK = "of each setting, the network with the median loss"


def traversals(results: reading.Results) -> dict[str, Figure]:
    """Draws, for every setting, a row of images per latent.

    Rows are sorted by information, as in pictures.npz; latents are numbered from 1.

    Args:
        results: Results with settings.json and, in pictures.npz, traversals,
            traversal_values, active and order.

    Returns:
        The pages by name.
    """
    settings = reading.settings(results)
    count = len(settings)
    tiles = _tiles(results, "traversals", count, None, None)
    latents, steps, *size = tiles.shape[1:5]
    values = reading.array(results, "traversal_values", steps)
    active = reading.array(results, "active", count, latents).astype(bool)
    order = reading.array(results, "order", count, latents).astype(int)
    drawn = ~reading.lost(results, count)
    widths = _widths(results, count, latents)
    if not np.all(np.sort(order[drawn], axis=1) == np.arange(latents)):
        raise ValueError(
            f"pictures.npz: a row of 'order' does not list {latents} latents."
        )

    def panel(axes: Axes, i: int) -> None:
        own = np.arange(latents) < widths[i]
        keep = np.expand_dims(active[i] | ~own, tuple(range(1, tiles.ndim - 1)))
        images = np.where(keep, tiles[i], _fade(tiles[i]))
        _mosaic(axes, images[order[i]])
        axes.set_yticks(
            _middles(latents, size, 0),
            [f"$z_{{{j + 1}}}$" if own[j] else "" for j in order[i]],
        )
        for text, j in zip(axes.get_yticklabels(), order[i], strict=True):
            text.set_color("black" if active[i, j] else "0.65")
        ticks = range(0, steps, max(1, (steps - 1) // 4))
        middles = _middles(steps, size, 1)
        axes.set_xticks(
            [middles[t] for t in ticks], [style.number(float(values[t])) for t in ticks]
        )

    note = (
        f"{_NETWORK}; rows: latents, most informative first, moved by standard "
        "deviations of q(z); grey: inactive"
    )
    return _pages(results, "traversals", (latents, steps, *size), panel, note)


def _widths(results: reading.Results, count: int, latents: int) -> np.ndarray:
    """The number of latents of each setting `[count]`; further rows are blank."""
    if "latents" in (results.pictures or {}):
        return reading.array(results, "latents", count).astype(int)
    return np.full(count, latents)


def reconstructions(results: reading.Results) -> dict[str, Figure]:
    """Draws, for every setting, images above their reconstructions.

    Args:
        results: Results with settings.json and, in pictures.npz, originals and
            reconstructions.

    Returns:
        The pages by name.
    """
    count = len(reading.settings(results))
    originals = _tiles(results, "originals", count, None)
    number, *size = originals.shape[1:4]
    decoded = reading.array(results, "reconstructions", *originals.shape)

    def panel(axes: Axes, i: int) -> None:
        _mosaic(axes, np.stack([originals[i], decoded[i]]))
        axes.set_yticks(_middles(2, size, 0), ["$x$", r"$\hat{x}$"])
        axes.set_xticks([])

    note = f"{_NETWORK}; upper rows: data; lower rows: their reconstructions"
    return _pages(results, "reconstructions", (2, number, *size), panel, note)


def _tiles(results: reading.Results, name: str, *lead: int | None) -> np.ndarray:
    """Images `[*lead, H, W]`, or `[*lead, H, W, 3]` in colour."""
    images = (results.pictures or {}).get(name)
    colour = images is not None and images.ndim == len(lead) + 3
    return reading.array(results, name, *lead, None, None, *([3] if colour else []))


def _pages(
    results: reading.Results,
    name: str,
    shape: tuple[int, ...],
    panel: Panel,
    note: str,
) -> dict[str, Figure]:
    """Draws one page if all settings fit, else pages per value of `figure_line`.

    `shape` is that of a panel: rows, columns and the (H, W) of a tile.
    """
    settings = reading.settings(results)
    title = str(results.config.get("title", ""))
    everything = list(range(len(settings)))
    panel = _unless_lost(panel, reading.lost(results, len(settings)))
    if len(settings) <= _PANELS:
        return {name: _page(settings, everything, shape, panel, title, note)}
    key = reading.column(results, "figure_line", "prior", settings[0])
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


def _unless_lost(panel: Panel, lost: np.ndarray) -> Panel:
    """Draws the panel, or a text if every run of the setting diverged."""

    def drawn(axes: Axes, i: int) -> None:
        if lost[i]:
            style.lost(axes)
        else:
            panel(axes, i)

    return drawn


def _page(
    settings: list[reading.Setting],
    members: list[int],
    shape: tuple[int, ...],
    panel: Panel,
    title: str,
    note: str,
) -> Figure:
    down, across, *size = shape
    high, wide = (extent / max(size) for extent in size)  # of a tile in a square
    tile, columns = _arrange(len(members), down * high, across * wide)
    rows = math.ceil(len(members) / columns)
    width = columns * (across * wide * tile + _MARGIN)
    height = rows * (down * high * tile + _MARGIN) + _MARGIN
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


def _arrange(panels: int, rows: float, columns: float) -> tuple[float, int]:
    """The largest tile that fits the page, in inches, and the panels per row.

    A panel is as high as `rows` and as wide as `columns` square tiles.
    """

    def fit(across: int) -> tuple[float, float]:
        down = math.ceil(panels / across)
        wide = (_PAGE - _MARGIN * across) / (across * columns)
        high = (_PAGE - _MARGIN * (down + 1)) / (down * rows)
        longest = max(across * columns, down * rows)  # prefers a square page
        return min(wide, high, _TILE), -longest

    across = max(range(1, panels + 1), key=fit)
    return fit(across)[0], across


def _gap(size: Sequence[int]) -> int:
    return max(1, max(size) // 24)


def _middles(count: int, size: Sequence[int], axis: int) -> list[float]:
    extent = size[axis]
    return [(extent + _gap(size)) * k + (extent - 1) / 2 for k in range(count)]


def _mosaic(axes: Axes, tiles: np.ndarray) -> None:
    """One image of tiles `[rows, columns, H, W(, 3)]` with white gaps."""
    rows, columns, height, width, *colours = tiles.shape
    gap = _gap((height, width))
    down, across = height + gap, width + gap
    canvas = np.full((rows * down, columns * across, *colours), 255.0)
    for i in range(rows):
        for j in range(columns):
            top, left = i * down, j * across
            canvas[top : top + height, left : left + width] = tiles[i, j]
    canvas = canvas[: rows * down - gap, : columns * across - gap]
    if colours:
        canvas = canvas / 255  # matplotlib's range of colours
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _fade(tiles: np.ndarray) -> np.ndarray:
    return _FADED * tiles + (1 - _FADED) * 235.0
