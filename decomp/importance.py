"""Importance-weighted bounds of log p(x), which are tighter with every sample.

    log p(x) ≥ E[log (1/K) Σ_k p(x|z_k) p(z_k)/q(z_k|x)],   z_k ~ q(z|x).

Source: Burda et al. 2016, arXiv:1509.00519, Eq. 8.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from decomp import estimate, numerics, own_functions
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate


def iwae(
    key: jax.Array,
    x: jax.Array,
    *,
    num_samples: int,
    encode: Callable[[jax.Array], Gaussian],
    log_px_z: Callable[[jax.Array, jax.Array], jax.Array],
    log_pz: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """The bound of each example, to be maximised.

    Args:
        key: A random key, which is used up.
        x: Examples `[B, X]`.
        num_samples: Samples K ≥ 1 per example; K = 1 is the elbo.
        encode: Maps `[B, X]` to posteriors q(z|x), leaves `[B, D]`.
        log_px_z: Maps x `[B, X]` and z `[B, D]` to log p(x|z) `[B]`.
        log_pz: Maps one z `[D]` to log p(z) `[]`.

    Returns:
        `[B]`, nats; biased downward for log p(x), and less so with every sample.

    >>> x, p = jnp.array([[0.0], [1.0]]), Gaussian(jnp.zeros(1), jnp.ones(1))
    >>> options = {
    ...     "encode": lambda x: Gaussian(x / 2, jnp.full_like(x, 0.5**0.5)),
    ...     "log_px_z": lambda x, z: -0.5 * jnp.sum((x - z) ** 2, axis=1),
    ...     "log_pz": lambda z: gaussian.log_prob(p, z),
    ... }
    >>> bounds = iwae(jax.random.key(0), x, num_samples=3, **options)
    >>> print(bounds.round(3))  # −¼ x² − ½ log 2 for every draw: q is p(z|x)
    [-0.347 -0.597]
    """
    x = jax.tree.map(jnp.asarray, x)
    (posteriors,) = numerics.floats(own_functions.posteriors(encode, x))
    keys = jax.random.split(key, num_samples)
    log_weights = jax.vmap(
        lambda key: _log_weights(key, posteriors, x, log_px_z, log_pz)
    )(keys)  # [K, B]
    return numerics.log_mean_exp(log_weights)


def log_likelihood(
    key: jax.Array,
    x: jax.Array,
    *,
    num_samples: int,
    encode: Callable[[jax.Array], Gaussian],
    log_px_z: Callable[[jax.Array, jax.Array], jax.Array],
    log_pz: Callable[[jax.Array], jax.Array],
    block: int = 64,
) -> Estimate:
    """Estimates log p(x) of each example with many samples, block by block.

    Args:
        key: A random key, which is used up.
        x: Examples `[B, X]`.
        num_samples: Samples K ≥ 2 per example; an accurate value needs thousands.
        encode: Maps `[B, X]` to posteriors q(z|x), leaves `[B, D]`.
        log_px_z: Maps x `[B, X]` and z `[B, D]` to log p(x|z) `[B]`.
        log_pz: Maps one z `[D]` to log p(z) `[]`.
        block: Samples per example that are evaluated at once.

    Returns:
        Estimates with leaves `[B]`, nats, biased downward by about ½ stderr². The
        standard error is that of the logarithm to first order (delta method); it is
        too small if few samples have all the weight.

    >>> x, p = jnp.array([[0.0], [1.0]]), Gaussian(jnp.zeros(1), jnp.ones(1))
    >>> options = {
    ...     "encode": lambda x: Gaussian(x / 2, jnp.full_like(x, 0.5**0.5)),
    ...     "log_px_z": lambda x, z: -0.5 * jnp.sum((x - z) ** 2, axis=1),
    ...     "log_pz": lambda z: gaussian.log_prob(p, z),
    ... }
    >>> evidence = log_likelihood(jax.random.key(0), x, num_samples=3, **options)
    >>> print(evidence.value.round(3))  # exact, as q(z|x) is p(z|x)
    [-0.347 -0.597]
    """
    if num_samples < 2:
        raise ValueError(
            f"a standard error needs num_samples of at least 2; got {num_samples}."
        )
    x = jax.tree.map(jnp.asarray, x)
    (posteriors,) = numerics.floats(own_functions.posteriors(encode, x))
    log_weights = jax.lax.map(
        lambda k: _log_weights(
            jax.random.fold_in(key, k), posteriors, x, log_px_z, log_pz
        ),
        jnp.arange(num_samples),
        batch_size=block,
    )  # [K, B]
    value = numerics.log_mean_exp(log_weights)
    relative = estimate.deviation(jnp.exp(log_weights - value[None]))
    return Estimate(value, relative / jnp.sqrt(num_samples))


def _log_weights(
    key: jax.Array,
    posteriors: Gaussian,
    x: jax.Array,
    log_px_z: Callable[[jax.Array, jax.Array], jax.Array],
    log_pz: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """log p(x|z) + log p(z) − log q(z|x) at one z ~ q(z|x) per example, `[B]`."""
    z = gaussian.sample(key, posteriors)
    log_likelihood = log_px_z(x, z)
    log_qz_x = jax.vmap(gaussian.log_prob)(posteriors, z)
    own_functions.check_shape("log_px_z", "log p(x|z)", log_likelihood, (len(z),))
    log_prior = own_functions.of_rows("log_pz", "log p(z) of one z", log_pz, z)
    log_likelihood, log_prior = numerics.floats(log_likelihood, log_prior)
    return log_likelihood + log_prior - log_qz_x
