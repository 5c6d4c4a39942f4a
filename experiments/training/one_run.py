"""Training of one run: `init` and `advance`, two pure functions.

A run is named by its seed and its setting. Every random number it uses is folded from
its key and the step, so that its result depends on nothing else: not on the runs beside
it, the block they share or how many steps are taken per call. On a CPU the bytes are
equal too, for a fixed number of devices; on another number XLA sums in another order.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from decomp.datasets import shuffle
from experiments.models import divergences, vae
from experiments.models.vae import VAE, Hyperparameters, Params
from experiments.system import parallel
from experiments.training import corollary_2_start, loss

MEASURES = loss.MEASURES
# What was not finite first when a run diverged, in the order of the computation.
TERMS = ("reconstruction", "kl", "divergence", "loss", "gradient")


class State(NamedTuple):
    """A run in training."""

    step: jax.Array  # [] steps taken
    params: Params
    opt_state: optax.OptState
    sums: jax.Array  # [4] of MEASURES over the steps since the last record, nats
    diverged: jax.Array  # [] the step whose loss or gradient was not finite, or −1
    term: jax.Array  # [] which of TERMS it was, or −1


def make(
    problem: VAE,
    optimiser: optax.GradientTransformation,
    *,
    batch_size: int,
    record_every: int,
    total_steps: int,
) -> tuple[Callable[..., State], Callable[..., State]]:
    """Returns `init(key, setting)` and `advance(state, key, setting, points, steps)`.

    `advance` takes `steps` training steps on minibatches of `points` `[N, P]`; each
    epoch is a fresh permutation. `steps` is traced: any number compiles once; weights
    with a schedule follow the share of `total_steps` taken. A run whose loss or
    gradient is not finite stops there, with the parameters that it had.
    """
    second = any(
        divergences.DIVERGENCES[name].critic == divergences.MARGINALS
        for name in problem.divergences
    )

    def init(key: jax.Array, setting: Hyperparameters) -> State:
        params = vae.init(jax.random.fold_in(key, parallel.INIT), problem, setting)
        if problem.matched:
            params = corollary_2_start.start(
                params, setting.code_scale, latents=problem.latents
            )
        return State(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state=optimiser.init(params),
            sums=jnp.zeros(len(MEASURES)),
            diverged=-jnp.ones((), jnp.int32),
            term=-jnp.ones((), jnp.int32),
        )

    def step(
        state: State, key: jax.Array, setting: Hyperparameters, points: jax.Array
    ) -> State:
        def minibatch(stream: int) -> jax.Array:
            order_key = jax.random.fold_in(key, stream)
            rows = _minibatch(order_key, state.step, points, batch_size)
            return vae.data_values(problem, rows)

        x = minibatch(parallel.ORDER)
        others = minibatch(parallel.OTHERS) if second else x
        progress = state.step / total_steps
        noise_key = jax.random.fold_in(
            jax.random.fold_in(key, parallel.NOISE), state.step
        )
        (value, measures), gradient = jax.value_and_grad(loss.loss, has_aux=True)(
            state.params, noise_key, problem, setting, progress, x, others
        )
        # The critic's loss is part of the value and of no measure.
        parts = (*measures[1:], value, optax.tree.norm(gradient))
        bad = ~jnp.isfinite(jnp.stack(parts))
        alive = (state.diverged < 0) & ~jnp.any(bad)
        updates, opt_state = _updates(optimiser, state, gradient, alive)
        if problem.matched:
            updates = corollary_2_start.steps(
                updates, setting.code_scale, latents=problem.latents
            )
        params = optax.apply_updates(state.params, updates)
        first = state.diverged < 0
        fresh = state.step % record_every == 0
        return State(
            step=state.step + 1,
            params=params,
            opt_state=opt_state,
            sums=jnp.where(fresh, 0.0, state.sums) + measures,
            diverged=jnp.where(first & ~alive, state.step, state.diverged),
            term=jnp.where(first & ~alive, jnp.argmax(bad), state.term),
        )

    def advance(
        state: State,
        key: jax.Array,
        setting: Hyperparameters,
        points: jax.Array,
        steps: jax.Array,
    ) -> State:
        return jax.lax.fori_loop(
            0, steps, lambda _, state: step(state, key, setting, points), state
        )

    return init, advance


def _updates(
    optimiser: optax.GradientTransformation,
    state: State,
    gradient: Params,
    alive: jax.Array,
) -> tuple[Params, optax.OptState]:
    """What the optimiser adds to the parameters, nothing once a run has diverged."""
    # Gated here, as choosing between two states copies both (8 % slower, measured).
    gradient = jax.tree.map(lambda g: jnp.where(alive, g, 0), gradient)
    updates, opt_state = optimiser.update(gradient, state.opt_state, state.params)
    return jax.tree.map(lambda u: jnp.where(alive, u, 0), updates), opt_state


def _minibatch(
    key: jax.Array, step: jax.Array, points: jax.Array, batch_size: int
) -> jax.Array:
    """The minibatch of a step `[B, P]`; an epoch leaves out what does not fill one."""
    size = points.shape[0]
    if batch_size == size:
        return points
    steps_per_epoch = size // batch_size
    epoch_key = jax.random.fold_in(key, step // steps_per_epoch)
    start = (step % steps_per_epoch) * batch_size
    position = start + jnp.arange(batch_size)
    return points[shuffle.permuted_index(epoch_key, position, size)]
