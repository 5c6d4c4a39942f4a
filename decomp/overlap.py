"""Overlap of the posteriors q(z|x_n), between a look-up table and a single posterior.

The paper asks for an overlap that is neither too small nor too large, but names no
measure of it; these are ours. `q` is the set of posteriors, leaves `[N, D]`.
"""

import math

import chex
import jax
import jax.numpy as jnp

from decomp import aggregate, estimate, numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate


def mean_log_det(q: Gaussian) -> jax.Array:
    """(1/N) Σ_n log|S(x_n)|, the log-volume of the posteriors' covariances S.

    Args:
        q: Posteriors, leaves `[N, D]`.

    Returns:
        `[]`, nats; it depends on the scale of the latent space.

    >>> q = Gaussian(jnp.zeros((2, 2)), jnp.array([[1.0, 1.0], [1.0, math.e]]))
    >>> float(mean_log_det(q))  # the mean of 0 and 2 nats
    1.0
    """
    (q,) = numerics.floats(q)
    return jnp.mean(jax.vmap(gaussian.log_det)(q))


def relative_information(information: Estimate, *, num_points: int) -> Estimate:
    """I_q(z; n)/log N: 1 if no posteriors overlap, 0 if all are the same.

    Args:
        information: I_q(z; n) in nats, from `decomposition.mutual_information`.
        num_points: N ≥ 2.

    Returns:
        Estimate without a unit; unbiased if `information` is.

    >>> information = Estimate(jnp.log(10.0), jnp.array(0.1))
    >>> round(float(relative_information(information, num_points=100).value), 4)
    0.5
    """
    (information,) = numerics.floats(information)
    if num_points < 2:
        raise ValueError(f"log N needs at least 2 points; got {num_points}.")
    return Estimate(*(leaf / math.log(num_points) for leaf in information))


def mean_bhattacharyya(q: Gaussian, *, block: int = 256) -> jax.Array:
    """The mean over pairs n ≠ m of BC = ∫ √(q(z|x_n) q(z|x_m)) dz.

    For diagonal Gaussians
    BC = Π_d √(2 σ_n σ_m/(σ_n² + σ_m²)) · exp(−(μ_n − μ_m)²/(4 (σ_n² + σ_m²))).

    Args:
        q: Posteriors, leaves `[N, D]`, N ≥ 2.
        block: Rows of the N × N table held at once; memory is `block · N · D`.

    Returns:
        `[]` in [0, 1], exact; 0 if no posteriors overlap.

    Raises:
        ValueError: For fewer than two points.

    >>> q = Gaussian(jnp.array([[0.0], [2.0]]), jnp.ones((2, 1)))
    >>> round(float(mean_bhattacharyya(q)), 4)  # exp(−½)
    0.6065
    """
    (q,) = numerics.floats(q)
    chex.assert_rank(q.loc, 2)
    count = q.loc.shape[0]
    if count < 2:
        raise ValueError(f"a mean over pairs needs at least 2 points; got {count}.")

    def row(n: jax.Array) -> jax.Array:
        coefficient = jax.vmap(_bhattacharyya, (None, 0))(
            jax.tree.map(lambda leaf: leaf[n], q), q
        )
        return jnp.sum(jnp.where(jnp.arange(count) == n, 0, coefficient))

    rows = jax.lax.map(row, jnp.arange(count), batch_size=block)
    return jnp.mean(rows) / (count - 1)


def effective_neighbours(
    key: jax.Array, q: Gaussian, *, num_samples: int, block: int = 256
) -> Estimate:
    """E_q(z)[exp H[r(·|z)]], r(n|z) = q(z|x_n)/Σ_m q(z|x_m): how many points share z.

    It is 1 if no posteriors overlap and N if all are the same. As E_q(z) H[r(·|z)] is
    log N − I_q(z; n), it is at least N · exp(−I_q(z; n)), by Jensen.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        num_samples: Samples S ≥ 2 of z ~ q(z).
        block: Samples evaluated at once; memory is `block · N · D`.

    Returns:
        Unbiased estimate of a number of data points, in [1, N].

    >>> q = Gaussian(jnp.zeros((5, 1)), jnp.ones((5, 1)))
    >>> neighbours = effective_neighbours(jax.random.key(0), q, num_samples=10)
    >>> round(float(neighbours.value), 4)  # all five share every z
    5.0
    """
    (q,) = numerics.floats(q)

    def term(s: jax.Array) -> jax.Array:
        z = aggregate.sample(jax.random.fold_in(key, s), q)
        log_qz_x = jax.vmap(gaussian.log_prob, (0, None))(q, z)
        log_r = jax.nn.log_softmax(log_qz_x)
        return jnp.exp(-jnp.sum(jnp.exp(log_r) * log_r))

    terms = jax.lax.map(term, jnp.arange(num_samples), batch_size=block)
    return estimate.from_samples(terms)


def _bhattacharyya(a: Gaussian, b: Gaussian) -> jax.Array:
    """BC of two diagonal Gaussians with leaves `[D]`."""
    width = jnp.hypot(a.scale, b.scale)
    # The ratios stay in range even if σ² would underflow.
    volume = 2 * (a.scale / width) * (b.scale / width)
    distance = (a.loc - b.loc) / width
    return jnp.exp(jnp.sum(0.5 * jnp.log(volume) - 0.25 * distance**2))
