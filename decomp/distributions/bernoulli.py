"""Product of Bernoulli distributions, by logits: the likelihood of binary images."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics


class Bernoulli(NamedTuple):
    """Log-odds l per dimension: P(x_d = 1) = sigmoid(l_d)."""

    logits: jax.Array  # [*X]


def log_prob(p: Bernoulli, x: jax.Array) -> jax.Array:
    """Σ_d x_d·l_d − softplus(l_d): minus the binary cross-entropy, summed.

    Grey values in [0, 1] are taken as Bernoulli means, the log-probability being the
    expected one. Finite, with finite gradients, for logits of any size.

    Args:
        p: Leaf `[*X]`.
        x: Targets `[*X]` in [0, 1].

    Returns:
        Log-probability `[]` in nats.
    """
    p, x = numerics.floats(p, x)
    chex.assert_equal_shape([p.logits, x])
    return jnp.sum(x * p.logits - jax.nn.softplus(p.logits))


def sample(key: jax.Array, p: Bernoulli) -> jax.Array:
    """One draw of zeros and ones.

    Args:
        key: Consumed.
        p: Leaf `[*X]`.

    Returns:
        Draw `[*X]` in the dtype of the logits; not differentiable.
    """
    (p,) = numerics.floats(p)
    ones = jax.random.bernoulli(key, mean(p))
    return ones.astype(p.logits.dtype)


def mean(p: Bernoulli) -> jax.Array:
    """P(x_d = 1) = sigmoid(l_d), `[*X]`."""
    (p,) = numerics.floats(p)
    return jax.nn.sigmoid(p.logits)


def entropy(p: Bernoulli) -> jax.Array:
    """H = −Σ_d π_d log π_d + (1 − π_d) log(1 − π_d), `[]` in nats."""
    (p,) = numerics.floats(p)
    on = mean(p) * jax.nn.log_sigmoid(p.logits)
    off = jax.nn.sigmoid(-p.logits) * jax.nn.log_sigmoid(-p.logits)
    return -jnp.sum(on + off)


def kl(q: Bernoulli, p: Bernoulli) -> jax.Array:
    """KL(q‖p) = Σ_d π_q log(π_q/π_p) + (1 − π_q) log((1 − π_q)/(1 − π_p)).

    Args:
        q: Leaf `[*X]`.
        p: Leaf `[*X]`.

    Returns:
        Divergence `[]` in nats.
    """
    q, p = numerics.floats(q, p)
    chex.assert_equal_shape([q.logits, p.logits])
    on = jax.nn.log_sigmoid(q.logits) - jax.nn.log_sigmoid(p.logits)
    off = jax.nn.log_sigmoid(-q.logits) - jax.nn.log_sigmoid(-p.logits)
    return jnp.sum(mean(q) * on + jax.nn.sigmoid(-q.logits) * off)
