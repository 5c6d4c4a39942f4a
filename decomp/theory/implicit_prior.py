"""The implicit prior of the β-VAE, r(z) = q(z)^{1−β} p(z)^β/Z.

With q(z) = (1/N) Σ_n q(z|x_n) and the index-code information I_q(z; n), on average

    (1/N) Σ_n β KL(q(z|x_n)‖p) = (1/N) Σ_n KL(q(z|x_n)‖r) + (β − 1) I_q(z; n) − log Z

    Z = ∫ q(z)^{1−β} p(z)^β dz,    log Z = (β − 1) D_β(p‖q)

with D_β ≥ 0 the Rényi divergence. In short, β KL(q(z)‖p) = KL(q(z)‖r) − log Z: instead
of β times to p, the aggregate posterior is matched once to r. The information, which
the KL to r contains once, is penalised β times in all.

For 0 < β ≤ 1, Z ≤ 1 by Hölder's inequality. For β > 1 it is finite only if p^β falls
faster than q^{β−1}. The widest posterior determines the tail of q. In one dimension,
with p = N(0, σ²), its variance must exceed (1 − 1/β) σ²: half the prior's at β = 2,
which is rare for a latent that carries information. Otherwise r does not exist, and
log Z and the KL to r are infinite. `tail_precision` computes whether r exists.

Source: Hoffman, Riquelme & Johnson 2017, "The β-VAE's implicit prior"; Mathieu et al.
2018, App. A.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import quadrature
from decomp.divergences.quadrature import Grid
from decomp.theory.theorem_1 import Sides


def log_normaliser(
    q: Gaussian,
    prior_log_prob: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> jax.Array:
    """log Z = log ∫ q(z)^{1−β} p(z)^β dz in two dimensions, by the midpoint rule.

    Args:
        q: Posteriors of the whole data set, leaves `[N, 2]`.
        prior_log_prob: log p of one point, `[2]` to `[]`.
        beta: Weight `[]`, positive.
        low: Lower edge on both axes of a box that holds q, p and r.
        high: Upper edge.
        points_per_axis: Cells per side P; P² evaluations, P of them in memory at once.

    Returns:
        `[]` in nats. If Z is infinite, it grows with the box.

    >>> q = Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    >>> log_prob = lambda z: gaussian.log_prob(Gaussian(jnp.zeros(2), jnp.ones(2)), z)
    >>> log_z = log_normaliser(q, log_prob, 2.0, low=-6, high=6, points_per_axis=60)
    >>> abs(round(float(log_z), 3))  # q = p, so that r = p
    0.0
    """
    q, beta = numerics.floats(q, beta)
    grid = quadrature.log_densities(
        prior_log_prob, q, low=low, high=high, points_per_axis=points_per_axis
    )
    return _log_normaliser(grid, beta)


def sides(
    q: Gaussian,
    prior_log_prob: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> Sides:
    """Both sides: β times the mean KL to p, and the mean KL to r plus the other terms.

        E_n[β KL(q(z|x_n)‖p)] = E_n[KL(q(z|x_n)‖r)] + (β − 1) I_q(z; n) − log Z

    Args:
        q: Posteriors of the whole data set, leaves `[N, 2]`.
        prior_log_prob: log p of one point, `[2]` to `[]`.
        beta: Weight `[]`, positive.
        low: Lower edge on both axes of a box that holds q, p and r.
        high: Upper edge.
        points_per_axis: Cells per side P; P² evaluations, P of them in memory at once.

    Returns:
        Sides `[]` in nats: exact entropies of the posteriors, and integrals over q(z)
        and r(z) by the midpoint rule.

    >>> q = Gaussian(jnp.array([[-1.0, 0.0], [1.0, 0.0]]), jnp.ones((2, 2)))
    >>> log_prob = lambda z: gaussian.log_prob(Gaussian(jnp.zeros(2), jnp.ones(2)), z)
    >>> both = sides(q, log_prob, 2.0, low=-9, high=9, points_per_axis=90)
    >>> [round(float(side), 3) for side in both]  # β ½ ‖μ‖²
    [1.0, 1.0]
    """
    q, beta = numerics.floats(q, beta)
    grid = quadrature.log_densities(
        prior_log_prob, q, low=low, high=high, points_per_axis=points_per_axis
    )
    log_z = _log_normaliser(grid, beta)
    log_rz = _log_unnormalised(grid, beta) - log_z

    def aggregate_kl(log_density: jax.Array) -> jax.Array:
        """KL(q(z)‖·)."""
        return quadrature.kl(grid.log_qz, log_density, grid.area)[0]

    conditional = jnp.mean(jax.vmap(gaussian.entropy)(q))
    information = -aggregate_kl(jnp.zeros_like(grid.log_qz)) - conditional
    return Sides(
        left=beta * (information + aggregate_kl(grid.log_pz)),
        right=(information + aggregate_kl(log_rz)) + (beta - 1) * information - log_z,
    )


def tail_precision(
    q: Gaussian, p: Gaussian, beta: jax.Array, direction: jax.Array
) -> jax.Array:
    """a(u) in −2 log r(tu) ≈ a(u)·t² as t → ∞; r exists if a(u) > 0 for every u ≠ 0.

        a(u) = β Σ_d u_d²/σ_d² − (β − 1) min_n Σ_d u_d²/σ_nd²

    Args:
        q: Posteriors of the whole data set, leaves `[N, D]`.
        p: Gaussian prior, leaves `[D]`.
        beta: Weight `[]`, positive.
        direction: u `[D]`.

    Returns:
        `[]`, an inverse variance for a unit vector u. If it is ≤ 0, r has no finite
        integral in that direction.
    """
    q, p, beta, direction = numerics.floats(q, p, beta, direction)
    chex.assert_equal_shape([p.loc, direction])
    widest = jnp.min(jnp.sum((direction[None] / q.scale) ** 2, axis=1))
    return beta * jnp.sum((direction / p.scale) ** 2) - (beta - 1) * widest


def _log_unnormalised(grid: Grid, beta: jax.Array) -> jax.Array:
    """(1 − β) log q(z) + β log p(z), `[P²]`."""
    return (1 - beta) * grid.log_qz + beta * grid.log_pz


def _log_normaliser(grid: Grid, beta: jax.Array) -> jax.Array:
    """The log of the sum over the cells."""
    return jax.nn.logsumexp(_log_unnormalised(grid, beta)) + jnp.log(grid.area)
