"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as matrix products.

The layout has the batch innermost, `[C, H, W, B]`, so that every slice, pad and add
copies contiguous rows. Each function consists of slices and one product, so that
`jax.vmap` over runs gives a batched matrix product and never a grouped convolution.

A row tap is i = 2a + r, and a column tap is j = 2e + s. The padded large image is a
grid of blocks of 2×2 pixels (r, s), and the position (h, w) of the small image sees the
four blocks (h + a, w + e). So the product of blocks with positions needs copies of one
of the two images, a patch of four blocks for each position or a window of four
positions for each block, and these copies are most of what a step reads and writes.
Each layer copies the image that has fewer values: of 16·c rows of patches and 4·o rows
of windows, the smaller number.

With patches, a kernel `[4, 4, c, o]` is a matrix with rows (a, e, r, s, c) and columns
o; with windows, one with rows (r, s, c) and columns (a, e, o).
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from decomp.networks import form, products
from decomp.networks.form import KERNEL, Form

_SHIFTS = [(a, e) for a in (0, 1) for e in (0, 1)]


def _conv(large: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    blocks = _blocks(large)
    if form.patches_are_fewer(*kernel.shape[2:]):
        patches = _patches(blocks)
        product = _product("kn,km->nm", _of_patches(kernel), patches, precision)
        return product.reshape(-1, *patches.shape[5:])
    product = _product("kn,km->nm", _of_windows(kernel), blocks, precision)
    parts = product.reshape(2, 2, -1, *blocks.shape[3:])
    height, width = large.shape[1] // 2, large.shape[2] // 2
    return _sum([parts[a, e, :, a : a + height, e : e + width] for a, e in _SHIFTS])


def _conv_transpose(small: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    grid, narrow = small.shape[1:], kernel.shape[2]
    if form.patches_are_fewer(*kernel.shape[2:]):
        product = _product("mk,kn->mn", _of_patches(kernel), small, precision)
        parts = product.reshape(2, 2, 2, 2, narrow, *grid)
        return _pixels(_sum([form.shift(parts[a, e], a, e) for a, e in _SHIFTS]))
    windows = _windows(small)
    product = _product("mk,kn->mn", _of_windows(kernel), windows, precision)
    return _pixels(product.reshape(2, 2, narrow, *windows.shape[3:]))


def _kernel_gradient(large: jax.Array, small: jax.Array, precision: Any) -> jax.Array:
    """Σ over positions of `large` `[c, H, W, B]` times `small` `[o, H/2, W/2, B]`."""
    channels, features = len(large), len(small)
    blocks = _blocks(large)
    if form.patches_are_fewer(channels, features):
        patches = _patches(blocks)
        gradient = _product("km,nm->kn", patches, small, precision, sums=True)
        taps = gradient.reshape(2, 2, 2, 2, channels, features)
    else:
        windows = _windows(small)
        gradient = _product("km,nm->kn", blocks, windows, precision, sums=True)
        taps = gradient.reshape(2, 2, channels, 2, 2, features)
        taps = taps.transpose(3, 4, 0, 1, 2, 5)
    return taps.swapaxes(1, 2).reshape(KERNEL, KERNEL, channels, features)


def _product(
    subscripts: str, a: jax.Array, b: jax.Array, precision: Any, **options: bool
) -> jax.Array:
    """The product of two matrices, which images become with (H, W, B) as columns."""
    a, b = (x if x.ndim == 2 else _matrix(x) for x in (a, b))
    return products.einsum(subscripts, a, b, precision, **options)


def _matrix(images: jax.Array) -> jax.Array:
    """Images `[..., H, W, B]` as a matrix `[..., H·W·B]`."""
    columns = images.shape[-3] * images.shape[-2] * images.shape[-1]
    return images.reshape(-1, columns)


def _of_patches(kernel: jax.Array) -> jax.Array:
    """The kernel as a matrix `[(a, e, r, s, c), o]`."""
    return form.taps(kernel).reshape(-1, kernel.shape[3])


def _of_windows(kernel: jax.Array) -> jax.Array:
    """The kernel as a matrix `[(r, s, c), (a, e, o)]`."""
    rows = 4 * kernel.shape[2]
    return form.taps(kernel).transpose(2, 3, 4, 0, 1, 5).reshape(rows, -1)


def _blocks(large: jax.Array) -> jax.Array:
    """The padded image in blocks of 2×2 pixels: `[r, s, C, H/2 + 1, W/2 + 1, B]`."""
    chex.assert_rank(large, 4)
    channels, height, width, batch = large.shape
    padded = jnp.pad(large, ((0, 0), (1, 1), (1, 1), (0, 0)))
    grid = padded.reshape(channels, height // 2 + 1, 2, width // 2 + 1, 2, batch)
    return grid.transpose(2, 4, 0, 1, 3, 5)


def _pixels(blocks: jax.Array) -> jax.Array:
    """The image `[C, 2H, 2W, B]` of blocks `[r, s, C, H + 1, W + 1, B]`."""
    _, _, channels, height, width, batch = blocks.shape
    grid = blocks.transpose(2, 3, 0, 4, 1, 5)
    grid = grid.reshape(channels, 2 * height, 2 * width, batch)
    return grid[:, 1:-1, 1:-1]


def _patches(blocks: jax.Array) -> jax.Array:
    """The blocks that each position sees: `[a, e, r, s, C, H/2, W/2, B]`."""
    height, width = blocks.shape[3] - 1, blocks.shape[4] - 1
    return _stack([blocks[:, :, :, a : a + height, e : e + width] for a, e in _SHIFTS])


def _windows(small: jax.Array) -> jax.Array:
    """The positions that see each block: `[a, e, C, H + 1, W + 1, B]`."""
    return _stack([form.shift(small, a, e) for a, e in _SHIFTS])


def _stack(parts: list[jax.Array]) -> jax.Array:
    return jnp.stack(parts).reshape(2, 2, *parts[0].shape)


def _sum(parts: list[jax.Array]) -> jax.Array:
    """The sum of four products, added in float32 at least."""
    dtype = jnp.promote_types(parts[0].dtype, jnp.float32)
    first, *others = (part.astype(dtype) for part in parts)
    return sum(others, first).astype(parts[0].dtype)


FORM = Form(_conv, _conv_transpose, _kernel_gradient, batch_innermost=True)
