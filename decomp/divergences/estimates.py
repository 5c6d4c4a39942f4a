"""Estimates of D(q(z), p(z)) from a minibatch, by name.

Each is a function of a key and a `Minibatch`. `ESTIMATES` has the names under which
`decomp.fit` and the sweeps of `experiments` know them. Those in `CRITICS` need a
critic, which is trained beside the networks.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp import minibatch
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import (
    adversarial,
    kl_aggregate_prior,
    kl_prior_aggregate,
    mmd,
    moments,
    sliced_wasserstein,
)

PRIOR, MARGINALS = "p(z)", "Π_d q(z_d)"  # what a critic distinguishes q(z) from


class Minibatch(NamedTuple):
    """The arguments of an estimate."""

    q: Gaussian  # the posteriors of the minibatch, leaves [B, D]
    z: jax.Array  # [B, D] a draw of each posterior
    p: Any  # the prior, a distribution over [D]
    family: Any  # the prior's log_prob(p, z), sample(key, p), mean(p), covariance(p)
    estimator: str  # the estimator of q(z), a key of minibatch.ESTIMATORS
    size: int  # N, the number of data points
    weights: Mapping[str, jax.Array] = {}  # weights of the objective, by name
    critic: Callable[[jax.Array], jax.Array] | None = None  # z [B, D] to logits [B]


Estimator = Callable[[jax.Array, Minibatch], jax.Array]  # (key, minibatch) to []


def prior_samples(key: jax.Array, p: Any, family: Any, count: int) -> jax.Array:
    """Independent draws of p(z), `[count, D]`."""
    keys = jax.random.split(key, count)
    return jax.vmap(lambda key: family.sample(key, p))(keys)


def draws(key: jax.Array, batch: Minibatch) -> jax.Array:
    """Independent draws of p(z), as many as the minibatch has points: `[B, D]`."""
    return prior_samples(key, batch.p, batch.family, len(batch.z))


def inclusive(key: jax.Array, batch: Minibatch) -> jax.Array:
    """KL(p ‖ q) at draws of p(z), with the minibatch's mean of q(z|x) as q(z)."""
    y = draws(key, batch)
    log_pz = jax.vmap(lambda z: batch.family.log_prob(batch.p, z))(y)
    return kl_prior_aggregate.kl_prior_aggregate(y, log_pz, batch.q).value


def exclusive(key: jax.Array, batch: Minibatch) -> jax.Array:
    """KL(q ‖ p) at the draws z, by the minibatch's estimator of q(z)."""
    del key
    weights = minibatch.ESTIMATORS[batch.estimator](len(batch.z), batch.size)
    log_qz = minibatch.log_densities(batch.q, batch.z, weights).log_qz
    log_pz = jax.vmap(lambda z: batch.family.log_prob(batch.p, z))(batch.z)
    return kl_aggregate_prior.kl_aggregate_prior(log_qz, log_pz).value


def sliced(key: jax.Array, batch: Minibatch) -> jax.Array:
    """The squared sliced Wasserstein distance of z and draws of p(z)."""
    sample_key, direction_key = jax.random.split(key)
    y = draws(sample_key, batch)
    return sliced_wasserstein.squared(direction_key, batch.z, y)


def of_moments(key: jax.Array, batch: Minibatch) -> jax.Array:
    """KL of the Gaussians with the moments of the minibatch's q(z) and of p(z)."""
    del key
    return moments.kl_of_moments(
        jnp.mean(batch.q.loc, axis=0),
        moments.covariance_of_aggregate(batch.q),
        batch.family.mean(batch.p),
        batch.family.covariance(batch.p),
    )


def of_mmd(
    statistic: Callable[..., jax.Array],
    kernel: Callable[[int], mmd.Kernel],
    *,
    dims: bool,
) -> Estimator:
    """The estimate by a statistic of `mmd` and a kernel, which depends on D.

    >>> from decomp import distributions, priors
    >>> p = priors.isotropic(1)
    >>> q = Gaussian(jnp.full((4, 1), 50.0), jnp.ones((4, 1)))
    >>> batch = Minibatch(q, q.loc, p, distributions.family(p), "symmetrised", 4)
    >>> bool(ESTIMATES["mmd_rbf"](jax.random.key(0), batch) > 1)  # far from the prior
    True
    """

    def estimate(key: jax.Array, batch: Minibatch) -> jax.Array:
        y = draws(key, batch)
        return statistic(batch.z, y, kernel(1 if dims else batch.z.shape[1]))

    return estimate


def of_penalty(covariance: Callable[[Gaussian], jax.Array]) -> Estimator:
    """The penalty of the DIP-VAEs on a covariance, weighted by lambda_od, lambda_d."""

    def estimate(key: jax.Array, batch: Minibatch) -> jax.Array:
        del key
        return moments.penalty(
            covariance(batch.q),
            batch.family.covariance(batch.p),
            off_diagonal=batch.weights["lambda_od"],
            diagonal=batch.weights["lambda_d"],
        )

    return estimate


def jensen_shannon(key: jax.Array, batch: Minibatch) -> jax.Array:
    """The bound of JS(q, p) by the critic's logits at z and at draws of p(z)."""
    y = draws(key, batch)
    return adversarial.jensen_shannon(_logits(batch, batch.z), _logits(batch, y))


def non_saturating(key: jax.Array, batch: Minibatch) -> jax.Array:
    """The loss of WAE-GAN's encoder, by the critic's logits at z."""
    del key
    return adversarial.generator_loss(_logits(batch, batch.z))


def total_correlation(key: jax.Array, batch: Minibatch) -> jax.Array:
    """FactorVAE's estimate of the total correlation, by a density ratio."""
    del key
    return adversarial.kl_from_logits(_logits(batch, batch.z))


def _logits(batch: Minibatch, z: jax.Array) -> jax.Array:
    assert batch.critic is not None
    return batch.critic(z)


def _rbf(latents: int) -> mmd.Kernel:
    return functools.partial(mmd.rbf, bandwidths=mmd.rbf_bandwidths(latents))


def _imq(latents: int) -> mmd.Kernel:
    return functools.partial(mmd.imq, latents=latents)


ESTIMATES: dict[str, Estimator] = {
    "kl_prior_aggregate": inclusive,
    "kl_aggregate_prior": exclusive,
    "mmd_rbf": of_mmd(mmd.u_statistic, _rbf, dims=False),
    "mmd_imq": of_mmd(mmd.u_statistic, _imq, dims=False),
    "mmd_rbf_dims": of_mmd(mmd.u_statistic_dims, _rbf, dims=True),
    "mmd_imq_dims": of_mmd(mmd.u_statistic_dims, _imq, dims=True),
    "sliced_wasserstein": sliced,
    "moments": of_moments,
    "jensen_shannon": jensen_shannon,
    "non_saturating": non_saturating,
    "total_correlation": total_correlation,
    "covariance_of_means": of_penalty(moments.covariance_of_means),
    "covariance_of_aggregate": of_penalty(moments.covariance_of_aggregate),
}
# The estimates that need a critic, and what it distinguishes q(z) from.
CRITICS = {
    "jensen_shannon": PRIOR,
    "non_saturating": PRIOR,
    "total_correlation": MARGINALS,
}
# The estimates that need a prior with p(z) = Π_d p(z_d), and why.
FACTORISED: dict[str, str] = {
    "mmd_rbf_dims": "compares only marginals",
    "mmd_imq_dims": "compares only marginals",
    "total_correlation": "drives q(z) to the product of its marginals",
}
# The estimates that match the prior's covariance.
COVARIANCES = ("moments", "covariance_of_means", "covariance_of_aggregate")
