"""A Monte-Carlo estimate and its standard error."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp


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
    """
    chex.assert_rank(terms, 1)
    count = terms.shape[0]
    if count < 2:
        raise ValueError(f"a standard error needs at least 2 samples; got {count}.")
    return Estimate(jnp.mean(terms), jnp.std(terms, ddof=1) / jnp.sqrt(count))
