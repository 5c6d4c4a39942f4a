"""Images of 256 levels with their factors, and how they are made smaller."""

import time
from collections.abc import Callable
from typing import NamedTuple

import chex
import numpy as np

Choose = Callable[[int], np.ndarray | slice]  # of N images, the places wanted
Tell = Callable[[str], None]  # takes a line about what is under way

_BLOCK = 256  # images averaged at once
_PATIENCE = 5.0  # seconds between two lines about progress


class Images(NamedTuple):
    """Images and the classes of the factors behind them."""

    pixels: np.ndarray  # [N, H·W·C] uint8, rows in the order (H, W, C)
    factors: np.ndarray  # [N, F] classes from 0; F may be 0
    shape: tuple[int, int, int]  # (H, W, C)
    factor_names: tuple[str, ...]  # F


def everything(size: int) -> slice:
    """Chooses all of `size` images."""
    del size
    return slice(None)


def nothing(line: str) -> None:
    """Tells nobody."""
    del line


def smaller(images: np.ndarray, *, side: int) -> np.ndarray:
    """The square in the middle of images, averaged down to `side` pixels a side.

    A pixel is the mean over the area that it covers, rounded; the sums are of whole
    numbers, so every machine rounds alike.

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
    weights = _overlaps(size, side)
    found = np.empty((count, side, side, channels), np.uint8)
    for start in range(0, count, _BLOCK):
        block = images[start : start + _BLOCK].astype(np.float64)
        rows = weights @ block.reshape(len(block), size, -1)
        sums = weights @ rows.reshape(len(block), side, size, channels)
        found[start : start + _BLOCK] = np.floor(sums / size**2 + 0.5)
    return found


def progress(tell: Tell, total: int) -> Callable[[int], None]:
    """Returns `read(count)`, which tells now and then how many images are read."""
    last = time.monotonic()

    def read(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _PATIENCE and count < total:
            tell(f"  {count:,} of {total:,} images read")
            last = now

    return read


def _overlaps(size: int, side: int) -> np.ndarray:
    """What each of `side` pixels covers of each of `size`, in parts of 1/side.

    Returns:
        Whole numbers, float64 `[side, size]`, that add up to `size` along a row.
    """
    wide, narrow = np.arange(side)[:, None] * size, np.arange(size)[None] * side
    ends = np.minimum(wide + size, narrow + side)
    return np.maximum(ends - np.maximum(wide, narrow), 0).astype(np.float64)
