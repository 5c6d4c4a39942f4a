"""3D Shapes: 480,000 images of 64 × 64 pixels in colour, with six factors.

The set is one HDF5 file, which you give or tensorflow-datasets downloads:

| dataset  | type and extents                                             |
| -------- | ------------------------------------------------------------ |
| `images` | uint8 [N, 64, 64, 3]                                         |
| `labels` | float [N, 6]; a class is the rank of a value in its column   |

All images take 5.9 GB in memory; if a subset is wanted, only its chunks are read.

Source: Burgess & Kim 2018, github.com/google-deepmind/3d-shapes.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from decomp import extras
from decomp.datasets import classes, raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import download, hdf5, npz

FACTOR_NAMES = (
    *("floor_hue", "wall_hue", "object_hue"),
    *("scale", "shape", "orientation"),
)
FACTOR_SIZES = (10, 10, 10, 8, 4, 15)
SIDE = 64
NUM_IMAGES = 480_000
_OFFICIAL = "3dshapes.h5"


def load(
    path: str = "",
    *,
    source: str,
    side: int = SIDE,
    choose: Choose = raster.everything,
    tell: Tell = raster.nothing,
) -> Images:
    """Loads the data set or a part of it.

    Args:
        path: With "file", an HDF5 file in the official layout; with "tfds", the data
            folder, by default that of tensorflow-datasets.
        source: "file" or "tfds".
        side: Images are averaged down to `side` × `side` pixels.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work.

    Returns:
        Images in the order of the file.
    """
    download.check_source(source, "file", "tfds")
    if source == "tfds":
        (file,) = download.fetch("shapes3d", [_OFFICIAL], path)
    else:
        file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"{file}: expected an HDF5 file of 3D Shapes; got none.")
    with npz.naming(file):
        factors = _factors(file)
    places = raster.wanted(choose, len(factors))
    with npz.naming(file):
        pixels = _pixels(file, places, side, tell)
    return Images(pixels, factors[places], (side, side, 3), FACTOR_NAMES)


def _factors(path: Path) -> np.ndarray:
    """Checks types and extents, and returns the classes of all images."""
    extras.require("h5py")
    import h5py

    with h5py.File(path, "r") as file:
        images, labels = hdf5.dataset(file, "images"), hdf5.dataset(file, "labels")
        if images is None or labels is None:
            raise ValueError(f"expected datasets images and labels; got {sorted(file)}")
        _check(images, labels)
        hdf5.check_chunks(labels)
        ranks = classes.ranked(labels[:].T, FACTOR_NAMES, most=FACTOR_SIZES)
    return ranks.astype(np.uint8)


def _pixels(path: Path, places: np.ndarray, side: int, tell: Tell) -> np.ndarray:
    import h5py

    with h5py.File(path, "r") as file:
        images = hdf5.dataset(file, "images")
        hdf5.check_chunks(images, rows=places)
        return raster.gathered(
            functools.partial(hdf5.rows, images),
            places,
            shape=(side, side, 3),
            average=True,
            tell=tell,
        )


def _check(images: Any, labels: Any) -> None:
    shape = images.shape or ()
    count = shape[0] if shape else 0
    if shape[1:] != (SIDE, SIDE, 3) or not 0 < count <= NUM_IMAGES:
        raise ValueError(
            f"expected images [N ≤ {NUM_IMAGES}, 64, 64, 3]; got {list(shape)}"
        )
    if labels.shape != (count, 6):
        extents = list(labels.shape or ())
        raise ValueError(f"expected labels [{count}, 6]; got {extents}")
    if images.dtype != np.uint8 or labels.dtype.kind not in "fiu":
        raise ValueError(
            "expected images of type uint8 and labels of numbers; got "
            f"{images.dtype} and {labels.dtype}"
        )
