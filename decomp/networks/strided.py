"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as convolutions.

Layout: `[B, H, W, C]`. XLA computes them, and maps them over runs as it likes. That is
its best form for a TPU, whose compiler has convolutions with groups; processors take
thirty times as long with it as with products, and GPUs two to six times.
"""

from typing import Any

import jax
from jax import lax

from decomp.networks import products
from decomp.networks.form import KERNEL, Form


def _convolve(image: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    return lax.conv_general_dilated(
        image,
        kernel,
        window_strides=(2, 2),
        padding=((1, 1), (1, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=precision,
    )


def _conv(large: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    return _convolve(*products.for_convolution(large, kernel, precision))


def _conv_transpose(small: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    small, kernel, precision = products.for_convolution(small, kernel, precision)
    batch, height, width, _ = small.shape
    shape = (batch, 2 * height, 2 * width, kernel.shape[2])
    (large,) = jax.linear_transpose(
        lambda image: _convolve(image, kernel, precision),
        jax.ShapeDtypeStruct(shape, small.dtype),
    )(small)
    return large


def _kernel_gradient(large: jax.Array, small: jax.Array, precision: Any) -> jax.Array:
    large, small, precision = products.for_convolution(large, small, precision)
    shape = (KERNEL, KERNEL, large.shape[3], small.shape[3])
    (kernel,) = jax.linear_transpose(
        lambda kernel: _convolve(large, kernel, precision),
        jax.ShapeDtypeStruct(shape, small.dtype),
    )(small)
    return kernel


FORM = Form(_conv, _conv_transpose, _kernel_gradient, batch_innermost=False)
