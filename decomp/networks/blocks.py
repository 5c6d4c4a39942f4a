"""The 4×4 convolution of stride 2 and padding 1, and its transpose, for CPUs.

The layout is `[B, H, W, C]`. XLA computes a convolution on a CPU without storing its
patches if nothing in it is dilated; if its input is dilated, it takes many times as
long. So

- the convolution is XLA's, as in `strided`;
- the transpose is a 2×2 convolution of stride 1 to blocks of 2×2 pixels, as each block
  of the padded image is seen from four positions only;
- the gradient of the kernel is a product of patches, for so few images at a time that
  their patches stay in the cache of a core.

A row tap is i = 2a + r: r is the parity of the padded row 2(h + a) + r that it reads or
writes, and h + a is its block. A column tap is j = 2e + s likewise.

`jax.vmap` maps these functions over runs one after another, as XLA is slow with
convolutions of many kernels.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import sequential_vmap

from decomp.networks import form, products, strided
from decomp.networks.form import KERNEL, Form

_CACHE = 2**20  # bytes of patches at a time; the second-level cache of a core


def _run_by_run(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The function, whose `jax.vmap` is a loop; the last argument is a constant."""

    def of_a_precision(a: jax.Array, b: jax.Array, precision: Any) -> jax.Array:
        return sequential_vmap(lambda a, b: function(a, b, precision))(a, b)

    return of_a_precision


@_run_by_run
def _conv_transpose(small: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    batch, height, width, channels = small.shape
    narrow = kernel.shape[2]
    taps = form.taps(kernel).reshape(2, 2, 4 * narrow, channels)
    if form.patches_are_fewer(narrow, channels):  # add products of patches
        rows, columns = small.reshape(-1, channels), taps.reshape(-1, channels)
        product = products.einsum("nk,mk->nm", rows, columns, precision)
        product = product.reshape(batch, height, width, 2, 2, 4 * narrow)
        parts = [
            form.shift(product[:, :, :, a, e], a, e) for a in (0, 1) for e in (0, 1)
        ]
        return _pixels(parts[0] + parts[1] + parts[2] + parts[3])
    taps = taps[::-1, ::-1].swapaxes(2, 3)
    small, taps, options = products.for_convolution(small, taps, precision)
    blocks = lax.conv_general_dilated(
        small,
        taps,
        window_strides=(1, 1),
        padding=((1, 1), (1, 1)),
        dimension_numbers=strided.LAYOUT,
        **options,
    )
    return _pixels(blocks)


@_run_by_run
def _kernel_gradient(large: jax.Array, small: jax.Array, precision: Any) -> jax.Array:
    """Σ over positions of `large` `[B, H, W, c]` times `small` `[B, H/2, W/2, o]`."""
    batch, height, width, features = small.shape
    channels = large.shape[3]
    bytes_per_image = KERNEL * KERNEL * channels * height * width * 4
    tiles = math.ceil(batch / max(1, _CACHE // bytes_per_image))
    images = math.ceil(batch / tiles)
    # Images of zeros add nothing to the sum.
    added = ((0, tiles * images - batch), *[(0, 0)] * 3)
    large, small = jnp.pad(large, added), jnp.pad(small, added)

    def tile(index: Any, total: jax.Array) -> jax.Array:
        """Adds the part of some images to the sum `[o, 16·c]`."""
        few_large, few_small = (
            lax.dynamic_slice_in_dim(x, index * images, images) for x in (large, small)
        )
        rows = few_small.reshape(-1, features)
        return total + products.einsum(
            "no,nk->ok", rows, _patches(few_large), precision, sums=True
        )

    shape = features, KERNEL * KERNEL * channels
    dtype = jnp.promote_types(small.dtype, jnp.float32)
    gradient = lax.fori_loop(0, tiles, tile, jnp.zeros(shape, dtype))
    return gradient.T.reshape(KERNEL, KERNEL, channels, features)


def _patches(x: jax.Array) -> jax.Array:
    """The inputs under each tap, `[B·H/2·W/2, 16·C]`, in the order (i, j, c).

    Each row joins eight contiguous parts of the padded image, two columns of pixels at
    a time. Zeros are joined, too, as XLA on a CPU copies joined parts as a whole, and
    takes several times as long to pad; the barrier keeps both copies apart.
    """
    batch, height, width, channels = x.shape
    column = jnp.zeros((batch, height, 1, channels), x.dtype)
    padded = jnp.concatenate([column, x, column], 2)
    row = jnp.zeros((batch, 1, width + 2, channels), x.dtype)
    padded = lax.optimization_barrier(jnp.concatenate([row, padded, row], 1))
    pairs = padded.reshape(batch, height + 2, width // 2 + 1, 2 * channels)
    parts = [
        pairs[:, i : i + height : 2, e : e + width // 2]
        for i in range(KERNEL)
        for e in (0, 1)
    ]
    return jnp.concatenate(parts, 3).reshape(-1, KERNEL * KERNEL * channels)


def _pixels(blocks: jax.Array) -> jax.Array:
    """The image `[B, 2H, 2W, C]` of padded blocks `[B, H + 1, W + 1, (r, s, C)]`."""
    batch, height, width, _ = blocks.shape
    pixels = blocks.reshape(batch, height, width, 2, 2, -1).swapaxes(2, 3)
    return pixels.reshape(batch, 2 * height, 2 * width, -1)[:, 1:-1, 1:-1]


FORM = Form(
    _run_by_run(strided.FORM.conv),
    _conv_transpose,
    _kernel_gradient,
    batch_innermost=False,
)
