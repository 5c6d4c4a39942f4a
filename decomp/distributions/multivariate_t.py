"""Spherical multivariate Student-t: heavy tails without a preferred direction.

    t(z; ν, μ, σ) = Γ(½(ν + D))/((νπ)^(D/2) Γ(½ν) σᴰ) · (1 + ‖y‖²/ν)^(−½(ν + D)),
    y = (z − μ)/σ.

Its dimensions are uncorrelated yet dependent: one variable scales them all. Formulas
are written in w = 1/ν and are smooth through w = 0, so that ν may be ∞ (a Gaussian),
large, traced or learned. `student_t` uses the helpers at the end, too.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions.gaussian import HALF_LOG_2PI

RECURRENCE_STEPS = 10  # steps of the Γ recurrence before the series in 1/ν


class MultivariateT(NamedTuple):
    """Degrees of freedom ν, centre and the one scale σ of all dimensions."""

    df: jax.Array  # [], positive; ∞ is the Gaussian
    loc: jax.Array  # [D]
    scale: jax.Array  # [], positive


def log_prob(p: MultivariateT, z: jax.Array) -> jax.Array:
    """log t(z) = −½(1 + wD)·u·g(w u) + C(w) − D log σ√(2π), u = ‖y‖², g = log(1 + ·)/·.

    Args:
        p: Leaves `[]`, `[D]` and `[]`.
        z: Point `[D]`.

    Returns:
        Log-density `[]` in nats.

    >>> p = MultivariateT(jnp.array(1.0), jnp.zeros(1), jnp.array(1.0))  # Cauchy
    >>> round(float(log_prob(p, jnp.zeros(1))), 4)  # −log π
    -1.1447
    """
    p, z = numerics.floats(p, z)
    chex.assert_equal_shape([p.loc, z])
    dims = p.loc.shape[0]
    y, w = (z - p.loc) / p.scale, inverse_df(p.df)
    kernel = -0.5 * (1.0 + dims * w) * numerics.log1p_squares(y, w, axis=0)
    return kernel + log_constant(w, dims) - dims * (jnp.log(p.scale) + HALF_LOG_2PI)


def sample(key: jax.Array, p: MultivariateT) -> jax.Array:
    """One draw μ + σ·ε·√(½ν/γ), ε ~ N(0, I), γ ~ Gamma(½ν) shared by all dimensions.

    Args:
        key: A random key, which is used up.
        p: Leaves `[]`, `[D]` and `[]`.

    Returns:
        Draw `[D]`, differentiable in `p`; Gaussian where ν = ∞.
    """
    (p,) = numerics.floats(p)
    chex.assert_rank([p.df, p.loc, p.scale], [0, 1, 0])
    noise_key, mixing_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, p.loc.shape, p.loc.dtype)
    mixing = jnp.exp(log_mixing(mixing_key, p.df, p.loc.dtype))
    return p.loc + p.scale * noise * mixing


def entropy(p: MultivariateT) -> jax.Array:
    """H = ½(ν+D)(ψ(½(ν+D)) − ψ(½ν)) + log((νπ)^(D/2) Γ(½ν)/Γ(½(ν+D))) + D log σ.

    With C(w) it is D log σ√(2π) − C(w) + (1 + wD)(½D − w C'(w)), finite at w = 0.

    Args:
        p: Leaves `[]`, `[D]` and `[]`.

    Returns:
        Entropy `[]` in nats.
    """
    (p,) = numerics.floats(p)
    dims, w = p.loc.shape[0], inverse_df(p.df)
    constant, slope = jax.jvp(
        lambda w: log_constant(w, dims), (w,), (jnp.ones_like(w),)
    )
    unit = (1.0 + dims * w) * (0.5 * dims - w * slope) - constant
    return unit + dims * (jnp.log(p.scale) + HALF_LOG_2PI)


def mean(p: MultivariateT) -> jax.Array:
    """E[z] = μ, `[D]`; NaN for ν ≤ 1, where it does not exist."""
    (p,) = numerics.floats(p)
    return jnp.where(p.df > 1.0, p.loc, jnp.nan)


def covariance(p: MultivariateT) -> jax.Array:
    """Cov[z] = σ² ν/(ν − 2) · I, `[D, D]`; the diagonal is ∞ or NaN for ν ≤ 2.

    >>> p = MultivariateT(jnp.array(4.0), jnp.zeros(2), jnp.array(1.0))
    >>> covariance(p).tolist()  # ν/(ν − 2)
    [[2.0, 0.0], [0.0, 2.0]]
    """
    (p,) = numerics.floats(p)
    variance = p.scale**2 * variance_ratio(p.df)
    return jnp.diag(jnp.full_like(p.loc, variance))


def inverse_df(df: jax.Array) -> jax.Array:
    """w = 1/ν; at ν = ∞ the gradient is stopped, as it would be 0 · ∞ for large y."""
    (df,) = numerics.floats(df)
    finite = jnp.isfinite(df)
    return jnp.where(finite, 1.0 / jnp.where(finite, df, 1.0), 0.0)


def log_constant(w: jax.Array, dims: int) -> jax.Array:
    """C(w) = log Γ(½(ν + D)) − log Γ(½ν) − ½D log ½ν, without cancellation; C(0) = 0.

    Whole steps are factors, Γ(a + 1) = a Γ(a); an odd D needs one half step more.

    Args:
        w: 1/ν of any shape.
        dims: D.

    Returns:
        Values of the shape of `w`.
    """
    (w,) = numerics.floats(w)
    odd = dims % 2
    steps = odd + 2 * jnp.arange(dims // 2, dtype=w.dtype)
    whole = jnp.sum(jnp.log1p(jnp.multiply.outer(w, steps)), axis=-1)
    return whole + _log_half_step(w) if odd else whole


def log_mixing(key: jax.Array, df: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """Draws ½ log(½ν/γ), γ ~ Gamma(½ν): times a Gaussian, its exponential is Student-t.

    Args:
        key: A random key, which is used up.
        df: ν of any shape; ∞ gives 0.
        dtype: dtype of the draw.

    Returns:
        Draws of the shape of `df`, differentiable.
    """
    df = jnp.asarray(df, dtype)
    finite = jnp.isfinite(df)
    half_df = 0.5 * jnp.where(finite, df, 1.0)
    # We stay in logs, as the gamma variable itself underflows for small ν.
    log_gamma = jax.random.loggamma(key, half_df, dtype=dtype)
    return jnp.where(finite, 0.5 * (jnp.log(half_df) - log_gamma), 0.0)


def variance_ratio(df: jax.Array) -> jax.Array:
    """ν/(ν − 2), the variance at unit scale; ∞ for 1 < ν ≤ 2 and NaN for ν ≤ 1."""
    (df,) = numerics.floats(df)
    finite = df > 2.0
    w = 1.0 / jnp.where(finite, df, jnp.inf)
    without = jnp.where(df > 1.0, jnp.inf, jnp.nan)
    return jnp.where(finite, 1.0 / (1.0 - 2.0 * w), without)


def _log_half_step(w: jax.Array) -> jax.Array:
    """log Γ(½(ν+1)) − log Γ(½ν) − ½ log ½ν.

    The recurrence carries Γ(a + ½)/Γ(a) from a = ½ν to a + n, where the series in
    v = 1/(2a + 2n) has converged to 1e-13.
    """
    steps = jnp.arange(RECURRENCE_STEPS, dtype=w.dtype)
    climb = 1.0 + 2.0 * jnp.multiply.outer(w, steps)
    climbed = jnp.sum(jnp.log1p(jnp.expand_dims(w, -1) / climb), axis=-1)
    v = w / (1.0 + 2 * RECURRENCE_STEPS * w)
    s = v * v
    series = -1 / 4 + s * (1 / 24 + s * (-1 / 20 + s * (17 / 112 - s * (31 / 36))))
    return v * series + 0.5 * jnp.log1p(2 * RECURRENCE_STEPS * w) - climbed
