"""Images of 256 levels with their factors, and their averaging to a smaller size."""

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import chex
import numpy as np

Choose = Callable[[int], np.ndarray | slice]  # number of images to wanted indices
Tell = Callable[[str], None]  # called with a line about what is under way
# Maps increasing indices to their images in blocks, uint8 [B, H, W, C].
Read = Callable[[np.ndarray], Iterable[np.ndarray]]

_BLOCK = 16  # images averaged at once, few enough to stay in the cache
_PATIENCE = 5.0  # seconds between two lines about progress
_LARGE = 10**9  # bytes of pixels above which a line announces the reading


class Images(NamedTuple):
    """Images and the classes of the factors behind them."""

    pixels: np.ndarray  # [N, H·W·C] uint8, rows in the order (H, W, C)
    factors: np.ndarray  # [N, F] classes from 0; F may be 0
    shape: tuple[int, int, int]  # (H, W, C)
    factor_names: tuple[str, ...]  # F
    class_names: tuple[str, ...] = ()  # names of the classes, if there is one factor


def everything(size: int) -> slice:
    """Chooses all of `size` images."""
    del size
    return slice(None)


def nothing(line: str) -> None:
    """Ignores the line; the default of `tell`."""
    del line


def wanted(choose: Choose, size: int) -> np.ndarray:
    """Indices of the images that `choose` wants of `size`, in the order it wants."""
    return np.arange(size)[choose(size)]


def gathered(
    read: Read,
    places: np.ndarray,
    *,
    shape: tuple[int, int, int],
    average: bool,
    tell: Tell,
) -> np.ndarray:
    """Pixels of the images at some indices, in any order.

    Args:
        read: Reads images; it is called with increasing indices.
        places: Indices of the images `[M]`.
        shape: (H, W, C) of the result.
        average: Whether images are averaged down to H × H pixels.
        tell: Called with a line about slow work.

    Returns:
        uint8 `[M, H·W·C]` in the order of `places`.
    """
    order = np.argsort(places, kind="stable")
    width = math.prod(shape)
    if len(places) * width > _LARGE:
        size = len(places) * width / 1e9
        tell(f"  reading {len(places):,} images, {size:.1f} GB in memory")
    pixels, count = np.empty((len(places), width), np.uint8), 0
    report = progress(tell, len(places))
    for part in read(places[order]):
        averaged = smaller(part, side=shape[0]) if average else part
        pixels[order[count : count + len(part)]] = averaged.reshape(len(part), -1)
        count += len(part)
        report(count)
    return pixels


def smaller(images: np.ndarray, *, side: int) -> np.ndarray:
    """Averages the square in the middle of images down to `side` × `side` pixels.

    A pixel is the rounded mean over the area that it covers. Sums are of whole numbers,
    so that every machine rounds alike.

    Args:
        images: uint8 `[N, H, W, C]`.
        side: Pixels, at most H and W.

    Returns:
        uint8 `[N, side, side, C]`.
    """
    chex.assert_rank(images, 4)
    count, height, width, channels = images.shape
    size = min(height, width)
    if not 0 < side <= size:
        raise ValueError(
            f"expected images of {side}×{side} pixels or more; got {height}×{width}"
        )
    top, left = (height - size) // 2, (width - size) // 2
    images = images[:, top : top + size, left : left + size]
    if side == size:
        return np.ascontiguousarray(images)
    averaged = np.empty((count, side, side, channels), np.uint8)
    for start in range(0, count, _BLOCK):
        block = images[start : start + _BLOCK]
        columns = _sums(block, side).swapaxes(1, 2)
        sums = _sums(columns, side).swapaxes(1, 2)
        averaged[start : start + _BLOCK] = (2 * sums + size**2) // (2 * size**2)
    return averaged


def progress(tell: Tell, total: int) -> Callable[[int], None]:
    """Returns `read(count)`, which reports now and then how many images are read."""
    last = time.monotonic()

    def read(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _PATIENCE and count < total:
            tell(f"  {count:,} of {total:,} images read")
            last = now

    return read


def _sums(images: np.ndarray, side: int) -> np.ndarray:
    """Sums `[B, H, ...]` over `side` equal parts of H, in units of 1/side of a pixel.

    It is no matrix product, as a small one waits longer for a busy core than it takes.
    """
    size = images.shape[1]
    whole, part = np.divmod(np.arange(side + 1) * size, side)  # the ends of the parts
    sums = np.cumsum(images, axis=1, dtype=np.int64)
    above = np.where(_column(whole > 0), sums[:, whole - 1], 0)
    cut = images[:, np.minimum(whole, size - 1)]
    return np.diff(side * above + _column(part) * cut, axis=1)


def _column(values: np.ndarray) -> np.ndarray:
    """Reshapes values to broadcast along the second of four axes."""
    return values[None, :, None, None]
