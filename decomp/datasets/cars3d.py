"""Cars3D: 183 cars seen from 24 azimuths and 4 elevations, 17,568 images in colour.

The images of 128 × 128 pixels are averaged down to 64 × 64. Each car has a MATLAB file
with an array `im` uint8 [128, 128, 3, 24, 4]. The files are read from a folder, or from
the published archive `nips2015-analogy-data.tar.gz`, which need not be unpacked; its
other files are ignored.

Source: Reed, Zhang, Zhang & Lee 2015, "Deep visual analogy-making", NeurIPS 28,
www.scottreed.info/files/nips2015-analogy-data.tar.gz; as a set with factors, Locatello
et al. 2019, arXiv:1811.12359, App. H.
"""

import io
import math
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from decomp.datasets import raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import download, matlab, npz, photos

FACTOR_NAMES = ("elevation", "azimuth", "object_type")
FACTOR_SIZES = (4, 24, 183)
SIDE = 64
NUM_IMAGES = math.prod(FACTOR_SIZES)
_SHAPE = (128, 128, 3, 24, 4)  # the images of one car
_EACH = 24 * 4  # images per car; the elevation varies fastest
_MOST_BYTES = 2**24  # the largest size of a car's file
_BLOCK = 512  # bytes per block of an archive
_SKIPPED = 2**20  # bytes read at once while skipping
_EMPTY = (*(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE), tarfile.FIFOTYPE)
# Sub-folders that may have the files; the first that exists counts.
_PLACES = ("data/cars", "cars", "")


def load(
    path: str,
    *,
    source: str = "file",
    side: int = SIDE,
    choose: Choose = raster.everything,
    tell: Tell = raster.nothing,
) -> Images:
    """Loads the data set or a part of it.

    Args:
        path: The archive, or the folder of the MATLAB files.
        source: "file".
        side: Images are averaged down to `side` × `side` pixels; at most 128.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work.

    Returns:
        Images ordered by car, then azimuth, then elevation. The class of a car is its
        place in the sorted names of the files.

    Raises:
        ValueError: One line that begins with the path.
    """
    download.check_source(source, "file")
    place = Path(path).expanduser()
    cars = _cars(place)
    places = raster.wanted(choose, len(cars) * _EACH)
    report, count = raster.progress(tell, len(places)), 0
    with npz.naming(place):
        pixels = np.empty((len(places), side * side * 3), np.uint8)
    for name, content in _contents(place, lambda name: name in cars):
        inside = np.flatnonzero(places // _EACH == cars[name])
        if len(inside):
            with npz.naming(f"{place}, {name!r}"):
                images = matlab.array(content, "im", shape=_SHAPE)
                images = images.transpose(3, 4, 0, 1, 2).reshape(_EACH, *_SHAPE[:3])
                views = raster.smaller(images[places[inside] % _EACH], side=side)
            pixels[inside] = views.reshape(len(inside), -1)
            count += len(inside)
            report(count)
    car, view = np.divmod(places, _EACH)
    azimuth, elevation = np.divmod(view, FACTOR_SIZES[0])
    classes = np.stack([elevation, azimuth, car], axis=1).astype(np.uint8)
    return Images(pixels, classes, (side, side, 3), FACTOR_NAMES)


def _cars(path: Path) -> dict[str, int]:
    """The index of each car's file in the sorted names."""
    names: list[str] = []
    for _ in _contents(path, lambda name: bool(names.append(name))):
        pass
    cars = sorted(name for name in names if _is_car(name, archive=path.is_file()))
    most = FACTOR_SIZES[-1]
    if not 0 < len(cars) <= most or len(set(cars)) < len(cars):
        raise ValueError(
            f"{path}: expected 1 to {most} files cars/*.mat, all different; "
            f"got {len(cars)}."
        )
    return {name: place for place, name in enumerate(cars)}


def _is_car(name: str, *, archive: bool) -> bool:
    path = PurePosixPath(name)
    inside = path.parent.name == "cars" or not archive
    return inside and path.suffix.lower() == ".mat" and not photos.is_hidden(path.name)


def _contents(path: Path, is_car: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the wanted files in a folder or an archive."""
    with npz.naming(path):
        if path.is_dir():
            folder = next(path / name for name in _PLACES if (path / name).is_dir())
            for file in sorted(folder.iterdir()):
                if file.is_file() and is_car(file.name):
                    with file.open("rb") as opened:
                        yield file.name, _car(opened, file.stat().st_size)
        elif path.is_file():
            with path.open("rb") as raw:
                file = npz.unzipped(raw)
                yield from _of_archive(file, is_car)
        else:
            raise ValueError(
                "expected nips2015-analogy-data.tar.gz or its folder; got none"
            )


def _of_archive(
    file: io.BufferedIOBase, is_car: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """Reads an archive from start to end, and keeps only the wanted files."""
    while any(head := file.read(_BLOCK)):
        entry = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        size = 0 if entry.type in _EMPTY else entry.size
        if size < 0:
            raise ValueError(f"expected sizes of 0 and above; got {size:,}")
        padding = -size % _BLOCK
        if entry.isreg() and is_car(entry.name):
            yield entry.name, _car(file, size)
            size = 0
        _skip(file, size + padding)
    file.read(_SKIPPED)  # at the end, gzip compares the checksum


def _car(file: io.BufferedIOBase, size: int) -> bytes:
    if size > _MOST_BYTES:
        raise ValueError(
            f"expected {_MOST_BYTES:,} bytes of a car at most; got {size:,}"
        )
    return npz.exactly(file, size)


def _skip(file: io.BufferedIOBase, size: int) -> None:
    while size > 0:
        count = len(file.read(min(size, _SKIPPED)))
        if not count:
            raise ValueError(f"expected {size:,} bytes more; the data end early")
        size -= count
