"""Decodes PNG and JPEG files that nobody vouches for, by Pillow.

The size that a header declares is looked at before anything is expanded. Names in
archives are never paths, and nothing is written.

Images stand as their EXIF says that the camera was held. Hidden files, and what
operating systems keep beside images, are no images.
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
_ORIENTATION = 0x0112  # its tag in EXIF
# By that tag, 1 to 8: whether rows and columns change places, and then whether the rows
# and the columns are turned around.
_TURNS = (
    *((False, False, False), (False, False, True), (False, True, True)),
    *((False, True, False), (True, False, False), (True, False, True)),
    *((True, True, True), (True, True, False)),
)
_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks of PNG that may hold EXIF
# Folders of the systems of Apple, Microsoft, Synology and Linux.
_SYSTEM = {"__macosx", "$recycle.bin", "system volume information", "@eadir"}
_SYSTEM |= {"lost+found"}


class Header(NamedTuple):
    """What an image says of itself, once it stands upright."""

    height: int
    width: int
    channels: int  # 1 grey, 3 in colour


def header(path: Path) -> Header:
    """Reads the header of an image, which is not decoded.

    Raises:
        ValueError: In one line that begins with the path.
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
    """Whether a file or the name of one in an archive may be an image.

    By its ending, in whatever case; neither the file nor a folder that it lies in may
    be hidden or of an operating system. Folders have / between them.
    """
    named = name.lower().endswith(SUFFIXES)
    return named and not any(map(is_hidden, name.split("/")))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or kept by a system."""
    hidden = name.startswith(".") and name not in (".", "..")
    return hidden or name.lower() in _SYSTEM


def shown(name: str | Path) -> str:
    """A name as an error shows it, in one line that can be printed."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def decode(content: bytes, name: str, *, channels: int) -> np.ndarray:
    """Decodes an image and turns it upright; transparency is left out.

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
        across, rows, columns = _turns(image)
    array = array.reshape(*array.shape[:2], channels)
    array = array.swapaxes(0, 1) if across else array
    return array[:: -1 if rows else 1, :: -1 if columns else 1]


def read(path: Path) -> bytes:
    """The bytes of a file, no more than an image can need."""
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
    except Exception as error:  # a decoder may raise anything at bytes of a stranger
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if npz.is_memory(error):
            text = npz.problem(error)
        elif isinstance(error, UnidentifiedImageError):
            text = "expected a PNG or JPEG image; got a file of another kind"
        elif not text.startswith("expected"):
            text = f"expected a PNG or JPEG image; got the error {text!r}"
        raise ValueError(f"{shown(name)}: {text}.") from error


def _turns(image: Any) -> tuple[bool, bool, bool]:
    """What makes an image upright, see `_TURNS`; nothing if its EXIF is damaged."""
    try:
        found = image.getexif().get(_ORIENTATION, 1) if _has_notes(image) else 1
        return _TURNS[int(found) - 1 if 1 <= int(found) <= len(_TURNS) else 0]
    except Exception:  # as a decoder may raise anything
        return _TURNS[0]


def _has_notes(image: Any) -> bool:
    """Whether there may be EXIF; else Pillow decodes a whole PNG to look for it."""
    known = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
    return bool(known & set(image.info))


def _has_late_notes(file: IO[bytes]) -> bool:
    """Whether a PNG has notes behind its pixels, where few programs put them."""
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        return False
    pixels = False
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        if pixels and head[4:] in _NOTES:
            return True
        pixels |= head[4:] == b"IDAT"
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False
