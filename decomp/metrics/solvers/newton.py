"""Newton's method for many small convex problems at once.

The classifiers inside some metrics minimise smooth convex functions of a few weights.
Their minima are unique, so a method that reaches them gives the number that any other
solver converges to; Newton's needs about ten passes over the data.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import inputs


class Local(NamedTuple):
    """P convex functions of K weights near a point."""

    value: jax.Array  # [P]
    gradient: jax.Array  # [P, K]
    hessian: jax.Array  # [P, K, K]


class Minimum(NamedTuple):
    """Where P functions are least."""

    weights: jax.Array  # [P, K]
    value: jax.Array  # [P]
    converged: jax.Array  # [P] bool, the last step promised less than the tolerance
    steps: jax.Array  # [] int32, steps that the slowest took


class _State(NamedTuple):
    weights: jax.Array
    local: Local
    scale: jax.Array  # [P, K], the largest diag H met
    damping: jax.Array  # [P]
    done: jax.Array  # [P] bool
    steps: jax.Array


def minimise(
    function: Callable[[jax.Array], Local],
    start: jax.Array,
    *,
    tolerance: float | jax.Array,
    steps: int,
    rounding: float = 0.0,
) -> Minimum:
    """Damped Newton steps until each promises to gain less than the tolerance.

    d = −(H + λ D)⁻¹ g,   gain = −½ gᵀd,   D the largest diag H met so far,

    where λ grows after a step that would raise the value and shrinks after one taken.
    The gain estimates the distance to the least value; the last step is still taken,
    which leaves about its square. Jit-able and vmap-able.

    Args:
        function: The values, gradients and Hessians of P functions at weights `[P, K]`.
        start: First weights `[P, K]`.
        tolerance: Gain, in the unit of the values.
        steps: At most this many.
        rounding: Gradients up to this are rounding alone, and nowhere to step along.

    Returns:
        Minimum; no step raises a value by more than the tolerance and rounding.
    """
    start = inputs.real(start)
    tolerance = inputs.real(tolerance)
    chex.assert_rank(start, 2)
    epsilon = jnp.finfo(start.dtype).eps
    least = 16 * epsilon  # keeps flat directions solvable

    def at(weights: jax.Array) -> Local:
        return Local(*map(inputs.real, function(weights)))

    def advance(state: _State) -> _State:
        local = state.local
        step = _step(local, state.scale, state.damping)
        gain = -0.5 * jnp.sum(local.gradient * step, axis=1)
        moved = state.weights + step
        trial = at(moved)
        slack = 8 * epsilon * jnp.abs(local.value) + tolerance  # values are rounded
        better = trial.value <= local.value + slack  # False for NaN
        flat = jnp.max(jnp.abs(local.gradient), axis=1) <= rounding
        keep = better & ~state.done & ~flat
        damping = jnp.where(better, state.damping / 10, 100 * state.damping)
        told = (state.damping <= 100 * least) & jnp.isfinite(trial.value)
        return _State(
            jnp.where(keep[:, None], moved, state.weights),
            jax.tree.map(lambda new, old: _where(keep, new, old), trial, local),
            jnp.where(keep[:, None], _larger(state.scale, trial), state.scale),
            jnp.clip(damping, least, 1 / least),
            state.done | flat | (told & (gain <= tolerance)),
            state.steps + 1,
        )

    def going(state: _State) -> jax.Array:
        return ~jnp.all(state.done) & (state.steps < steps)

    size, local = len(start), at(start)
    first = _State(
        start,
        local,
        _larger(jnp.zeros_like(start), local),
        jnp.full(size, least, start.dtype),
        jnp.zeros(size, bool),
        jnp.zeros((), jnp.int32),
    )
    last = jax.lax.while_loop(going, advance, first)
    return Minimum(last.weights, last.local.value, last.done, last.steps)


def conjugate_gradients(
    product: Callable[[jax.Array], jax.Array],
    solve: Callable[[jax.Array], jax.Array],
    target: jax.Array,
    *,
    tolerance: float,
    products: int,
) -> jax.Array:
    """The solution x of H x = b for one H too large to write down, or nearly so.

    Args:
        product: H x, for a symmetric positive semi-definite H.
        solve: About H⁻¹ b, symmetric too: the preconditioner.
        target: b, of any shape.
        tolerance: Error of x in the norm of H, over that of 0; as `solve` measures it.
        products: H x is taken at most so often.

    Returns:
        x, from which b has an angle below 90° whenever it stops.
    """

    def advance(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        total, rest, way, size, count = state
        image = product(way)
        length = _over(size, jnp.sum(way * image))
        rest = rest - length * image
        solved = solve(rest)
        following = jnp.sum(rest * solved)
        way_on = solved + _over(following, size) * way
        return total + length * way, rest, way_on, following, count + 1

    def going(state: tuple[jax.Array, ...]) -> jax.Array:
        return (state[3] > tolerance**2 * size) & (state[4] < products)

    target = inputs.real(target)
    solved = solve(target)
    size = jnp.sum(target * solved)
    zero = jnp.zeros_like(target)
    first = zero, target, solved, size, jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(going, advance, first)[0]


def _larger(scale: jax.Array, local: Local) -> jax.Array:
    """The larger of a scale and the diagonal of the Hessian `[P, K]`."""
    return jnp.fmax(scale, jnp.diagonal(local.hessian, axis1=1, axis2=2))


def _step(local: Local, scale: jax.Array, damping: jax.Array) -> jax.Array:
    """−(H + λ D)⁻¹ g `[P, K]`, of weights scaled to D = 1; 0 where D is."""
    flat = scale <= 0
    unit = jnp.where(flat, 0, 1 / jnp.sqrt(jnp.where(flat, 1, scale)))
    matrix = local.hessian * unit[:, :, None] * unit[:, None, :]
    added = jnp.broadcast_to(damping[:, None], flat.shape) + flat
    factor = jnp.linalg.cholesky(matrix + jax.vmap(jnp.diag)(added))
    solve = jax.vmap(lambda low, b: jax.scipy.linalg.cho_solve((low, True), b))
    return -unit * solve(factor, unit * local.gradient)


def _where(condition: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """Rows of the one where the condition holds `[P]`, and of the other elsewhere."""
    shape = condition.shape + (1,) * (new.ndim - 1)
    return jnp.where(condition.reshape(shape), new, old)


def _over(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b of numbers that are 0 together."""
    return a / jnp.where(b > 0, b, 1)
