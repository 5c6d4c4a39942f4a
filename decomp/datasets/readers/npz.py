"""Arrays from untrusted .npy and .npz files.

Nothing is unpickled. The sizes that a file declares are compared with each other and
with the allowed sizes before anything is expanded, and no more than that is ever read.

`read` returns whole arrays. `look` reads only the headers, and `rows` then reads some
rows and needs memory only for these. It seeks to the rows of an uncompressed array; it
reads through a compressed or column-major one in blocks.
"""

import contextlib
import errno
import gzip
import io
import itertools
import lzma
import math
import os
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

BAD_FILE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # for an encrypted archive, or a header nested too deep
    MemoryError,
    TypeError,  # for a strange header
    KeyError,  # for a damaged HDF5 file
    OverflowError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)
_LONGEST = 10_000  # the most bytes of a header, as in numpy.load
_LENGTHS = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # bytes of a header's length, by version
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,
}
_WRITTEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the methods that NumPy uses
_LOCAL = 30  # bytes of a member's header before its name
_BLOCK = 2**24  # bytes read at once


class Stored(NamedTuple):
    """An array in a file of which only the header has been read."""

    path: Path
    entry: zipfile.ZipInfo | None  # the member of an .npz; None for an .npy
    shape: tuple[int, ...]
    column_major: bool
    dtype: np.dtype
    start: int  # bytes before the first value, from the start of the member


def problem(error: Exception) -> str:
    """Says in one line what was expected and what came, for an error of `BAD_FILE`."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if text.startswith(("expected", "too little memory")):
        return text
    if is_memory(error):
        return f"too little memory is left to read it ({text})"
    return f"expected an intact file; got the error {text!r}"


def is_memory(error: BaseException) -> bool:
    """Whether an error means too little memory, whatever library raised it."""
    phrases = ("memory allocation failed", "annot allocate memory")  # of HDF5 and mmap
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(words in str(error) for words in phrases)
    )


@contextlib.contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Puts the file's name, once, before the line of every error of `BAD_FILE`."""
    try:
        yield
    except BAD_FILE as error:
        if str(error).startswith(f"{path}"):
            raise
        raise ValueError(f"{path}: {problem(error)}.") from error


def read(
    path: Path, names: Sequence[str] = (), *, most: int, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file, or the one array of any other file.

    Args:
        path: The file; it is read as .npy unless its name ends in .npz.
        names: The wanted arrays of an .npz; by default all.
        most: Bytes that the arrays may have together, when expanded.
        optional: Arrays that are read if they exist.

    Returns:
        Arrays by name; that of an .npy has the name "".

    Raises:
        ValueError: One line that begins with the path.
    """
    with naming(path):
        _check_file(path)
        if path.suffix.lower() != ".npz":
            size = os.path.getsize(path)
            check_size(size, most)
            with path.open("rb") as file:
                return {"": array(file, size)}
        with zipfile.ZipFile(path) as archive:
            entries = _wanted(archive, names, optional)
            check_size(sum(entry.file_size for entry in entries.values()), most)
            return {name: member(archive, entry) for name, entry in entries.items()}


def look(
    path: Path, names: Sequence[str] = (), *, optional: Sequence[str] = ()
) -> dict[str, Stored]:
    """Reads the headers of arrays and compares the sizes that they declare.

    Args:
        path: The file; it is read as .npy unless its name ends in .npz.
        names: The wanted arrays of an .npz; by default all.
        optional: Arrays that are read if they exist.

    Returns:
        Arrays by name; that of an .npy has the name "".

    Raises:
        ValueError: One line that begins with the path.
    """
    with naming(path):
        _check_file(path)
        if path.suffix.lower() != ".npz":
            with path.open("rb") as file:
                return {"": _looked(path, None, file, os.path.getsize(path))}
        headers = {}
        with zipfile.ZipFile(path) as archive:
            for name, entry in _wanted(archive, names, optional).items():
                with archive.open(entry) as file:
                    headers[name] = _looked(path, entry, file, entry.file_size)
        return headers


def rows(stored: Stored, places: np.ndarray) -> Iterator[np.ndarray]:
    """Reads some rows of an array in order, in memory of one block at a time.

    If only some rows of an uncompressed array are read, no checksum is compared.

    Args:
        stored: An array `[N, ...]`.
        places: Indices of the rows along the first axis, increasing.

    Yields:
        Arrays `[B, ...]`, which together are the rows.

    Raises:
        ValueError: One line that begins with the path.
    """
    with naming(stored.path):
        if stored.column_major and len(stored.shape) > 1:
            yield _of_columns(stored, places)
        elif _is_stored(stored) and not _are_all(stored, places):
            yield from _in_place(stored, places)
        else:
            yield from _passing(stored, places)


def whole(stored: Stored, *, most: int) -> np.ndarray:
    """Reads the whole array, which may have at most `most` bytes.

    Raises:
        ValueError: One line that begins with the path.
    """
    with naming(stored.path):
        check_size(math.prod(stored.shape) * stored.dtype.itemsize, most)
        with _opened(stored) as file:
            data = exactly(file, math.prod(stored.shape) * stored.dtype.itemsize)
            file.read(1)  # at the end of its data zipfile compares the checksum
    order = "F" if stored.column_major else "C"
    return np.frombuffer(data, stored.dtype).reshape(stored.shape, order=order)


def members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members of an .npz by the names of the arrays.

    Raises:
        ValueError: For a compression that NumPy does not use.
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
    """Reads an array of an archive, which must have the size that it declares."""
    with archive.open(entry) as file:
        values = array(file, entry.file_size)
        file.read(1)  # at the end of its data zipfile compares the checksum
    return values


def check_size(size: int, most: int) -> None:
    """Raises ValueError for more bytes than are allowed."""
    if size > most:
        raise ValueError(f"expected at most {most:,} bytes of arrays; got {size:,}")


def array(file: IO[bytes], size: int) -> np.ndarray:
    """Reads an array that takes `size` bytes with its header.

    Raises:
        ValueError: For pickled objects, or a header that declares another size.
    """
    shape, column_major, dtype, _ = _sized_header(file, size)
    data = exactly(file, math.prod(shape) * dtype.itemsize)
    order = "F" if column_major else "C"
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Reads the header of an array: shape, whether it is column-major, and type.

    Raises:
        ValueError: For a header that is too long, impossible extents, or pickled
            objects.
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
            "expected numbers; got pickled objects, which are never loaded; "
            "astype(float) or astype(str) makes arrays that are"
        )
    return shape, column_major, dtype


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ValueError(
            f"expected a file; got {'a folder' if path.is_dir() else 'none'}"
        )


def _wanted(
    archive: zipfile.ZipFile, names: Sequence[str], optional: Sequence[str]
) -> dict[str, zipfile.ZipInfo]:
    """The wanted members by the names of the arrays; all if `names` is empty."""
    entries = members(archive)
    if any(name not in entries for name in names):
        raise ValueError(
            f"expected arrays {' and '.join(names)}; got {sorted(entries)}"
        )
    selection = [*names, *(n for n in optional if n in entries)] or list(entries)
    return {name: entries[name] for name in selection}


def _sized_header(
    file: IO[bytes], size: int
) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """The header of an array that takes `size` bytes in all, and the header's bytes."""
    start = file.tell()
    shape, column_major, dtype = header(file)
    data_size, length = math.prod(shape) * dtype.itemsize, file.tell() - start
    if data_size != size - length:
        raise ValueError(
            f"expected {data_size:,} bytes behind the header of {list(shape)}; "
            f"got {size - length:,}"
        )
    return shape, column_major, dtype, length


def _looked(
    path: Path, entry: zipfile.ZipInfo | None, file: IO[bytes], size: int
) -> Stored:
    return Stored(path, entry, *_sized_header(file, size))


@contextlib.contextmanager
def _opened(stored: Stored) -> Iterator[IO[bytes]]:
    """Opens the file of an array behind the header."""
    with contextlib.ExitStack() as stack:
        if stored.entry is None:
            file = stack.enter_context(stored.path.open("rb"))
        else:
            archive = stack.enter_context(zipfile.ZipFile(stored.path))
            file = stack.enter_context(archive.open(stored.entry))
        exactly(file, stored.start)
        yield file


def unzipped(file: io.BufferedReader) -> io.BufferedIOBase:
    """The file, or its contents if gzip compressed it.

    The first bytes decide which, not the name.
    """
    zipped = file.peek(2)[:2] == b"\x1f\x8b"
    return gzip.GzipFile(fileobj=file) if zipped else file


def exactly(file: IO[bytes] | io.BufferedIOBase, size: int) -> bytes:
    """The next `size` bytes of a file.

    Raises:
        ValueError: If it ends before.

    >>> import io
    >>> exactly(io.BytesIO(b"abc"), 2)
    b'ab'
    """
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"expected {size:,} bytes more; the data end early")
    return data


def _is_stored(stored: Stored) -> bool:
    """Whether the bytes of an array are in the file uncompressed."""
    return stored.entry is None or stored.entry.compress_type == zipfile.ZIP_STORED


def _are_all(stored: Stored, places: np.ndarray) -> bool:
    """Whether `places` are all rows of an array, each once."""
    return np.array_equal(places, np.arange(math.prod(stored.shape[:1])))


def _in_place(stored: Stored, places: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of an uncompressed array; neighbours are read together."""
    size = math.prod(stored.shape[1:]) * stored.dtype.itemsize
    block = max(1, _BLOCK // max(1, size))
    with stored.path.open("rb") as file:
        start = stored.start + _member_start(stored, file)
        for begin in range(0, len(places), block):
            part = places[begin : begin + block]
            data = np.empty((len(part), *stored.shape[1:]), stored.dtype)
            into = data.view(np.uint8).reshape(len(part), size)
            jumps = np.flatnonzero(np.diff(part) != 1) + 1
            for first, end in itertools.pairwise([0, *jumps.tolist(), len(part)]):
                file.seek(start + int(part[first]) * size)
                if file.readinto(into[first:end].data) != (end - first) * size:
                    raise ValueError(
                        f"expected {stored.shape[0]:,} rows; the data end early"
                    )
            yield data


def _member_start(stored: Stored, file: IO[bytes]) -> int:
    """The offset in the file at which the member of an array begins."""
    entry = stored.entry
    if entry is None:
        return 0
    file.seek(entry.header_offset)
    local = exactly(file, _LOCAL)
    if local[:4] != b"PK\x03\x04" or entry.compress_size != entry.file_size:
        raise ValueError(f"expected a member {entry.filename!r} stored as it is")
    name, extra = (int.from_bytes(local[i : i + 2], "little") for i in (26, 28))
    return entry.header_offset + _LOCAL + name + extra


def _passing(stored: Stored, places: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of an array that is read to its end, at most one block in memory."""
    count, *rest = stored.shape
    size = math.prod(rest) * stored.dtype.itemsize
    block = max(1, _BLOCK // max(1, size))
    with _opened(stored) as file:
        for first in range(0, count, block):
            stop = min(first + block, count)
            data = exactly(file, (stop - first) * size)
            inside = places[slice(*np.searchsorted(places, (first, stop)).tolist())]
            if len(inside):
                whole_block = np.frombuffer(data, stored.dtype)
                yield whole_block.reshape(stop - first, *rest)[inside - first]
        file.read(1)  # at the end of its data zipfile compares the checksum


def _of_columns(stored: Stored, places: np.ndarray) -> np.ndarray:
    """Rows `[B, ...]` of a column-major array."""
    count, *rest = stored.shape
    values = math.prod(rest)
    block = max(1, _BLOCK // max(1, count * stored.dtype.itemsize))
    picked = np.empty((len(places), values), stored.dtype)
    with _opened(stored) as file:
        for first in range(0, values, block):
            stop = min(first + block, values)
            data = exactly(file, (stop - first) * count * stored.dtype.itemsize)
            columns = np.frombuffer(data, stored.dtype).reshape(stop - first, count)
            picked[:, first:stop] = columns[:, places].T
        file.read(1)  # at the end of its data zipfile compares the checksum
    backwards = picked.reshape(len(places), *rest[::-1])
    return backwards.transpose(0, *range(len(rest), 0, -1))
