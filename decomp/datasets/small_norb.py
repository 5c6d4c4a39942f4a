"""Small NORB: grey images of toys at 18 azimuths, 9 elevations and 6 lightings.

There are 24,300 training images and as many test images; both sets are read, of the
left camera only. The five factors are category, elevation, azimuth, lighting, and
instance of the toy. A folder, or tensorflow-datasets, has these files of either set or
of both:

| file                    | matrix                                               |
| ----------------------- | ---------------------------------------------------- |
| smallnorb-…-dat.mat     | bytes [N, 2, 96, 96]                                 |
| smallnorb-…-cat.mat     | int32 [N], category                                  |
| smallnorb-…-info.mat    | int32 [N, 4], instance, elevation, azimuth, lighting |

Names may end in .gz. A matrix is a magic number for the type, the number of axes and
their extents (at least three), all little-endian int32, and then the values.

Source: LeCun, Huang & Bottou 2004, cs.nyu.edu/~ylclab/data/norb-v1.0-small.
"""

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from decomp.datasets import raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import download, npz

FACTOR_NAMES = ("category", "elevation", "azimuth", "lighting", "instance")
FACTOR_SIZES = (5, 9, 18, 6, 10)
NUM_IMAGES = 48_600
SIDE = 64  # as in Locatello et al. 2019; the files have 96
_STEMS = (
    "smallnorb-5x46789x9x18x6x2x96x96-training",
    "smallnorb-5x01235x9x18x6x2x96x96-testing",
)
_KINDS = ("dat", "cat", "info")
_BYTES, _INTEGERS = 0x1E3D4C55, 0x1E3D4C54  # magic numbers
_MOST = NUM_IMAGES // 2  # images that a set may have
_CAMERAS = (2, 96, 96)
_BLOCK = 512  # pairs of images in memory at once


class _Set(NamedTuple):
    images: Path
    factors: np.ndarray  # [N, 5] uint8


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
        path: With "file", the folder of the matrices; with "tfds", the data folder, by
            default that of tensorflow-datasets.
        source: "file" or "tfds".
        side: Images are averaged down to `side` × `side` pixels; at most 96.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work.

    Returns:
        Images, the training set first.
    """
    sets = [_labelled(files) for files in _files(path, source)]
    factors = np.concatenate([subset.factors for subset in sets])
    places = raster.wanted(choose, len(factors))
    shape = (side, side, 1)

    def read(increasing: np.ndarray) -> Iterator[np.ndarray]:
        first = 0
        for subset in sets:
            end = first + len(subset.factors)
            inside = increasing[(increasing >= first) & (increasing < end)]
            for part in _left(subset.images, len(subset.factors), inside - first):
                yield part[..., None]
            first = end

    pixels = raster.gathered(read, places, shape=shape, average=True, tell=tell)
    return Images(pixels, factors[places], shape, FACTOR_NAMES)


def _files(path: str, source: str) -> list[list[Path]]:
    """The three files of each set."""
    download.check_source(source, "file", "tfds")
    names = [[f"{stem}-{kind}.mat" for kind in _KINDS] for stem in _STEMS]
    if source == "tfds":
        downloads = [f"{name}.gz" for files in names for name in files]
        paths = download.fetch("smallnorb", downloads, path)
        return [paths[:3], paths[3:]]
    folder = Path(path).expanduser()
    there = [[_existing(folder / name) for name in files] for files in names]
    begun = [files for files in there if any(file.is_file() for file in files)]
    if not begun:
        raise ValueError(
            f"{folder}: expected a folder with {names[0][0]}.gz and the like; got none."
        )
    for file in (file for files in begun for file in files):
        if not file.is_file():
            raise ValueError(f"{file}: expected this file or {file.name}.gz; got none.")
    return begun


def _existing(path: Path) -> Path:
    """The file, or the one with .gz added if only that exists."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() and not path.is_file() else path


def _labelled(files: list[Path]) -> _Set:
    """Opens a set and reads its factors; the images are read later."""
    images, categories, infos = files
    with _matrix(categories, _INTEGERS) as (file, count):
        category = _integers(file, count)
    with _matrix(infos, _INTEGERS, 4) as (file, info_count):
        if info_count != count:
            raise ValueError(f"expected extents [{count}, 4]; got [{info_count}, 4]")
        info = _integers(file, count, 4)
        instance, elevation, azimuth, lighting = info.T
        if (azimuth % 2).any():
            raise ValueError("expected azimuths 0, 2, …, 34; got odd ones")
        factors = [category, elevation, azimuth // 2, lighting, instance]
        for name, size, column in zip(FACTOR_NAMES, FACTOR_SIZES, factors, strict=True):
            if not 0 <= column.min() <= column.max() < size:
                raise ValueError(
                    f"expected {name} 0..{size - 1}; got {column.min()}..{column.max()}"
                )
    return _Set(images, np.stack(factors, axis=1).astype(np.uint8))


def _left(path: Path, count: int, places: np.ndarray) -> Iterator[np.ndarray]:
    """Images `[B, 96, 96]` of the left camera at increasing indices."""
    with _matrix(path, _BYTES, *_CAMERAS) as (file, image_count):
        if image_count != count:
            raise ValueError(
                f"expected {count} images, as there are labels; got {image_count}"
            )
        for start in range(0, count, _BLOCK):
            size = min(_BLOCK, count - start)
            block = np.frombuffer(
                npz.exactly(file, size * math.prod(_CAMERAS)), np.uint8
            )
            inside = places[(places >= start) & (places < start + size)]
            if len(inside):
                yield block.reshape(size, *_CAMERAS)[inside - start, 0]
        _end(file)


@contextlib.contextmanager
def _matrix(
    path: Path, magic: int, *extents: int
) -> Iterator[tuple[io.BufferedIOBase, int]]:
    """Opens a matrix `[N, *extents]` and reads its header, which gives N.

    Never reads more than the header declares, whatever a zipped file expands to. Every
    error is one line that names the file.
    """
    with npz.naming(path), path.open("rb") as raw:
        file = npz.unzipped(raw)
        number, axes = np.frombuffer(npz.exactly(file, 8), "<u4").tolist()
        if (number, axes) != (magic, 1 + len(extents)):
            raise ValueError(
                f"expected the magic number {magic:#x} and {1 + len(extents)} axes;"
                f" got {number:#x} and {axes}"
            )
        header = npz.exactly(file, 4 * max(3, axes))
        shape = np.frombuffer(header, "<i4").tolist()[:axes]
        if shape[1:] != list(extents) or not 0 < shape[0] <= _MOST:
            sizes = ", ".join([f"N ≤ {_MOST}", *map(str, extents)])
            raise ValueError(f"expected extents [{sizes}]; got {shape}")
        yield file, shape[0]


def _integers(file: io.BufferedIOBase, *shape: int) -> np.ndarray:
    values = np.frombuffer(npz.exactly(file, 4 * math.prod(shape)), "<i4")
    _end(file)
    return values.reshape(shape)


def _end(file: io.BufferedIOBase) -> None:
    if file.read(1):  # beyond the end, where gzip compares the checksum
        raise ValueError("expected the end of the data; got more bytes")
