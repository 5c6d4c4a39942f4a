"""A form of the 4×4 convolution of stride 2: three functions and a layout."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

KERNEL = 4


class Form(NamedTuple):
    """A way to compute the convolution, its transpose and their kernel's gradient.

    `large` is an image with c channels, `small` an image with o channels on half the
    grid, and a kernel is `[4, 4, c, o]`. Each function takes a precision, too.
    """

    conv: Callable[..., jax.Array]  # (large, kernel) to small
    conv_transpose: Callable[..., jax.Array]  # (small, kernel) to large
    kernel_gradient: Callable[..., jax.Array]  # (large, small) to kernel
    batch_innermost: bool  # images are [C, H, W, B], otherwise [B, H, W, C]

    def channels(self, images: jax.Array) -> int:
        """C of images in the layout of this form."""
        return images.shape[0 if self.batch_innermost else 3]

    def bias(self, bias: jax.Array) -> jax.Array:
        """A bias `[C]` as it is added to images in the layout of this form."""
        shape = (-1, 1, 1, 1) if self.batch_innermost else (1, 1, 1, -1)
        return bias.reshape(shape)

    def from_rows(self, rows: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
        """Images in this layout, from rows `[B, H·W·C]`; `shape` is (H, W, C)."""
        if self.batch_innermost:
            return rows.T.reshape(*shape, -1).transpose(2, 0, 1, 3)
        return rows.reshape(-1, *shape)

    def to_rows(self, images: jax.Array) -> jax.Array:
        """Rows `[B, H·W·C]` of images in this layout."""
        if self.batch_innermost:
            return images.transpose(1, 2, 0, 3).reshape(-1, images.shape[3]).T
        return images.reshape(len(images), -1)

    def from_features(self, rows: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
        """Images in this layout, from rows `[B, C·H·W]`; `shape` is (C, H, W)."""
        if self.batch_innermost:
            return rows.T.reshape(*shape, -1)
        return rows.reshape(-1, *shape).transpose(0, 2, 3, 1)

    def to_features(self, images: jax.Array) -> jax.Array:
        """Rows `[B, C·H·W]`, the order of PyTorch, of images in this layout."""
        if self.batch_innermost:
            return images.reshape(-1, images.shape[3]).T
        return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def taps(kernel: jax.Array) -> jax.Array:
    """A kernel `[4, 4, c, o]` as `[a, e, r, s, c, o]`, with i = 2a + r, j = 2e + s."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).swapaxes(1, 2)


def patches_are_fewer(channels: int, features: int) -> bool:
    """Whether 16·c rows of patches are fewer than 4·o rows of windows.

    A patch is what a position of the small image sees of the large one, and a window is
    what a block of 2×2 pixels of the large image sees of the small one.
    """
    return KERNEL * KERNEL * channels < 4 * features


def shift(x: jax.Array, down: int, right: int) -> jax.Array:
    """Places `[..., H, W, n]` on a grid `[..., H + 1, W + 1, n]` at (down, right)."""
    still = [(0, 0)] * (x.ndim - 3)
    return jnp.pad(x, [*still, (down, 1 - down), (right, 1 - right), (0, 0)])
