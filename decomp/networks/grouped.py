"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as convolutions.

Layout: `[B, H, W, C]`. `STRIDED` has convolutions of 4×4 and stride 2. `BLOCKS` reads
the padded image in blocks of 2×2 pixels, which become channels, and has convolutions of
2×2 and stride 1: the same products, in fewer and longer sums. Under `jax.vmap` over
runs with a kernel each, both are one convolution whose groups are the runs, their
derivatives included. `PLAIN` is `STRIDED` without that rule, mapped as XLA maps it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from decomp.networks import products
from decomp.networks.form import KERNEL, Form

_LAYOUT = ("NHWC", "HWIO", "NHWC")
_Function = Callable[..., jax.Array]


class _Window:
    """A convolution with a window `[k, k, c, o]`, and its two transposes.

    Images are `[B, H, W, G·C]` and windows `[k, k, c, G·o]`, where G are groups.
    """

    def __init__(self, stride: int, padding: int, *, runs_are_groups: bool):
        self.runs_are_groups = runs_are_groups
        self._options: dict[str, Any] = {
            "window_strides": (stride, stride),
            "padding": ((padding, padding), (padding, padding)),
            "dimension_numbers": ("NHWC", "HWIO", "NHWC"),
        }

    def value(self, image: jax.Array, window: jax.Array, precision: Any) -> jax.Array:
        """The convolution of an image and a window."""
        image, window, precision = products.for_convolution(image, window, precision)

        def value(groups: int, image: jax.Array, window: jax.Array) -> jax.Array:
            return self._convolve(image, window, groups, precision)

        return self._over_runs(value)(image, window)

    def image_gradient(
        self, out: jax.Array, window: jax.Array, precision: Any, *grid: int
    ) -> jax.Array:
        """The transpose in the image, whose height and width are `grid`."""
        out, window, precision = products.for_convolution(out, window, precision)

        def gradient(groups: int, out: jax.Array, window: jax.Array) -> jax.Array:
            shape = (len(out), *grid, groups * window.shape[2])
            like = jax.ShapeDtypeStruct(shape, out.dtype)
            (image,) = jax.linear_transpose(
                lambda image: self._convolve(image, window, groups, precision), like
            )(out)
            return image

        return self._over_runs(gradient)(out, window)

    def window_gradient(
        self, image: jax.Array, out: jax.Array, precision: Any, side: int
    ) -> jax.Array:
        """The transpose in the window, whose height and width are `side`."""
        image, out, precision = products.for_convolution(image, out, precision)

        def gradient(groups: int, image: jax.Array, out: jax.Array) -> jax.Array:
            shape = (side, side, image.shape[3] // groups, out.shape[3])
            like = jax.ShapeDtypeStruct(shape, out.dtype)
            (window,) = jax.linear_transpose(
                lambda window: self._convolve(image, window, groups, precision), like
            )(out)
            return window

        return self._over_runs(gradient)(image, out)

    def _convolve(
        self, image: jax.Array, window: jax.Array, groups: int, precision: Any
    ) -> jax.Array:
        return lax.conv_general_dilated(
            image,
            window,
            feature_group_count=groups,
            precision=precision,
            **self._options,
        )

    def _over_runs(self, function: Callable[..., jax.Array]) -> _Function:
        """The function of one run; under `vmap`, of all at once, as groups."""
        one = partial(function, 1)
        if not self.runs_are_groups:
            return one
        mapped = custom_vmap(one)

        @mapped.def_vmap
        def rule(runs: int, is_mapped: list[bool], *arrays: jax.Array) -> Any:
            many = [
                array if own else jnp.broadcast_to(array, (runs, *array.shape))
                for array, own in zip(arrays, is_mapped, strict=True)
            ]
            return _unfold(function(runs, *map(_fold, many)), runs), True

        return mapped


def _fold(array: jax.Array) -> jax.Array:
    """From `[R, ..., C]` to `[..., R·C]`."""
    moved = jnp.moveaxis(array, 0, -2)
    return moved.reshape(*moved.shape[:-2], -1)


def _unfold(array: jax.Array, runs: int) -> jax.Array:
    """From `[..., R·C]` to `[R, ..., C]`."""
    apart = array.reshape(*array.shape[:-1], runs, -1)
    return jnp.moveaxis(apart, -2, 0)


def _strided(*, runs_are_groups: bool) -> Form:
    """Convolutions of 4×4 and stride 2."""
    window = _Window(2, 1, runs_are_groups=runs_are_groups)

    def conv_transpose(
        small: jax.Array, kernel: jax.Array, precision: Any
    ) -> jax.Array:
        _, height, width, _ = small.shape
        return window.image_gradient(small, kernel, precision, 2 * height, 2 * width)

    def kernel_gradient(
        large: jax.Array, small: jax.Array, precision: Any
    ) -> jax.Array:
        return window.window_gradient(large, small, precision, KERNEL)

    return Form(window.value, conv_transpose, kernel_gradient, batch_innermost=False)


def _blocks() -> Form:
    """Convolutions of 2×2 and stride 1 of an image whose 2×2 blocks are channels.

    A tap of the kernel is i = 2a + r and j = 2e + s: (a, e) is a place in the window
    and (r, s) one in the block.
    """
    window = _Window(1, 0, runs_are_groups=True)

    def conv(large: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
        return window.value(_in_blocks(_padded(large)), _taps(kernel), precision)

    def conv_transpose(
        small: jax.Array, kernel: jax.Array, precision: Any
    ) -> jax.Array:
        flipped = _taps(kernel)[::-1, ::-1].swapaxes(2, 3)
        blocks = window.value(_padded(small), flipped, precision)
        return _out_of_blocks(blocks)[:, 1:-1, 1:-1]

    def kernel_gradient(
        large: jax.Array, small: jax.Array, precision: Any
    ) -> jax.Array:
        blocks = _in_blocks(_padded(large))
        taps = window.window_gradient(blocks, small, precision, 2)
        return _kernel(taps, large.shape[3])

    return Form(conv, conv_transpose, kernel_gradient, batch_innermost=False)


def _padded(image: jax.Array) -> jax.Array:
    return jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))


def _in_blocks(image: jax.Array) -> jax.Array:
    """From `[B, H, W, C]` to `[B, H/2, W/2, 4·C]`."""
    batch, height, width, channels = image.shape
    blocks = image.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return blocks.swapaxes(2, 3).reshape(batch, height // 2, width // 2, -1)


def _out_of_blocks(blocks: jax.Array) -> jax.Array:
    """From `[B, H/2, W/2, 4·C]` to `[B, H, W, C]`."""
    batch, height, width, channels = blocks.shape
    image = blocks.reshape(batch, height, width, 2, 2, channels // 4)
    return image.swapaxes(2, 3).reshape(batch, 2 * height, 2 * width, -1)


def _taps(kernel: jax.Array) -> jax.Array:
    """A kernel `[4, 4, c, o]` as a window `[2, 2, 4·c, o]` of blocks."""
    taps = kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).swapaxes(1, 2)
    return taps.reshape(2, 2, -1, kernel.shape[3])


def _kernel(taps: jax.Array, channels: int) -> jax.Array:
    """The kernel `[4, 4, c, o]` of a window of blocks."""
    taps = taps.reshape(2, 2, 2, 2, channels, -1)
    return taps.swapaxes(1, 2).reshape(KERNEL, KERNEL, *taps.shape[4:])


def _kernel_gradient_by_products(
    large: jax.Array, small: jax.Array, precision: Any
) -> jax.Array:
    """That of `BLOCKS` as four products of matrices, one for each place of a window."""
    blocks = _in_blocks(_padded(large))
    _, height, width, narrow = small.shape
    rows = small.reshape(-1, narrow)
    taps = [
        products.einsum(
            "nk,no->ko",
            blocks[:, a : a + height, e : e + width].reshape(-1, blocks.shape[3]),
            rows,
            precision,
            sums=True,
        )
        for a in (0, 1)
        for e in (0, 1)
    ]
    return _kernel(jnp.stack(taps), large.shape[3])


BLOCKS = _blocks()
BLOCKS_AND_PRODUCTS = BLOCKS._replace(kernel_gradient=_kernel_gradient_by_products)
STRIDED = _strided(runs_are_groups=True)
PLAIN = _strided(runs_are_groups=False)
