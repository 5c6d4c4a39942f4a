"""Density ratios by a discriminator, from its logits t(z) ≈ log q(z) − log p(z).

A discriminator that tells draws of q(z) (label 1) from draws of p(z) (label 0) best has
exactly this log-ratio for its logit. Two losses with two sets of parameters:

- the discriminator's, at `stop_gradient(z)`: it must not reach the encoder, which would
  learn to be told apart;
- the encoder's, a divergence of `t(z)` with the discriminator held fixed.

With p(z) = Π_d q(z_d), which `permute_dims` draws, the ratio is that of the total
correlation.

Source: Kim & Mnih 2018, arXiv:1802.05983; Tolstikhin et al. 2018, arXiv:1711.01558.
"""

import math

import chex
import jax
import jax.numpy as jnp

from decomp import numerics


def discriminator_loss(logits_q: jax.Array, logits_p: jax.Array) -> jax.Array:
    """Cross-entropy −½ E_q[log σ(t)] − ½ E_p[log(1 − σ(t))], σ the logistic function.

    Args:
        logits_q: Logits at draws of q(z) `[B]`.
        logits_p: Logits at draws of p(z), any number of them.

    Returns:
        `[]`, nats per draw; log 2 for t = 0. Unbiased for the expectation at t.

    Source: Kim & Mnih 2018, Algorithm 2.

    >>> round(float(discriminator_loss(jnp.zeros(3), jnp.zeros(3))), 4)  # log 2
    0.6931
    """
    logits_q, logits_p = numerics.floats(logits_q, logits_p)
    chex.assert_rank([logits_q, logits_p], 1)
    loss_q = jnp.mean(jax.nn.softplus(-logits_q))
    loss_p = jnp.mean(jax.nn.softplus(logits_p))
    return 0.5 * (loss_q + loss_p)


def jensen_shannon(logits_q: jax.Array, logits_p: jax.Array) -> jax.Array:
    """log 2 + ½ E_q[log σ(t)] + ½ E_p[log(1 − σ(t))] ≤ JS(q, p).

    JS(q, p) = ½ KL(q‖m) + ½ KL(p‖m) with m = ½(q + p) is at most log 2, and is reached
    at t = log q − log p.

    Args:
        logits_q: Logits at draws of q(z) `[B]`.
        logits_p: Logits at draws of p(z), any number of them.

    Returns:
        `[]`, nats. Unbiased for the bound at t, hence biased downward for JS; negative
        where the discriminator does worse than t = 0. On the draws that it was trained
        on it may exceed JS.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1.

    >>> float(jensen_shannon(jnp.zeros(3), jnp.zeros(3)))
    0.0
    """
    logits_q, logits_p = numerics.floats(logits_q, logits_p)
    return math.log(2) - discriminator_loss(logits_q, logits_p)


def kl_from_logits(logits_q: jax.Array) -> jax.Array:
    """E_q[t(z)], the density-ratio estimate of KL(q‖p).

    Args:
        logits_q: Logits at draws of q(z) `[B]`. Where the discriminator was trained
            against draws of Π_d q(z_d) it is the total correlation.

    Returns:
        `[]`, nats. Unbiased if t = log q − log p; otherwise biased either way, by
        E_q[t − log q + log p].

    Source: Kim & Mnih 2018, Eq. 3.

    >>> float(kl_from_logits(jnp.array([0.5, 1.5])))
    1.0
    """
    (logits_q,) = numerics.floats(logits_q)
    chex.assert_rank(logits_q, 1)
    return jnp.mean(logits_q)


def generator_loss(logits_q: jax.Array) -> jax.Array:
    """The non-saturating −E_q[log(1 − σ(t))]: q(z) is to be taken for p(z).

    At t = log q − log p its value is log 2 + KL(q‖p) − KL(q‖m), m = ½(q + p): log 2 if
    q = p and more otherwise.

    Args:
        logits_q: Logits at draws of q(z) `[B]`.

    Returns:
        `[]`, nats.

    Source: Tolstikhin et al. 2018, Algorithm 1 (WAE-GAN).

    >>> round(float(generator_loss(jnp.zeros(3))), 4)  # log 2
    0.6931
    """
    (logits_q,) = numerics.floats(logits_q)
    chex.assert_rank(logits_q, 1)
    return jnp.mean(jax.nn.softplus(logits_q))


def permute_dims(key: jax.Array, z: jax.Array) -> jax.Array:
    """Draws of Π_d q(z_d): every column of a set of draws of q(z) shuffled on its own.

    Two dimensions of a row are of the same draw with probability 1/B, which leaves that
    share of their dependence in. Kim & Mnih permute a second minibatch, so that the
    draws on the two sides of the discriminator are independent.

    Args:
        key: A random key, which is used up.
        z: Draws of q(z) `[B, D]`.

    Returns:
        `[B, D]`; each column holds what it held.

    Source: Kim & Mnih 2018, Algorithm 1.

    >>> z = jnp.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> drawn = permute_dims(jax.random.key(0), z)
    >>> jnp.sort(drawn, axis=0).tolist() == z.tolist()
    True
    """
    (z,) = numerics.floats(z)
    chex.assert_rank(z, 2)
    return jax.random.permutation(key, z, axis=0, independent=True)
