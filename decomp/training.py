"""Training of one run by two pure functions, `init` and `advance`.

A run is one model with its key and its setting, which holds the numbers in which runs
differ. Every random number is folded from its key and the step, so that the result
depends neither on other runs nor on how many steps are taken per call. On a CPU the
bytes are equal for a fixed number of devices; for another number, XLA sums in another
order.

`decomp.fit` and the sweeps of `experiments` train through these functions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from decomp.datasets import shuffle

# Streams of random numbers; `fold_in(key, STREAM)` starts one.
INIT, ORDER, NOISE, SCORES, OTHERS = range(5)

# The means over a minibatch that a loss returns beside its value, in nats.
MEASURES = ("loss", "reconstruction", "kl", "divergence")
# The terms that may be the first non-finite one of a run, in the order of computation.
TERMS = ("reconstruction", "kl", "divergence", "loss", "gradient")

Params = Any  # a tree of arrays
Setting = Any  # a tree of the traced numbers of one run


class State(NamedTuple):
    """A run in training."""

    step: jax.Array  # [] number of steps taken
    params: Params
    opt_state: optax.OptState
    sums: jax.Array  # [4] sums of MEASURES over the steps since the last record, nats
    diverged: jax.Array  # [] the step whose loss or gradient was not finite, or −1
    term: jax.Array  # [] the first term that was not finite, an index of TERMS, or −1


def make(
    start: Callable[[jax.Array, Setting], Params],
    loss: Callable[..., tuple[jax.Array, jax.Array]],
    optimiser: optax.GradientTransformation,
    *,
    batch_size: int,
    record_every: int,
    total_steps: int,
    unpack: Callable[[jax.Array], jax.Array] = lambda rows: rows,
    second: bool = False,
    rescale: Callable[[Params, Setting], Params] = lambda updates, setting: updates,
) -> tuple[Callable[..., State], Callable[..., State]]:
    """Returns `init(key, setting)` and `advance(state, key, setting, points, steps)`.

    `advance` takes `steps` training steps on minibatches of `points` `[N, P]`; each
    epoch has a new permutation. `steps` is traced, so that any number compiles once. A
    run whose loss or gradient is not finite stops, and keeps its last parameters.

    Args:
        start: Maps a key and a setting to the parameters that training starts from.
        loss: Maps (params, key, setting, progress, x, others) to the loss `[]`, which
            is minimised, and to MEASURES `[4]`, in nats. `progress` is the share of
            `total_steps` that has been taken, and x is the minibatch.
        optimiser: The optimiser of the parameters.
        batch_size: B, at most N.
        record_every: Steps after which the sums of the measures restart from 0.
        total_steps: Steps of the whole training.
        unpack: Maps stored rows `[B, P]` to x `[B, X]`.
        second: Whether `others` is a second minibatch, drawn in an order of its own;
            otherwise it is x.
        rescale: Maps the updates of the optimiser to those that are added.
    """

    def init(key: jax.Array, setting: Setting) -> State:
        params = start(jax.random.fold_in(key, INIT), setting)
        return State(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state=optimiser.init(params),
            sums=jnp.zeros(len(MEASURES)),
            diverged=-jnp.ones((), jnp.int32),
            term=-jnp.ones((), jnp.int32),
        )

    def step(
        state: State, key: jax.Array, setting: Setting, points: jax.Array
    ) -> State:
        def minibatch(stream: int) -> jax.Array:
            order_key = jax.random.fold_in(key, stream)
            return unpack(_minibatch(order_key, state.step, points, batch_size))

        x = minibatch(ORDER)
        others = minibatch(OTHERS) if second else x
        progress = state.step / total_steps
        noise_key = jax.random.fold_in(jax.random.fold_in(key, NOISE), state.step)
        (value, measures), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.params, noise_key, setting, progress, x, others
        )
        # The loss may contain more than the first measure, such as a critic's loss.
        parts = (*measures[1:], value, optax.tree.norm(gradient))
        bad = ~jnp.isfinite(jnp.stack(parts))
        alive = (state.diverged < 0) & ~jnp.any(bad)
        # This stops a diverged run here, as choosing between two states would copy both
        # (8 % slower, measured).
        gradient = _where(alive, gradient)
        updates, opt_state = optimiser.update(gradient, state.opt_state, state.params)
        updates = _where(alive, rescale(updates, setting))
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
        setting: Setting,
        points: jax.Array,
        steps: jax.Array,
    ) -> State:
        return jax.lax.fori_loop(
            0, steps, lambda _, state: step(state, key, setting, points), state
        )

    return init, advance


def shapes(
    init: Callable[..., State], run: tuple[Any, Setting], points: Any, count: int
) -> tuple[Any, ...]:
    """Shapes of the arguments of `advance` for several runs.

    Args:
        init: Start of one run, from `make`.
        run: Key and setting of one run, or their shapes.
        points: The data, or their shape.
        count: Number of runs R.
    """

    def shape(leaf: Any, *extents: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*extents, *leaf.shape), leaf.dtype)

    key, setting = jax.tree.map(lambda leaf: shape(leaf, count), run)
    state = jax.eval_shape(jax.vmap(init), key, setting)
    return state, key, setting, shape(points), jax.ShapeDtypeStruct((), jnp.int32)


def with_critic(
    rest: optax.GradientTransformation, critic: optax.GradientTransformation
) -> optax.GradientTransformation:
    """One optimiser for the critic's parameters and another for all others."""

    def labels(params: Params) -> dict[str, str]:
        return {name: "critic" if name == "critic" else "rest" for name in params}

    return optax.partition({"rest": rest, "critic": critic}, labels)


def _where(alive: jax.Array, tree: Params) -> Params:
    """The arrays of a run, or zeros once it has diverged."""
    return jax.tree.map(lambda leaf: jnp.where(alive, leaf, 0), tree)


def _minibatch(
    key: jax.Array, step: jax.Array, points: jax.Array, batch_size: int
) -> jax.Array:
    """The minibatch of a step `[B, P]`; an epoch drops an incomplete last one."""
    size = points.shape[0]
    if batch_size == size:
        return points
    steps_per_epoch = size // batch_size
    epoch_key = jax.random.fold_in(key, step // steps_per_epoch)
    start = (step % steps_per_epoch) * batch_size
    position = start + jnp.arange(batch_size)
    return points[shuffle.permuted_index(epoch_key, position, size)]
