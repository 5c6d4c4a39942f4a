"""Training of one run of a sweep: `decomp.training` with the VAE of a config."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from decomp import model, training
from decomp.divergences.estimates import MARGINALS
from decomp.training import MEASURES, TERMS, State
from experiments.models import autoencoder
from experiments.models.autoencoder import VAE, Hyperparameters, Params
from experiments.training import corollary_2_start

__all__ = ["MEASURES", "TERMS", "State", "make"]


def make(
    vae: VAE,
    optimiser: optax.GradientTransformation,
    *,
    batch_size: int,
    record_every: int,
    total_steps: int,
) -> tuple[Callable[..., State], Callable[..., State]]:
    """Returns `init(key, setting)` and `advance(state, key, setting, points, steps)`.

    They are those of `training.make`; scheduled weights depend on the share of
    `total_steps` that has been taken. The updates of the optimiser are multiplied by
    the setting's learning rates, of which the critic has its own.
    """
    trained = autoencoder.model(vae)

    def start(key: jax.Array, setting: Hyperparameters) -> Params:
        params = autoencoder.init(key, vae, setting)
        if vae.objective.matched:
            return corollary_2_start.start(
                params, setting.code_scale, latents=vae.latents
            )
        return params

    def minibatch_loss(
        params: Params, key: jax.Array, setting: Hyperparameters, *rest: Any
    ) -> tuple[jax.Array, jax.Array]:
        return model.loss(params, key, trained, setting, *rest)

    def rescale(updates: Params, setting: Hyperparameters) -> Params:
        rates = dict.fromkeys(updates, setting.learning_rate)
        if "critic" in updates:
            rates["critic"] = setting.critic_learning_rate
        updates = {
            name: jax.tree.map(lambda update, rate=rates[name]: rate * update, part)
            for name, part in updates.items()
        }
        if not vae.objective.matched:
            return updates
        return corollary_2_start.steps(updates, setting.code_scale, latents=vae.latents)

    return training.make(
        start,
        minibatch_loss,
        optimiser,
        batch_size=batch_size,
        record_every=record_every,
        total_steps=total_steps,
        unpack=lambda rows: autoencoder.data_values(vae, rows),
        second=MARGINALS in trained.against,
        rescale=rescale,
    )
