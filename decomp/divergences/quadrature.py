"""KL divergences in two dimensions by the midpoint rule on a square box."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import density


class Grid(NamedTuple):
    """log p and log q at the midpoints of P × P cells, and the area of a cell."""

    log_pz: jax.Array  # [P²]
    log_qz: jax.Array  # [P²]
    area: float


def log_densities(
    prior_log_prob: Callable[[jax.Array], jax.Array],
    q: Gaussian,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> Grid:
    """The prior and the aggregate posterior on a grid.

    Args:
        prior_log_prob: log p of one point, `[2]` to `[]`.
        q: Posteriors, leaves `[N, 2]`.
        low: Lower edge of the box on both axes.
        high: Upper edge of the box on both axes.
        points_per_axis: Cells per side P; P of the P² points are evaluated at once.

    Returns:
        Log-densities in nats.

    >>> q = Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    >>> box = {"low": -6.0, "high": 6.0, "points_per_axis": 40}
    >>> grid = log_densities(lambda z: -0.5 * jnp.sum(z**2), q, **box)
    >>> round(float(grid.area * jnp.exp(grid.log_qz).sum()), 4)  # its integral
    1.0
    """
    (q,) = numerics.floats(q)
    chex.assert_shape(q.loc, (None, 2))
    width = (high - low) / points_per_axis
    ticks = low + width * (jnp.arange(points_per_axis, dtype=q.loc.dtype) + 0.5)
    x, y = jnp.meshgrid(ticks, ticks, indexing="ij")
    points = jnp.stack([x.ravel(), y.ravel()], axis=1)  # [P², 2]
    log_pz = jax.lax.map(prior_log_prob, points, batch_size=points_per_axis)
    log_qz = density.log_qz(points, q, block=points_per_axis)
    return Grid(log_pz, log_qz, width**2)


def kl(log_a: jax.Array, log_b: jax.Array, area: float) -> tuple[jax.Array, jax.Array]:
    """∫ a(z) log(a(z)/b(z)) dz and ∫ a(z) dz over the cells, each `[]`."""
    log_a, log_b = numerics.floats(log_a, log_b)
    mass = area * jnp.exp(log_a)
    # If a underflows, the integrand is 0, but log a may be −inf, and 0 · −inf is NaN.
    log_ratio = jnp.where(mass > 0, log_a, 0) - jnp.where(mass > 0, log_b, 0)
    return jnp.sum(mass * log_ratio), jnp.sum(mass)
