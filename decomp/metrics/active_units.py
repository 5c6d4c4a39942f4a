"""Active units: the number of latents whose posterior mean varies with the data.

Source: Burda et al. 2016, arXiv:1509.00519.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import inputs, units


class ActiveUnits(NamedTuple):
    """The number of active dimensions, and a mask of them."""

    score: jax.Array  # [], the number of active dimensions
    active: jax.Array  # [D] bool
    variances: jax.Array  # [D], Var_x E[z_d|x]; +inf beyond the range of float32


def score(codes: Any, *, threshold: float = 0.01) -> ActiveUnits:
    """The number of dimensions with Var_x(E_q(z|x)[z_d]) > threshold.

    The threshold has the unit of the codes squared; 0.01 presumes a prior of unit
    variance. The variance has ddof 0 and is exact on the given points. The function
    works under jit and vmap.

    Args:
        codes: Posterior means `[N, D]`.
        threshold: Variance above which a dimension is active.

    Returns:
        ActiveUnits; the score is 0.0 for constant codes and NaN if a code is not
        finite.

    >>> print(score([[0.0, 0.01], [1.0, 0.02]]).score)  # variances 0.25 and 0.000025
    1.0
    """
    z = inputs.codes(codes)
    variance = jnp.var(z.unit - z.unit[:1], axis=0)  # exactly 0 for constants
    least = units.times_power(jnp.full_like(variance, threshold), -2 * z.exponent)
    active = variance > least
    number = jnp.sum(active.astype(jnp.float32))
    value = jnp.where(units.broken(z), jnp.nan, number)
    return ActiveUnits(value, active, units.times_power(variance, 2 * z.exponent))
