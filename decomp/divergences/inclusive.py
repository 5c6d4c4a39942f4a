"""The inclusive KL(p(z) ‖ q(z)) of the aggregate posterior from the prior."""

import math
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import estimate
from decomp.distributions.gaussian import HALF_LOG_2PI, Gaussian
from decomp.estimate import Estimate


class Quadrature(NamedTuple):
    """An integral over a box, and how much of the prior the box holds."""

    value: jax.Array  # []
    prior_mass: jax.Array  # [], 1 where the box and the grid suffice


def kl_prior_aggregate(
    z: jax.Array, log_pz: jax.Array, q: Gaussian, *, block: int = 50
) -> Estimate:
    """The inclusive KL(p‖q) = E_p(z)[log p(z) − log q(z)] ≈ (1/S) Σ_j [...]_j.

    With q(z) = (1/N) Σ_n q(z|x_n) over the posteriors given. The paper prints the sum
    without 1/S and without 1/N; that form is S · (KL − log N), with another gradient
    scale for the same weight α.

    Reverse-mode differentiable in every argument; forward mode is not defined.

    Args:
        z: Draws of the prior `[S, D]`.
        log_pz: Their log densities log p(z) `[S]`, nats.
        q: Posteriors, leaves `[N, D]`.
        block: Draws evaluated at once. It bounds the working memory to about
            `2 · D · block · N` and sets only the speed: on a CPU a block that stays
            in the cache is several times faster than all S at once.

    Returns:
        Estimate in nats. If q holds the whole data set the estimate is unbiased. If it
        holds a minibatch, q(z) is itself an unbiased estimate, and −log of it is biased
        upward (Jensen): the result overestimates the KL to the data's q(z).

    Source: Mathieu et al. 2018, App. B.2, the divergence before Eq. 8, normalised.
    """
    chex.assert_equal_shape_prefix([z, log_pz], 1)
    return estimate.from_samples(log_pz - _log_qz(z, q, block=block))


def kl_prior_aggregate_quadrature(
    prior_log_prob: Callable[[jax.Array], jax.Array],
    q: Gaussian,
    *,
    low: float,
    high: float,
    points_per_axis: int,
) -> Quadrature:
    """KL(p‖q) in two dimensions by the midpoint rule, ∫ p(z) log(p(z)/q(z)) dz.

    With cells of width h = (high − low)/points_per_axis the error is O(h²) for a smooth
    integrand, and far smaller once h is below the narrowest scale of p and of q, as p
    vanishes at the edge of the box. Prior mass outside the box is left out and is the
    caller's to judge, by `prior_mass`.

    Args:
        prior_log_prob: log p of one point, `[2]` to `[]`.
        q: Posteriors, leaves `[N, 2]`.
        low: Lower edge of the box on both axes.
        high: Upper edge of the box on both axes.
        points_per_axis: Cells a side P; P² evaluations, P of them held at once.

    Returns:
        The KL in nats, and the integral of p over the box.
    """
    chex.assert_shape(q.loc, (None, 2))
    width = (high - low) / points_per_axis
    ticks = low + width * (jnp.arange(points_per_axis, dtype=q.loc.dtype) + 0.5)
    x, y = jnp.meshgrid(ticks, ticks, indexing="ij")
    points = jnp.stack([x.ravel(), y.ravel()], axis=1)  # [P², 2]
    log_pz = jax.lax.map(prior_log_prob, points, batch_size=points_per_axis)
    log_qz = _log_qz(points, q, block=points_per_axis)
    mass = width**2 * jnp.exp(log_pz)
    # Where p underflows the integrand is 0, but log p may be −inf and 0 · −inf is NaN.
    log_ratio = jnp.where(mass > 0, log_pz, 0) - jnp.where(mass > 0, log_qz, 0)
    return Quadrature(jnp.sum(mass * log_ratio), jnp.sum(mass))


def _log_qz(z: jax.Array, q: Gaussian, *, block: int) -> jax.Array:
    """log q(z) at points `[S, D]`, in blocks of rows; `[S]`."""
    count, dims = z.shape
    block = min(block, count)
    split = count // block * block

    def rows(part: jax.Array) -> jax.Array:
        return _log_mean_density(part, q.loc, q.scale)

    blocks = jax.lax.map(rows, z[:split].reshape(count // block, block, dims))
    if split == count:
        return blocks.reshape(count)
    return jnp.concatenate([blocks.reshape(split), rows(z[split:])])


@jax.custom_vjp
def _log_mean_density(z: jax.Array, loc: jax.Array, scale: jax.Array) -> jax.Array:
    """log (1/N) Σ_n N(z_s; μ_n, diag σ_n²), `[S]`.

    With a derivative of its own: one pass of exponentials serves value and gradient,
    and the sums over s are products with a vector, which vectorise where the column
    sums of automatic differentiation do not.
    """
    return _forward(z, loc, scale)[0]


def _forward(
    z: jax.Array, loc: jax.Array, scale: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    size, dims = loc.shape
    log_norm = -jnp.sum(jnp.log(scale), axis=1) - dims * HALF_LOG_2PI
    squares = sum(u * u for u in _standardised(z, loc, scale))
    logits = log_norm[None, :] - 0.5 * squares  # [S, N]
    peak = jnp.max(logits, axis=1)
    weights = jnp.exp(logits - peak[:, None])
    total = jnp.sum(weights, axis=1)
    value = peak + jnp.log(total) - math.log(size)
    return value, (z, loc, scale, weights, total)


def _backward(
    residuals: tuple[jax.Array, ...], cotangent: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    z, loc, scale, weights, total = residuals
    row = cotangent / total  # row[s] · weights[s, n]: the responsibilities of n for s
    dz, dloc, dscale = [], [], []
    for d, u in enumerate(_standardised(z, loc, scale)):
        inverse = 1 / scale[:, d]
        first = weights * u
        dz.append(-row * (first @ inverse))
        dloc.append((row @ first) * inverse)
        dscale.append((row @ (first * u) - row @ weights) * inverse)
    return jnp.stack(dz, axis=1), jnp.stack(dloc, axis=1), jnp.stack(dscale, axis=1)


def _standardised(z: jax.Array, loc: jax.Array, scale: jax.Array) -> list[jax.Array]:
    """(z_sd − μ_nd)/σ_nd as one `[S, N]` per dimension d."""
    inverse = 1 / scale
    return [
        (z[:, d, None] - loc[None, :, d]) * inverse[None, :, d]
        for d in range(loc.shape[1])
    ]


_log_mean_density.defvjp(_forward, _backward)
