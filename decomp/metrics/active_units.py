"""Active units: how many dimensions of the posterior mean vary with the data.

Source: Burda et al. 2016, arXiv:1509.00519.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import inputs, units


class ActiveUnits(NamedTuple):
    """A number of active dimensions, and which they are."""

    score: jax.Array  # [], their number
    active: jax.Array  # [D] bool
    variances: jax.Array  # [D], Var_x E[z_d|x]; +inf beyond the range of float32


def score(codes: Any, *, threshold: float = 0.01) -> ActiveUnits:
    """The number of dimensions with Var_x(E_q(z|x)[z_d]) > threshold.

    The threshold is absolute, made for a prior of unit variance. Exact on the given
    points, whose number divides the variance. May be jitted and mapped over runs.

    Args:
        codes: Posterior means `[N, D]`.
        threshold: Variance above which a dimension is active.

    Returns:
        Score; 0.0 for constant codes, NaN if a code is not finite.
    """
    z = inputs.codes(codes)
    spread = jnp.var(z.unit - z.unit[:1], axis=0)  # exactly 0 for constants
    least = units.times_power(jnp.full_like(spread, threshold), -2 * z.exponent)
    active = spread > least
    number = jnp.sum(active.astype(jnp.float32))
    value = jnp.where(units.broken(z), jnp.nan, number)
    return ActiveUnits(value, active, units.times_power(spread, 2 * z.exponent))
