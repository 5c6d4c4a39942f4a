"""Spike and slab, a sparse prior: most dimensions of a draw are almost zero.

    p(z) = Π_d γ_d N(z_d; 0, s_d²) + (1 − γ_d) N(z_d; 0, S_d²),   s_d < S_d,

The narrow spike stands for a point mass, so that there is a density. Spike or slab is
chosen independently in each dimension.

Source: Mathieu et al. 2019, arXiv:1812.02833, the sparse prior.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian


class SpikeSlab(NamedTuple):
    """Log-odds of the spike, γ = sigmoid(log_odds), and the two scales.

    Log-odds of −∞ leave only the slab, log-odds of +∞ only the spike.
    """

    log_odds: jax.Array  # [D]
    spike_scale: jax.Array  # [D], positive
    slab_scale: jax.Array  # [D], positive


def log_prob(p: SpikeSlab, z: jax.Array) -> jax.Array:
    """log p(z), summed over dimensions.

    Args:
        p: Leaves `[D]`.
        z: Point `[D]`.

    Returns:
        Log-density `[]` in nats.

    >>> p = SpikeSlab(jnp.zeros(1), jnp.ones(1), jnp.ones(1))  # N(0, 1)
    >>> round(float(log_prob(p, jnp.zeros(1))), 4)  # −½ log 2π
    -0.9189
    """
    p, z = numerics.floats(p, z)
    return jnp.sum(log_prob_dims(p, z))


def log_prob_dims(p: SpikeSlab, z: jax.Array) -> jax.Array:
    """log p(z_d) = log(γ_d N(z_d; 0, s_d²) + (1 − γ_d) N(z_d; 0, S_d²)).

    Args:
        p: Leaves `[D]`.
        z: Point `[D]`.

    Returns:
        Log-density of each dimension `[D]` in nats.
    """
    p, z = numerics.floats(p, z)
    spike, slab = _log_densities(p, z)
    log_spike = jax.nn.log_sigmoid(p.log_odds) + spike
    log_slab = jax.nn.log_sigmoid(-p.log_odds) + slab
    return jnp.logaddexp(log_spike, log_slab)


def spike_probability(p: SpikeSlab, z: jax.Array) -> jax.Array:
    """P(spike | z_d) = γ_d N(z_d; 0, s_d²)/p(z_d).

    Args:
        p: Leaves `[D]`.
        z: Point `[D]`.

    Returns:
        Probability of each dimension `[D]`; its sum is the expected number of
        dimensions that are off.

    >>> p = SpikeSlab(jnp.zeros(1), jnp.full(1, 0.01), jnp.ones(1))
    >>> spike_probability(p, jnp.array([0.5])).round(4).tolist()  # no spike is so wide
    [0.0]
    """
    p, z = numerics.floats(p, z)
    spike, slab = _log_densities(p, z)
    return jax.nn.sigmoid(p.log_odds + (spike - slab))


def sample(key: jax.Array, p: SpikeSlab) -> jax.Array:
    """One draw: spike or slab in each dimension, then a Gaussian of that scale.

    Args:
        key: A random key, which is used up.
        p: Leaves `[D]`.

    Returns:
        Draw `[D]`; its derivative reaches the chosen scales, not the log-odds.
    """
    (p,) = numerics.floats(p)
    choice_key, noise_key = jax.random.split(key)
    spike = jax.random.bernoulli(choice_key, jax.nn.sigmoid(p.log_odds))
    scale = jnp.where(spike, p.spike_scale, p.slab_scale)
    return scale * jax.random.normal(noise_key, scale.shape, scale.dtype)


def log_odds(probability: jax.Array) -> jax.Array:
    """log γ/(1 − γ) of a probability γ; ∓∞ at 0 and 1, where the gradient is stopped.

    The derivative there is infinite, and times the 0 of a sigmoid it would be NaN.
    """
    (probability,) = numerics.floats(probability)
    certain = (probability == 0) | (probability == 1)
    odds = jax.scipy.special.logit(jnp.where(certain, 0.5, probability))
    limit = jnp.where(probability == 1, jnp.inf, -jnp.inf)
    return jnp.where(certain, limit, odds)


def mean(p: SpikeSlab) -> jax.Array:
    """E[z] = 0, `[D]`."""
    (p,) = numerics.floats(p)
    return jnp.zeros_like(p.log_odds)


def covariance(p: SpikeSlab) -> jax.Array:
    """Cov[z] = diag(γ s² + (1 − γ) S²), `[D, D]`.

    >>> p = SpikeSlab(jnp.zeros(1), jnp.ones(1), jnp.full(1, 3.0))
    >>> covariance(p).tolist()  # ½ (1² + 3²)
    [[5.0]]
    """
    (p,) = numerics.floats(p)
    spike = jax.nn.sigmoid(p.log_odds) * p.spike_scale**2
    slab = jax.nn.sigmoid(-p.log_odds) * p.slab_scale**2
    return jnp.diag(spike + slab)


def _log_densities(p: SpikeSlab, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """log N(z_d; 0, s_d²) and log N(z_d; 0, S_d²), each `[D]`."""
    chex.assert_equal_shape([p.log_odds, p.spike_scale, p.slab_scale, z])
    spike = gaussian.log_prob_dims(Gaussian(jnp.zeros_like(z), p.spike_scale), z)
    slab = gaussian.log_prob_dims(Gaussian(jnp.zeros_like(z), p.slab_scale), z)
    return spike, slab
