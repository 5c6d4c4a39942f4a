"""Datasets of untrusted HDF5 files.

HDF5 itself follows links into other files, reads raw data from them, and lets a
compressed chunk expand to any size. This module allows none of the three.
"""

import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_LARGEST = 2**28  # the most bytes of a chunk
_GZIP = 1  # its number among the filters of HDF5
_FILTERS = (_GZIP, 2, 3)  # 2 is shuffle, 3 is fletcher32; others are not allowed
_CHECKSUM = 4  # bytes that fletcher32 adds


def dataset(file: Any, name: str) -> Any:
    """Finds a dataset by its name, such as `latents/classes`, if it is in this file.

    Args:
        file: An open `h5py.File`.
        name: Its path in the file.

    Returns:
        The `h5py.Dataset`, or None if there is no such name.

    Raises:
        ValueError: For links, data outside the file, and filters that are not common.
    """
    import h5py

    place = file
    for part in name.split("/"):
        if not isinstance(place, h5py.Group) or part not in set(place):
            return None
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"expected {name} in the file itself; got a link")
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        return None
    if place.external or place.is_virtual:
        raise ValueError(f"expected {name} in the file itself; got data of other files")
    return place


def rows(data: Any, places: np.ndarray, *, block: int = 1024) -> Iterator[np.ndarray]:
    """Reads some rows in order; reads each chunk that has any of them once.

    Args:
        data: An `h5py.Dataset` whose chunks have been checked.
        places: Indices of the rows along the first axis, increasing.
        block: Approximate number of rows per array. Memory is that of a block and a
            chunk, or 256 MB if chunks are larger, which are then read more than once.

    Yields:
        Arrays `[B, ...]`, which together are the rows.
    """
    chunk = data.chunks[0] if data.chunks else 1
    chunks, most_rows = places // chunk, max(block, rows_at_once(data, chunk))
    # A part ends before a chunk without any of the rows, or once it has `block` rows.
    jumps, begin = np.flatnonzero(np.diff(chunks) > 1) + 1, 0
    for end in [*jumps.tolist(), len(places)]:
        while begin < end:
            most = chunks[begin] + max(1, block // chunk)
            stop = begin + int(np.searchsorted(chunks[begin:end], most))
            last = places[begin] + most_rows
            stop = min(stop, begin + int(np.searchsorted(places[begin:end], last)))
            part = places[begin:stop]
            yield data[part[0] : part[-1] + 1][part - part[0]]
            begin = stop


def rows_at_once(data: Any, wanted: int) -> int:
    """The wanted number of rows, or fewer if they exceed 256 MB; at least one."""
    size = math.prod(data.shape[1:]) * data.dtype.itemsize
    return max(1, min(wanted, _LARGEST // max(1, size)))


def check_chunks(data: Any, rows: np.ndarray | None = None) -> None:
    """Checks that every chunk expands to the size that the dataset declares.

    Args:
        data: An `h5py.Dataset`; its shape has been checked.
        rows: Indices along the first axis; chunks without any of these rows are not
            checked. By default all.

    Raises:
        ValueError: For chunks that are too large, uncommon filters, or a chunk that
            expands to another size.
    """
    if data.chunks is None:
        return
    size = math.prod(data.chunks) * data.dtype.itemsize
    if size > _LARGEST:
        raise ValueError(f"expected chunks of {_LARGEST:,} bytes at most; got {size:,}")
    created = data.id.get_create_plist()
    filters = [created.get_filter(i)[0] for i in range(created.get_nfilters())]
    if not set(filters) <= set(_FILTERS) or filters.count(_GZIP) > 1:
        raise ValueError(f"expected gzip, shuffle or fletcher32; got filters {filters}")
    if _GZIP in filters:
        numbers = None if rows is None else set((rows // data.chunks[0]).tolist())
        _check_gzip(data, filters.index(_GZIP), size + _CHECKSUM, numbers)


def _check_gzip(data: Any, place: int, most: int, numbers: set[int] | None) -> None:
    """Expands every chunk as far as allowed; gzip is the filter number `place`."""
    chunks, height = [], data.chunks[0]
    data.id.chunk_iter(chunks.append)
    for chunk in chunks:
        if chunk.filter_mask >> place & 1:  # the chunk is not compressed
            continue
        if numbers is not None and chunk.chunk_offset[0] // height not in numbers:
            continue
        if chunk.size > 2 * most:
            raise ValueError(
                f"expected chunks below {most:,} bytes; got {chunk.size:,}"
            )
        _, stored = data.id.read_direct_chunk(chunk.chunk_offset)
        if len(zlib.decompressobj().decompress(stored, most + 1)) > most:
            raise ValueError(
                f"expected a chunk of {most:,} bytes; got one that expands to more"
            )
