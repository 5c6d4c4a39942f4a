"""The exclusive KL(q(z) ‖ p(z)) of the aggregate posterior from the prior."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import estimate, numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import density, quadrature
from decomp.estimate import Estimate


class AggregatePriorQuadrature(NamedTuple):
    """An integral over a box, and the mass of q(z) in the box."""

    value: jax.Array  # []
    aggregate_mass: jax.Array  # [], 1 if box and grid suffice


def kl_aggregate_prior(log_qz: jax.Array, log_pz: jax.Array) -> Estimate:
    """KL(q‖p) = E_q(z)[log q(z) − log p(z)] ≈ (1/B) Σ_b [log q̂(z_b) − log p(z_b)].

    Args:
        log_qz: Estimates log q̂(z_b) `[B]` at draws z_b ~ q(z), nats.
        log_pz: Log densities log p(z_b) `[B]` at the same draws, nats.

    Returns:
        Estimate in nats, with the bias of log q̂. An unbiased q̂ of a minibatch gives a
        downward bias (Jensen), of up to log N if no two posteriors of a minibatch
        overlap: the estimate is then about E KL(q(z|x)‖p(z)) − log N, and is often
        negative. The standard error treats the terms as independent, although they
        share the minibatch of q̂.

    Source: Mathieu et al. 2018, App. C, Eq. 10 to 12.

    >>> log_qz, log_pz = jnp.array([-1.0, -2.0]), jnp.array([-2.0, -4.0])
    >>> float(kl_aggregate_prior(log_qz, log_pz).value)
    1.5
    """
    log_qz, log_pz = numerics.floats(log_qz, log_pz)
    chex.assert_rank([log_qz, log_pz], 1)
    chex.assert_equal_shape([log_qz, log_pz])
    return estimate.from_samples(log_qz - log_pz)


def kl_aggregate_prior_exact(
    key: jax.Array,
    q: Gaussian,
    log_pz: Callable[[jax.Array], jax.Array],
    *,
    num_samples: int,
    block: int = 50,
) -> Estimate:
    """KL(q‖p) = E_q(z)[log q(z) − log p(z)] with q(z) over all N posteriors given.

    It is reverse-mode differentiable in `q`, also through the draws; forward mode is
    not defined.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        log_pz: log p of one point, `[D]` to `[]`.
        num_samples: Draws S ≥ 2; each draws a posterior uniformly, then z from it.
        block: Draws evaluated at once; memory is about `2 · D · block · N`.

    Returns:
        Estimate in nats; value and gradient are unbiased, as log q(z) is exact in N.

    >>> q = Gaussian(jnp.full((3, 1), 2.0), jnp.ones((3, 1)))
    >>> p = Gaussian(jnp.zeros(1), jnp.ones(1))
    >>> log_pz = lambda z: gaussian.log_prob(p, z)
    >>> kl = kl_aggregate_prior_exact(jax.random.key(0), q, log_pz, num_samples=500)
    >>> bool(abs(kl.value - 2) < 4 * kl.stderr)  # KL(N(2, 1) ‖ N(0, 1)) = 2
    True
    """
    (q,) = numerics.floats(q)
    index_key, noise_key = jax.random.split(key)
    n = jax.random.randint(index_key, (num_samples,), 0, q.loc.shape[0], jnp.int32)
    z = gaussian.sample(noise_key, jax.tree.map(lambda leaf: leaf[n], q))  # [S, D]
    log_prior = jax.lax.map(log_pz, z, batch_size=block)
    return estimate.from_samples(density.log_qz(z, q, block=block) - log_prior)


def kl_aggregate_prior_quadrature(
    prior_log_prob: Callable[[jax.Array], jax.Array],
    q: Gaussian,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> AggregatePriorQuadrature:
    """KL(q‖p) in two dimensions by the midpoint rule, ∫ q(z) log(q(z)/p(z)) dz.

    Cells must be narrower than the narrowest posterior: one that fits between the
    points is missed, and `aggregate_mass` then differs from 1. It is also below 1 if
    the box leaves out some of q(z).

    Args:
        prior_log_prob: log p of one point, `[2]` to `[]`.
        q: Posteriors, leaves `[N, 2]`.
        low: Lower edge of the box on both axes.
        high: Upper edge of the box on both axes.
        points_per_axis: Cells per side P; P² evaluations, P of them in memory at once.

    Returns:
        The KL in nats, and the integral of q over the box. The KL is infinite, and its
        gradient NaN, if p(z) = 0 where q(z) > 0.

    >>> q = Gaussian(jnp.array([[1.0, 1.0]]), jnp.ones((1, 2)))
    >>> p = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> log_pz = lambda z: gaussian.log_prob(p, z)
    >>> box = {"low": -6.0, "high": 8.0, "points_per_axis": 50}
    >>> kl = kl_aggregate_prior_quadrature(log_pz, q, **box)
    >>> round(float(kl.value), 3)  # ½ (1² + 1²)
    1.0
    """
    (q,) = numerics.floats(q)
    grid = quadrature.log_densities(
        prior_log_prob, q, low=low, high=high, points_per_axis=points_per_axis
    )
    return AggregatePriorQuadrature(*quadrature.kl(grid.log_qz, grid.log_pz, grid.area))
