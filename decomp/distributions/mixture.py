"""Mixture of diagonal Gaussians: p(z) = Σ_k π_k Π_d N(z_d; μ_kd, σ_kd²).

A mixture does not factorise over dimensions, so there is no density per dimension: its
log-density is one number per point, for any D.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import estimate, numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate


class Mixture(NamedTuple):
    """Logits of the weights, π = softmax(log_weights), and the components.

    A logit of −∞ switches a component off; at least one must be finite.
    """

    log_weights: jax.Array  # [K], not necessarily normalised
    components: Gaussian  # leaves [K, D]


def log_prob(p: Mixture, z: jax.Array) -> jax.Array:
    """log p(z) = log Σ_k π_k N(z; μ_k, diag σ_k²).

    Args:
        p: Leaves `[K]` and `[K, D]`.
        z: Point `[D]`.

    Returns:
        Log-density `[]` in nats: the sum over dimensions is inside the sum over k.

    >>> two = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.ones((2, 1)))
    >>> p = Mixture(jnp.zeros(2), two)
    >>> round(float(log_prob(p, jnp.array([9.0]))), 4)  # log ½ N(0; 0, 1)
    -1.6121
    """
    p, z = numerics.floats(p, z)
    return jax.nn.logsumexp(_log_joint(p, z))


def responsibilities(p: Mixture, z: jax.Array) -> jax.Array:
    """p(k|z) = π_k N(z; μ_k, diag σ_k²)/p(z).

    Args:
        p: Leaves `[K]` and `[K, D]`.
        z: Point `[D]`.

    Returns:
        Probabilities `[K]`.

    >>> two = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.ones((2, 1)))
    >>> p = Mixture(jnp.zeros(2), two)
    >>> responsibilities(p, jnp.array([0.0])).tolist()
    [0.5, 0.5]
    """
    p, z = numerics.floats(p, z)
    return jax.nn.softmax(_log_joint(p, z))


def sample(key: jax.Array, p: Mixture) -> jax.Array:
    """One draw: k ~ π, then z ~ N(μ_k, diag σ_k²).

    Args:
        key: A random key, which is used up.
        p: Leaves `[K]` and `[K, D]`.

    Returns:
        Draw `[D]`; its derivative reaches the chosen component, not the weights.
    """
    (p,) = numerics.floats(p)
    index_key, noise_key = jax.random.split(key)
    index = jax.random.categorical(index_key, p.log_weights)
    component = Gaussian(p.components.loc[index], p.components.scale[index])
    return gaussian.sample(noise_key, component)


def entropy(key: jax.Array, p: Mixture, *, num_samples: int) -> Estimate:
    """Monte-Carlo estimate of H[p] = −E_p[log p(z)].

    Args:
        key: A random key, which is used up.
        p: Leaves `[K]` and `[K, D]`.
        num_samples: Independent draws S ≥ 2; memory is S · K · D.

    Returns:
        Estimate in nats; unbiased.

    >>> p = Mixture(jnp.zeros(1), Gaussian(jnp.zeros((1, 1)), jnp.ones((1, 1))))
    >>> result = entropy(jax.random.key(0), p, num_samples=1000)
    >>> bool(abs(result.value - 1.4189) < 4 * result.stderr)  # ½ log 2πe
    True
    """
    (p,) = numerics.floats(p)

    def term(s: jax.Array) -> jax.Array:
        return -log_prob(p, sample(jax.random.fold_in(key, s), p))

    return estimate.from_samples(jax.vmap(term)(jnp.arange(num_samples)))


def mean(p: Mixture) -> jax.Array:
    """E[z] = Σ_k π_k μ_k, `[D]`."""
    (p,) = numerics.floats(p)
    return jax.nn.softmax(p.log_weights) @ p.components.loc


def covariance(p: Mixture) -> jax.Array:
    """Cov[z] = Σ_k π_k (diag σ_k² + (μ_k − E[z])(μ_k − E[z])ᵀ), `[D, D]`.

    >>> two = Gaussian(jnp.array([[-2.0], [2.0]]), jnp.ones((2, 1)))
    >>> covariance(Mixture(jnp.zeros(2), two)).tolist()  # 1, and 2² between the means
    [[5.0]]
    """
    (p,) = numerics.floats(p)
    weights = jax.nn.softmax(p.log_weights)  # [K]
    apart = p.components.loc - mean(p)[None, :]  # [K, D]
    between = (weights[:, None] * apart).T @ apart
    return between + jnp.diag(weights @ p.components.scale**2)


def _log_joint(p: Mixture, z: jax.Array) -> jax.Array:
    """log π_k + log N(z; μ_k, diag σ_k²), `[K]`."""
    chex.assert_rank([p.log_weights, p.components.loc, z], [1, 2, 1])
    log_pz_k = jax.vmap(gaussian.log_prob, (0, None))(p.components, z)  # [K]
    return jax.nn.log_softmax(p.log_weights) + log_pz_k
