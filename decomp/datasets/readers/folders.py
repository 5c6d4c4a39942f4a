"""The names of the images in a folder.

These are the images in the folder itself or, if it has none, those in its sub-folders
at any depth. Hidden files and files of operating systems are ignored.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from decomp.datasets.raster import Tell
from decomp.datasets.readers import npz, photos

# Kinds of pictures that are not read, so that a line can say that they are left out.
_OTHERS = {".bmp", ".gif", ".heic", ".jfif", ".jp2", ".pgm", ".ppm", ".tif", ".tiff"}
_OTHERS |= {".webp", ".avif"}


def names(
    folder: Path, suffixes: tuple[str, ...], *, most: int, tell: Tell
) -> list[str]:
    """Sorted names of the images, with / between folders.

    Args:
        folder: A folder that exists.
        suffixes: Endings of the wanted files, in lower case.
        most: The largest number of images that is allowed.
        tell: Called with a line about pictures that are left out.

    Raises:
        ValueError: One line that begins with the folder, for no image or too many.
    """

    def wanted(name: str) -> bool:
        return photos.is_one(name) and name.lower().endswith(suffixes)

    with npz.naming(folder):
        files = list(_files(folder, deep=False))
        images = sorted(filter(wanted, files))
        below = (name for name in _files(folder, deep=True) if "/" in name)
        if images:
            _tell_below(next(filter(wanted, below), ""), tell)
        else:
            files = list(below)
            images = sorted(filter(wanted, files), key=lambda name: name.split("/"))
        if not 0 < len(images) <= most:
            count = f"{len(images):,}" if images else _others(folder)
            raise ValueError(
                f"expected 1 to {most:,} files {' or '.join(suffixes[:2])}, in it or "
                f"in sub-folders; got {count}"
            )
        _tell_others(files, tell)
        return images


def _tell_below(name: str, tell: Tell) -> None:
    if name:
        tell(f"  images in sub-folders, such as {photos.shown(name)}, are left out")


def _tell_others(files: list[str], tell: Tell) -> None:
    others = [name for name in files if PurePosixPath(name).suffix.lower() in _OTHERS]
    if others:
        name = photos.shown(min(others))
        tell(f"  {len(others):,} pictures of other kinds, such as {name}, are left out")


def _others(folder: Path) -> str:
    """Describes what a folder without images has in it."""
    others = list(_files(folder, deep=True))
    if others:
        return f"{len(others):,} others, such as {photos.shown(min(others))}"
    return "no file that is not hidden" if any(folder.iterdir()) else "an empty folder"


def _files(folder: Path, *, deep: bool) -> Iterator[str]:
    """Names of the files that are not hidden, in sub-folders too if `deep`.

    Links are followed, but no folder is entered twice.
    """
    stack, real_paths = [""], {os.path.realpath(folder)}
    while stack:
        inside = stack.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                name = f"{inside}{entry.name}"
                if photos.is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if deep and real not in real_paths:
                        stack.append(f"{name}/")
                    real_paths.add(real)
                elif entry.is_file() or entry.is_symlink():
                    yield name
