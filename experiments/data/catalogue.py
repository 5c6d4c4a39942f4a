"""The data sets that a config may name: what is known of each before it is read.

`loaders` has an entry for each. One of one's own is registered in a config file, see
`configs/your_own.py`:

    catalogue.register(loaders.of_arrays("mine", "my images", images, factors))
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.data.arrays import Dataset
from experiments.results import labels

SIDES = (8, 16, 32, 64)  # to which images are averaged down
LOOKS = ("plain", "colour", "noise")  # of dSprites; all but the first have colours
PLANE = "plane"  # labels of points that are no images


class DataSource(NamedTuple):
    """All that is known of a data set; of most of it a config is checked by name."""

    name: str  # in `config.data.name`
    label: str  # in reports
    load: Callable[[jax.Array, ConfigDict], Dataset]  # (key, config) to the arrays
    sources: tuple[str, ...] = ("rendered",)  # rendered | file | tfds
    shape: tuple[int, ...] = ()  # (H, W, C) of an image; () if only a file tells
    scaled: bool = False  # whether data.side below H averages its images down
    rendered: int = 0  # images if they are drawn, and data.points is 0
    most: int = 0  # images if there can be no more
    labels: str = "factors"  # factors | class | none | file (it tells) | plane
    grid: tuple[tuple[str, int], ...] = ()  # factors and classes; once each if rendered
    looks: tuple[str, ...] = ("plain",)  # of data.look
    published: str = ""  # the file and where it is, if nothing fetches it
    # Images at places of the grid, where it is drawn.
    at_places: Callable[[np.ndarray, ConfigDict], Dataset] | None = None


SETS: dict[str, DataSource] = {}


def register(data_set: DataSource) -> None:
    """Makes a data set known to configs by its name.

    Raises:
        ValueError: In one line, for a name that is taken.
    """
    labels.add_entry(SETS, data_set, "data set")


def source(data: ConfigDict) -> str:
    """Where the data come from: rendered, file or tfds.

    `data.source` = auto is a file where `data.path` is given and tensorflow-datasets
    where it is not.
    """
    if data.source != "auto":
        return data.source
    only = SETS[data.name].sources
    wanted = "file" if data.path else "tfds"
    return only[0] if len(only) == 1 else wanted


def shape(data: ConfigDict) -> tuple[int, ...]:
    """(H, W, C) of the images; () for points of the plane and where a file tells."""
    known = SETS[data.name]
    if not known.scaled:
        return known.shape
    height, width, channels = known.shape
    if data.side:
        height = width = data.side
    return height, width, channels if data.look == LOOKS[0] else 3


def is_plane(data: ConfigDict) -> bool:
    """Whether the data are points of the plane and no images."""
    return SETS[data.name].labels == PLANE
