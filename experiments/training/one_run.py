"""Training of one run of a sweep: `decomp.training` with the VAE of a config."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from decomp import model, training
from decomp.divergences.estimates import MARGINALS
from decomp.training import MEASURES, TERMS, State
from experiments.models import vae
from experiments.models.vae import VAE, Hyperparameters, Params
from experiments.training import corollary_2_start

__all__ = ["MEASURES", "TERMS", "State", "make"]


def make(
    problem: VAE,
    optimiser: optax.GradientTransformation,
    *,
    batch_size: int,
    record_every: int,
    total_steps: int,
) -> tuple[Callable[..., State], Callable[..., State]]:
    """Returns `init(key, setting)` and `advance(state, key, setting, points, steps)`.

    They are those of `training.make`; weights with a schedule follow the share of
    `total_steps` taken.
    """
    trained = vae.model(problem)

    def start(key: jax.Array, setting: Hyperparameters) -> Params:
        params = vae.init(key, problem, setting)
        if problem.matched:
            return corollary_2_start.start(
                params, setting.code_scale, latents=problem.latents
            )
        return params

    def minibatch_loss(
        params: Params, key: jax.Array, setting: Hyperparameters, *rest: Any
    ) -> tuple[jax.Array, jax.Array]:
        return model.loss(params, key, trained, setting, *rest)

    def rescale(updates: Params, setting: Hyperparameters) -> Params:
        return corollary_2_start.steps(
            updates, setting.code_scale, latents=problem.latents
        )

    return training.make(
        start,
        minibatch_loss,
        optimiser,
        batch_size=batch_size,
        record_every=record_every,
        total_steps=total_steps,
        unpack=lambda rows: vae.data_values(problem, rows),
        second=MARGINALS in trained.against,
        rescale=rescale if problem.matched else None,
    )
