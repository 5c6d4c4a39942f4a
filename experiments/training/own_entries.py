"""Refuses what a config file registered and cannot be trained or scored with.

Entries of the package are tested; those of a user are tried here, on shapes alone, when
a sweep starts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from decomp import model
from decomp.own_functions import check_shape, shapes
from experiments.models import divergences, objectives, priors, vae
from experiments.models.vae import VAE, Hyperparameters
from experiments.system import registry

_BATCH = 2


def check(problem: VAE, setting: Hyperparameters) -> None:
    """Tries the prior, objectives and divergences that a config registered.

    Args:
        problem: The VAE of the sweep.
        setting: Of any of its runs.

    Raises:
        ValueError: In one line that names the entry, what was expected and what came.
    """
    used = {problem.prior.name, *problem.objectives, *problem.divergences}
    tables = (priors.PRIORS, objectives.OBJECTIVES, divergences.DIVERGENCES)
    if used <= frozenset().union(*map(registry.published, tables)):
        return
    _try(problem, setting)


def _try(problem: VAE, setting: Hyperparameters) -> None:
    key = jax.random.key(0)
    params = jax.eval_shape(lambda: vae.init(key, problem, setting))
    latents, batch = (problem.latents,), (_BATCH,)
    name = problem.prior.name
    if name not in registry.published(priors.PRIORS):

        def density(params: Any) -> tuple[jax.Array, jax.Array]:
            p = vae.prior(problem, params, setting)
            z = priors.PRIORS[name].family.sample(key, p)
            return z, priors.log_prob(problem.prior, p)(z)

        z, log_pz = shapes(f"prior.name = {name}", density, params)
        check_shape(f"prior.name = {name}", "sample(key, p)", z, latents)
        check_shape(f"prior.name = {name}", "log_prob(p, z) of one z", log_pz, ())
    x = jnp.zeros((_BATCH, problem.outputs))
    weighed = vae.weights(problem, setting, jnp.ones(()))
    for name in problem.objectives:
        if name not in registry.published(objectives.OBJECTIVES):
            alone = problem._replace(objectives=(name,))
            text = f"objective.name = {name}"
            found = shapes(text, _values(alone, setting, x, weighed), params)
            check_shape(
                text, "its value, one for each example of a batch of 2", found, batch
            )
    for name in problem.divergences:
        if name not in registry.published(divergences.DIVERGENCES):
            alone = problem._replace(divergences=(name,))
            text = f"objective.divergence = {name}"
            found = shapes(text, _mismatch(alone, setting, x, weighed), params)
            check_shape(text, "its estimate", found, ())


def _values(
    problem: VAE, setting: Hyperparameters, x: jax.Array, weighed: Any
) -> Callable[[Any], Any]:
    key, of = jax.random.key(0), vae.model(problem)
    return lambda params: model.value(key, of, params, setting, x, weighed)[0]


def _mismatch(
    problem: VAE, setting: Hyperparameters, x: jax.Array, weighed: Any
) -> Callable[[Any], Any]:
    key, of = jax.random.key(0), vae.model(problem)
    return lambda params: model.terms(key, of, params, setting, x, weighed).divergence
