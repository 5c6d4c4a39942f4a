"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as convolutions.

The layout is `[B, H, W, C]`. XLA computes them and maps them over runs. That is the
best form on a TPU, whose compiler has grouped convolutions; CPUs take fifty times as
long with it as with the best form there, and GPUs four to seven times.
"""

from typing import Any

import jax
from jax import lax

from decomp.networks import products
from decomp.networks.form import Form

LAYOUT = ("NHWC", "HWIO", "NHWC")


def _conv(large: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    large, kernel, options = products.for_convolution(large, kernel, precision)
    return lax.conv_general_dilated(
        large,
        kernel,
        window_strides=(2, 2),
        padding=((1, 1), (1, 1)),
        dimension_numbers=LAYOUT,
        **options,
    )


def _conv_transpose(small: jax.Array, kernel: jax.Array, precision: Any) -> jax.Array:
    small, kernel, options = products.for_convolution(small, kernel, precision)
    return lax.conv_general_dilated(
        small,
        kernel[::-1, ::-1].swapaxes(2, 3),
        window_strides=(1, 1),
        padding=((2, 2), (2, 2)),
        lhs_dilation=(2, 2),
        dimension_numbers=LAYOUT,
        **options,
    )


def _kernel_gradient(large: jax.Array, small: jax.Array, precision: Any) -> jax.Array:
    """The convolution of `large` with `small` as window, at four shifts per axis."""
    large, small, options = products.for_convolution(large, small, precision)
    return lax.conv_general_dilated(
        large,
        small,
        window_strides=(1, 1),
        padding=((1, 1), (1, 1)),
        rhs_dilation=(2, 2),
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
        **options,
    )


FORM = Form(_conv, _conv_transpose, _kernel_gradient, batch_innermost=False)
