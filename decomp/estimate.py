"""A Monte-Carlo estimate and its standard error."""

import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics


class Estimate(NamedTuple):
    """The mean of independent terms, with the standard error of that mean."""

    value: jax.Array  # []
    stderr: jax.Array  # []


def from_samples(terms: jax.Array) -> Estimate:
    """Estimates E[term] from independent draws.

    Args:
        terms: Independent draws `[S]`, S ≥ 2.

    Returns:
        Estimate in the unit of `terms`; `value` is unbiased for E[term].

    >>> mean = from_samples(jnp.array([1.0, 2.0, 3.0]))
    >>> print(mean.value, mean.stderr.round(4))  # 2 ± 1/√3
    2.0 0.57739997
    """
    (terms,) = numerics.floats(terms)
    chex.assert_rank(terms, 1)
    count = terms.shape[0]
    if count < 2:
        raise ValueError(f"a standard error needs at least 2 samples; got {count}.")
    return Estimate(jnp.mean(terms), deviation(terms) / jnp.sqrt(count))


def deviation(x: jax.Array, axis: int = 0) -> jax.Array:
    """Standard deviation along an axis, with ddof 1; exactly 0 where all are equal.

    Args:
        x: Any shape with at least 2 along the axis.
        axis: The axis that is removed.

    Returns:
        Values in the unit of `x`; see `root_mean_square` for the derivative at 0.

    >>> print(deviation(jnp.array([1.0, 2.0, 3.0])).round(4))
    1.0
    """
    (x,) = numerics.floats(x)
    count = x.shape[axis]
    shifted = x - jax.lax.index_in_dim(x, 0, axis)
    centred = shifted - jnp.mean(shifted, axis=axis, keepdims=True)
    return math.sqrt(count / (count - 1)) * root_mean_square(centred, axis)


def root_mean_square(x: jax.Array, axis: int = 0) -> jax.Array:
    """√(mean x²) along an axis, without overflow of x², and with derivative 0 at 0.

    A standard error of 0 is common: a constant has it, such as I_q(z; n) of one data
    point. The infinite derivative of √0 would then turn every gradient through the
    estimate into NaN, even one that does not use the error.

    >>> root_mean_square(jnp.array([3.0, -3.0])).tolist()
    3.0
    """
    (x,) = numerics.floats(x)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=axis, keepdims=True))
    unit = jnp.where(largest == 0, 1, largest)
    mean = jnp.mean((x / unit) ** 2, axis=axis)
    root = jnp.sqrt(jnp.where(mean == 0, 1, mean))
    return jnp.where(mean == 0, 0, jnp.squeeze(unit, axis) * root)
