"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as matrix products.

The layout has the batch innermost, `[C, H, W, B]`, so that every slice, pad and add
copies contiguous rows. Each function consists of slices and one product, so that
`jax.vmap` over runs gives a batched matrix product and never a grouped convolution.

A row tap is i = 2a + r: r is the parity of the padded row 2(h + a) + r that it reads or
writes. A column tap is j = 2e + s likewise, and a kernel `[4, 4, c, o]` is a matrix
with rows (a, e, r, s, c) and columns o. Products are those of two matrices, and
barriers keep a kernel in the order in which it is written: on a CPU a product of 128
rows runs at 75 GFLOP/s per core, one with the transposed matrix at 41, and one over
several axes may copy its large side.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from decomp.networks import form, products
from decomp.networks.form import KERNEL, Form


def _conv(x: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    patches = _patches(x)
    taps = form.taps(kernel).reshape(-1, kernel.shape[3])
    rows = patches.reshape(len(taps), -1)
    product = products.einsum("kn,km->nm", taps, rows, precision)
    return product.reshape(-1, *patches.shape[5:])


def _conv_transpose(x: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    taps = form.taps(kernel)
    channels, *grid = x.shape
    narrow = kernel.shape[2]
    # The two forms need 16·narrow or 4·channels rows between slices and product.
    if 4 * narrow < channels:
        rows = jax.lax.optimization_barrier(taps.reshape(-1, channels))
        product = products.einsum("mk,kn->mn", rows, x.reshape(channels, -1), precision)
        product = product.reshape(2, 2, 2, 2, narrow, *grid)
        parts = [form.shift(product[a, e], a, e) for a in (0, 1) for e in (0, 1)]
        return _interleave(parts[0] + parts[1] + parts[2] + parts[3])
    windows = jnp.stack([form.shift(x, a, e) for a in (0, 1) for e in (0, 1)])
    rows = taps.transpose(2, 3, 4, 0, 1, 5).reshape(4 * narrow, -1)
    rows = jax.lax.optimization_barrier(rows)
    windows_in_rows = windows.reshape(4 * channels, -1)
    product = products.einsum("mk,kn->mn", rows, windows_in_rows, precision)
    return _interleave(product.reshape(2, 2, narrow, *windows.shape[2:]))


def _kernel_gradient(large: jax.Array, small: jax.Array, precision: Any) -> jax.Array:
    """Σ over positions of `large` `[c, H, W, B]` times `small` `[o, H/2, W/2, B]`."""
    patches, channels = _patches(large), large.shape[0]
    patches = patches.reshape(KERNEL * KERNEL * channels, -1)
    small = small.reshape(len(small), -1)
    gradient = products.einsum("km,nm->kn", patches, small, precision, sums=True)
    taps = gradient.reshape(2, 2, 2, 2, channels, -1)
    return taps.swapaxes(1, 2).reshape(KERNEL, KERNEL, channels, -1)


def _patches(x: jax.Array) -> jax.Array:
    """The inputs under each tap: `[a, e, r, s, C, H/2, W/2, B]`."""
    chex.assert_rank(x, 4)
    channels, height, width, batch = x.shape
    half_height, half_width = height // 2, width // 2
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    # Four windows of the padded image and one copy take a third of the time of sixteen
    # strided slices on a CPU. The barrier keeps the padding out of that copy.
    grid = jax.lax.optimization_barrier(padded)
    grid = grid.reshape(channels, half_height + 1, 2, half_width + 1, 2, batch)
    windows = jnp.stack(
        [
            grid[:, a : a + half_height, :, e : e + half_width]
            for a in (0, 1)
            for e in (0, 1)
        ]
    )
    windows = windows.transpose(0, 3, 5, 1, 2, 4, 6)
    return windows.reshape(2, 2, *windows.shape[1:])


def _interleave(parities: jax.Array) -> jax.Array:
    """Joins parities `[r, s, C, H + 1, W + 1, B]` to the image `[C, 2H, 2W, B]`."""
    _, _, channels, height, width, batch = parities.shape
    grid = parities.transpose(2, 3, 0, 4, 1, 5)
    grid = grid.reshape(channels, 2 * height, 2 * width, batch)
    return grid[:, 1:-1, 1:-1]


FORM = Form(_conv, _conv_transpose, _kernel_gradient, batch_innermost=True)
