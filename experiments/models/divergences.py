"""D(q(z), p(z)) of a minibatch by name, and the critic that some of them train."""

import functools
from collections.abc import Callable
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
from experiments.models import objectives, priors
from experiments.models.objectives import Weights

Divergence = Callable[..., jax.Array]  # (key, sample) to []


class Sample(NamedTuple):
    """What a divergence may look at."""

    q: Gaussian  # the posteriors of the minibatch, leaves [B, D]
    z: jax.Array  # [B, D] a draw of each
    p: Any  # the prior
    options: priors.PriorOptions
    estimator: str  # of q(z), a key of minibatch.ESTIMATORS
    size: int  # N
    weights: Weights
    critic: Callable[[jax.Array], jax.Array]  # logits [B] of z [B, D]


def _inclusive(key: jax.Array, sample: Sample) -> jax.Array:
    y = priors.samples(key, sample.options, sample.p, len(sample.z))
    log_pz = jax.vmap(priors.log_prob(sample.options, sample.p))(y)
    return kl_prior_aggregate.kl_prior_aggregate(y, log_pz, sample.q).value


def _exclusive(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    weights = minibatch.ESTIMATORS[sample.estimator](len(sample.z), sample.size)
    log_qz = minibatch.log_densities(sample.q, sample.z, weights).log_qz
    log_pz = jax.vmap(priors.log_prob(sample.options, sample.p))(sample.z)
    return kl_aggregate_prior.kl_aggregate_prior(log_qz, log_pz).value


def _rbf(latents: int) -> mmd.Kernel:
    return functools.partial(mmd.rbf, bandwidths=mmd.rbf_bandwidths(latents))


def _imq(latents: int) -> mmd.Kernel:
    return functools.partial(mmd.imq, latents=latents)


def _mmd(
    statistic: Callable[..., jax.Array], kernel: Callable[..., jax.Array], *, dims: bool
) -> Divergence:
    def measure(key: jax.Array, sample: Sample) -> jax.Array:
        y = priors.samples(key, sample.options, sample.p, len(sample.z))
        return statistic(sample.z, y, kernel(1 if dims else sample.options.latents))

    return measure


def _sliced(key: jax.Array, sample: Sample) -> jax.Array:
    sample_key, direction_key = jax.random.split(key)
    y = priors.samples(sample_key, sample.options, sample.p, len(sample.z))
    return sliced_wasserstein.squared(direction_key, sample.z, y)


def _moments(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    mean, covariance = priors.moments(sample.options, sample.p)
    return moments.kl_of_moments(
        jnp.mean(sample.q.loc, axis=0),
        moments.covariance_of_aggregate(sample.q),
        mean,
        covariance,
    )


def _penalty(
    covariance: Callable[[Gaussian], jax.Array],
) -> Divergence:
    def measure(key: jax.Array, sample: Sample) -> jax.Array:
        del key
        _, target = priors.moments(sample.options, sample.p)
        return moments.penalty(
            covariance(sample.q),
            target,
            off_diagonal=sample.weights.alpha,
            diagonal=sample.weights.gamma,
        )

    return measure


def _jensen_shannon(key: jax.Array, sample: Sample) -> jax.Array:
    y = priors.samples(key, sample.options, sample.p, len(sample.z))
    return adversarial.jensen_shannon(sample.critic(sample.z), sample.critic(y))


def _non_saturating(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    return adversarial.generator_loss(sample.critic(sample.z))


def _total_correlation(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    return adversarial.kl_from_logits(sample.critic(sample.z))


def _none(key: jax.Array, sample: Sample) -> jax.Array:
    del key, sample
    return jnp.zeros(())


DIVERGENCES: dict[str, Divergence] = {
    objectives.NONE: _none,
    "kl_prior_aggregate": _inclusive,
    "kl_aggregate_prior": _exclusive,
    "mmd_rbf": _mmd(mmd.u_statistic, _rbf, dims=False),
    "mmd_imq": _mmd(mmd.u_statistic, _imq, dims=False),
    "mmd_rbf_dims": _mmd(mmd.u_statistic_dims, _rbf, dims=True),
    "mmd_imq_dims": _mmd(mmd.u_statistic_dims, _imq, dims=True),
    "sliced_wasserstein": _sliced,
    "moments": _moments,
    "jensen_shannon": _jensen_shannon,
    "non_saturating": _non_saturating,
    "total_correlation": _total_correlation,
    "covariance_of_means": _penalty(moments.covariance_of_means),
    "covariance_of_aggregate": _penalty(moments.covariance_of_aggregate),
}
