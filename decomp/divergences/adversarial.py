"""Density ratios by a discriminator, from its logits t(z) ≈ log q(z) − log p(z).

The logit of the best discriminator between draws of q(z) (label 1) and draws of p(z)
(label 0) is exactly this log-ratio. There are two losses with two sets of parameters:

- the discriminator's, at `stop_gradient(z)`, as its gradient would teach the encoder to
  make q(z) and p(z) easy to distinguish;
- the encoder's, a divergence as a function of `t(z)`, with the discriminator fixed.

With draws of Π_d q(z_d) by `permute_dims` in place of p(z), the ratio is that of the
total correlation.

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
        `[]`, nats per draw; log 2 for t = 0. It is unbiased for the expectation at t.

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

    JS(q, p) = ½ KL(q‖m) + ½ KL(p‖m) with m = ½(q + p) is at most log 2. The bound is
    equal to it at t = log q − log p.

    Args:
        logits_q: Logits at draws of q(z) `[B]`.
        logits_p: Logits at draws of p(z), any number of them.

    Returns:
        `[]`, nats. It is unbiased for the bound at t, hence biased downward for JS, and
        negative if the discriminator does worse than t = 0. On the draws that the
        discriminator was trained on, it may exceed JS.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1.

    >>> float(jensen_shannon(jnp.zeros(3), jnp.zeros(3)))
    0.0
    """
    logits_q, logits_p = numerics.floats(logits_q, logits_p)
    return math.log(2) - discriminator_loss(logits_q, logits_p)


def kl_from_logits(logits_q: jax.Array) -> jax.Array:
    """E_q[t(z)], the density-ratio estimate of KL(q‖p).

    Args:
        logits_q: Logits at draws of q(z) `[B]`. If the discriminator was trained
            against draws of Π_d q(z_d), the result is the total correlation.

    Returns:
        `[]`, nats. It is unbiased if t = log q − log p; otherwise it is biased by
        E_q[t − log q + log p], of either sign.

    Source: Kim & Mnih 2018, Eq. 3.

    >>> float(kl_from_logits(jnp.array([0.5, 1.5])))
    1.0
    """
    (logits_q,) = numerics.floats(logits_q)
    chex.assert_rank(logits_q, 1)
    return jnp.mean(logits_q)


def generator_loss(logits_q: jax.Array) -> jax.Array:
    """The non-saturating loss −E_q[log(1 − σ(t))], which draws q(z) towards p(z).

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

    Two dimensions of a row come from the same draw with probability 1/B, so that this
    share of their dependence remains. Kim & Mnih permute a second minibatch, so that
    the draws on the two sides of the discriminator are independent.

    Args:
        key: A random key, which is used up.
        z: Draws of q(z) `[B, D]`.

    Returns:
        `[B, D]`; each column has the same values as before.

    Source: Kim & Mnih 2018, Algorithm 1.

    >>> z = jnp.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> drawn = permute_dims(jax.random.key(0), z)
    >>> jnp.sort(drawn, axis=0).tolist() == z.tolist()
    True
    """
    (z,) = numerics.floats(z)
    chex.assert_rank(z, 2)
    return jax.random.permutation(key, z, axis=0, independent=True)
