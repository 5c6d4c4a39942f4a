"""Datasets of HDF5 files that nobody vouches for.

HDF5 follows links into other files, reads raw data out of them, and lets a compressed
chunk expand to any size, whatever the dataset declares. None of that is done here.
"""

import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_LARGEST = 2**28  # bytes of a chunk
_GZIP = 1  # its number among the filters of HDF5
_FILTERS = (_GZIP, 2, 3)  # 2 shuffle, 3 fletcher32; none of the others is in use
_CHECKSUM = 4  # bytes that fletcher32 adds


def dataset(file: Any, name: str) -> Any:
    """The dataset of a name such as `latents/classes`, if it lies in this file.

    Args:
        file: An open `h5py.File`.
        name: Its path in the file.

    Returns:
        The `h5py.Dataset`, or None if there is none.

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
    """Reads some rows, in order, a chunk only once and others not at all.

    Args:
        data: An `h5py.Dataset` whose chunks have been checked.
        places: Of the rows along the first axis, increasing.
        block: Rows at once, about; memory is that of so many rows and a chunk, or of
            256 MB where chunks hold many rows, which are then read more than once.

    Yields:
        Arrays `[B, ...]` that make up the rows.
    """
    chunk = data.chunks[0] if data.chunks else 1
    chunks, most_rows = places // chunk, max(block, rows_at_once(data, chunk))
    # A part ends where a chunk without any of the rows follows, or it has enough.
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
    """At most so many rows, and no more than 256 MB of them; one at least."""
    size = math.prod(data.shape[1:]) * data.dtype.itemsize
    return max(1, min(wanted, _LARGEST // max(1, size)))


def check_chunks(data: Any, rows: np.ndarray | None = None) -> None:
    """Checks that every chunk expands to the size that the dataset declares.

    Args:
        data: An `h5py.Dataset`; its shape has been checked.
        rows: Along the first axis; chunks without any of them are not looked at. By
            default all.

    Raises:
        ValueError: For chunks too large, filters that are not common, or a chunk that
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
        wanted = None if rows is None else set((rows // data.chunks[0]).tolist())
        _check_gzip(data, filters.index(_GZIP), size + _CHECKSUM, wanted)


def _check_gzip(data: Any, place: int, most: int, wanted: set[int] | None) -> None:
    """Expands every chunk as far as allowed; `place` is that of gzip in the filters."""
    chunks, height = [], data.chunks[0]
    data.id.chunk_iter(chunks.append)
    for chunk in chunks:
        if chunk.filter_mask >> place & 1:  # stored as it is
            continue
        if wanted is not None and chunk.chunk_offset[0] // height not in wanted:
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
