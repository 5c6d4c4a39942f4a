"""The data sets that a config may name: what is known of each before it is read.

A new data set has a row in `SETS` here, a function in
`experiments.data.loaders.LOADERS` that reads or renders it, and its name in
`configs/base.py`.
"""

from typing import NamedTuple

from ml_collections import ConfigDict

from decomp.datasets import cars3d, celeb_a, heads, mpi3d, shapes3d, small_norb
from decomp.datasets.renderers import dsprites_render

SIDES = (8, 16, 32, 64)  # to which images are averaged down
LOOKS = ("plain", "colour", "noise")  # of dSprites; all but the first have colours
PLANE = "plane"  # labels of points that are no images


class Known(NamedTuple):
    """What is known of a data set by its name alone."""

    sources: tuple[str, ...]  # rendered | file | tfds
    shape: tuple[int, ...] = ()  # (H, W, C) of an image; () if only a file tells
    scaled: bool = False  # whether data.side below H averages its images down
    rendered: int = 0  # images if they are drawn, and data.points is 0
    most: int = 0  # images if there can be no more
    labels: str = "factors"  # factors | class | none | file (it tells) | plane
    grid: tuple[tuple[str, int], ...] = ()  # factors and classes; once each if rendered
    looks: tuple[str, ...] = ("plain",)  # of data.look
    published: str = ""  # the file and where it is, if nothing fetches it


SETS = {
    "dsprites": Known(
        ("rendered", "file", "tfds"),
        (64, 64, 1),
        scaled=True,
        rendered=dsprites_render.NUM_IMAGES,
        most=dsprites_render.NUM_IMAGES,
        grid=tuple(
            zip(dsprites_render.FACTOR_NAMES, dsprites_render.FACTOR_SIZES, strict=True)
        ),
        looks=LOOKS,
    ),
    "pinwheel": Known(("rendered",), labels=PLANE),
    "fashion_mnist": Known(
        ("rendered", "file", "tfds"), (28, 28, 1), rendered=60_000, labels="class"
    ),
    "heads": Known(
        ("rendered",),
        (64, 64, 1),
        scaled=True,
        rendered=heads.NUM_IMAGES,
        most=heads.NUM_IMAGES,
        grid=tuple(zip(heads.FACTOR_NAMES, heads.FACTOR_SIZES, strict=True)),
    ),
    "shapes3d": Known(
        ("file", "tfds"), (64, 64, 3), scaled=True, most=shapes3d.NUM_IMAGES
    ),
    "small_norb": Known(
        ("file", "tfds"), (64, 64, 1), scaled=True, most=small_norb.NUM_IMAGES
    ),
    "celeb_a": Known(
        ("file", "tfds"),
        (64, 64, 3),
        scaled=True,
        most=celeb_a.NUM_IMAGES,
        labels="none",
    ),
    "mpi3d": Known(
        ("file",),
        (64, 64, 3),
        scaled=True,
        most=mpi3d.NUM_IMAGES,
        published="mpi3d_toy.npz, mpi3d_realistic.npz or mpi3d_real.npz from "
        "github.com/rr-learning/disentanglement_dataset",
    ),
    "cars3d": Known(
        ("file",),
        (64, 64, 3),
        scaled=True,
        most=cars3d.NUM_IMAGES,
        published="www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    ),
    "images": Known(("file",), labels="file"),
}
NAMES = tuple(SETS)


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
