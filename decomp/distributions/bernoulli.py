"""Product of Bernoulli distributions, given by logits: a likelihood of images."""

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

    A grey value in [0, 1] counts as the mean of a Bernoulli variable; the result is
    then the expected log-probability. Value and gradients are finite for logits of any
    finite size.

    Args:
        p: Leaf `[*X]`.
        x: Targets `[*X]` in [0, 1].

    Returns:
        Log-probability `[]` in nats.

    >>> p = Bernoulli(jnp.zeros(3))  # three fair coins
    >>> round(float(log_prob(p, jnp.array([1.0, 0.0, 1.0]))), 4)  # −3 log 2
    -2.0794
    """
    p, x = numerics.floats(p, x)
    chex.assert_equal_shape([p.logits, x])
    return jnp.sum(x * p.logits - jax.nn.softplus(p.logits))


def sample(key: jax.Array, p: Bernoulli) -> jax.Array:
    """One draw of zeros and ones.

    Args:
        key: A random key, which is used up.
        p: Leaf `[*X]`.

    Returns:
        Draw `[*X]` in the dtype of the logits; not differentiable.
    """
    (p,) = numerics.floats(p)
    ones = jax.random.bernoulli(key, mean(p))
    return ones.astype(p.logits.dtype)


def mean(p: Bernoulli) -> jax.Array:
    """P(x_d = 1) = sigmoid(l_d), `[*X]`.

    >>> mean(Bernoulli(jnp.zeros(2))).tolist()
    [0.5, 0.5]
    """
    (p,) = numerics.floats(p)
    return jax.nn.sigmoid(p.logits)


def entropy(p: Bernoulli) -> jax.Array:
    """H = −Σ_d π_d log π_d + (1 − π_d) log(1 − π_d), `[]` in nats.

    >>> round(float(entropy(Bernoulli(jnp.zeros(1)))), 4)  # log 2
    0.6931
    """
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

    >>> fair, loaded = Bernoulli(jnp.zeros(1)), Bernoulli(jnp.log(jnp.array([3.0])))
    >>> round(float(kl(fair, loaded)), 4)  # ½ log ½/¾ + ½ log ½/¼ = ½ log 4/3
    0.1438
    """
    q, p = numerics.floats(q, p)
    chex.assert_equal_shape([q.logits, p.logits])
    on = jax.nn.log_sigmoid(q.logits) - jax.nn.log_sigmoid(p.logits)
    off = jax.nn.log_sigmoid(-q.logits) - jax.nn.log_sigmoid(-p.logits)
    return jnp.sum(mean(q) * on + jax.nn.sigmoid(-q.logits) * off)
