"""Reads dSprites from a file in the layout of the official archives.

| file  | images                  | classes, colour first         |
| ----- | ----------------------- | ----------------------------- |
| .npz  | `imgs` uint8 [N, 64, 64] | `latents_classes` int [N, 6]  |
| .hdf5 | `imgs` uint8 [N, 64, 64] | `latents/classes` int [N, 6]  |

A file may hold any part of the set (N ≤ 737,280) in any order, each class at most once;
the images are returned in canonical order. They are read and packed block by block, so
that the 3 GB of unpacked pixels are never in memory.
"""

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from decomp import extras
from decomp.datasets.readers import hdf5, npz
from decomp.datasets.renderers import dsprites_render

_log = logging.getLogger(__name__)
_BLOCK = 4096  # images
_Arrays = tuple[np.ndarray, np.ndarray]  # packed [N, 512], classes [N, 6]
_CLASS_BYTES = 6 * 8 * dsprites_render.NUM_IMAGES  # the most, of int64 classes
_HEADER = 1024  # bytes


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads an .npz or .hdf5 file.

    Args:
        path: The file.

    Returns:
        Packed images uint8 `[N, 512]` and factors uint8 `[N, 5]`, in canonical order.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _checked(path, _read_npz)
    if suffix in (".hdf5", ".h5"):
        return read_hdf5(path)
    raise ValueError(
        f"{path}: expected a file .npz, .hdf5 or .h5; got {path.suffix!r}."
    )


def read_hdf5(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads an .hdf5 file, whatever its name ends in; see `read`."""
    return _checked(path, _read_hdf5)


def _checked(path: Path, read_arrays: Callable[[Path], _Arrays]) -> _Arrays:
    """Reads, puts the images in canonical order, and names the file in every error."""
    if not path.is_file():
        raise ValueError(f"{path}: expected a dSprites file; got no such file.")
    with npz.naming(path):
        packed, classes = read_arrays(path)
        factors = _factors(classes)
        index = dsprites_render.flat_index(factors)
        order = np.argsort(index, kind="stable")
        repeated = np.flatnonzero(np.diff(index[order]) == 0)
        if len(repeated):
            twice = factors[order[repeated[0]]].tolist()
            raise ValueError(f"expected every class once; got {twice} more than once")
    if (np.diff(order) != 1).any():
        _log.warning(
            "%s is not in canonical order; its images are sorted by their classes.",
            path,
        )
        packed, factors = packed[order], factors[order]
    return packed, factors.astype(np.uint8)


def _factors(classes: np.ndarray) -> np.ndarray:
    """Drops the constant colour of `[N, 6]`."""
    if classes[:, 0].any():
        raise ValueError("expected colour class 0 in column 0; got others")
    return classes[:, 1:]


def _check_layout(images: tuple[int, ...], classes: tuple[int, ...]) -> None:
    count = images[0] if images else 0
    if images[1:] != (64, 64) or not 0 < count <= dsprites_render.NUM_IMAGES:
        raise ValueError(f"expected imgs [N ≤ 737280, 64, 64]; got {list(images)}")
    if classes != (count, 6):
        raise ValueError(f"expected classes [{count}, 6]; got {list(classes)}")


def _check_types(images: np.dtype, classes: np.dtype) -> None:
    if images not in (np.uint8, np.bool_):
        raise ValueError(f"expected imgs of type uint8; got {images}")
    if classes.kind not in "iu":
        raise ValueError(f"expected classes of an integer type; got {classes}")


def _pack(
    read_images: Callable[[int, int], np.ndarray], *, count: int, block: int = _BLOCK
) -> np.ndarray:
    """Packs `read_images(start, stop)`, called in order, into uint8 `[count, 512]`."""
    packed = np.empty((count, dsprites_render.NUM_BYTES), np.uint8)
    for start in range(0, count, block):
        stop = min(start + block, count)
        images = read_images(start, stop).reshape(stop - start, 64 * 64)
        if images.max() > 1:
            raise ValueError(f"expected pixels 0 and 1; got {images.max()}")
        packed[start:stop] = np.packbits(images, axis=1)
    return packed


def _read_npz(path: Path) -> _Arrays:
    with zipfile.ZipFile(path) as archive:
        members = npz.members(archive)
        if not {"imgs", "latents_classes"} <= set(members):
            raise ValueError(
                f"expected arrays imgs and latents_classes; got {sorted(members)}"
            )
        npz.check_size(members["latents_classes"].file_size, _CLASS_BYTES + _HEADER)
        classes = npz.member(archive, members["latents_classes"])
        with archive.open(members["imgs"]) as file:
            shape, column_major, dtype = npz.header(file)
            if column_major:
                raise ValueError("expected imgs in row-major order; got column-major")
            _check_types(dtype, classes.dtype)
            _check_layout(shape, classes.shape)

            def read_images(start: int, stop: int) -> np.ndarray:
                data = file.read((stop - start) * 64 * 64)
                if len(data) < (stop - start) * 64 * 64:
                    raise ValueError(f"expected {shape[0]} images; the data end early")
                return np.frombuffer(data, np.uint8)

            packed = _pack(read_images, count=shape[0])
            if file.read(1):  # beyond the end, where zipfile compares the checksum
                raise ValueError(f"expected {shape[0]} images; got more bytes")
    return packed, classes


def _read_hdf5(path: Path) -> _Arrays:
    extras.require("h5py")
    import h5py

    with h5py.File(path, "r") as file:
        images, table = (
            hdf5.dataset(file, "imgs"),
            hdf5.dataset(file, "latents/classes"),
        )
        if images is None or table is None:
            raise ValueError(
                f"expected datasets imgs and latents/classes; got {sorted(file)}"
            )
        _check_types(images.dtype, table.dtype)
        _check_layout(images.shape or (), table.shape or ())
        hdf5.check_chunks(images)
        hdf5.check_chunks(table)
        chunk = images.chunks[0] if images.chunks else 1
        # Whole chunks are read, so that each is decompressed once, unless a chunk has
        # too many rows.
        block = hdf5.rows_at_once(images, chunk * max(1, _BLOCK // chunk))
        packed = _pack(
            lambda start, stop: images[start:stop], count=images.shape[0], block=block
        )
        return packed, table[:]
