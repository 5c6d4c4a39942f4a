"""Products of matrices in a precision of choice, the same on every backend.

`DotAlgorithmPreset.BF16_BF16_F32` is written out: operands rounded to bfloat16, sums in
float32. XLA's own form of it is float32 on CPUs, whose answers would then be others
than an accelerator's; written out, both round alike, and a processor with products of
bfloat16 takes them. Any other precision goes to XLA as it is.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import DotAlgorithmPreset, PrecisionLike

from decomp import numerics

BFLOAT16 = DotAlgorithmPreset.BF16_BF16_F32


def operands(
    a: jax.Array, b: jax.Array, precision: PrecisionLike = None
) -> tuple[jax.Array, jax.Array]:
    """Two factors as `numerics.floats`; float32 where a product rounds to bfloat16.

    So a factor of float64 has the precision of its derivative.

    Args:
        a: First factor.
        b: Second factor.
        precision: Of their product.

    Returns:
        Both, in one precision.
    """
    a, b = numerics.floats(a, b)
    if precision != BFLOAT16:
        return a, b
    return a.astype(jnp.float32), b.astype(jnp.float32)


def einsum(
    subscripts: str, a: jax.Array, b: jax.Array, precision: PrecisionLike = None
) -> jax.Array:
    """The product of two matrices; float32 if the precision is bfloat16.

    Its derivatives do not round in bfloat16: see `dot_general`.

    Args:
        subscripts: As `jnp.einsum` takes them, such as "mk,kn->mn".
        a: First matrix.
        b: Second matrix.
        precision: See `jax.lax.dot`.
    """
    a, b = operands(a, b, precision)
    if precision != BFLOAT16:
        return jnp.einsum(subscripts, a, b, precision=precision)
    a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    return jnp.einsum(subscripts, a, b, preferred_element_type=jnp.float32)


def dot_general(
    x: jax.Array,
    kernel: jax.Array,
    dimension_numbers: Any,
    precision: PrecisionLike = None,
    **options: Any,
) -> jax.Array:
    """`jax.lax.dot_general` for `nn.Dense`, whose derivatives round as the value does.

    Args:
        x: `[B, fan_in]`.
        kernel: `[fan_in, features]`.
        dimension_numbers: Of a product of matrices.
        precision: See `jax.lax.dot`.
        **options: Handed on to `jax.lax.dot_general`.

    Returns:
        `[B, features]`.
    """
    x, kernel = operands(x, kernel, precision)
    if precision == BFLOAT16:
        return _rounded(x, kernel)
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
