"""The inclusive KL(p(z) ‖ q(z)) of the prior from the aggregate posterior."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax

from decomp import estimate, numerics
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import density, quadrature
from decomp.estimate import Estimate


class PriorAggregateQuadrature(NamedTuple):
    """An integral over a box, and the mass of the prior in the box."""

    value: jax.Array  # []
    prior_mass: jax.Array  # [], 1 if box and grid suffice


def kl_prior_aggregate(
    z: jax.Array, log_pz: jax.Array, q: Gaussian, *, block: int = 50
) -> Estimate:
    """The inclusive KL(p‖q) = E_p(z)[log p(z) − log q(z)] ≈ (1/S) Σ_j [...]_j.

    Here q(z) = (1/N) Σ_n q(z|x_n) over the given posteriors. The paper prints the sum
    without 1/S and without 1/N; that form is S · (KL − log N), which has another
    gradient scale for the same weight α.

    It is reverse-mode differentiable in every argument; forward mode is not defined.

    Args:
        z: Draws of the prior `[S, D]`.
        log_pz: Their log densities log p(z) `[S]`, nats.
        q: Posteriors, leaves `[N, D]`.
        block: Draws evaluated at once. It changes only memory, about
            `2 · D · block · N`, and speed: on a CPU a block that stays in the cache
            is several times faster than all S at once.

    Returns:
        Estimate in nats. It is unbiased if q is the whole data set. If q is a
        minibatch, its q(z) is an unbiased estimate of the data's, and −log of it is
        biased upward (Jensen): the result overestimates the KL to the data's q(z).

    Source: Mathieu et al. 2018, App. B.2, the divergence before Eq. 8; normalised here.

    >>> import jax.numpy as jnp
    >>> z, q = jnp.zeros((2, 1)), Gaussian(jnp.ones((1, 1)), jnp.ones((1, 1)))
    >>> log_pz = jnp.full(2, -0.9189)  # log N(0; 0, 1)
    >>> round(float(kl_prior_aggregate(z, log_pz, q).value), 3)  # ½ at the mode of p
    0.5
    """
    z, log_pz, q = numerics.floats(z, log_pz, q)
    chex.assert_equal_shape_prefix([z, log_pz], 1)
    return estimate.from_samples(log_pz - density.log_qz(z, q, block=block))


def kl_prior_aggregate_quadrature(
    prior_log_prob: Callable[[jax.Array], jax.Array],
    q: Gaussian,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> PriorAggregateQuadrature:
    """KL(p‖q) in two dimensions by the midpoint rule, ∫ p(z) log(p(z)/q(z)) dz.

    With cells of width h = (high − low)/points_per_axis the error is O(h²) for a smooth
    integrand, and far smaller once h is below the narrowest scale of p and of q, as p
    vanishes at the edge of the box. Prior mass outside the box is left out;
    `prior_mass` shows whether that matters.

    Args:
        prior_log_prob: log p of one point, `[2]` to `[]`.
        q: Posteriors, leaves `[N, 2]`.
        low: Lower edge of the box on both axes.
        high: Upper edge of the box on both axes.
        points_per_axis: Cells per side P; P² evaluations, P of them in memory at once.

    Returns:
        The KL in nats, and the integral of p over the box.

    >>> import jax.numpy as jnp
    >>> from decomp.distributions import gaussian
    >>> q = Gaussian(jnp.array([[1.0, 1.0]]), jnp.ones((1, 2)))
    >>> p = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> log_pz = lambda z: gaussian.log_prob(p, z)
    >>> box = {"low": -6.0, "high": 6.0, "points_per_axis": 50}
    >>> kl = kl_prior_aggregate_quadrature(log_pz, q, **box)
    >>> round(float(kl.value), 3)  # ½ (1² + 1²)
    1.0
    """
    (q,) = numerics.floats(q)
    grid = quadrature.log_densities(
        prior_log_prob, q, low=low, high=high, points_per_axis=points_per_axis
    )
    return PriorAggregateQuadrature(*quadrature.kl(grid.log_pz, grid.log_qz, grid.area))
