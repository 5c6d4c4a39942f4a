"""The data sets that a config may name, and what is known of each before it is read.

`loaders` has an entry for each. One of your own is registered in a config file, see
`configs/your_own.py`:

    catalogue.register(loaders.of_arrays("mine", "my images", images, factors))
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from configs.base import Field
from experiments.data.arrays import Dataset
from experiments.results import labels
from experiments.system import declarations

SIDES = (8, 16, 32, 64)  # to which images are averaged down
LOOKS = ("plain", "colour", "noise")  # of dSprites; all but the first have colours
PLANE = "plane"  # the `labels` of points of the plane


class DataSource(NamedTuple):
    """A data set; configs are checked against these fields before it is read."""

    name: str  # in `config.data.name`
    label: str  # in reports
    load: Callable[[jax.Array, ConfigDict], Dataset]  # (key, config) to the arrays
    sources: tuple[str, ...] = ("rendered",)  # rendered | file | tfds
    shape: tuple[int, ...] = ()  # (H, W, C) of an image; () if only the file says
    scaled: bool = False  # whether data.side may average its images down
    rendered: int = 0  # number of images if they are drawn and data.points is 0
    most: int = 0  # the largest possible number of images; 0 if unknown
    labels: str = "factors"  # factors | class | none | file (the file says) | plane
    grid: tuple[tuple[str, int], ...] = ()  # factors and their numbers of classes
    looks: tuple[str, ...] = ("plain",)  # values of data.look
    published: str = ""  # the file and its source, if it is not downloaded
    # Maps indices of the grid to images, if they are drawn.
    at_places: Callable[[np.ndarray, ConfigDict], Dataset] | None = None
    # Fields `data.NAME` that it reads, of those that not all images have.
    fields: Mapping[str, Field] = {}


SETS: dict[str, DataSource] = {}


def register(data_set: DataSource) -> None:
    """Registers a data set under its name, for configs.

    Raises:
        ValueError: One line, for a name that is taken, or fields that
            `declarations.check` refuses.
    """
    declarations.check(f"data set {data_set.name}", "data", data_set.fields, declared())
    several = len(data_set.sources) > 1
    labels.add_entry(SETS, data_set, "data set", shown=("source",) * several)


def declared() -> declarations.Declarations:
    """The fields of `config.data` that each data set declares."""
    return {name: data_set.fields for name, data_set in SETS.items()}


def source(data: ConfigDict) -> str:
    """The source of the data: rendered, file or tfds.

    `data.source` = auto means a file if `data.path` is given, and tensorflow-datasets
    otherwise.
    """
    if data.source != "auto":
        return data.source
    only = SETS[data.name].sources
    default = "file" if data.path else "tfds"
    return only[0] if len(only) == 1 else default


def shape(data: ConfigDict) -> tuple[int, ...]:
    """(H, W, C) of the images; () for points of the plane, or if only a file says."""
    entry = SETS[data.name]
    if not entry.scaled:
        return entry.shape
    height, width, channels = entry.shape
    if data.side:
        height = width = data.side
    return height, width, channels if data.look == LOOKS[0] else 3


def is_plane(data: ConfigDict) -> bool:
    """Whether the data are points of the plane, not images."""
    return SETS[data.name].labels == PLANE
