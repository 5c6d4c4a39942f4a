"""The priors p(z) of the paper, as parameters of `decomp.distributions`.

The wanted structure of the latent space is expressed here, in p(z), and not by a
penalty on q(z). A prior that is made only of sizes and Python numbers is float32.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import spike_slab
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.hierarchical import Hierarchical
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.spike_slab import SpikeSlab
from decomp.distributions.student_t import StudentT
from decomp.distributions.subspaces import Subspaces

CLUSTER_LAYOUTS = {
    "axes": ((0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0)),
    "square": ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)),
}


LOG_LEAST = math.log(1e-6)  # log of the least learned scale; less overflows log p


class MixtureParameters(NamedTuple):
    """Arguments of `free_mixture`."""

    log_weights: jax.Array  # [K]
    loc: jax.Array  # [K, D]
    log_scale: jax.Array  # [K, D]


class HierarchicalParameters(NamedTuple):
    """Arguments of `hierarchical`."""

    weights: jax.Array  # [L, T]
    log_scale_weights: jax.Array  # [L, T]


def isotropic(latents: int) -> Gaussian:
    """N(0, I) in D = `latents` dimensions.

    >>> isotropic(2).scale.tolist()
    [1.0, 1.0]
    """
    return Gaussian(jnp.zeros(latents, jnp.float32), jnp.ones(latents, jnp.float32))


def anisotropic(log_variances: jax.Array) -> Gaussian:
    """A diagonal Gaussian whose variances average to one.

    p(z) = Π_d N(z_d; 0, σ_d²), σ² = D · softmax(log_variances). Only the ratios of the
    variances are free, so that a learned prior cannot change the effect of β.

    Args:
        log_variances: Unnormalised log variances `[D]`; equal entries give N(0, I).

    Returns:
        Gaussian with leaves `[D]`; its variances sum to D, and no scale is below 1e-6.

    Source: Mathieu et al. 2018, App. B.1.

    >>> p = anisotropic(jnp.log(jnp.array([3.0, 1.0])))
    >>> (p.scale**2).round(4).tolist()  # they average to 1
    [1.5, 0.5]
    """
    (log_variances,) = numerics.floats(log_variances)
    latents = log_variances.shape[-1]
    half = 0.5 * (jnp.log(latents) + jax.nn.log_softmax(log_variances, axis=-1))
    return Gaussian(jnp.zeros_like(half), jnp.exp(jnp.maximum(half, LOG_LEAST)))


def full_covariance(factor: jax.Array) -> FullGaussian:
    """A Gaussian with any covariance whose trace is D.

    p(z) = N(z; 0, LLᵀ), L ∝ diag(e^(f_dd)) · (I + strictly lower part of f), with
    ‖L‖² = tr LLᵀ = D, so that a learned prior cannot change the effect of β.

    Args:
        factor: Unconstrained f `[D, D]`; the part above the diagonal is unused, and
            zeros give N(0, I).

    Returns:
        FullGaussian, leaves `[D]` and `[D, D]`; no e^(f_dd) is below 1e-6 of the
        largest.

    >>> full_covariance(jnp.zeros((2, 2))).scale_tril.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    (factor,) = numerics.floats(factor)
    latents = factor.shape[-1]
    log_rows = jnp.diagonal(factor)
    log_rows = log_rows - jax.lax.stop_gradient(jnp.max(log_rows))
    rows = jnp.exp(jnp.maximum(log_rows, LOG_LEAST))
    tril = rows[:, None] * (jnp.eye(latents, dtype=rows.dtype) + jnp.tril(factor, -1))
    tril = tril * jnp.sqrt(latents / jnp.sum(tril**2))
    return FullGaussian(jnp.zeros(latents, tril.dtype), tril)


def student_t(df: jax.Array, latents: int, *, scale: float = 1.0) -> StudentT:
    """Π_d t(z_d; ν): heavy tails that reward alignment with the axes.

    Args:
        df: Degrees of freedom ν `[]`; infinity gives N(0, scale² I).
        latents: Number of dimensions D.
        scale: Scale of every dimension (not its standard deviation).

    Source: Mathieu et al. 2018, §4 and App. B.1.

    >>> student_t(jnp.float32(3), 2).df.tolist()
    [3.0, 3.0]
    """
    df, scales = numerics.floats(df, jnp.full(latents, scale))
    return StudentT(jnp.full(latents, df), jnp.zeros_like(scales), scales)


def laplace(latents: int, *, scale: float = math.sqrt(0.5)) -> Laplace:
    """Π_d Laplace(z_d; 0, scale), with variance 2·scale², which is 1 by default.

    >>> (2 * laplace(2).scale ** 2).round(4).tolist()  # variances
    [1.0, 1.0]
    """
    (scales,) = numerics.floats(jnp.full(latents, scale))
    return Laplace(jnp.zeros_like(scales), scales)


def subspaces(groups: tuple[int, ...], *, df: float | jax.Array) -> Subspaces:
    """Π_g t(z_g; ν): independent groups of dimensions; rotations in a group are free.

    Args:
        groups: Sizes D_g of consecutive groups; their sum is D.
        df: Degrees of freedom ν `[]`, may be traced; infinity gives N(0, I).

    Raises:
        ValueError: If there is no group, or a group is empty.

    >>> [group.loc.shape for group in subspaces((2, 3), df=4.0).groups]
    [(2,), (3,)]
    """
    if not groups or min(groups) < 1:
        raise ValueError(f"expected groups of at least 1 dimension each; got {groups}.")
    (df,), scale = numerics.floats(jnp.asarray(df)), jnp.ones((), jnp.float32)
    centres = (jnp.zeros(size, jnp.float32) for size in groups)
    return Subspaces(tuple(MultivariateT(df, centre, scale) for centre in centres))


def spike_and_slab(
    latents: int,
    *,
    spike_probability: float | jax.Array,
    spike_scale: float = 0.05,
    slab_scale: float = 1.0,
) -> SpikeSlab:
    """Π_d γ N(z_d; 0, spike_scale²) + (1 − γ) N(z_d; 0, slab_scale²): sparse codes.

    Args:
        latents: Number of dimensions D.
        spike_probability: γ `[]` in [0, 1], may be traced; 0 and 1 are exact.
        spike_scale: Standard deviation of a dimension that is off.
        slab_scale: Standard deviation of a dimension that is on.

    Source: Mathieu et al. 2019, arXiv:1812.02833, the sparse prior.

    >>> p = spike_and_slab(2, spike_probability=0.8)
    >>> round(float(jax.nn.sigmoid(p.log_odds)[0]), 4)
    0.8
    """
    log_odds = spike_slab.log_odds(jnp.asarray(spike_probability))
    leaves = (jnp.full(latents, x) for x in (log_odds, spike_scale, slab_scale))
    return SpikeSlab(*numerics.floats(*leaves))


def clusters(*, layout: str = "axes", variance: float = 0.03) -> Mixture:
    """Four equally weighted isotropic Gaussians in the plane.

    p(z) = ¼ Σ_c N(z; μ_c, variance · I).

    Args:
        layout: "axes" puts the means at (0, ±1) and (±1, 0), as the authors' code does;
            "square" puts them on the corners of the unit square, as in the text.
        variance: Variance of each dimension of a component.

    Returns:
        Mixture with component leaves `[4, 2]`.

    Raises:
        ValueError: For an unknown layout.

    Source: Mathieu et al. 2018, Eq. 8.

    >>> clusters().components.loc.tolist()
    [[0.0, -1.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]
    """
    if layout not in CLUSTER_LAYOUTS:
        raise ValueError(
            f"unknown layout '{layout}'; choices: {', '.join(CLUSTER_LAYOUTS)}."
        )
    (scale,) = numerics.floats(jnp.sqrt(variance))
    loc = jnp.asarray(CLUSTER_LAYOUTS[layout], scale.dtype)
    components = Gaussian(loc, jnp.full_like(loc, scale))
    return Mixture(jnp.zeros(4, loc.dtype), components)


def free_mixture(
    log_weights: jax.Array, loc: jax.Array, log_scale: jax.Array
) -> Mixture:
    """A mixture whose weights, means and scales may all be learned.

    Args:
        log_weights: Logits of the weights `[K]`.
        loc: Means `[K, D]`.
        log_scale: Logarithms of the standard deviations `[K, D]`, within ±80.

    >>> p = free_mixture(jnp.zeros(3), jnp.zeros((3, 2)), jnp.zeros((3, 2)))
    >>> p.components.scale.shape
    (3, 2)
    """
    log_weights, loc, log_scale = numerics.floats(log_weights, loc, log_scale)
    return Mixture(log_weights, Gaussian(loc, jnp.exp(log_scale)))


def mixture_start(
    key: jax.Array, components: int, latents: int, *, spread: float
) -> MixtureParameters:
    """Initial parameters of a learned mixture: equal weights and unit scales.

    Args:
        key: A random key, which is used up.
        components: K.
        latents: D.
        spread: Standard deviation of the means about the origin.
    """
    loc = spread * jax.random.normal(key, (components, latents), jnp.float32)
    log_weights = jnp.zeros(components, loc.dtype)
    return MixtureParameters(log_weights, loc, jnp.zeros_like(loc))


def vamp(posteriors: Gaussian, log_weights: jax.Array | None = None) -> Mixture:
    """VampPrior: (1/K) Σ_k q(z|u_k), the aggregate posterior of K pseudo-inputs.

    Args:
        posteriors: Posteriors of the pseudo-inputs u, leaves `[K, D]`.
        log_weights: Logits of the weights `[K]`; by default all weights are 1/K.

    Source: Tomczak & Welling 2018, arXiv:1705.07120, §2.

    >>> p = vamp(Gaussian(jnp.array([[-1.0], [1.0]]), jnp.ones((2, 1))))
    >>> jax.nn.softmax(p.log_weights).tolist()
    [0.5, 0.5]
    """
    posteriors, log_weights = numerics.floats(posteriors, log_weights)
    if log_weights is None:
        log_weights = jnp.zeros(posteriors.loc.shape[0], posteriors.loc.dtype)
    return Mixture(log_weights, posteriors)


def hierarchical(weights: jax.Array, log_scale_weights: jax.Array) -> Hierarchical:
    """Two levels; every dimension has variance 1, so that learning cannot rescale β.

    W_d = w_d/√(1 + ‖w_d‖²) and s_d² = 1/(1 + ‖w_d‖²), so that the upper level explains
    the share ‖w_d‖²/(1 + ‖w_d‖²) of the variance of a lower dimension.

    Args:
        weights: Unconstrained w `[L, T]`; with zeros the means of the lower level are
            0.
        log_scale_weights: V `[L, T]`; with zeros its scales are constant.

    >>> p = hierarchical(jnp.array([[1.0]]), jnp.zeros((1, 1)))
    >>> from decomp.distributions import hierarchical as family
    >>> round(float(family.covariance(p)[0, 1]), 3)  # √½
    0.707
    """
    weights, log_scale_weights = numerics.floats(weights, log_scale_weights)
    scale = jax.lax.rsqrt(1.0 + jnp.sum(weights**2, axis=1))
    return Hierarchical(weights * scale[:, None], scale, log_scale_weights)


def hierarchical_start(
    key: jax.Array, top: int, latents: int
) -> HierarchicalParameters:
    """Initial parameters of a learned hierarchical prior, close to N(0, I).

    Args:
        key: A random key, which is used up.
        top: Dimensions T of the upper level.
        latents: Number of latents D; the other L = D − T are the lower level.

    Raises:
        ValueError: If a level is empty.
    """
    if not 0 < top < latents:
        raise ValueError(
            f"top must leave a latent for each level, 0 < top < {latents} latents; "
            f"got {top}."
        )
    both = 0.1 * jax.random.normal(key, (2, latents - top, top), jnp.float32)
    return HierarchicalParameters(both[0], both[1])
