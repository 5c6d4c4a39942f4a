"""Newton's method for many small convex problems at once.

The classifiers of some metrics minimise smooth convex functions of a few weights. As
the minima are unique, all solvers converge to the same score; Newton's method needs
about ten passes over the data.
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
    """The minima of P functions."""

    weights: jax.Array  # [P, K]
    value: jax.Array  # [P]
    converged: jax.Array  # [P] bool, whether the last predicted gain met the tolerance
    steps: jax.Array  # [] int32, number of steps of the slowest function


class _State(NamedTuple):
    weights: jax.Array
    local: Local
    scale: jax.Array  # [P, K], the largest diag H so far
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
    """Takes damped Newton steps until their predicted gain is below the tolerance.

    d = −(H + λ D)⁻¹ g,   gain = −½ gᵀd,   D the largest diag H so far,

    where λ grows after a step that would raise the value, and shrinks after a step that
    was taken. The gain estimates the distance to the minimum. The last step is still
    taken, after which the distance is about the square of its gain. The function works
    under jit and vmap.

    Args:
        function: Returns values, gradients and Hessians of P functions at weights
            `[P, K]`.
        start: Initial weights `[P, K]`.
        tolerance: Tolerance of the gain, in the unit of the values.
        steps: The most steps.
        rounding: Gradients up to this size are rounding errors; no step is taken.

    Returns:
        Minimum; no step raises a value by more than the tolerance and rounding.

    >>> def function(w):  # (w − 3)²
    ...     return Local(((w - 3) ** 2)[:, 0], 2 * (w - 3), jnp.full((1, 1, 1), 2.0))
    >>> minimum = minimise(function, jnp.zeros((1, 1)), tolerance=1e-6, steps=10)
    >>> round(float(minimum.weights[0, 0]), 3), bool(minimum.converged[0])
    (3.0, True)
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
        accepted = better & ~state.done & ~flat
        damping = jnp.where(better, state.damping / 10, 100 * state.damping)
        # With more damping, the gain would underestimate the distance.
        reliable = (state.damping <= 100 * least) & jnp.isfinite(trial.value)
        return _State(
            jnp.where(accepted[:, None], moved, state.weights),
            jax.tree.map(lambda new, old: _where(accepted, new, old), trial, local),
            jnp.where(accepted[:, None], _larger(state.scale, trial), state.scale),
            jnp.clip(damping, least, 1 / least),
            state.done | flat | (reliable & (gain <= tolerance)),
            state.steps + 1,
        )

    def unfinished(state: _State) -> jax.Array:
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
    last = jax.lax.while_loop(unfinished, advance, first)
    return Minimum(last.weights, last.local.value, last.done, last.steps)


def conjugate_gradients(
    product: Callable[[jax.Array], jax.Array],
    solve: Callable[[jax.Array], jax.Array],
    target: jax.Array,
    *,
    tolerance: float,
    products: int,
) -> jax.Array:
    """An approximate solution x of H x = b, for an H that is too large to store.

    The preconditioned method of conjugate gradients only needs products H x.

    Args:
        product: Maps x to H x, for a symmetric positive semi-definite H.
        solve: The preconditioner, a symmetric approximation of b ↦ H⁻¹ b.
        target: b, of any shape.
        tolerance: Error of x relative to that of x = 0, in the norm of H as `solve`
            approximates it.
        products: The most products H x.

    Returns:
        x, whose inner product with b is positive after any number of products.

    >>> b, options = jnp.array([8.0, 4.0]), {"tolerance": 0.01, "products": 5}
    >>> conjugate_gradients(lambda x: 4 * x, lambda b: b, b, **options).tolist()
    [2.0, 1.0]
    """

    def advance(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        x, residual, direction, size, count = state
        image = product(direction)
        length = _over(size, jnp.sum(direction * image))
        residual = residual - length * image
        correction = solve(residual)
        new_size = jnp.sum(residual * correction)
        new_direction = correction + _over(new_size, size) * direction
        return x + length * direction, residual, new_direction, new_size, count + 1

    def unfinished(state: tuple[jax.Array, ...]) -> jax.Array:
        return (state[3] > tolerance**2 * size) & (state[4] < products)

    target = inputs.real(target)
    correction = solve(target)
    size = jnp.sum(target * correction)
    zero = jnp.zeros_like(target)
    first = zero, target, correction, size, jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(unfinished, advance, first)[0]


def _larger(scale: jax.Array, local: Local) -> jax.Array:
    """The larger of a scale and the diagonal of the Hessian `[P, K]`."""
    return jnp.fmax(scale, jnp.diagonal(local.hessian, axis1=1, axis2=2))


def _step(local: Local, scale: jax.Array, damping: jax.Array) -> jax.Array:
    """−(H + λ D)⁻¹ g `[P, K]`, computed with weights scaled to D = 1; 0 where D = 0."""
    flat = scale <= 0
    unit = jnp.where(flat, 0, 1 / jnp.sqrt(jnp.where(flat, 1, scale)))
    matrix = local.hessian * unit[:, :, None] * unit[:, None, :]
    added = jnp.broadcast_to(damping[:, None], flat.shape) + flat
    factor = jnp.linalg.cholesky(matrix + jax.vmap(jnp.diag)(added))
    solve = jax.vmap(lambda low, b: jax.scipy.linalg.cho_solve((low, True), b))
    return -unit * solve(factor, unit * local.gradient)


def _where(condition: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    """The rows of `new` if the condition `[P]` is true, otherwise those of `old`."""
    shape = condition.shape + (1,) * (new.ndim - 1)
    return jnp.where(condition.reshape(shape), new, old)


def _over(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b, for numbers that are only 0 together."""
    return a / jnp.where(b > 0, b, 1)
