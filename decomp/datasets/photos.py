"""Decodes PNG and JPEG files that nobody vouches for, by Pillow.

The size that a header declares is looked at before anything is expanded. Names in
archives are never paths, and nothing is written.
"""

import concurrent.futures
import contextlib
import io
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from decomp import extras

SUFFIXES = (".png", ".jpg", ".jpeg")
_FORMATS = ("PNG", "JPEG")
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "RGB", "RGBA", "CMYK", "YCbCr")
_MOST_BYTES = 2**27  # of a file
_MOST_PIXELS = 2**26  # of an image
_AHEAD = 256  # files in memory at once


class Header(NamedTuple):
    """What an image says of itself."""

    height: int
    width: int
    channels: int  # 1 grey, 3 in colour


def header(path: Path) -> Header:
    """Reads the header of an image, which is not decoded.

    Raises:
        ValueError: In one line that begins with the path.
    """
    with _quiet(), path.open("rb") as file, _opened(file, str(path)) as image:
        return Header(image.height, image.width, 1 if image.mode in _GREY else 3)


def decode(content: bytes, name: str, *, channels: int) -> np.ndarray:
    """Decodes an image; transparency is left out.

    Args:
        content: The bytes of the file.
        name: Of the file, for errors.
        channels: 1 for grey, 3 for colour, whatever the file has.

    Returns:
        uint8 `[H, W, channels]`.

    Raises:
        ValueError: In one line that begins with the name.
    """
    with _opened(io.BytesIO(content), name) as image:
        array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return array.reshape(*array.shape[:2], channels)


def read(path: Path) -> bytes:
    """The bytes of a file, no more than an image can need."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST_BYTES:
            raise ValueError(
                f"{path}: expected at most {_MOST_BYTES:,} bytes; got {size:,}."
            )
        return file.read(_MOST_BYTES)


def side_by_side(
    function: Callable[[tuple[str, bytes]], np.ndarray],
    files: Iterable[tuple[str, bytes]],
) -> Iterator[np.ndarray]:
    """Maps names and contents of files, in order, with a thread per core."""
    left = iter(files)
    with _quiet(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(itertools.islice(left, _AHEAD)):
            yield from pool.map(function, batch)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences Pillow about sizes, which are checked here; for one thread to enter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _opened(file: IO[bytes], name: str) -> Iterator[Any]:
    """An image whose header has been checked."""
    extras.require("PIL")
    from PIL import Image

    try:
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(
                    f"expected at most {_MOST_PIXELS:,} pixels; got "
                    f"{image.height}×{image.width}"
                )
            if image.mode not in (*_GREY, *_COLOUR):
                raise ValueError(
                    f"expected 8 bits a channel; got the mode {image.mode} of Pillow"
                )
            yield image
    except Exception as error:  # a decoder may raise anything at bytes of a stranger
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if not text.startswith("expected"):
            text = f"expected a PNG or JPEG image; got the error {text!r}"
        raise ValueError(f"{name}: {text}.") from error
