"""Active units: how many dimensions of the posterior mean vary with the data.

Source: Burda et al. 2016, arXiv:1509.00519.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete


class Score(NamedTuple):
    """A number of active dimensions, and which they are."""

    score: jax.Array  # [], their number
    active: jax.Array  # [D] bool
    variances: jax.Array  # [D], Var_x E[z_d|x]


def score(codes: jax.Array, *, threshold: float = 0.01) -> Score:
    """The number of dimensions with Var_x(E_q(z|x)[z_d]) > threshold.

    The threshold is absolute, made for a prior of unit variance. Exact on the given
    points, whose number divides the variance. May be jitted and mapped over runs.

    Args:
        codes: Posterior means `[N, D]`.
        threshold: Variance above which a dimension is active.

    Returns:
        Score; 0.0 for constant codes, NaN if a code is not finite.
    """
    chex.assert_rank(codes, 2)
    variances = jnp.var(codes - codes[:1], axis=0)  # exactly 0 for constants
    active = variances > threshold
    number = jnp.sum(active.astype(codes.dtype))
    return Score(jnp.where(discrete.broken(codes), jnp.nan, number), active, variances)
