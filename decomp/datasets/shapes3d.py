"""3D Shapes: 480,000 images of 64 × 64 pixels in colour and the six factors behind.

One HDF5 file, read or fetched through tensorflow-datasets:

| dataset  | type and extents                                             |
| -------- | ------------------------------------------------------------ |
| `images` | uint8 [N, 64, 64, 3]                                         |
| `labels` | float [N, 6]; a class is the rank of a value in its column   |

All images take 5.9 GB in memory; a subset is all that is read, chunk by chunk.

Source: Burgess & Kim 2018, github.com/google-deepmind/3d-shapes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from decomp import extras
from decomp.datasets import classes, download, hdf5, npz, raster
from decomp.datasets.raster import Choose, Images, Tell

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
        side: Pixels that the images are averaged down to.
        choose: Takes how many images there are and returns the places of those wanted.
        tell: Is told what takes long.

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
    try:
        factors, places, pixels = _read(file, side, choose, tell)
    except npz.BAD_FILE as error:
        raise ValueError(f"{file}: {npz.problem(error)}.") from error
    return Images(pixels, factors[places], (side, side, 3), FACTOR_NAMES)


def _read(
    path: Path, side: int, choose: Choose, tell: Tell
) -> tuple[np.ndarray, np.ndarray | slice, np.ndarray]:
    """Classes of all images, the places of those wanted, and their pixels."""
    extras.require("h5py")
    import h5py

    with h5py.File(path, "r") as file:
        images, labels = hdf5.dataset(file, "images"), hdf5.dataset(file, "labels")
        if images is None or labels is None:
            raise ValueError(f"expected datasets images and labels; got {sorted(file)}")
        count = _check(images, labels)
        hdf5.check_chunks(labels)
        factors = classes.ranked(labels[:].T, FACTOR_NAMES, most=FACTOR_SIZES)
        places = choose(count)
        wanted = np.arange(count)[places]
        hdf5.check_chunks(images, rows=wanted)
        gigabytes = len(wanted) * side**2 * 3 / 1e9
        if gigabytes > 1:
            tell(f"  reading {len(wanted):,} images, {gigabytes:.1f} GB in memory")
        pixels = np.empty((len(wanted), side * side * 3), np.uint8)
        read, done = raster.progress(tell, len(wanted)), 0
        for part in hdf5.rows(images, wanted):
            found = raster.smaller(part, side=side)
            pixels[done : done + len(part)] = found.reshape(len(part), -1)
            done += len(part)
            read(done)
    return factors.astype(np.uint8), places, pixels


def _check(images: Any, labels: Any) -> int:
    """The number of images, once types and extents are what they should be."""
    shape = images.shape or ()
    count = shape[0] if shape else 0
    if shape[1:] != (SIDE, SIDE, 3) or not 0 < count <= NUM_IMAGES:
        raise ValueError(
            f"expected images [N ≤ {NUM_IMAGES}, 64, 64, 3]; got {list(shape)}"
        )
    if labels.shape != (count, 6):
        found = list(labels.shape or ())
        raise ValueError(f"expected labels [{count}, 6]; got {found}")
    if images.dtype != np.uint8 or labels.dtype.kind not in "fiu":
        raise ValueError(
            "expected images of type uint8 and labels of numbers; got "
            f"{images.dtype} and {labels.dtype}"
        )
    return count
