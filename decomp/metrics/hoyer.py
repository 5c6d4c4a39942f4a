"""Normalised Hoyer sparsity: how few dimensions a code uses.

Hoyer(y) = (√D − ‖y‖₁/‖y‖₂)/(√D − 1), 1 for one non-zero entry and 0 for equal moduli

Source: Mathieu et al. 2019, arXiv:1812.02833, Sec. 5.3; Hurley & Rickard 2009.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units


class Hoyer(NamedTuple):
    """A sparsity, with what is needed to judge it."""

    score: jax.Array  # [], mean over the data points
    per_point: jax.Array  # [N]
    active: jax.Array  # [D] bool, dimensions that are not constant
    num_active: jax.Array  # [] int32


def score(codes: Any) -> Hoyer:
    """Mean Hoyer sparsity of codes scaled to unit standard deviation a dimension.

    (1/N) Σ_n Hoyer(z_n/σ), σ_d² = Var z_d (ddof 1)

    Without the scaling a collapsed dimension would count as sparsity. Constant ones
    cannot be scaled and are left out, from D too; the authors' code gives NaN or ∞
    for them. It is not centred: a shift of the codes changes it. Exact on the given
    points. May be jitted and mapped over runs.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`, N ≥ 2.

    Returns:
        Score; 0 for fewer than two dimensions that vary and for a code of zeros, NaN if
        a code is not finite.
    """
    z = inputs.codes(codes)
    active = units.active(z)
    count = len(z.unit)
    spread = jnp.std(z.unit - z.unit[:1], axis=0) * (count / max(count - 1, 1)) ** 0.5
    scaled = jnp.where(active[None, :], z.unit + z.origin[None, :], 0)
    scaled = scaled / jnp.where(active, spread, 1)[None, :]
    return _mean(z, scaled, active)


def score_unscaled(codes: Any) -> Hoyer:
    """Mean Hoyer sparsity of codes as they are: a collapsed dimension counts as sparse.

    Args:
        codes: One code a data point `[N, D]`.

    Returns:
        Score; 0 for a code of zeros and for a single dimension, NaN if a code is not
        finite.
    """
    z = inputs.codes(codes)
    whole = z.unit + z.origin[None, :]
    place = z.exponent + jnp.frexp(jnp.max(jnp.abs(whole), axis=0))[1]
    power = z.exponent - jnp.max(place)
    scaled = units.times_power(whole, power[None, :])  # the largest is about 1
    found = _mean(z, scaled, jnp.ones(len(place), bool))
    return found._replace(active=units.active(z))


def hoyer(y: jax.Array, active: jax.Array) -> jax.Array:
    """The sparsity of one vector among its active entries.

    Args:
        y: `[D]`, 0 where not active.
        active: `[D]` bool.

    Returns:
        `[]` in 0 … 1; 0 for a vector of zeros and for fewer than two active entries.
    """
    y, active = inputs.real(y), inputs.real(active) != 0
    chex.assert_equal_shape([y, active])
    y = discrete.safe_divide(y, jnp.max(jnp.abs(y)))  # squares stay in range
    ratio = discrete.safe_divide(jnp.sum(jnp.abs(y)), jnp.sqrt(jnp.sum(y * y)))
    root = jnp.sqrt(jnp.sum(active.astype(y.dtype)))
    value = discrete.safe_divide(root - ratio, root - 1)
    return jnp.where((root > 1) & (ratio > 0), jnp.clip(value, 0, 1), 0)


def _mean(z: units.Codes, scaled: jax.Array, active: jax.Array) -> Hoyer:
    """The score of scaled codes."""
    per_point = jax.vmap(hoyer, (0, None))(scaled, active)
    mean = jnp.where(units.broken(z), jnp.nan, jnp.mean(per_point))
    return Hoyer(mean, per_point, active, jnp.sum(active.astype(jnp.int32)))
