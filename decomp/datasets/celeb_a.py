"""CelebA: 202,599 photographs of faces, without factors.

The aligned images have 218 × 178 pixels; the square in their middle is averaged down to
64 × 64. The forty attributes annotate people and are no factors of the pictures, so
they are not read. The images come from

- a folder of JPEG files, or of sub-folders with them,
- the archive `img_align_celeba.zip`, which need not be unpacked, or
- tensorflow-datasets, which finds that archive in its folder `downloads/manual`; the
  servers of the data set refuse most downloads.

Source: Liu, Luo, Wang & Tang 2015, arXiv:1411.7766.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from decomp.datasets import raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import download, folders, npz, photos

SIDE = 64
NUM_IMAGES = 202_599
_OFFICIAL = "img_align_celeba.zip"
_SUFFIXES = (".jpg", ".jpeg")
_MOST_BYTES = 2**24  # the largest size of a photograph; they have up to 40,000


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
        path: With "file", a folder of JPEG files or a .zip; with "tfds", the data
            folder, by default that of tensorflow-datasets.
        source: "file" or "tfds".
        side: Images are averaged down to `side` × `side` pixels.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work.

    Returns:
        Images in the order of their names.
    """
    download.check_source(source, "file", "tfds")
    if source == "tfds":
        (file,) = download.fetch("celeb_a", [_OFFICIAL], path)
        return _of_archive(file, side, choose, tell)
    place = Path(path).expanduser()
    if place.is_file():
        return _of_archive(place, side, choose, tell)
    if not place.is_dir():
        raise ValueError(f"{place}: expected a folder of JPEG files or a .zip.")
    every = folders.names(place, _SUFFIXES, most=NUM_IMAGES, tell=tell)
    names = [every[i] for i in raster.wanted(choose, len(every))]
    files = ((str(place / name), photos.read(place / name)) for name in names)
    with npz.naming(place):
        return _decoded(files, len(names), side, tell)


def _of_archive(path: Path, side: int, choose: Choose, tell: Tell) -> Images:
    """Reads a .zip; its names only say which images there are, and are never paths."""
    with npz.naming(path), zipfile.ZipFile(path) as archive:
        entries = {
            entry.filename: entry
            for entry in npz.members(archive).values()
            if not entry.is_dir()
        }
        photographs = _photographs(path, list(entries))
    names = [photographs[i] for i in raster.wanted(choose, len(photographs))]
    with npz.naming(path), zipfile.ZipFile(path) as archive:
        files = _contents(archive, [entries[name] for name in names], path)
        return _decoded(files, len(names), side, tell)


def _contents(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], path: Path
) -> Iterator[tuple[str, bytes]]:
    """Names that begin with the archive's, and contents of at most the allowed size."""
    for entry in entries:
        if entry.file_size > _MOST_BYTES:
            raise ValueError(
                f"expected photographs of {_MOST_BYTES:,} bytes at most; got "
                f"{entry.file_size:,} of {entry.filename!r}"
            )
        with archive.open(entry) as file:
            yield f"{path}, {entry.filename!r}", file.read(entry.file_size + 1)


def _photographs(path: Path, entries: list[str]) -> list[str]:
    """The names of the photographs, in order."""
    names = sorted(
        name
        for name in entries
        if photos.is_one(name) and name.lower().endswith(_SUFFIXES)
    )
    if not 0 < len(names) <= NUM_IMAGES:
        raise ValueError(
            f"{path}: expected 1 to {NUM_IMAGES:,} files .jpg; got {len(names):,}."
        )
    return names


def _decoded(
    files: Iterator[tuple[str, bytes]], count: int, side: int, tell: Tell
) -> Images:
    def pixels_of(file: tuple[str, bytes]) -> np.ndarray:
        name, content = file
        image = photos.decode(content, name, channels=3)
        try:
            return raster.smaller(image[None], side=side).reshape(-1)
        except ValueError as error:
            raise ValueError(f"{name}: {error}.") from error

    pixels = np.empty((count, side * side * 3), np.uint8)
    report = raster.progress(tell, count)
    for place, row in enumerate(photos.side_by_side(pixels_of, files)):
        pixels[place] = row
        report(place)
    factors = np.zeros((count, 0), np.uint8)
    return Images(pixels, factors, (side, side, 3), ())
