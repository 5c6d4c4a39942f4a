"""Corollary 1: under a Gaussian prior, β changes the scale and adds an entropy bonus.

With p = N(0, Σ) and q_φ(z|x) = N(μ_φ(x), S_φ(x)),

    L_β(x) = L(x)(p_θ'(x|z) p(z), q_φ'(z|x)) + ½(β − 1) log|S_φ'(x)| + c

    p_θ'(x|z) = p_θ(x|z/√β),    μ_φ' = √β μ_φ,    S_φ' = β S_φ
    c = ½D(β − 1)(1 + log(2π/β)) + log F_β

where the 2π of c cancels that of F_β. Up to c the right side is L_{H,β}, Eq. 6, of the
same networks with codes scaled by √β. For a prior with a mean m, codes are scaled about
it, z ↦ m + √β(z − m).

Source: Mathieu et al. 2018, Corollary 1, Eq. 4 to 6.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import annealed, full_gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import HALF_LOG_2PI
from decomp.theory import theorem_1
from decomp.theory.theorem_1 import Sides


def sides(
    reconstruction: jax.Array, q: FullGaussian, p: FullGaussian, beta: jax.Array
) -> Sides:
    """Both sides of Eq. 4: L_β(x) at φ, and L_{H,β}(x) + c at φ'.

    Args:
        reconstruction: E_q[log p_θ(x|z)] `[]`, nats; θ' under φ' has the same, as the
            decoder undoes the scaling.
        q: Posterior q_φ(z|x), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        Sides `[]` in nats.

    Source: Mathieu et al. 2018, Eq. 4.
    """
    reconstruction, q, p, beta = numerics.floats(reconstruction, q, p, beta)
    scaled = scaled_posterior(q, p, beta)
    return Sides(
        left=theorem_1.beta_vae(reconstruction, q, p, beta),
        right=entropy_regularised(reconstruction, scaled, p, beta) + constant(p, beta),
    )


def entropy_regularised(
    reconstruction: jax.Array, q: FullGaussian, p: FullGaussian, beta: jax.Array
) -> jax.Array:
    """L_{H,β}(x) = E_q[log p(x|z)] − KL(q(z|x)‖p(z)) + ½(β − 1) log|S|.

    Args:
        reconstruction: E_q[log p(x|z)] `[]`, nats.
        q: Posterior N(μ, S), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`.

    Returns:
        Objective `[]` in nats.

    Source: Mathieu et al. 2018, Eq. 6.
    """
    reconstruction, q, p, beta = numerics.floats(reconstruction, q, p, beta)
    return reconstruction - full_gaussian.kl(q, p) + (beta - 1) * _half_log_det(q)


def scaled_posterior(q: FullGaussian, p: FullGaussian, beta: jax.Array) -> FullGaussian:
    """q_φ'(z|x) = N(m + √β(μ − m), βS), m the mean of the prior.

    Args:
        q: Posterior N(μ, S), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        Leaves `[D]` and `[D, D]`.
    """
    q, p, beta = numerics.floats(q, p, beta)
    root = jnp.sqrt(beta)
    return FullGaussian(p.loc + root * (q.loc - p.loc), root * q.scale_tril)


def scaled_decoder(
    decode: Callable[[jax.Array], jax.Array], p: FullGaussian, beta: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """The decoder θ' of the scaled codes: p_θ'(x|z) = p_θ(x|m + (z − m)/√β).

    Args:
        decode: Maps a code z `[D]` to the parameters of p_θ(x|z).
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        A map like `decode`.
    """
    p, beta = numerics.floats(p, beta)
    return lambda z: decode(p.loc + (z - p.loc) / jnp.sqrt(beta))


def constant(p: FullGaussian, beta: jax.Array) -> jax.Array:
    """c = ½D(β − 1) − ½Dβ log β + ½(1 − β) log|Σ|, without any 2π.

    Args:
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        `[]` in nats.
    """
    p, beta = numerics.floats(p, beta)
    half_dims = 0.5 * p.loc.shape[0]
    scale = half_dims * (beta - 1 - beta * jnp.log(beta))
    return scale + (1 - beta) * _half_log_det(p)


def constant_as_printed(p: FullGaussian, beta: jax.Array) -> jax.Array:
    """c = ½D(β − 1)(1 + log(2π/β)) + log F_β, equal to `constant`.

    Args:
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        `[]` in nats.

    Source: Mathieu et al. 2018, Eq. 4.
    """
    p, beta = numerics.floats(p, beta)
    half_dims = 0.5 * p.loc.shape[0]
    scale = half_dims * (beta - 1) * (1 + 2 * HALF_LOG_2PI - jnp.log(beta))
    return scale + annealed.log_normaliser_full_gaussian(p, beta)


def _half_log_det(q: FullGaussian) -> jax.Array:
    """½ log|S|, the entropy minus that of the unit Gaussian."""
    return full_gaussian.entropy(q) - q.loc.shape[0] * (HALF_LOG_2PI + 0.5)
