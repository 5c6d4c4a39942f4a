"""Matrix products in a chosen precision, the same on every backend.

`DotAlgorithmPreset.BF16_BF16_F32` is written out: operands are rounded to bfloat16 and
sums are float32. XLA's own form computes in float32 on CPUs, whose results would differ
from an accelerator's. Written out, both round alike, and a CPU with bfloat16 products
uses them. `ACTIVATIONS` also rounds the results, so that activations and their
gradients are bfloat16 and take half as many bytes; parameters and their gradients stay
float32. Any other precision is passed on to XLA.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import DotAlgorithmPreset, Precision

from decomp import numerics

BFLOAT16 = DotAlgorithmPreset.BF16_BF16_F32
ACTIVATIONS: Any = "bfloat16 activations"
_ROUNDED = (BFLOAT16, ACTIVATIONS)


def activations(x: jax.Array, precision: Any = None) -> jax.Array:
    """Converts activations to bfloat16 if the precision is `ACTIVATIONS`."""
    return x.astype(jnp.bfloat16) if precision == ACTIVATIONS else x


def operands(
    a: jax.Array, b: jax.Array, precision: Any = None
) -> tuple[jax.Array, jax.Array]:
    """Activations and a kernel as `numerics.floats`, or float32 if products round.

    So a float64 factor has the precision of its derivative.

    Args:
        a: Activations; bfloat16 if the precision is `ACTIVATIONS`.
        b: A kernel.
        precision: Precision of their product.

    Returns:
        Both arrays; in one precision, except under `ACTIVATIONS`.
    """
    a, b = numerics.floats(a, b)
    if precision not in _ROUNDED:
        return a, b
    return activations(a.astype(jnp.float32), precision), b.astype(jnp.float32)


def einsum(
    subscripts: str,
    a: jax.Array,
    b: jax.Array,
    precision: Any = None,
    *,
    sums: bool = False,
) -> jax.Array:
    """The product of two matrices; float32 if the precision is bfloat16.

    Its derivatives do not round to bfloat16; for those that do, see `dot_general`.

    Args:
        subscripts: As `jnp.einsum` takes them, such as "mk,kn->mn".
        a: First matrix.
        b: Second matrix.
        precision: As in `jax.lax.dot`, or `ACTIVATIONS`, whose product is bfloat16.
        sums: Whether the product is float32 in any case, as a kernel's gradient is.
    """
    if precision not in _ROUNDED:
        a, b = operands(a, b, precision)
        return jnp.einsum(subscripts, a, b, precision=precision)
    a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    narrow = precision == ACTIVATIONS and not sums
    dtype = jnp.bfloat16 if narrow else jnp.float32
    return jnp.einsum(subscripts, a, b, preferred_element_type=dtype)


def for_convolution(
    a: jax.Array, b: jax.Array, precision: Any = None
) -> tuple[jax.Array, jax.Array, dict[str, Any]]:
    """The two factors and the options of a convolution of XLA.

    A convolution has no option for TF32; on an NVIDIA GPU that is the default.
    """
    if precision == DotAlgorithmPreset.TF32_TF32_F32:
        return a, b, {"precision": Precision.DEFAULT}
    if precision not in _ROUNDED:
        return a, b, {"precision": precision}
    a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    dtype = jnp.bfloat16 if precision == ACTIVATIONS else jnp.float32
    return a, b, {"preferred_element_type": dtype}


def dot_general(
    x: jax.Array,
    kernel: jax.Array,
    dimension_numbers: Any,
    precision: Any = None,
    **options: Any,
) -> jax.Array:
    """`jax.lax.dot_general` for `nn.Dense`, whose derivatives round as the value does.

    Args:
        x: `[B, fan_in]`.
        kernel: `[fan_in, features]`.
        dimension_numbers: Those of a matrix product.
        precision: As in `jax.lax.dot`; `ACTIVATIONS` acts as `BFLOAT16`, as the result
            is rounded after the bias is added.
        **options: Other options of `jax.lax.dot_general`.

    Returns:
        `[B, features]`.
    """
    if precision in _ROUNDED:
        return _rounded(*operands(x, kernel, BFLOAT16))
    x, kernel = operands(x, kernel)
    return jax.lax.dot_general(
        x, kernel, dimension_numbers, precision=precision, **options
    )


_product = partial(einsum, precision=BFLOAT16)


@jax.custom_vjp
def _rounded(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _product("bi,io->bo", x, kernel)


def _forward(
    x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _rounded(x, kernel), (x, kernel)


def _backward(
    residuals: tuple[jax.Array, jax.Array], dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    return _product("bo,io->bi", dy, kernel), _product("bi,bo->io", x, dy)


_rounded.defvjp(_forward, _backward)
