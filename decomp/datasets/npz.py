"""Arrays from .npy and .npz files that nobody vouches for.

Nothing is unpickled. The sizes that a file declares are compared with each other and
with what is allowed before anything is expanded, and no more than that is ever read.
"""

import io
import lzma
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

BAD_FILE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # of an encrypted archive, of a header nested too deep
    MemoryError,
    TypeError,  # of a strange header
    KeyError,  # of a damaged HDF5 file
    OverflowError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_LONGEST = 10_000  # bytes of a header; numpy.load allows as many
_LENGTHS = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # bytes of the length of a header
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}
_WRITTEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # by numpy


def problem(error: Exception) -> str:
    """What was expected and what came, in one line, of an error among `BAD_FILE`."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if text.startswith("expected"):
        return text
    return f"expected an intact file; got the error {text!r}"


def read(
    path: Path, names: Sequence[str] = (), *, most: int, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file, or the one array of any other file.

    Args:
        path: The file; what does not end in .npz is read as .npy.
        names: Arrays wanted of an .npz; by default all.
        most: Bytes allowed in all, when expanded.
        optional: Arrays wanted if they are there.

    Returns:
        Arrays by name; that of an .npy has the name "".

    Raises:
        ValueError: In one line that begins with the path.
    """
    try:
        if not path.is_file():
            raise ValueError(
                f"expected a file; got {'a folder' if path.is_dir() else 'none'}"
            )
        if path.suffix != ".npz":
            size = os.path.getsize(path)
            check_size(size, most)
            with path.open("rb") as file:
                return {"": array(file, size)}
        with zipfile.ZipFile(path) as archive:
            found = members(archive)
            missing = [name for name in names if name not in found]
            if missing:
                raise ValueError(
                    f"expected arrays {' and '.join(names)}; got {sorted(found)}"
                )
            wanted = [*names, *(n for n in optional if n in found)] or list(found)
            check_size(sum(found[name].file_size for name in wanted), most)
            return {name: member(archive, found[name]) for name in wanted}
    except BAD_FILE as error:
        raise ValueError(f"{path}: {problem(error)}.") from error


def members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """What an .npz holds, by the names of the arrays.

    Raises:
        ValueError: For compression that numpy does not write.
    """
    entries = archive.infolist()
    for entry in entries:
        if entry.compress_type not in _WRITTEN:
            raise ValueError(
                f"expected arrays stored or deflated; got {entry.filename!r} "
                f"compressed by method {entry.compress_type}"
            )
    return {entry.filename.removesuffix(".npy"): entry for entry in entries}


def member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Reads an array of an archive, of the size that the archive declares."""
    with archive.open(entry) as file:
        found = array(file, entry.file_size)
        file.read(1)  # at the end of its data zipfile compares the checksum
    return found


def check_size(size: int, most: int) -> None:
    """Raises ValueError for more bytes than are allowed."""
    if size > most:
        raise ValueError(f"expected at most {most:,} bytes of arrays; got {size:,}")


def array(file: IO[bytes], size: int) -> np.ndarray:
    """Reads an array, header and all, that takes `size` bytes.

    Raises:
        ValueError: For pickled objects, or a header that declares another size.
    """
    start = file.tell()
    shape, column_major, dtype = header(file)
    data_size = math.prod(shape) * dtype.itemsize
    left = size - (file.tell() - start)
    if data_size != left:
        raise ValueError(
            f"expected {data_size:,} bytes behind the header of {list(shape)}; "
            f"got {left:,}"
        )
    data = file.read(data_size)
    if len(data) != data_size:
        raise ValueError(f"expected {data_size:,} bytes; the data end early")
    order = "F" if column_major else "C"
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Reads the header of an array: its shape, whether it is column-major, its type.

    Raises:
        ValueError: For a header too long, strange extents, or pickled objects.
    """
    version = np.lib.format.read_magic(file)
    if version not in _LENGTHS:
        raise ValueError(f"expected .npy version 1, 2 or 3; got {version}")
    prefix = file.read(_LENGTHS[version])
    length = int.from_bytes(prefix, "little")
    if length > _LONGEST:
        raise ValueError(
            f"expected a header of {_LONGEST:,} bytes at most; got {length:,}"
        )
    text = io.BytesIO(prefix + file.read(length))
    shape, column_major, dtype = _READERS[version](text)
    if any(type(extent) is not int or extent < 0 for extent in shape):
        raise ValueError(f"expected extents of 0 and above; got {shape}")
    if dtype.hasobject:
        raise ValueError(
            "expected numbers; got pickled objects, which are never loaded"
        )
    return shape, column_major, dtype
