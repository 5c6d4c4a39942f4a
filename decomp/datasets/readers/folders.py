"""The images of a folder, by their names.

Those in the folder itself count; if there are none, those of its sub-folders, at any
depth. Hidden files and those that operating systems keep are no images.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from decomp.datasets.raster import Tell
from decomp.datasets.readers import npz, photos

# Of pictures that are not read, so that it is told that they are left out.
_OTHERS = {".bmp", ".gif", ".heic", ".jfif", ".jp2", ".pgm", ".ppm", ".tif", ".tiff"}
_OTHERS |= {".webp", ".avif"}


def names(
    folder: Path, suffixes: tuple[str, ...], *, most: int, tell: Tell
) -> list[str]:
    """Names of the images, in order, with / between folders.

    Args:
        folder: A folder that exists.
        suffixes: The endings of the files wanted, in small letters.
        most: Images that there may be.
        tell: Is told which pictures are left out.

    Raises:
        ValueError: In one line that begins with the folder, for none or too many.
    """

    def wanted(name: str) -> bool:
        return photos.is_one(name) and name.lower().endswith(suffixes)

    with npz.naming(folder):
        files = list(_files(folder, deep=False))
        found = sorted(filter(wanted, files))
        below = (name for name in _files(folder, deep=True) if "/" in name)
        if found:
            _tell_below(next(filter(wanted, below), ""), tell)
        else:
            files = list(below)
            found = sorted(filter(wanted, files), key=lambda name: name.split("/"))
        if not 0 < len(found) <= most:
            got = f"{len(found):,}" if found else _others(folder)
            raise ValueError(
                f"expected 1 to {most:,} files {' or '.join(suffixes[:2])}, in it or "
                f"in sub-folders; got {got}"
            )
        _tell_others(files, tell)
        return found


def _tell_below(name: str, tell: Tell) -> None:
    if name:
        tell(f"  images in sub-folders, such as {photos.shown(name)}, are left out")


def _tell_others(files: list[str], tell: Tell) -> None:
    others = [name for name in files if PurePosixPath(name).suffix.lower() in _OTHERS]
    if others:
        name = photos.shown(min(others))
        tell(f"  {len(others):,} pictures of other kinds, such as {name}, are left out")


def _others(folder: Path) -> str:
    """What there is in a folder without images, in words."""
    found = list(_files(folder, deep=True))
    if found:
        return f"{len(found):,} others, such as {photos.shown(min(found))}"
    return "no file that is not hidden" if any(folder.iterdir()) else "an empty folder"


def _files(folder: Path, *, deep: bool) -> Iterator[str]:
    """Names of files that are not hidden, with / between folders, if deep.

    Links are followed, but into no folder twice.
    """
    left, seen = [""], {os.path.realpath(folder)}
    while left:
        inside = left.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                name = f"{inside}{entry.name}"
                if photos.is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if deep and real not in seen:
                        left.append(f"{name}/")
                    seen.add(real)
                elif entry.is_file() or entry.is_symlink():
                    yield name
