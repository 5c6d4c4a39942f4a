"""Normalised Hoyer sparsity: the degree to which a code uses few dimensions.

Hoyer(y) = (√D − ‖y‖₁/‖y‖₂)/(√D − 1), which is 1 for one non-zero entry and 0 for
entries of equal modulus.

Source: Mathieu et al. 2019, arXiv:1812.02833, Sec. 5.3; Hurley & Rickard 2009.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units


class Hoyer(NamedTuple):
    """The mean sparsity, with its parts."""

    score: jax.Array  # [], mean over the data points
    per_point: jax.Array  # [N]
    active: jax.Array  # [D] bool, dimensions that are not constant
    num_active: jax.Array  # [] int32


def score(codes: Any) -> Hoyer:
    """Mean Hoyer sparsity of codes whose dimensions are scaled to unit deviation.

    (1/N) Σ_n Hoyer(z_n/σ), σ_d² = Var z_d (ddof 1)

    Without the scaling, a collapsed dimension would count as sparsity. Constant
    dimensions cannot be scaled and are left out of the sums and of D; the authors' code
    gives NaN or ∞ for them. The codes are not centred, so that a shift changes the
    score. The score is exact on the given points, and works under jit and vmap.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`, N ≥ 2.

    Returns:
        Hoyer. A code of zeros has sparsity 0. The score is 0 if fewer than two
        dimensions vary, and NaN if a code is not finite.

    >>> print(score([[5.0, 0.0], [0.0, 0.1], [-5.0, 0.0]]).score)  # one entry in each
    1.0
    """
    z = inputs.codes(codes)
    active = units.active(z)
    count = len(z.unit)
    scale = jnp.std(z.unit - z.unit[:1], axis=0) * (count / max(count - 1, 1)) ** 0.5
    scaled = jnp.where(active[None, :], z.unit + z.origin[None, :], 0)
    scaled = scaled / jnp.where(active, scale, 1)[None, :]
    return _mean(z, scaled, active)


def score_unscaled(codes: Any) -> Hoyer:
    """Mean Hoyer sparsity of codes without scaling; a collapsed dimension is sparsity.

    Args:
        codes: One code per data point `[N, D]`.

    Returns:
        Hoyer. A code of zeros has sparsity 0. The score is 0 for a single dimension,
        and NaN if a code is not finite.

    >>> print(score_unscaled([[5.0, 0.0], [3.0, 0.0]]).score)
    1.0
    """
    z = inputs.codes(codes)
    shifted = z.unit + z.origin[None, :]
    exponent = z.exponent + jnp.frexp(jnp.max(jnp.abs(shifted), axis=0))[1]
    power = z.exponent - jnp.max(exponent)
    scaled = units.times_power(shifted, power[None, :])  # the largest is about 1
    sparsity = _mean(z, scaled, jnp.ones(len(exponent), bool))
    return sparsity._replace(active=units.active(z))


def hoyer(y: jax.Array, active: jax.Array) -> jax.Array:
    """The sparsity of the active entries of one vector.

    Args:
        y: `[D]`, 0 if not active.
        active: `[D]` bool.

    Returns:
        `[]` in [0, 1]; 0 for a vector of zeros and for fewer than two active entries.

    >>> print(hoyer(jnp.array([0.0, 3.0, 0.0]), jnp.ones(3, bool)))
    1.0
    """
    y, active = inputs.real(y), inputs.real(active) != 0
    chex.assert_equal_shape([y, active])
    y = discrete.safe_divide(y, jnp.max(jnp.abs(y)))  # squares stay in range
    ratio = discrete.safe_divide(jnp.sum(jnp.abs(y)), jnp.sqrt(jnp.sum(y * y)))
    root = jnp.sqrt(jnp.sum(active.astype(y.dtype)))
    value = discrete.safe_divide(root - ratio, root - 1)
    return jnp.where((root > 1) & (ratio > 0), jnp.clip(value, 0, 1), 0)


def _mean(z: units.Codes, scaled: jax.Array, active: jax.Array) -> Hoyer:
    """The mean sparsity of scaled codes `[N, D]`."""
    per_point = jax.vmap(hoyer, (0, None))(scaled, active)
    mean = jnp.where(units.broken(z), jnp.nan, jnp.mean(per_point))
    return Hoyer(mean, per_point, active, jnp.sum(active.astype(jnp.int32)))
