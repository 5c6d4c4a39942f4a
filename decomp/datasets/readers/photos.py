"""Decodes untrusted PNG and JPEG files by Pillow.

The size that a header declares is checked before anything is expanded. Names in
archives are never used as paths, and nothing is written.

Images are turned upright as their EXIF orientation says. Hidden files, and files that
operating systems put beside images, are ignored.
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
from decomp.datasets.readers import npz

SUFFIXES = (".png", ".jpg", ".jpeg")
_FORMATS = ("PNG", "JPEG")
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "RGB", "RGBA", "CMYK", "YCbCr")
_MOST_BYTES = 2**27  # of a file
_MOST_PIXELS = 2**26  # of an image
_AHEAD = 256  # files in memory at once
_ORIENTATION = 0x0112  # the tag of the orientation in EXIF
# For each orientation, 1 to 8: whether rows and columns are swapped, and then whether
# the order of the rows and of the columns is reversed.
_TURNS = (
    *((False, False, False), (False, False, True), (False, True, True)),
    *((False, True, False), (True, False, False), (True, False, True)),
    *((True, True, True), (True, True, False)),
)
_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks of PNG that may have EXIF
# Folders that Apple, Microsoft, Synology and Linux systems create.
_SYSTEM = {"__macosx", "$recycle.bin", "system volume information", "@eadir"}
_SYSTEM |= {"lost+found"}


class Header(NamedTuple):
    """The size and the channels of an image, once it is upright."""

    height: int
    width: int
    channels: int  # 1 grey, 3 in colour


def header(path: Path) -> Header:
    """Reads the header of an image without decoding the image.

    Raises:
        ValueError: One line that begins with the path.
    """
    with _quiet(), path.open("rb") as file:
        late = _has_late_notes(file)
        file.seek(0)
        with _opened(file, str(path)) as image:
            if late:
                image.load()
            height, width = image.height, image.width
            if _turns(image)[0]:
                height, width = width, height
            return Header(height, width, 1 if image.mode in _GREY else 3)


def is_one(name: str) -> bool:
    """Whether a file, or an entry of an archive, may be an image, by its name.

    The ending decides, in either case; neither the file nor any of its folders may be
    hidden or belong to an operating system. Folders are separated by /.
    """
    named = name.lower().endswith(SUFFIXES)
    return named and not any(map(is_hidden, name.split("/")))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden or of an operating system."""
    hidden = name.startswith(".") and name not in (".", "..")
    return hidden or name.lower() in _SYSTEM


def shown(name: str | Path) -> str:
    """A name as errors show it: one line of printable characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def decode(content: bytes, name: str, *, channels: int) -> np.ndarray:
    """Decodes an image and turns it upright; transparency is ignored.

    Args:
        content: The bytes of the file.
        name: Name of the file, for errors.
        channels: Channels of the result, whatever the file has: 1 for grey, 3 for
            colour.

    Returns:
        uint8 `[H, W, channels]`.

    Raises:
        ValueError: One line that begins with the name.
    """
    with _opened(io.BytesIO(content), name) as image:
        array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        across, rows, columns = _turns(image)
    array = array.reshape(*array.shape[:2], channels)
    array = array.swapaxes(0, 1) if across else array
    return array[:: -1 if rows else 1, :: -1 if columns else 1]


def read(path: Path) -> bytes:
    """The bytes of a file, which may be no more than an image can need."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST_BYTES:
            raise ValueError(
                f"{shown(path)}: expected at most {_MOST_BYTES:,} bytes; got {size:,}."
            )
        return file.read(_MOST_BYTES)


def side_by_side(
    function: Callable[[tuple[str, bytes]], np.ndarray],
    files: Iterable[tuple[str, bytes]],
) -> Iterator[np.ndarray]:
    """Maps names and contents of files in order, with a thread per core."""
    queue = iter(files)
    with _quiet(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(itertools.islice(queue, _AHEAD)):
            yield from pool.map(function, batch)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences Pillow's warnings of sizes, which are checked here; not thread-safe."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _opened(file: IO[bytes], name: str) -> Iterator[Any]:
    """Opens an image and checks its header."""
    extras.require("PIL")
    from PIL import Image, UnidentifiedImageError

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
    except Exception as error:  # a decoder may raise anything for untrusted bytes
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if npz.is_memory(error):
            text = npz.problem(error)
        elif isinstance(error, UnidentifiedImageError):
            text = "expected a PNG or JPEG image; got a file of another kind"
        elif not text.startswith("expected"):
            text = f"expected a PNG or JPEG image; got the error {text!r}"
        raise ValueError(f"{shown(name)}: {text}.") from error


def _turns(image: Any) -> tuple[bool, bool, bool]:
    """The turns that make an image upright, see `_TURNS`; none if EXIF is damaged."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1) if _has_notes(image) else 1
        return _TURNS[
            int(orientation) - 1 if 1 <= int(orientation) <= len(_TURNS) else 0
        ]
    except Exception:  # a decoder may raise anything
        return _TURNS[0]


def _has_notes(image: Any) -> bool:
    """Whether there may be EXIF, for which Pillow would decode the whole PNG."""
    keys = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
    return bool(keys & set(image.info))


def _has_late_notes(file: IO[bytes]) -> bool:
    """Whether a PNG has text or EXIF behind its pixels, where few programs put it."""
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        return False
    pixels = False
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        if pixels and head[4:] in _NOTES:
            return True
        pixels |= head[4:] == b"IDAT"
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False
