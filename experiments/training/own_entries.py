"""Checks entries that a config file registers before they are trained.

Entries of the package have tests; those of a user are tried here, on shapes only, when
a sweep starts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from decomp import model
from decomp.own_functions import check_shape, shapes
from experiments.models import autoencoder, divergences, objectives, priors
from experiments.models.autoencoder import VAE, Hyperparameters
from experiments.system import registry

_BATCH = 2


def check(vae: VAE, setting: Hyperparameters) -> None:
    """Tries the priors, objectives and divergences that a config registered.

    Args:
        vae: The VAE of the sweep.
        setting: Hyperparameters of any of its runs.

    Raises:
        ValueError: One line that names the entry, what was expected and what came.
    """
    names = {vae.prior.name, *vae.objectives, *vae.divergences}
    tables = (priors.PRIORS, objectives.OBJECTIVES, divergences.DIVERGENCES)
    if names <= frozenset().union(*map(registry.published, tables)):
        return
    _try(vae, setting)


def _try(vae: VAE, setting: Hyperparameters) -> None:
    key = jax.random.key(0)
    params = jax.eval_shape(lambda: autoencoder.init(key, vae, setting))
    latents, batch = (vae.latents,), (_BATCH,)
    name = vae.prior.name
    if name not in registry.published(priors.PRIORS):

        def density(params: Any) -> tuple[jax.Array, jax.Array]:
            p = autoencoder.prior(vae, params, setting)
            z = priors.PRIORS[name].family.sample(key, p)
            return z, priors.log_prob(vae.prior, p)(z)

        z, log_pz = shapes(f"prior.name = {name}", density, params)
        check_shape(f"prior.name = {name}", "sample(key, p)", z, latents)
        check_shape(f"prior.name = {name}", "log_prob(p, z) of one z", log_pz, ())
    x = jnp.zeros((_BATCH, vae.outputs))
    weighed = autoencoder.weights(vae, setting, jnp.ones(()))
    # Divergences come first, as the values of all objectives are computed with them.
    for name in vae.divergences:
        if name not in registry.published(divergences.DIVERGENCES):
            alone = vae._replace(divergences=(name,))
            text = f"objective.divergence = {name}"
            estimate = shapes(text, _mismatch(alone, setting, x, weighed), params)
            check_shape(text, "its estimate", estimate, ())
    for name in vae.objectives:
        if name not in registry.published(objectives.OBJECTIVES):
            alone = vae._replace(objectives=(name,))
            text = f"objective.name = {name}"
            values = shapes(text, _values(alone, setting, x, weighed), params)
            check_shape(
                text, "its value, one for each example of a batch of 2", values, batch
            )


def _values(
    vae: VAE, setting: Hyperparameters, x: jax.Array, weighed: Any
) -> Callable[[Any], Any]:
    key, of = jax.random.key(0), autoencoder.model(vae)
    return lambda params: model.value(key, of, params, setting, x, weighed)[0]


def _mismatch(
    vae: VAE, setting: Hyperparameters, x: jax.Array, weighed: Any
) -> Callable[[Any], Any]:
    key, of = jax.random.key(0), autoencoder.model(vae)
    return lambda params: model.terms(key, of, params, setting, x, weighed).divergence
