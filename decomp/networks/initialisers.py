"""Initial weights by two conventions, chosen by name.

`torch`: weights and biases ~ U(−1/√fan_in, 1/√fan_in), as PyTorch draws them for
Linear, Conv2d and ConvTranspose2d. `flax`: LeCun-normal weights, zero biases.
The fan-in of a kernel is the product of all its axes but the last; for a transposed
convolution, whose kernel is `[4, 4, out, in]`, that is 16·out in both frameworks.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

NAMES = ("torch", "flax")


def kernel_init(name: str) -> Callable[..., jax.Array]:
    """The initialiser of a kernel; its last axis does not belong to the fan-in."""
    _check(name)
    if name == "flax":
        return nn.initializers.lecun_normal()
    # A uniform distribution of variance 1/(3·fan_in) has the bound 1/√fan_in.
    return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def bias_init(name: str, fan_in: int) -> Callable[..., jax.Array]:
    """The initialiser of the bias of a layer with the given fan-in."""
    _check(name)
    if name == "flax":
        return nn.initializers.zeros_init()
    bound = fan_in**-0.5

    def init(
        key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def _check(name: str) -> None:
    if name not in NAMES:
        raise ValueError(
            f"unknown initialiser {name!r}; choices are {', '.join(NAMES)}."
        )
