"""The aggregate posterior q(z) = (1/N) Σ_n q(z|x_n), exact in the N points given.

`q` is always the set of posteriors: a Gaussian whose leaves are `[N, D]`. One
evaluation costs N · D; nothing here approximates the sum over n.
"""

import chex
import jax
import jax.numpy as jnp

from decomp import estimate, numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import HALF_LOG_2PI, Gaussian
from decomp.estimate import Estimate


def log_prob(q: Gaussian, z: jax.Array) -> jax.Array:
    """log q(z) = log (1/N) Σ_n q(z|x_n).

    Args:
        q: Posteriors, leaves `[N, D]`.
        z: One point `[D]`.

    Returns:
        `[]`, nats. Distances are taken as (z − μ_n)/σ_n, not as expanded squares, so
        scales of 1e-6 keep float32 precision.

    >>> q = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.ones((2, 1)))
    >>> round(float(log_prob(q, jnp.array([9.0]))), 4)  # log ½ N(0; 0, 1)
    -1.6121
    """
    q, z = numerics.floats(q, z)
    return numerics.log_mean_exp(jax.vmap(gaussian.log_prob, (0, None))(q, z))


def log_prob_dims(q: Gaussian, z: jax.Array) -> jax.Array:
    """The marginals log q(z_d) = log (1/N) Σ_n q(z_d|x_n).

    Args:
        q: Posteriors, leaves `[N, D]`.
        z: One point `[D]`.

    Returns:
        `[D]`, nats.

    >>> q = Gaussian(jnp.array([[-9.0, 0.0], [9.0, 0.0]]), jnp.ones((2, 2)))
    >>> [round(float(x), 3) for x in log_prob_dims(q, jnp.array([9.0, 0.0]))]
    [-1.612, -0.919]
    """
    q, z = numerics.floats(q, z)
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
    q, points = numerics.floats(q, points)
    return jax.lax.map(lambda z: log_prob(q, z), points, batch_size=block)


def log_densities(
    q: Gaussian, z: jax.Array, *, block: int = 256, data_block: int = 512
) -> tuple[jax.Array, jax.Array]:
    """log q(z) and its marginals log q(z_d) at many points, for N of any size.

    Sums run over blocks of posteriors with a running maximum, so memory does not grow
    with S · N. Time does: S · N · (D + 1) exponentials. The function is meant for
    values; a gradient would keep every block in memory.

    Args:
        q: Posteriors, leaves `[N, D]`.
        z: Points `[S, D]`.
        block: Points evaluated at once; memory is `block · data_block · D`.
        data_block: Posteriors evaluated at once.

    Returns:
        log q(z) `[S]` and log q(z_d) `[S, D]`, nats.

    >>> q = Gaussian(jnp.zeros((5, 2)), jnp.ones((5, 2)))  # q(z) = N(0, I)
    >>> log_qz, log_qz_dims = log_densities(q, jnp.zeros((3, 2)))
    >>> print(log_qz.round(3), log_qz_dims.shape)
    [-1.838 -1.838 -1.838] (3, 2)
    """
    q, z = numerics.floats(q, z)
    chex.assert_equal_shape([q.loc, q.scale])
    chex.assert_equal_shape_suffix([q.loc, z], 1)
    (size, dims), count = q.loc.shape, len(z)
    block, data_block = min(block, count), min(data_block, size)
    columns = _columns(q, data_block)  # [N/data_block, 3, D, data_block]
    rows = jnp.pad(z, ((0, -count % block), (0, 0))).reshape(-1, block, dims)

    def over_posteriors(rows: jax.Array) -> jax.Array:
        lowest = jnp.full((block,), jnp.finfo(z.dtype).min, z.dtype)
        start = [(lowest, jnp.zeros_like(lowest))] * (dims + 1)

        def add(sums: list, part: jax.Array) -> tuple[list, None]:
            return _add(sums, rows, part), None

        sums, _ = jax.lax.scan(add, start, columns)
        logs = [peak + jnp.log(numerics.with_peak(total)) for peak, total in sums]
        return jnp.stack(logs, axis=1)

    densities = jax.lax.map(over_posteriors, rows).reshape(-1, dims + 1)[:count]
    densities -= jnp.log(size).astype(z.dtype)
    return densities[:, dims], densities[:, :dims]


def sample(key: jax.Array, q: Gaussian) -> jax.Array:
    """Draws z ~ q(z): a data point n uniformly, then z ~ q(z|x_n).

    Args:
        key: A random key, which is used up.
        q: Posteriors, leaves `[N, D]`.

    Returns:
        `[D]`, reparameterised in the posterior that was drawn.

    >>> q = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.full((2, 1), 1e-6))
    >>> keys = jax.random.split(jax.random.key(0), 6)
    >>> print(jax.vmap(sample, (0, None))(keys, q).ravel().round(1))
    [ 9.  9.  9.  9. -9. -9.]
    """
    (q,) = numerics.floats(q)
    index_key, noise_key = jax.random.split(key)
    n = jax.random.randint(index_key, (), 0, q.loc.shape[0], jnp.int32)
    return gaussian.sample(noise_key, jax.tree.map(lambda leaf: leaf[n], q))


def entropy(
    key: jax.Array, q: Gaussian, *, num_samples: int, block: int = 256
) -> Estimate:
    """Nested Monte-Carlo estimate of H[q(z)] = −E_q(z)[log q(z)].

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        num_samples: Outer samples S ≥ 2.
        block: Outer samples evaluated at once; memory is `block · N · D`.

    Returns:
        Estimate in nats; unbiased, as log q(z) is exact in N.

    >>> import math
    >>> q = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.ones((2, 1)))
    >>> result = entropy(jax.random.key(0), q, num_samples=1_000)
    >>> exact = 0.5 * math.log(2 * math.pi * math.e) + math.log(2)  # no overlap
    >>> bool(abs(result.value - exact) < 4 * result.stderr)
    True
    """
    (q,) = numerics.floats(q)

    def term(s: jax.Array) -> jax.Array:
        return -log_prob(q, sample(jax.random.fold_in(key, s), q))

    terms = jax.lax.map(term, jnp.arange(num_samples), batch_size=block)  # [S]
    return estimate.from_samples(terms)


def _columns(q: Gaussian, data_block: int) -> jax.Array:
    """Means, 1/scales and log normalisers; the first axis is that of the blocks.

    The last block is filled up with posteriors of density 0.
    """
    pad = ((0, -len(q.loc) % data_block), (0, 0))
    log_norm = jnp.pad(-jnp.log(q.scale) - HALF_LOG_2PI, pad, constant_values=-jnp.inf)
    stacked = jnp.stack([jnp.pad(q.loc, pad), jnp.pad(1 / q.scale, pad), log_norm])
    blocks = stacked.reshape(3, -1, data_block, q.loc.shape[1])
    return blocks.transpose(1, 0, 3, 2)


def _add(
    sums: list[tuple[jax.Array, jax.Array]], z: jax.Array, columns: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """Adds a block of posteriors to Σ_n exp(log q(·|x_n)) = total · exp(peak).

    A `[block, data_block]` plane per dimension stays in the cache of a CPU; one array
    of three axes would not. The last of the sums is that of all dimensions together.
    """
    planes = []
    for d in range(z.shape[1]):
        loc, inverse, log_norm = columns[:, d]
        u = (z[:, d, None] - loc[None]) * inverse[None]
        planes.append(log_norm[None] - 0.5 * u * u)
    planes.append(sum(planes))
    added = []
    for (peak, total), plane in zip(sums, planes, strict=True):
        # The peak cancels in the sum, so its gradient may be stopped.
        higher = jax.lax.stop_gradient(jnp.maximum(peak, jnp.max(plane, axis=1)))
        terms = jnp.sum(numerics.exp_below(plane, higher[:, None]), axis=1)
        added.append((higher, total * jnp.exp(peak - higher) + terms))
    return added
