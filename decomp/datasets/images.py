"""Images of one's own: a folder of PNG or JPEG files, or an .npz.

| what   | images                                    | factors, if there are any      |
| ------ | ----------------------------------------- | ------------------------------ |
| folder | its files .png, .jpg, .jpeg, in the order | `factors.csv`: a column `file` |
|        | of their names                            | and one for each factor        |
| .npz   | `images` uint8 [N, H, W] or [N, H, W, C], | `factors` [N, F] of numbers or |
|        | C 1 or 3                                  | texts, `factor_names` [F]      |

A class is the rank of a value in its column. A folder of grey images alone has one
channel, any other three.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decomp.datasets import classes, npz, photos, raster
from decomp.datasets.raster import Choose, Images, Tell

_TABLE = "factors.csv"
_MOST_IMAGES = 1_000_000
_MOST_BYTES = 2**34  # of pixels
_MOST_TABLE = 2**28  # bytes of factors


def load(
    path: str,
    *,
    side: int = 0,
    choose: Choose = raster.everything,
    tell: Tell = raster.nothing,
) -> Images:
    """Loads images, all of one size.

    Args:
        path: A folder or an .npz.
        side: Pixels that the square in the middle of each is averaged down to; 0 for
            images as they are.
        choose: Takes how many images there are and returns the places of those wanted.
        tell: Is told what takes long.

    Returns:
        Images in the order of the file, or of the names in the folder.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _of_folder(place, side, choose, tell)
    if place.suffix == ".npz":
        return _of_npz(place, side, choose)
    raise ValueError(f"{place}: expected a folder of PNG or JPEG images, or an .npz.")


def _of_npz(path: Path, side: int, choose: Choose) -> Images:
    optional = ("factors", "factor_names")
    found = npz.read(
        path, ("images",), most=_MOST_BYTES + _MOST_TABLE, optional=optional
    )
    try:
        images = found["images"]
        _check(images)
        factors, names = _table(found, len(images))
        places = choose(len(images))
        images = images.reshape(*images.shape[:3], -1)[places]
        images = raster.smaller(images, side=side) if side else images
    except npz.BAD_FILE as error:
        raise ValueError(f"{path}: {npz.problem(error)}.") from error
    shape = images.shape[1:]
    pixels = np.ascontiguousarray(images).reshape(len(images), -1)
    return Images(pixels, factors[places], shape, names)


def _check(images: np.ndarray) -> None:
    channels = images.shape[3] if images.ndim == 4 else 1
    shape = list(images.shape)
    if images.ndim not in (3, 4) or channels not in (1, 3) or 0 in shape:
        raise ValueError(
            f"expected images [N, H, W] or [N, H, W, C], C 1 or 3; got {shape}"
        )
    if images.dtype != np.uint8:
        raise ValueError(f"expected images of type uint8; got {images.dtype}")


def _table(
    found: dict[str, np.ndarray], count: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes `[N, F]` and names of the factors of an .npz; F is 0 without any."""
    if "factors" not in found:
        return np.zeros((count, 0), np.uint8), ()
    factors = found["factors"]
    if factors.ndim != 2 or len(factors) != count or not factors.shape[1]:
        raise ValueError(f"expected factors [{count}, F]; got {list(factors.shape)}")
    if factors.dtype.kind not in "biufU":
        raise ValueError(f"expected factors of numbers or texts; got {factors.dtype}")
    width = factors.shape[1]
    names = found.get("factor_names", np.array([f"factor_{i}" for i in range(width)]))
    if names.shape != (width,) or names.dtype.kind != "U":
        raise ValueError(
            f"expected factor_names, {width} texts; got {names.dtype} "
            f"{list(names.shape)}"
        )
    named = tuple(names.tolist())
    return classes.ranked(list(factors.T), named), named


def _of_folder(folder: Path, side: int, choose: Choose, tell: Tell) -> Images:
    found = (
        file for file in folder.iterdir() if file.suffix.lower() in photos.SUFFIXES
    )
    names = sorted(file.name for file in found if file.is_file())
    if not 0 < len(names) <= _MOST_IMAGES:
        raise ValueError(
            f"{folder}: expected 1 to {_MOST_IMAGES:,} files .png or .jpg; "
            f"got {len(names):,}."
        )
    factors, factor_names = _read_table(folder / _TABLE, names)
    places = choose(len(names))
    files = [folder / name for name in np.asarray(names, object)[places]]
    shape = _shape(folder, files, side)
    height, width, channels = shape

    def one(file: tuple[str, bytes]) -> np.ndarray:
        name, content = file
        image = photos.decode(content, name, channels=channels)[None]
        return (raster.smaller(image, side=side) if side else image).reshape(-1)

    pixels = np.empty((len(files), height * width * channels), np.uint8)
    read = raster.progress(tell, len(files))
    contents = ((str(file), photos.read(file)) for file in files)
    for place, row in enumerate(photos.side_by_side(one, contents)):
        pixels[place] = row
        read(place)
    return Images(pixels, factors[places], shape, factor_names)


def _shape(folder: Path, files: list[Path], side: int) -> tuple[int, int, int]:
    """(H, W, C) of the images once they are read, from their headers."""
    headers = [photos.header(file) for file in files]
    channels = max(header.channels for header in headers)
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if side and min(header.height, header.width) < side:
            raise ValueError(
                f"{file}: expected {side}×{side} pixels or more; got "
                f"{header.height}×{header.width}."
            )
        if not side and header[:2] != first[:2]:
            raise ValueError(
                f"{folder}: expected images of one size, or a side that they are "
                f"averaged down to; got {first.height}×{first.width} of "
                f"{files[0].name} and {header.height}×{header.width} of {file.name}."
            )
    height, width = (side, side) if side else first[:2]
    size = len(files) * height * width * channels
    if size > _MOST_BYTES:
        raise ValueError(
            f"{folder}: expected at most {_MOST_BYTES:,} bytes of pixels; got {size:,}."
        )
    return height, width, channels


def _read_table(path: Path, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes `[N, F]` and names of the factors of the images named."""
    if not path.is_file():
        return np.zeros((len(names), 0), np.uint8), ()
    try:
        npz.check_size(path.stat().st_size, _MOST_TABLE)
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [
                []
            ]
        if header[:1] != ["file"] or len(set(header)) < len(header) or len(header) < 2:
            raise ValueError(
                "expected a header of file and names of factors, all different; got "
                f"{','.join(header)[:200]!r}"
            )
        table = _by_file(header, rows)
        missing = [name for name in names if name not in table]
        strange = set(table).difference(names)
        if missing or strange:
            words = f"none of {missing[0]}" if missing else f"{min(strange)}, not there"
            raise ValueError(f"expected a row for each image; got {words}")
        columns = np.array([table[name] for name in names]).T
        return classes.ranked(list(columns), header[1:]), tuple(header[1:])
    except (*npz.BAD_FILE, csv.Error) as error:
        raise ValueError(f"{path}: {npz.problem(error)}.") from error


def _by_file(header: list[str], rows: list[list[str]]) -> dict[str, list[str]]:
    """Values of the factors by the name of the file."""
    table: dict[str, list[str]] = {}
    for number, (name, *values) in enumerate(rows, start=2):
        if len(values) != len(header) - 1:
            raise ValueError(
                f"expected {len(header)} fields in a row; got {1 + len(values)} in row "
                f"{number}"
            )
        if name in table:
            raise ValueError(f"expected a row for each image; got {name} twice")
        table[name] = values
    return table
