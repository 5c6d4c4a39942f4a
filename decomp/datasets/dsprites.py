"""dSprites: 737,280 binary images of 64 × 64 pixels and the five factors behind them.

The images are drawn (in seconds, without a download), read from a file, or downloaded
by tensorflow-datasets; arrays and order are the same in each case. Images stay packed,
8 pixels per byte, until `unpack` in the jitted step: the whole set takes 377 MB.

    python -m decomp.datasets.dsprites FILE

counts the pixels in which an official .npz or .hdf5 differs from the drawn images.

Source: Matthey et al. 2017, github.com/deepmind/dsprites-dataset.
"""

from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":  # comes before the imports that take seconds
    from decomp.datasets.readers import ending

    ending.begin("decomp.datasets.dsprites")

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.datasets.readers import cache, download, dsprites_files
from decomp.datasets.renderers import dsprites_compare, dsprites_render
from decomp.datasets.renderers.dsprites_render import (
    FACTOR_NAMES,
    FACTOR_SIZES,
    factor_classes,
    flat_index,
    render,
)

__all__ = [
    "FACTOR_NAMES",
    "FACTOR_SIZES",
    "Dsprites",
    "factor_classes",
    "flat_index",
    "load",
    "pooled",
    "render",
    "unpack",
]

_OFFICIAL = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"


class Dsprites(NamedTuple):
    """Images with their factors, in canonical order (`flat_index` increases)."""

    packed: np.ndarray  # [N, 512] uint8, pixels packed as by numpy.packbits
    factors: np.ndarray  # [N, 5] uint8, classes in the order of FACTOR_NAMES
    source: str  # where the images came from


def load(path: str = "", *, source: str = "rendered") -> Dsprites:
    """Loads the data set.

    Args:
        path: With "file", an .npz or .hdf5 in the official layout, of the whole set or
            a part of it; with "tfds", the data folder, by default that of
            tensorflow-datasets; with "rendered", empty.
        source: "rendered" (drawn once, then kept in `$DECOMP_CACHE` or
            `~/.cache/decomp`), "file" or "tfds".

    Returns:
        The same arrays from every source; N = 737,280 unless the file holds fewer.
    """
    download.check_source(source, "rendered", "file", "tfds")
    if source == "rendered":
        if path:
            raise ValueError(
                f"source 'rendered' reads no path; got {path!r} (source='file' does)."
            )
        packed = cache.bytes_of(
            cache.folder() / "dsprites.packed",
            dsprites_render.render_all,
            sha256=dsprites_render.SHA256,
            row_bytes=dsprites_render.NUM_BYTES,
        )
        return Dsprites(packed, factor_classes(), "rendered")
    if source == "file":
        return Dsprites(*dsprites_files.read(Path(path).expanduser()), path)
    (file,) = download.fetch("dsprites", [_OFFICIAL], path)
    return Dsprites(*dsprites_files.read_hdf5(file), str(file))


def unpack(packed: jax.Array) -> jax.Array:
    """Pixels of packed images.

    Args:
        packed: uint8 `[..., 512]`.

    Returns:
        float32 `[..., 4096]`, 0 black and 1 white, row by row from the top.
    """
    chex.assert_axis_dimension(packed, -1, dsprites_render.NUM_BYTES)
    return jnp.unpackbits(packed, axis=-1).astype(jnp.float32)


def pooled(packed: np.ndarray, *, side: int, block: int = 2048) -> np.ndarray:
    """Counts the white pixels in every square of (64 / side)² pixels.

    Args:
        packed: uint8 `[N, 512]`.
        side: Squares along one side: 8, 16, 32 or 64.
        block: Images counted at once; memory is about 2 kB · block.

    Returns:
        Counts 0..(64 / side)², uint8 `[N, side²]`, row by row from the top.
    """
    chex.assert_shape(packed, (None, dsprites_render.NUM_BYTES))
    if side not in (8, 16, 32, 64):
        raise ValueError(f"expected side 8, 16, 32 or 64; got {side}.")
    width = 64 // side
    per_byte = 8 // width
    counts = np.empty((len(packed), side, side), np.uint8)
    for start in range(0, len(packed), block):
        pixels = packed[start : start + block]
        for nth in range(per_byte):
            mask = np.uint8((2**width - 1) << (8 - width * (nth + 1)))
            white = np.bitwise_count(pixels & mask)  # [B, 64 rows of 8 bytes]
            # A row is one 64-bit word, whose 8 counts are added at once without carry.
            rows = white.view(np.uint64).reshape(-1, width)
            squares = np.add.reduce([rows[:, row] for row in range(width)])
            counts[start : start + block, :, nth::per_byte] = squares.view(
                np.uint8
            ).reshape(-1, side, 8)
    return counts.reshape(len(packed), side * side)


if __name__ == "__main__":
    raise SystemExit(dsprites_compare.main())
