"""The objective of a run on a minibatch, and the loss of its critic."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from decomp import importance, losses, minibatch
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import adversarial
from decomp.losses import Terms
from experiments.models import divergences, objectives, priors, schedules, vae
from experiments.models.objectives import Weights
from experiments.models.vae import VAE, Hyperparameters, Params


def loss(
    params: Params,
    key: jax.Array,
    problem: VAE,
    setting: Hyperparameters,
    progress: jax.Array,
    x: jax.Array,
    others: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The loss to train with on x `[B, X]`, `[]`, and MEASURES `[4]`, in nats.

    Args:
        params: Of the run, the critic's included.
        key: Consumed.
        problem: Shared.
        setting: Of the run.
        progress: Share of the training done.
        x: Minibatch.
        others: A second minibatch, for the critic.
    """
    weighed = weights(problem, setting, progress)
    if problem.critic is not None:
        key, critic_key = jax.random.split(key)
    values, found = value(key, problem, params, setting, x, weighed)
    mean = -jnp.mean(values)
    reconstruction, kl = -jnp.mean(found.log_px_z), jnp.mean(found.kl)
    measures = jnp.stack([mean, reconstruction, kl, found.divergence])
    if problem.critic is None:
        return mean, measures
    # Each of the two losses stops the other's gradient: one pass serves both.
    critic = critic_loss(critic_key, problem, params, setting, x, others)
    return mean + critic, measures


def weights(problem: VAE, setting: Hyperparameters, progress: jax.Array) -> Weights:
    """The weights at a share of the training in [0, 1], by their schedules."""
    options = {"warm_up": problem.warm_up, "cycles": problem.cycles}
    return {
        name: final * schedules.SCHEDULES[problem.schedules[name]](progress, **options)
        for name, final in setting.weights.items()
    }


def terms(
    key: jax.Array,
    problem: VAE,
    params: Params,
    setting: Hyperparameters,
    x: jax.Array,
    weighed: Weights,
) -> Terms:
    """The terms of the objective on x `[B, X]`."""
    p = vae.prior(problem, params, setting)
    log_prob = priors.log_prob(problem.prior, p)
    log_weights = minibatch.ESTIMATORS[problem.estimator](len(x), problem.size)

    def divergence(key: jax.Array, q: Gaussian, z: jax.Array) -> jax.Array:
        sample = divergences.Sample(
            q,
            z,
            p,
            problem.prior,
            problem.estimator,
            problem.size,
            weighed,
            lambda z: _critic(problem, jax.lax.stop_gradient(params), z),
        )
        # Mapped over runs, `switch` computes only the D that the run weighs.
        return _switch(
            setting.divergence,
            [
                lambda key, name=name: divergences.DIVERGENCES[name].estimate(
                    key, sample
                )
                for name in problem.divergences
            ],
            key,
        )

    has_parts = any(objectives.OBJECTIVES[n].has_parts for n in problem.objectives)
    return losses.terms(
        key,
        x,
        encode=lambda x: vae.encode(problem, params, x),
        log_px_z=lambda x, z: vae.log_px_z(problem, params, x, z),
        log_pz=lambda z: problem.prior_count * log_prob(z),
        kl=priors.closed_kl(problem.prior, p),
        aggregate=(
            lambda q, z: minibatch.log_densities(
                q, z, log_weights, groups=problem.groups
            )
        )
        if has_parts
        else None,
        divergence=divergence if problem.divergences != (objectives.NONE,) else None,
    )


def value(
    key: jax.Array,
    problem: VAE,
    params: Params,
    setting: Hyperparameters,
    x: jax.Array,
    weighed: Weights,
) -> tuple[jax.Array, Terms]:
    """The objective of each example of x `[B, X]`, to be maximised, and its terms."""
    if problem.objectives == ("iwae",):
        terms_key, key = jax.random.split(key)
        p = vae.prior(problem, params, setting)
        bound = importance.iwae(
            key,
            x,
            num_samples=problem.samples,
            encode=lambda x: vae.encode(problem, params, x),
            log_px_z=lambda x, z: vae.log_px_z(problem, params, x, z),
            log_pz=priors.log_prob(problem.prior, p),
        )
        return bound, terms(terms_key, problem, params, setting, x, weighed)
    found = terms(key, problem, params, setting, x, weighed)
    values = [objectives.OBJECTIVES[name].value for name in problem.objectives]
    return _switch(setting.objective, values, found, weighed), found


def critic_loss(
    key: jax.Array,
    problem: VAE,
    params: Params,
    setting: Hyperparameters,
    x: jax.Array,
    others: jax.Array,
) -> jax.Array:
    """The critic's loss in telling z ~ q(z) of x from draws of p(z) or of Π_d q(z_d).

    Its gradient reaches the critic alone. The marginals are drawn from a second
    minibatch, `others` `[B, X]`, as Kim & Mnih 2018 have it (Algorithm 2).
    """
    fixed = jax.lax.stop_gradient(params)
    z_key, other_key, permutation_key = jax.random.split(key, 3)

    def draw(key: jax.Array, x: jax.Array) -> jax.Array:
        return gaussian.sample(key, vae.encode(problem, fixed, x))

    def marginals(_: Any) -> jax.Array:
        return adversarial.permute_dims(permutation_key, draw(other_key, others))

    def of_prior(_: Any) -> jax.Array:
        p = vae.prior(problem, fixed, setting)
        return priors.samples(other_key, problem.prior, p, len(x))

    sources = [
        marginals
        if divergences.DIVERGENCES[name].critic == divergences.MARGINALS
        else of_prior
        for name in problem.divergences
    ]
    drawn = _switch(setting.divergence, sources, None)
    real, other = (_critic(problem, params, z) for z in (draw(z_key, x), drawn))
    return jnp.mean(adversarial.discriminator_loss(real, other))


def _critic(problem: VAE, params: Params, z: jax.Array) -> jax.Array:
    """Logits `[B]` of z `[B, D]`."""
    assert problem.critic is not None
    return problem.critic.apply({"params": params["critic"]}, z)


def _switch(index: jax.Array, branches: Sequence[Callable], *operands: Any) -> Any:
    """`lax.switch`, without the switch where there is one branch."""
    if len(branches) == 1:
        return branches[0](*operands)
    return jax.lax.switch(index.astype(jnp.int32), branches, *operands)
