"""Your own images: a folder of PNG or JPEG files, an .npz, or an .npy.

| path   | images                                    | factors, if there are any      |
| ------ | ----------------------------------------- | ------------------------------ |
| folder | its files .png, .jpg, .jpeg, in the order | `factors.csv`: a column `file` |
|        | of their names                            | and one for each factor        |
| folder | those of its sub-folders, at any depth,   | `class`, the sub-folder, and   |
|        | if the folder itself has none             | `factors.csv`, as above        |
| .npz   | `images` uint8 [N, H, W] or [N, H, W, C], | `factors` [N, F] of numbers or |
|        | C 1 or 3                                  | strings, `factor_names` [F]    |
| .npy   | the same array                            | none                           |

The class of a value is its rank in its column. The class of a sub-folder is its place
in the sorted names, unless the table has a column `class`. A folder that has only grey
images gives one channel, any other folder three. Hidden files and files of operating
systems are ignored. Only the wanted images of an .npz or .npy are loaded into memory.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from decomp.datasets import classes, raster
from decomp.datasets.raster import Choose, Images, Tell
from decomp.datasets.readers import factor_table, folders, npz, photos
from decomp.datasets.readers.npz import Stored

_TABLE = "factors.csv"
_CLASS = "class"
_MOST_IMAGES = 1_000_000
_MOST_BYTES = 2**34  # the most bytes of pixels
_MOST_TABLE = 2**28  # the most bytes of factors


def load(
    path: str,
    *,
    side: int = 0,
    choose: Choose = raster.everything,
    tell: Tell = raster.nothing,
) -> Images:
    """Loads images, all of one size.

    Args:
        path: A folder, an .npz or an .npy.
        side: The square in the middle of each image is averaged down to `side` × `side`
            pixels; 0 leaves images as they are.
        choose: Maps the number of images to the indices of those to load.
        tell: Called with a line about slow work, or about files that are left out.

    Returns:
        Images in the order of the file, or of the names in the folder.

    Raises:
        ValueError: One line that begins with the path.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _of_folder(place, side, choose, tell)
    if place.suffix.lower() in (".npz", ".npy"):
        return _of_array(place, side, choose, tell)
    raise ValueError(
        f"{place}: expected a folder of PNG or JPEG images, an .npz or an .npy."
    )


def _of_array(path: Path, side: int, choose: Choose, tell: Tell) -> Images:
    name = "images" if path.suffix.lower() == ".npz" else ""
    stored = npz.look(
        path, (name,) if name else (), optional=("factors", "factor_names")
    )
    with npz.naming(path):
        height, width, channels = _check(stored[name])
        factors, names = _table(stored, stored[name].shape[0])
    places = raster.wanted(choose, len(factors))
    shape = (side, side, channels) if side else (height, width, channels)

    def read(increasing: np.ndarray) -> Iterator[np.ndarray]:
        for part in npz.rows(stored[name], increasing):
            yield part.reshape(len(part), height, width, channels)

    with npz.naming(path):
        if min(height, width) < side:
            raise ValueError(
                f"expected images of {side}×{side} pixels or more; got {height}×{width}"
            )
        _check_size(len(places), shape)
        pixels = raster.gathered(
            read, places, shape=shape, average=bool(side), tell=tell
        )
    return Images(pixels, factors[places], shape, names)


def _check(images: Stored) -> tuple[int, int, int]:
    """(H, W, C) of the images, as their header declares them."""
    shape = images.shape
    channels = shape[3] if len(shape) == 4 else 1
    if len(shape) not in (3, 4) or channels not in (1, 3) or 0 in shape:
        raise ValueError(
            f"expected images [N, H, W] or [N, H, W, C], C 1 or 3; got {list(shape)}"
        )
    if images.dtype != np.uint8:
        raise ValueError(f"expected images of type uint8; got {images.dtype}")
    return shape[1], shape[2], channels


def _check_size(count: int, shape: tuple[int, ...]) -> None:
    size = count * math.prod(shape)
    if size > _MOST_BYTES:
        raise ValueError(
            f"expected at most {_MOST_BYTES:,} bytes of pixels; got {size:,}"
        )


def _table(stored: dict[str, Stored], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes `[N, F]` and names of the factors in an .npz; F is 0 if it has none."""
    if "factors" not in stored:
        return np.zeros((count, 0), np.uint8), ()
    factors = npz.whole(stored["factors"], most=_MOST_TABLE)
    shape = list(factors.shape)
    if factors.ndim == 1:  # one factor
        factors = factors[:, None]
    if factors.ndim != 2 or len(factors) != count or not factors.shape[1]:
        raise ValueError(f"expected factors [{count}, F]; got {shape}")
    if factors.dtype.kind not in "biufUS":
        raise ValueError(f"expected factors of numbers or strings; got {factors.dtype}")
    width = factors.shape[1]
    names = np.array([f"factor_{i}" for i in range(width)])
    if "factor_names" in stored:
        names = npz.whole(stored["factor_names"], most=_MOST_TABLE)
    if names.shape != (width,) or names.dtype.kind not in "US":
        raise ValueError(
            f"expected factor_names, {width} strings; got {names.dtype} "
            f"{list(names.shape)}"
        )
    named = tuple(_text(names).tolist())
    return classes.ranked(list(_text(factors).T), named), named


def _text(values: np.ndarray) -> np.ndarray:
    """Decodes strings that are stored as bytes; returns other arrays as they are."""
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def _of_folder(folder: Path, side: int, choose: Choose, tell: Tell) -> Images:
    names = folders.names(folder, photos.SUFFIXES, most=_MOST_IMAGES, tell=tell)
    table = folder / _TABLE
    columns = factor_table.read(table, names) if table.exists() else {}
    ranks, sub_folders = _of_folders(names)
    if sub_folders and _CLASS not in columns:
        columns = {_CLASS: ranks} | columns
    with npz.naming(table if table.exists() else folder):
        factors = np.zeros((len(names), 0), np.uint8)
        if columns:
            factors = classes.ranked(list(columns.values()), list(columns))
    places = raster.wanted(choose, len(names))
    files = [folder / name for name in np.asarray(names, object)[places]]
    shape = _shape(folder, files, side)
    pixels = _pixels(folder, files, shape, side, tell)
    class_names = () if table.exists() else sub_folders
    return Images(pixels, factors[places], shape, tuple(columns), class_names)


def _pixels(
    folder: Path,
    files: list[Path],
    shape: tuple[int, int, int],
    side: int,
    tell: Tell,
) -> np.ndarray:
    def pixels_of(file: tuple[str, bytes]) -> np.ndarray:
        name, content = file
        image = photos.decode(content, name, channels=shape[2])[None]
        return (raster.smaller(image, side=side) if side else image).reshape(-1)

    with npz.naming(folder):
        pixels = np.empty((len(files), math.prod(shape)), np.uint8)
    report = raster.progress(tell, len(files))
    contents = ((str(file), photos.read(file)) for file in files)
    for place, row in enumerate(photos.side_by_side(pixels_of, contents)):
        pixels[place] = row
        report(place)
    return pixels


def _shape(folder: Path, files: list[Path], side: int) -> tuple[int, int, int]:
    """(H, W, C) that the images will have once they are read, from their headers."""
    for file in files:
        if (
            not file.is_file()
        ):  # it was removed after it was listed, or is a broken link
            name = photos.shown(file)
            raise ValueError(f"{name}: expected a file; got a link to nothing.")
    headers = [photos.header(file) for file in files]
    channels = max(header.channels for header in headers)
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if side and min(header.height, header.width) < side:
            raise ValueError(
                f"{photos.shown(file)}: expected {side}×{side} pixels or more; got "
                f"{header.height}×{header.width}."
            )
        if not side and header[:2] != first[:2]:
            raise ValueError(
                f"{folder}: expected images of one size, or a side that they are "
                f"averaged down to; got {first.height}×{first.width} of "
                f"{photos.shown(files[0].name)} and {header.height}×{header.width} of "
                f"{photos.shown(file.name)}."
            )
    height, width = (side, side) if side else first[:2]
    with npz.naming(folder):
        _check_size(len(files), (height, width, channels))
    return height, width, channels


def _of_folders(names: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The index `[N]` of each image's sub-folder, and the sorted sub-folders."""
    parts = [name.partition("/") for name in names]
    order = sorted({first for first, slash, _ in parts if slash})
    places = {name: place for place, name in enumerate(order)}
    ranks = np.array([places.get(first, 0) for first, _, _ in parts])
    return ranks, tuple(order)
