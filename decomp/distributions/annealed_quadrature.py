"""The annealed prior f_β = p^β/F_β by quadrature, for families without a closed form.

F_β = ∫ p(z)^β dz over a box, in one or two dimensions, or of each factor p(z_d) of a
product over any number of dimensions. On equally spaced points the sum converges
faster than any power of their distance for smooth densities that vanish at the edges:
about exp(−2π²σ²/(β h²)) for the narrowest Gaussian part, scale σ, at distance h.

Source: Mathieu, Rainforth, Siddharth & Teh 2018, Theorem 1.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from decomp import numerics


class Normaliser(NamedTuple):
    """log F_β, and an estimate of its error.

    The error is |log F(h) − log F(2h)|, which is that of the coarser sum, plus the mass
    of a second box in which f_β is as high as at the edges of this one. That covers
    tails which fall off at least as fast as |z|^−(D + ½), with D = 1 for the factors of
    a product. The estimate tends to be too large once h is below the narrowest scale of
    f_β; it leaves out rounding.
    """

    value: jax.Array  # [], nats
    error: jax.Array  # [], nats


def log_normaliser(
    log_prob: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    *,
    low: float,
    high: float,
    points_per_axis: int,
    dims: int,
) -> Normaliser:
    """log F_β = log ∫ p(z)^β dz over [low, high]^D, D = 1 or 2.

    Args:
        log_prob: log p of one point, `[D]` to `[]`; p need not be normalised.
        beta: Exponent `[]`, positive.
        low: Lower edge of the box on every axis.
        high: Upper edge of the box on every axis.
        points_per_axis: P, odd; P^D evaluations, P of them held at once.
        dims: D.

    Returns:
        Normaliser in nats, differentiable in β and in what `log_prob` depends on.

    Raises:
        ValueError: For an even P, one below 3, or D other than 1 or 2.

    >>> log_prob = lambda z: -0.5 * jnp.sum(z**2 + math.log(2 * math.pi))
    >>> box = {"low": -6.0, "high": 6.0, "points_per_axis": 101, "dims": 1}
    >>> normaliser = log_normaliser(log_prob, 4.0, **box)
    >>> round(float(normaliser.value), 4)  # −1½ log 2π − ½ log 4
    -3.45
    """
    if dims not in (1, 2):
        raise ValueError(f"expected dims of 1 or 2; got {dims}.")
    ticks = _ticks(log_prob, beta, dims, low, high, points_per_axis)
    grid = jnp.stack(jnp.meshgrid(*[ticks] * dims, indexing="ij"), axis=-1)
    points = grid.reshape(-1, dims)
    log_pz = jax.lax.map(log_prob, points, batch_size=points_per_axis)
    return _integrate(log_pz.reshape(grid.shape[:-1]), beta, high - low)


def log_normaliser_dims(
    log_prob_dims: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    *,
    low: float,
    high: float,
    points_per_axis: int,
    latents: int,
) -> Normaliser:
    """log ∫ p(z_d)^β dz_d for every factor of p(z) = Π_d p(z_d); their sum is log F_β.

    Args:
        log_prob_dims: The factors log p(z_d) of one point, `[D]` to `[D]`.
        beta: Exponent `[]`, positive.
        low: Lower edge of the interval.
        high: Upper edge of the interval.
        points_per_axis: P, odd; P · D densities.
        latents: D.

    Returns:
        Normaliser with leaves `[D]`, in nats.

    Raises:
        ValueError: For an even P or one below 3.

    >>> log_prob_dims = lambda z: -0.5 * (z**2 + math.log(2 * math.pi))
    >>> box = {"low": -9.0, "high": 9.0, "points_per_axis": 101, "latents": 2}
    >>> normaliser = log_normaliser_dims(log_prob_dims, 2.0, **box)
    >>> print(normaliser.value.round(4))  # −½ log 4π each
    [-1.2655 -1.2655]
    """
    ticks = _ticks(log_prob_dims, beta, latents, low, high, points_per_axis)
    log_pz = jax.vmap(lambda t: log_prob_dims(jnp.full(latents, t)))(ticks)  # [P, D]
    return jax.vmap(_integrate, (1, None, None))(log_pz, beta, high - low)


def log_density(
    log_prob: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    normaliser: Normaliser,
    z: jax.Array,
) -> jax.Array:
    """log f_β(z) = β log p(z) − log F_β.

    Args:
        log_prob: log p of one point, `[D]` to `[]`, or its factors, `[D]` to `[D]`.
        beta: Exponent `[]`, positive.
        normaliser: Normaliser of the same p and β, leaves of the shape that `log_prob`
            returns.
        z: Point `[D]`.

    Returns:
        `[]`, or `[D]` for factors, in nats.

    >>> log_prob = lambda z: -0.5 * jnp.sum(z**2)  # N(0, 1), not normalised
    >>> box = {"low": -9.0, "high": 9.0, "points_per_axis": 101, "dims": 1}
    >>> normaliser = log_normaliser(log_prob, 2.0, **box)
    >>> round(float(log_density(log_prob, 2.0, normaliser, jnp.zeros(1))), 4)  # N(0, ½)
    -0.5724
    """
    (z,) = numerics.floats(z)
    log_pz, beta, normaliser = numerics.floats(log_prob(z), beta, normaliser)
    return beta * log_pz - normaliser.value


def _ticks(
    log_prob: Callable[[jax.Array], jax.Array],
    beta: jax.Array,
    dims: int,
    low: float,
    high: float,
    count: int,
) -> jax.Array:
    """Equally spaced points, including both edges and the middle, `[P]`.

    They have the precision of the density, which is that of its parameters.
    """
    if count < 3 or count % 2 == 0:
        raise ValueError(f"expected an odd points_per_axis of at least 3; got {count}.")
    (exponent,) = numerics.floats(beta)
    point = jax.ShapeDtypeStruct((dims,), exponent.dtype)
    density = jax.eval_shape(log_prob, point)
    dtype = max(point.dtype, density.dtype, key=lambda dtype: dtype.itemsize)
    return jnp.linspace(low, high, count, dtype=dtype)


def _integrate(log_pz: jax.Array, beta: jax.Array, length: float) -> Normaliser:
    """log ∫ p^β, from log p `[P]` or `[P, P]` on a grid that includes the edges."""
    log_pz, beta = numerics.floats(log_pz, beta)
    count, dims = log_pz.shape[0], log_pz.ndim
    # Subtract the peak before multiplying by β, so that the exponent is exactly 0
    # there. β log p can be 1e10, and a fused multiply-add would round it differently in
    # two places: exp of the difference would overflow.
    peak = jax.lax.stop_gradient(jnp.max(log_pz))
    peak = jnp.where(jnp.isfinite(peak), peak, 0)
    none = log_pz == -jnp.inf  # here p^β is 0 for all β
    log_power = jnp.where(none, -jnp.inf, beta * jnp.where(none, 0, log_pz - peak))
    log_step = math.log(length / (count - 1))
    every_other = log_power[(slice(None, None, 2),) * dims]
    total = jax.nn.logsumexp(log_power)
    fine = total + dims * log_step
    coarse = jax.nn.logsumexp(every_other) + dims * (log_step + math.log(2.0))
    edges = [log_power[side] for side in (0, -1)]
    edges += [log_power[:, side] for side in (0, -1)[: 2 * dims - 2]]
    at_edges = jax.nn.logsumexp(jnp.stack(edges))
    beyond = count * jnp.exp(at_edges - total)
    return Normaliser(beta * peak + fine, jnp.abs(fine - coarse) + beyond)
