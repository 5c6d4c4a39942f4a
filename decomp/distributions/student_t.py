"""Product of Student-t distributions, with the Gaussian as the exact limit ν = ∞.

    t(z; ν, μ, σ) = Γ(½(ν + 1))/(√(νπ) Γ(½ν) σ) · (1 + y²/ν)^(−½(ν + 1)),
    y = (z − μ)/σ.

Everything is written in w = 1/ν and is smooth through w = 0, so that ν may be ∞, large,
traced or learned. KL(N‖t) has no closed form; estimate it from the two log-densities at
the same draws. Tails use r = sign(y)·√(ν log(1 + y²/ν)), in which

    t(z) dz = e^c(w)/√(2π) · e^(−r²/2) h(w r²) dr,   h(v) = √(v/(1 − e⁻ᵛ)),

is a Gaussian times a slowly varying factor, integrated by Gauss–Legendre quadrature.
"""

import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.distributions import multivariate_t
from decomp.distributions.gaussian import HALF_LOG_2PI

SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
CENTRE = 1.2  # the integral starts at 0 for smaller |r|, at infinity for larger |r|
TAIL_NATS = 37.0  # the tail integral ends where its integrand is e⁻³⁷
NEWTON_STEPS = 6
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)  # on [−1, 1]


class StudentT(NamedTuple):
    """Degrees of freedom ν, median and scale σ per dimension."""

    df: jax.Array  # [*X] or [], positive; ∞ is the Gaussian
    loc: jax.Array  # [*X]
    scale: jax.Array  # [*X], positive


def log_prob(p: StudentT, z: jax.Array) -> jax.Array:
    """log p(z), summed over dimensions.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        z: Point `[*X]`.

    Returns:
        Log-density `[]` in nats.

    >>> p = StudentT(jnp.ones(1), jnp.zeros(1), jnp.ones(1))  # Cauchy
    >>> round(float(log_prob(p, jnp.zeros(1))), 4)  # −log π
    -1.1447
    """
    p, z = numerics.floats(p, z)
    return jnp.sum(log_prob_dims(p, z))


def log_prob_dims(p: StudentT, z: jax.Array) -> jax.Array:
    """log t(z_d) = −½(1 + w)·y²·g(w y²) + c(w) − log σ − ½ log 2π, g(u) = log(1 + u)/u.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        z: Point `[*X]`.

    Returns:
        Log-density of each dimension `[*X]` in nats.
    """
    p, z = numerics.floats(p, z)
    y, w = _standardise(p, z)
    kernel = -0.5 * (1.0 + w) * numerics.log1p_squares(y, w)
    return kernel + _log_constant(w) - jnp.log(p.scale) - HALF_LOG_2PI


def sample(key: jax.Array, p: StudentT) -> jax.Array:
    """One draw μ + σ·ε·√(½ν/γ), ε ~ N(0, 1), γ ~ Gamma(½ν).

    Args:
        key: A random key, which is used up.
        p: Leaves `[*X]`, `df` alternatively `[]`.

    Returns:
        Draw `[*X]`, differentiable in `p`; Gaussian where ν = ∞.
    """
    (p,) = numerics.floats(p)
    chex.assert_equal_shape([p.loc, p.scale])
    noise_key, mixing_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, p.loc.shape, p.loc.dtype)
    df = jnp.broadcast_to(p.df, p.loc.shape)
    mixing = jnp.exp(multivariate_t.log_mixing(mixing_key, df, p.loc.dtype))
    return p.loc + p.scale * noise * mixing


def entropy(p: StudentT) -> jax.Array:
    """H = Σ_d ½(ν+1)(ψ(½(ν+1)) − ψ(½ν)) + log(√ν B(½ν, ½)) + log σ_d.

    With c(w) it is ½ log 2π − c(w) + (1 + w)(½ − w c'(w)) + log σ, finite at w = 0.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.

    Returns:
        Entropy `[]` in nats.

    >>> cauchy = StudentT(jnp.ones(1), jnp.zeros(1), jnp.ones(1))
    >>> round(float(entropy(cauchy)), 4)  # log 4π
    2.531
    """
    (p,) = numerics.floats(p)
    w = jnp.broadcast_to(multivariate_t.inverse_df(p.df), p.loc.shape)
    constant, slope = jax.jvp(_log_constant, (w,), (jnp.ones_like(w),))
    unit = HALF_LOG_2PI - constant + (1.0 + w) * (0.5 - w * slope)
    return jnp.sum(unit + jnp.log(p.scale))


def mean(p: StudentT) -> jax.Array:
    """E[z] = μ, `[*X]`; NaN for ν ≤ 1, where it does not exist."""
    (p,) = numerics.floats(p)
    return jnp.where(p.df > 1.0, p.loc, jnp.nan)


def covariance(p: StudentT) -> jax.Array:
    """Cov[z] = diag(σ² ν/(ν − 2)), `[D, D]`; the diagonal is ∞ or NaN for ν ≤ 2.

    >>> covariance(StudentT(jnp.full(1, 4.0), jnp.zeros(1), jnp.ones(1))).tolist()
    [[2.0]]
    """
    (p,) = numerics.floats(p)
    chex.assert_rank(p.scale, 1)
    return jnp.diag(p.scale**2 * multivariate_t.variance_ratio(p.df))


def two_sided_tail(p: StudentT, z: jax.Array) -> jax.Array:
    """P(|Z_d − μ_d| > |z_d − μ_d|).

    Its relative error comes from rounding its logarithm: in float32 about 1e-6 in the
    centre and 2e-5 at 1e-30.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        z: Point `[*X]`.

    Returns:
        Probability of each dimension `[*X]`; 0 where it is too small for the dtype.

    >>> p = StudentT(jnp.ones(1), jnp.zeros(1), jnp.ones(1))  # Cauchy
    >>> two_sided_tail(p, jnp.ones(1)).round(4).tolist()
    [0.5]
    """
    p, z = numerics.floats(p, z)
    return jnp.vectorize(_two_sided_tail)(*_standardise(p, z))


def cdf(p: StudentT, z: jax.Array) -> jax.Array:
    """P(Z_d ≤ z_d), with a small relative error in the lower tail.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        z: Point `[*X]`.

    Returns:
        Probability of each dimension `[*X]`; the absolute error is small everywhere.

    >>> p = StudentT(jnp.ones(1), jnp.zeros(1), jnp.ones(1))  # Cauchy
    >>> cdf(p, jnp.ones(1)).round(4).tolist()
    [0.75]
    """
    p, z = numerics.floats(p, z)
    half_tail = 0.5 * two_sided_tail(p, z)
    return jnp.where(z < p.loc, half_tail, 1.0 - half_tail)


def transport_to_normal(p: StudentT, z: jax.Array) -> jax.Array:
    """The monotone optimal-transport map to N(0, I), z'_d = Φ⁻¹(F(z_d)).

    It is solved in the logarithm of the tail, so that no probability underflows: both
    tails are accurate and finite for |y| ≤ 1e4 at every ν ≥ ½. At ν = ∞ it is exactly
    y.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        z: Point `[*X]`.

    Returns:
        Mapped point `[*X]`, differentiable in `p` and `z`.
    """
    p, z = numerics.floats(p, z)
    return jnp.vectorize(_transport)(*_standardise(p, z))


def _standardise(p: StudentT, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """y = (z − μ)/σ of shape `[*X]` and w = 1/ν."""
    chex.assert_equal_shape([p.loc, p.scale, z])
    return (z - p.loc) / p.scale, multivariate_t.inverse_df(p.df)


def _log_constant(w: jax.Array) -> jax.Array:
    """c(w) = log Γ(½(ν+1)) − log Γ(½ν) − ½ log ½ν; c(0) = 0."""
    return multivariate_t.log_constant(w, 1)


def _factor(v: jax.Array) -> jax.Array:
    """h(v) = √(v/(1 − e⁻ᵛ)) for v ≥ 0; h(0) = 1."""
    small = v < 0.5
    near = jnp.where(small, v, 0.0)
    q = near * near
    even = q * (1 / 12 + q * (-1 / 720 + q * (1 / 30240 - q * (1 / 1209600))))
    far = jnp.where(small, 1.0, v)  # the unused branch must not divide by 0
    return jnp.sqrt(jnp.where(small, 1 + near / 2 + even, far / -jnp.expm1(-far)))


def _centre_integral(r: jax.Array, w: jax.Array) -> jax.Array:
    """∫₀ʳ e^(−s²/2) h(w s²) ds for r `[]`; it is odd in r."""
    s = r * jnp.asarray(0.5 + 0.5 * NODES, r.dtype)
    weights = jnp.asarray(0.5 * WEIGHTS, r.dtype)
    return r * jnp.sum(weights * jnp.exp(-0.5 * s * s) * _factor(w * s * s))


def _tail_integral(r: jax.Array, w: jax.Array) -> jax.Array:
    """e^(r²/2) ∫_r^∞ e^(−s²/2) h(w s²) ds for r > 0 `[]`; the Mills ratio at w = 0."""
    end = 2 * TAIL_NATS / (r + jnp.sqrt(r * r + 2 * TAIL_NATS))
    s = end * jnp.asarray(0.5 + 0.5 * NODES, r.dtype)
    weights = jnp.asarray(0.5 * WEIGHTS, r.dtype)
    x = r + s
    return end * jnp.sum(weights * jnp.exp(-s * (r + 0.5 * s)) * _factor(w * x * x))


def _two_sided_tail(y: jax.Array, w: jax.Array) -> jax.Array:
    """P(|Y| > |y|) of one dimension `[]`."""
    r = jnp.abs(numerics.root_log1p(y, w))
    constant = _log_constant(w)
    # At r = 1.2, minimum and maximum would halve the derivative.
    inner = jnp.where(r < CENTRE, r, CENTRE)
    outer = jnp.where(r < CENTRE, CENTRE, r)
    centre = 1.0 - SQRT_2_OVER_PI * jnp.exp(constant) * _centre_integral(inner, w)
    decay = jnp.exp(constant - 0.5 * outer * outer)
    tail = SQRT_2_OVER_PI * decay * _tail_integral(outer, w)
    return jnp.where(r < CENTRE, centre, tail)


def _transport(y: jax.Array, w: jax.Array) -> jax.Array:
    """Φ⁻¹(F(y)) of one dimension `[]`."""
    r = numerics.root_log1p(y, w)
    constant = _log_constant(w)
    inside = jnp.abs(r) < CENTRE
    centre = _transport_centre(jnp.where(inside, r, 0.0), w, constant)
    tail = _transport_tail(jnp.where(inside, CENTRE, jnp.abs(r)), w, constant)
    moved = jnp.where(inside, centre, jnp.sign(r) * tail)
    return jnp.where(w == 0.0, y, moved)


def _transport_centre(r: jax.Array, w: jax.Array, constant: jax.Array) -> jax.Array:
    """Newton on ∫₀ᶻ e^(−s²/2) ds = e^c ∫₀ʳ e^(−s²/2) h(w s²) ds."""
    target = jnp.exp(constant) * _centre_integral(r, w)

    def step(_: jax.Array, z: jax.Array) -> jax.Array:
        excess = _centre_integral(z, jnp.zeros_like(w)) - target
        return z - excess * jnp.exp(0.5 * z * z)

    return jax.lax.fori_loop(0, NEWTON_STEPS, step, r * jnp.exp(constant))


def _transport_tail(r: jax.Array, w: jax.Array, constant: jax.Array) -> jax.Array:
    """Newton on the log-tail, ½z² − log M(z) = ½r² − log J(r, w) − c.

    J is the tail integral and M the Mills ratio; the left side has the derivative 1/M.
    """
    offset = jnp.log(_tail_integral(r, w)) + constant

    def step(_: jax.Array, z: jax.Array) -> jax.Array:
        mills = _tail_integral(z, jnp.zeros_like(w))
        gap = 0.5 * (z - r) * (z + r) - jnp.log(mills) + offset
        return z - mills * gap

    return jax.lax.fori_loop(0, NEWTON_STEPS, step, r)
