"""MPI3D: 1,036,800 images of 64 × 64 pixels of an object on a robot's arm.

The seven factors are the object's colour, shape and size, the height of the camera, the
colour of the background, and the two joints of the arm. Three sets have the same grid:
toy and realistic are rendered, real is photographed. A fourth, of complex shapes, has
460,800 images of four colours and four shapes. Each is an .npz as published:

| array     | type and extents                                                       |
| --------- | ---------------------------------------------------------------------- |
| `images`  | uint8 [N, 64, 64, 3], each combination once, the last factor fastest   |
| `factors` | int [N, 7], classes: only in a file of a part of the set               |

The file of all images has 12.7 GB; only the wanted images are read into memory.

Source: Gondal et al. 2019, arXiv:1906.03292, github.com/rr-learning/
disentanglement_dataset.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from decomp.datasets import raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import download, npz
from decomp.datasets.readers.npz import Stored

FACTOR_NAMES = (
    *("object_color", "object_shape", "object_size", "camera_height"),
    *("background_color", "horizontal_axis", "vertical_axis"),
)
FACTOR_SIZES = (6, 6, 2, 3, 3, 40, 40)
SIDE = 64
NUM_IMAGES = math.prod(FACTOR_SIZES)
_COMPLEX = (4, 4, 2, 3, 3, 40, 40)  # sizes of the factors of the complex shapes
_GRIDS = {math.prod(sizes): sizes for sizes in (FACTOR_SIZES, _COMPLEX)}
_MOST_BYTES = 8 * len(FACTOR_NAMES) * NUM_IMAGES  # of int64 factors


def load(
    path: str,
    *,
    source: str = "file",
    side: int = SIDE,
    choose: Choose = raster.everything,
    tell: Tell = raster.nothing,
) -> Images:
    """Loads a set or a part of it.

    Args:
        path: An .npz, such as `mpi3d_toy.npz`, `mpi3d_realistic.npz`, `mpi3d_real.npz`.
        source: "file".
        side: Images are averaged down to `side` × `side` pixels.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work.

    Returns:
        Images in the order of the file.

    Raises:
        ValueError: One line that begins with the path.
    """
    download.check_source(source, "file")
    file = Path(path).expanduser()
    stored = npz.look(file, ("images",), optional=("factors",))
    images, shape = stored["images"], (side, side, 3)
    with npz.naming(file):
        _check(images, whole="factors" not in stored)
        factors = _factors(stored)
    places = raster.wanted(choose, images.shape[0])

    def read(increasing: np.ndarray) -> Iterator[np.ndarray]:
        yield from npz.rows(images, increasing)

    with npz.naming(file):
        pixels = raster.gathered(read, places, shape=shape, average=True, tell=tell)
    if factors is None:
        grid = np.unravel_index(places, _GRIDS[images.shape[0]])
        classes = np.stack(grid, axis=1)
    else:
        classes = factors[places]
    return Images(pixels, classes.astype(np.uint8), shape, FACTOR_NAMES)


def _check(images: Stored, *, whole: bool) -> None:
    count = images.shape[0] if images.shape else 0
    known = count in _GRIDS if whole else 0 < count <= NUM_IMAGES
    if images.shape[1:] != (SIDE, SIDE, 3) or not known or images.dtype != np.uint8:
        counts = " or ".join(map(str, _GRIDS)) if whole else f"N ≤ {NUM_IMAGES}"
        raise ValueError(
            f"expected images uint8 [{counts}, 64, 64, 3]; got {images.dtype} "
            f"{list(images.shape)}"
        )


def _factors(stored: dict[str, Stored]) -> np.ndarray | None:
    """The classes `[N, 7]` in the file of a part of the set; None for a whole set."""
    if "factors" not in stored:
        return None
    count = stored["images"].shape[0]
    factors = npz.whole(stored["factors"], most=_MOST_BYTES)
    if factors.shape != (count, len(FACTOR_NAMES)) or factors.dtype.kind not in "iu":
        raise ValueError(
            f"expected factors [{count}, {len(FACTOR_NAMES)}] of whole numbers; got "
            f"{factors.dtype} {list(factors.shape)}"
        )
    for name, size, column in zip(FACTOR_NAMES, FACTOR_SIZES, factors.T, strict=True):
        if not 0 <= column.min() <= column.max() < size:
            raise ValueError(
                f"expected {name} 0..{size - 1}; got {column.min()}..{column.max()}"
            )
    return factors
