"""The 4×4 convolution of stride 2 and padding 1, and its transpose, in three forms.

A form computes three functions that are linear in each argument: the convolution, its
transpose, and the gradient of its kernel. They are each other's derivatives, so that a
form needs no other function. Values and parameters are those of `nn.Conv` and
`nn.ConvTranspose` in every form, and parameters trained in one form work in any other.
Only the speed differs: `blocks` are convolutions in which nothing is dilated, the
fastest form on CPUs; `products` are matrix products (`patch_products`), the fastest on
GPUs; `convolutions` are those of XLA (`strided`), the fastest on TPUs. Only
reverse-mode derivatives are defined.

A kernel is always `[4, 4, c, o]`: the convolution maps c channels to o on half the
grid, and the transpose maps o channels to c on twice the grid.
"""

from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from decomp.networks import blocks, patch_products, products, strided
from decomp.networks.form import KERNEL, Form
from decomp.networks.initialisers import bias_init, kernel_init

FORMS: dict[str, Form] = {
    "blocks": blocks.FORM,
    "products": patch_products.FORM,
    "convolutions": strided.FORM,
}
AUTO = "auto"
# The fastest form on each backend, as measured on CPUs and an H200 and as XLA estimates
# it for a TPU; see experiments/benchmarks.
BEST = {"cpu": "blocks", "gpu": "products", "tpu": "convolutions"}


def form_for(form: str = AUTO, backend: str = "") -> str:
    """The name of the form; `auto` becomes the fastest form of the backend.

    >>> form_for("auto", "cpu"), form_for("convolutions", "cpu")
    ('blocks', 'convolutions')

    Args:
        form: A key of `FORMS`, or `AUTO`.
        backend: "cpu", "gpu" or "tpu"; if empty, JAX's default backend.

    Raises:
        ValueError: For an unknown form.
    """
    if form == AUTO:
        return BEST.get(backend or jax.default_backend(), "products")
    if form not in FORMS:
        choices = ", ".join((AUTO, *FORMS))
        raise ValueError(f"unknown form {form!r}; choices are {choices}.")
    return form


class Conv(nn.Module):
    """`nn.Conv(features, (4, 4), 2, padding=1)`, with the same parameters."""

    features: int
    initialiser: str = "torch"
    precision: Any = None
    form: str = "products"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[C, H, W, B]`, in the form's layout, to `[features, H/2, W/2, B]`."""
        shape = (KERNEL, KERNEL, FORMS[self.form].channels(x), self.features)
        x, kernel, bias = _parameters(self, x, shape)
        y = conv(x, kernel, self.precision, self.form)
        return products.activations(y + bias, self.precision)


class ConvTranspose(nn.Module):
    """`nn.ConvTranspose(features, (4, 4), (2, 2), transpose_kernel=True)`.

    Its parameters are the same, and so is the padding, "SAME": it equals PyTorch's
    ConvTranspose2d(4, stride 2, padding 1).
    """

    features: int
    initialiser: str = "torch"
    precision: Any = None
    form: str = "products"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[C, H, W, B]`, in the form's layout, to `[features, 2H, 2W, B]`."""
        shape = (KERNEL, KERNEL, self.features, FORMS[self.form].channels(x))
        x, kernel, bias = _parameters(self, x, shape)
        y = conv_transpose(x, kernel, self.precision, self.form)
        return products.activations(y + bias, self.precision)


def conv(
    x: jax.Array,
    kernel: jax.Array,
    precision: Any = None,
    form: str = "products",
) -> jax.Array:
    """y[o, h, w] = Σ_{i, j, c} kernel[i, j, c, o] · x[c, 2h + i − 1, 2w + j − 1].

    Args:
        x: `[c, H, W, B]`, H and W even, padded with zeros. `[B, H, W, c]` in a form
            other than "products".
        kernel: `[4, 4, c, o]`.
        precision: Precision of the products, also in derivatives; see `products`.
        form: A key of `FORMS`.

    Returns:
        `[o, H/2, W/2, B]`, or `[B, H/2, W/2, o]`.
    """
    x, kernel = products.operands(x, kernel, precision)
    chex.assert_shape(kernel, (KERNEL, KERNEL, FORMS[form].channels(x), None))
    _, height, width, _ = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"expected an even height and width; got {height} × {width}.")
    return _conv(x, kernel, precision, form)


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    precision: Any = None,
    form: str = "products",
) -> jax.Array:
    """y[c, 2h + i − 1, 2w + j − 1] = Σ_{i, j, o, h, w} kernel[i, j, c, o] · x[o, h, w].

    Args:
        x: `[o, H, W, B]`, or `[B, H, W, o]` in a form other than "products".
        kernel: `[4, 4, c, o]`.
        precision: Precision of the products, also in derivatives; see `products`.
        form: A key of `FORMS`.

    Returns:
        `[c, 2H, 2W, B]`, or `[B, 2H, 2W, c]`.
    """
    x, kernel = products.operands(x, kernel, precision)
    chex.assert_shape(kernel, (KERNEL, KERNEL, None, FORMS[form].channels(x)))
    return _conv_transpose(x, kernel, precision, form)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv(x: jax.Array, kernel: jax.Array, precision: Any, form: str) -> jax.Array:
    return FORMS[form].conv(x, kernel, precision)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_transpose(
    x: jax.Array, kernel: jax.Array, precision: Any, form: str
) -> jax.Array:
    return FORMS[form].conv_transpose(x, kernel, precision)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _kernel_gradient(
    large: jax.Array, small: jax.Array, precision: Any, form: str
) -> jax.Array:
    """Σ over positions and examples of `large`, under each tap, times `small`."""
    return FORMS[form].kernel_gradient(large, small, precision)


_Pair = tuple[jax.Array, jax.Array]


def _conv_backward(precision: Any, form: str, residuals: _Pair, dy: jax.Array) -> _Pair:
    x, kernel = residuals
    dx: Any = _conv_transpose(dy, kernel, precision, form)
    return dx, _gradient_of_kernel(x, dy, kernel, precision, form)


def _conv_transpose_backward(
    precision: Any, form: str, residuals: _Pair, dy: jax.Array
) -> _Pair:
    x, kernel = residuals
    dx: Any = _conv(dy, kernel, precision, form)
    return dx, _gradient_of_kernel(dy, x, kernel, precision, form)


def _kernel_gradient_backward(
    precision: Any, form: str, residuals: _Pair, dk: jax.Array
) -> _Pair:
    large, small = residuals
    return (
        _conv_transpose(small, dk, precision, form),
        _conv(large, dk, precision, form),
    )


def _gradient_of_kernel(
    large: jax.Array, small: jax.Array, kernel: jax.Array, precision: Any, form: str
) -> jax.Array:
    gradient: Any = _kernel_gradient(large, small, precision, form)
    return gradient.astype(kernel.dtype)


def _with_residuals(function: Any) -> Any:
    return lambda a, b, *options: (function(a, b, *options), (a, b))


_conv.defvjp(_with_residuals(_conv), _conv_backward)
_conv_transpose.defvjp(_with_residuals(_conv_transpose), _conv_transpose_backward)
_kernel_gradient.defvjp(_with_residuals(_kernel_gradient), _kernel_gradient_backward)


def _parameters(
    module: Conv | ConvTranspose, x: jax.Array, shape: tuple[int, ...]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The input, the kernel, and the bias in the layout of the form."""
    fan_in = shape[0] * shape[1] * shape[2]
    kernel = module.param("kernel", kernel_init(module.initialiser), shape, jnp.float32)
    bias = module.param(
        "bias", bias_init(module.initialiser, fan_in), (module.features,), jnp.float32
    )
    x, kernel, bias = promote_dtype(x, kernel, bias)
    return x, kernel, FORMS[module.form].bias(bias)
