"""Images on a grid of factors: which ones are trained on, and which are scored.

Images are given by their index in the whole set, in canonical order: the last factor
varies fastest.
"""

import math

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import selection
from experiments.data import catalogue
from experiments.system import terminal

Ranges = dict[str, tuple[int, int]]  # first and last class by factor


def is_drawn(data: ConfigDict) -> bool:
    """Whether images are drawn by weights, or some are held out."""
    return bool(data.correlated or data.held_out)


def check(config: ConfigDict) -> None:
    """Raises ValueError for a choice of images that the grid does not have."""
    data = config.data
    grid = dict(catalogue.SETS[data.name].grid)
    fields = {
        "data.correlated": data.correlated,
        "data.held_out": data.held_out,
        "evaluate.images": config.evaluate.images != "trained",
    }
    choices = [field for field, value in fields.items() if value]
    if choices and not (grid and catalogue.source(data) == "rendered"):
        sets = [name for name, entry in catalogue.SETS.items() if entry.grid]
        raise ValueError(
            f"{choices[0]} needs data.name among {sets}, rendered; got "
            f"{data.name}, data.source = {data.source}."
        )
    pair = data.correlated
    if pair and (len(set(pair)) != 2 or len(pair) != 2 or not set(pair) <= set(grid)):
        raise ValueError(
            f"data.correlated must be two of {', '.join(grid)}; got {pair}."
        )
    _held_out(data, grid)
    if config.evaluate.images == "held_out" and held_out(data) < 2:
        raise ValueError(
            "evaluate.images = held_out needs data.held_out of two images or more; "
            f"got {held_out(data)}."
        )


def images(data: ConfigDict) -> int:
    """The number of images of a grid that are not held out."""
    return catalogue.SETS[data.name].rendered - held_out(data)


def held_out(data: ConfigDict) -> int:
    """The number of images of a grid that are held out."""
    if not data.held_out:
        return 0
    intervals = ranges(data)
    spans = {name: last - first + 1 for name, (first, last) in intervals.items()}
    grid = dict(catalogue.SETS[data.name].grid)
    return math.prod((grid | spans).values())


def ranges(data: ConfigDict) -> Ranges:
    """The classes of `data.held_out`, which must be valid."""
    parsed = (entry.partition("=") for entry in data.held_out.split(","))
    return {name: _range(text) for name, _, text in parsed}


def trained(key: jax.Array, config: ConfigDict) -> np.ndarray | slice:
    """Sorted indices of the images that are trained on.

    Raises:
        ValueError: If the config asks for more images than there are.
    """
    data = config.data
    size = catalogue.SETS[data.name].rendered
    if not is_drawn(data):
        return _some(key, np.arange(size), data.points) if data.points else slice(None)
    classes, names = _classes(data), list(dict(catalogue.SETS[data.name].grid))
    weights = np.ones(size, np.int64)
    if data.correlated:
        first, second = (names.index(name) for name in data.correlated)
        sizes = [count for _, count in catalogue.SETS[data.name].grid]
        weights = selection.correlated(
            classes, sizes, (first, second), sigma=data.correlation
        )
    weights = np.where(_held(data, classes), 0, weights)
    if data.correlated:
        high, low = np.asarray(jax.random.key_data(key)).tolist()
        seed = (high << 32) + low
        return selection.draw(weights, seed=seed, count=data.points or size)
    return _some(key, np.flatnonzero(weights), data.points)


def scored(key: jax.Array, config: ConfigDict) -> np.ndarray:
    """Indices of the images that are scored, if they are not those trained on."""
    data, places = config.data, None
    if config.evaluate.images == "held_out":
        places = np.flatnonzero(_held(data, _classes(data)))
    else:
        places = np.arange(catalogue.SETS[data.name].rendered)
    return _some(key, places, config.evaluate.points)


def name(data: ConfigDict) -> str:
    """A text that identifies a choice of images, for the name of a file."""
    pair = [*data.correlated, data.correlation] if data.correlated else []
    return "".join(f"-{part}" for part in (*pair, data.held_out) if part)


def _some(key: jax.Array, places: np.ndarray, count: int) -> np.ndarray:
    """Sorted random indices, `count` of them; all for a count of 0."""
    if count in (0, len(places)):
        return places
    order = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return places[np.sort(order.choice(len(places), count, replace=False))]


def _classes(data: ConfigDict) -> np.ndarray:
    """The classes of all images `[N, F]`."""
    sizes = [count for _, count in catalogue.SETS[data.name].grid]
    return np.indices(sizes, np.uint8).reshape(len(sizes), -1).T


def _held(data: ConfigDict, classes: np.ndarray) -> np.ndarray:
    """Whether each image is held out, bool `[N]`."""
    if not data.held_out:
        return np.zeros(len(classes), bool)
    names = list(dict(catalogue.SETS[data.name].grid))
    columns = {names.index(name): span for name, span in ranges(data).items()}
    return selection.held_out(classes, columns)


def _held_out(data: ConfigDict, grid: dict[str, int]) -> None:
    """Raises ValueError unless every class of every factor remains in training."""
    intervals: Ranges = {}
    for entry in data.held_out.split(",") if data.held_out else []:
        name, _, text = entry.partition("=")
        span = _range(text)
        if (
            name not in grid
            or name in intervals
            or not 0 <= span[0] <= span[1] < grid[name]
        ):
            raise ValueError(
                "data.held_out must be classes of factors, each once, such as "
                f"{_example(grid)}; got {terminal.short(entry or data.held_out)}."
            )
        intervals[name] = span
    partial = [name for name, (a, b) in intervals.items() if b - a + 1 < grid[name]]
    if data.held_out and len(partial) < 2:
        raise ValueError(
            "data.held_out must be some classes, not all, of two factors or more; got "
            f"{data.held_out}."
        )


def _range(text: str) -> tuple[int, int]:
    """First and last class of `3` or `3..5`; the empty (0, −1) for other texts."""
    first, dots, last = text.partition("..")
    ends = (first, last) if dots else (first, first)
    if not all(end.isascii() and end.isdigit() and len(end) < 9 for end in ends):
        return 0, -1
    return int(ends[0]), int(ends[1])


def _example(grid: dict[str, int]) -> str:
    return ", ".join(f"{name}=0..{size - 1}" for name, size in grid.items())
