"""The aggregate posterior q(z) = (1/N) Σ_n q(z|x_n), exact in the N points given.

`q` is always the set of posteriors: a Gaussian whose leaves are `[N, D]`. One
evaluation costs N · D; nothing here approximates the sum over n.
"""

import jax
import jax.numpy as jnp

from decomp import estimate, numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate


def log_prob(q: Gaussian, z: jax.Array) -> jax.Array:
    """log q(z) = log (1/N) Σ_n q(z|x_n).

    Args:
        q: Posteriors, leaves `[N, D]`.
        z: One point `[D]`.

    Returns:
        `[]`, nats. Distances are taken as (z − μ_n)/σ_n, not as expanded squares, so
        scales of 1e-6 keep float32 precision.
    """
    return numerics.log_mean_exp(jax.vmap(gaussian.log_prob, (0, None))(q, z))


def log_prob_dims(q: Gaussian, z: jax.Array) -> jax.Array:
    """The marginals log q(z_d) = log (1/N) Σ_n q(z_d|x_n).

    Args:
        q: Posteriors, leaves `[N, D]`.
        z: One point `[D]`.

    Returns:
        `[D]`, nats.
    """
    log_qz_x = jax.vmap(gaussian.log_prob_dims, (0, None))(q, z)  # [N, D]
    return numerics.log_mean_exp(log_qz_x)


def log_prob_many(q: Gaussian, points: jax.Array, *, block: int = 256) -> jax.Array:
    """log q(z) at many points, for instance the cells of a density map.

    Args:
        q: Posteriors, leaves `[N, D]`.
        points: `[S, D]`.
        block: Points evaluated at once; memory is `block · N · D`.

    Returns:
        `[S]`, nats.
    """
    return jax.lax.map(lambda z: log_prob(q, z), points, batch_size=block)


def sample(key: jax.Array, q: Gaussian) -> jax.Array:
    """Draws z ~ q(z): a data point n uniformly, then z ~ q(z|x_n).

    Args:
        key: Consumed.
        q: Posteriors, leaves `[N, D]`.

    Returns:
        `[D]`, reparameterised in the posterior that was drawn.
    """
    index_key, noise_key = jax.random.split(key)
    n = jax.random.randint(index_key, (), 0, q.loc.shape[0])
    return gaussian.sample(noise_key, jax.tree.map(lambda leaf: leaf[n], q))


def entropy(
    key: jax.Array, q: Gaussian, *, num_samples: int, block: int = 256
) -> Estimate:
    """Nested Monte-Carlo estimate of H[q(z)] = −E_q(z)[log q(z)].

    Args:
        key: Consumed.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        num_samples: Outer samples S ≥ 2.
        block: Outer samples evaluated at once; memory is `block · N · D`.

    Returns:
        Estimate in nats; unbiased, as log q(z) is exact in N.
    """

    def term(s: jax.Array) -> jax.Array:
        return -log_prob(q, sample(jax.random.fold_in(key, s), q))

    terms = jax.lax.map(term, jnp.arange(num_samples), batch_size=block)  # [S]
    return estimate.from_samples(terms)
