"""Objectives as weighted sums of named terms.

`terms` computes the terms of a minibatch once; an objective weighs them:

    L_{α,β}(x) = E_{q(z|x)}[log p(x|z)] − β KL(q(z|x) ‖ p(z)) − α D(q(z), p(z))

Every objective is the paper's: in nats, one value per example, to be *maximised*; the
loss to train with is its negative mean. Weights may be traced, so that a sweep over
them compiles once.

Source: Mathieu et al. 2018, Eq. 1 and 3.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian


class Terms(NamedTuple):
    """What objectives are made of, in nats."""

    log_px_z: jax.Array  # [B] log p(x|z) at one z ~ q(z|x): unbiased for its mean
    kl: jax.Array  # [B] KL(q(z|x) ‖ p(z)), exact or an unbiased one-sample estimate
    divergence: jax.Array  # [] D(q(z), p(z)), the same for every example


def terms(
    key: jax.Array,
    x: jax.Array,
    *,
    encode: Callable[[jax.Array], Gaussian],
    log_px_z: Callable[[jax.Array, jax.Array], jax.Array],
    log_pz: Callable[[jax.Array], jax.Array],
    kl: Callable[[Gaussian], jax.Array] | None = None,
    divergence: Callable[[jax.Array, Gaussian], jax.Array] | None = None,
) -> Terms:
    """Computes the terms of a minibatch at one reparameterised sample z per example.

    Args:
        key: Consumed.
        x: Examples `[B, X]`.
        encode: Maps `[B, X]` to posteriors q(z|x), leaves `[B, D]`.
        log_px_z: Maps x `[B, X]` and z `[B, D]` to log p(x|z) `[B]`.
        log_pz: Maps one z `[D]` to log p(z) `[]`.
        kl: Maps one posterior, leaves `[D]`, to KL(q(z|x) ‖ p(z)) `[]` in closed form.
            Without it, log q(z|x) − log p(z) at the same z stands for it, which is
            unbiased.
        divergence: Maps a key and all posteriors, leaves `[B, D]`, to D(q(z), p(z))
            `[]`. Without it, D is 0.

    Returns:
        Terms in nats.
    """
    sample_key, divergence_key = jax.random.split(key)
    posteriors = encode(x)
    chex.assert_equal_shape(posteriors)
    z = gaussian.sample(sample_key, posteriors)
    if kl is None:
        log_qz_x = jax.vmap(gaussian.log_prob)(posteriors, z)
        kl_terms = log_qz_x - jax.vmap(log_pz)(z)
    else:
        kl_terms = jax.vmap(kl)(posteriors)
    log_likelihood = log_px_z(x, z)
    chex.assert_equal_shape([log_likelihood, kl_terms])
    mismatch = (
        jnp.zeros(()) if divergence is None else divergence(divergence_key, posteriors)
    )
    return Terms(log_likelihood, kl_terms, mismatch)


def elbo(terms: Terms) -> jax.Array:
    """log p(x|z) − KL(q(z|x) ‖ p(z)) per example `[B]`, a lower bound of log p(x)."""
    return terms.log_px_z - terms.kl


def beta_vae(terms: Terms, beta: float | jax.Array) -> jax.Array:
    """log p(x|z) − β KL(q(z|x) ‖ p(z)) per example `[B]`.

    Source: Higgins et al. 2017; Mathieu et al. 2018, Eq. 1.
    """
    return terms.log_px_z - beta * terms.kl


def alpha_beta(
    terms: Terms, alpha: float | jax.Array, beta: float | jax.Array
) -> jax.Array:
    """log p(x|z) − β KL(q(z|x) ‖ p(z)) − α D(q(z), p(z)) per example `[B]`.

    Source: Mathieu et al. 2018, Eq. 3.
    """
    return beta_vae(terms, beta) - alpha * terms.divergence
