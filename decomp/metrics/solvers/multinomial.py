"""Multinomial logistic regression at its minimum, of many classes on many points.

    min over w, b of Σ_n c_n (−log softmax_{y_n}(⟨w_v, x_n⟩ + b_v)) + ½ Σ_vd r_d w_vd²

The function is convex, so the minimum is what any solver converges to; first-order ones
need hundreds of passes over the data where many classes lie along one direction. Here
Newton's steps begin at the linear discriminant, and each is found by conjugate
gradients. Their preconditioner inverts the Hessian of each class alone, and that of
smooth functions of the class: of the largest components of the means of the classes.
A step that fails is damped by B = ½ Σ_n c_n x_n x_nᵀ for each class, an upper bound of
the Hessian (Böhning 1992), which makes it safe.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs
from decomp.metrics.solvers import newton, outer_products

_PRODUCTS = 60  # Hessian products of a step at most
_SMOOTH = 4  # components of the means of the classes


class Fit(NamedTuple):
    """Scores ⟨w_v, x⟩ + b_v of V classes."""

    weights: jax.Array  # [V, D + 1], the last column is b
    loss: jax.Array  # [], the minimum without its penalty, nats
    converged: jax.Array  # [] bool, the last step promised less than the tolerance
    steps: jax.Array  # [] int32


class _Data(NamedTuple):
    design: jax.Array  # [N, K], the last column is 1
    products: jax.Array  # [N, K (K + 1)/2], of its columns
    true: jax.Array  # [V, N] bool, v is the label of n
    weight: jax.Array  # [N]
    ridge: jax.Array  # [K]
    bound: jax.Array  # [K, K], no Hessian of a class exceeds it
    smooth: jax.Array  # [V, S]
    absent: jax.Array  # [V], −inf for a class without an example, otherwise 0


class _Point(NamedTuple):
    weights: jax.Array  # [V, K]
    value: jax.Array  # []
    gradient: jax.Array  # [V, K]
    share: jax.Array  # [V, N], probabilities
    loss: jax.Array  # []


class _Iterate(NamedTuple):
    point: _Point
    damping: jax.Array  # [], share of the bound added to the Hessian
    done: jax.Array  # [] bool
    steps: jax.Array


def fit(
    x: jax.Array,
    label: jax.Array,
    weight: jax.Array,
    *,
    size: int,
    penalty: float | jax.Array = 0.0,
    tolerance: float = 1e-5,
    steps: int = 40,
) -> Fit:
    """The regression; jit-able and vmap-able.

    Without a penalty and with classes that can be separated there is no minimum; then
    the fit ends where the loss is 0 up to the tolerance.

    Args:
        x: `[N, D]`, best with mean 0 and variance 1.
        label: Classes `[N]`, 0 … size − 1; one without an example is never predicted.
            −1 where there is none, with a weight of 0.
        weight: c `[N]`, with sum 1.
        size: V.
        penalty: r of each column, `[]` or `[D]`.
        tolerance: Loss that the last step promised to gain, nats; what is left after
            it is less.
        steps: At most this many.

    Returns:
        Fit. Memory is `N · (V + D²)`.
    """
    x, weight = inputs.real(x), inputs.real(weight)
    label = jnp.asarray(containers.array(label, "labels")).astype(jnp.int32)
    chex.assert_equal_shape_prefix([x, label, weight], 1)
    numbers = inputs.real(penalty), jnp.float32(tolerance)
    return _fit(x, label, weight, *numbers, steps, size=size)


@functools.partial(jax.jit, static_argnames="size")
def _fit(
    x: jax.Array,
    label: jax.Array,
    weight: jax.Array,
    penalty: jax.Array,
    tolerance: jax.Array,
    steps: int,
    *,
    size: int,
) -> Fit:
    data = _data(x, label, weight, size=size, penalty=penalty)
    mean, start = _discriminant(x, data)
    data = data._replace(smooth=_components(mean))
    both = jax.lax.map(
        lambda weights: _at(data, weights), jnp.stack([start, jnp.zeros_like(start)])
    )
    better = jnp.where(both.value[0] < both.value[1], 0, 1)
    first = jax.tree.map(lambda leaf: leaf[better], both)

    def going(state: _Iterate) -> jax.Array:
        return ~state.done & (state.steps < steps)

    state = _Iterate(first, jnp.zeros((), x.dtype), jnp.array(False), jnp.int32(0))
    last = jax.lax.while_loop(
        going, lambda state: _advance(data, state, tolerance), state
    )
    offset = last.point.weights[:, -1:] + data.absent[:, None]
    weights = jnp.concatenate([last.point.weights[:, :-1], offset], axis=1)
    return Fit(weights, last.point.loss, last.done, last.steps)


def scores(model: Fit, x: jax.Array) -> jax.Array:
    """The scores of data points, −inf for a class without an example `[V, N]`."""
    x = inputs.real(x)
    product = jnp.matmul(model.weights[:, :-1], x.T, precision="highest")
    return product + model.weights[:, -1:]


def _data(
    x: jax.Array,
    label: jax.Array,
    weight: jax.Array,
    *,
    size: int,
    penalty: jax.Array,
) -> _Data:
    design = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=1)
    products = outer_products.products(design)
    true = label[None, :] == jnp.arange(size)[:, None]
    present = jnp.any(true, axis=1)
    ridge = jnp.broadcast_to(jnp.asarray(penalty, x.dtype), x.shape[1:])
    return _Data(
        design,
        products,
        true,
        weight,
        jnp.concatenate([ridge, jnp.zeros(1, x.dtype)]),
        0.5 * outer_products.weighted(weight[None, :], products)[0],
        jnp.zeros((size, 0), x.dtype),
        jnp.where(present, 0, -jnp.inf).astype(x.dtype),
    )


def _at(data: _Data, weights: jax.Array) -> _Point:
    """Value, gradient and probabilities."""
    logit = jnp.matmul(weights, data.design.T, precision="highest")
    logit = logit + data.absent[:, None]
    own = jnp.sum(jnp.where(data.true, logit, 0), axis=0)
    excess = logit - own[None, :]
    largest = jnp.max(excess, axis=0)  # at least 0, that of the label
    power = jnp.exp(excess - largest[None, :])
    others = jnp.sum(jnp.where(data.true, 0, power), axis=0)
    # log Σ_v exp(excess), precise also where the label is all but certain
    loss = jnp.sum(data.weight * (largest + jnp.log1p(others + jnp.expm1(-largest))))
    share = power / jnp.sum(power, axis=0, keepdims=True)
    error = (share - data.true) * data.weight[None, :]
    penalised = data.ridge[None, :] * weights
    gradient = jnp.matmul(error, data.design, precision="highest") + penalised
    value = loss + 0.5 * jnp.sum(penalised * weights)
    return _Point(weights, value, gradient, share, loss)


def _advance(data: _Data, state: _Iterate, tolerance: jax.Array) -> _Iterate:
    """One step, if it is sound, and the damping of the next."""
    point, damping = state.point, state.damping
    direction = _direction(data, point, damping)
    gain = -0.5 * jnp.sum(direction * point.gradient)
    moved = _at(data, point.weights + direction)
    epsilon = jnp.finfo(data.weight.dtype).eps
    slack = 8 * epsilon * jnp.abs(point.value)
    flat = jnp.max(jnp.abs(point.gradient)) <= epsilon  # up to rounding: no step
    sound = gain > 0
    better = sound & ~flat & (moved.value <= point.value + slack)  # False for NaN
    done = flat | sound & (gain <= tolerance) & (damping == 0)
    kept = jax.tree.map(lambda a, b: jnp.where(better, a, b), moved, point)
    less = jnp.where(damping > 1e-4, damping / 10, 0)
    more = jnp.clip(100 * damping, 1e-3, 1)  # with 1 no step can raise the value
    return _Iterate(kept, jnp.where(better, less, more), done, state.steps + 1)


def _direction(data: _Data, point: _Point, damping: jax.Array) -> jax.Array:
    """The step −(H + λ B)⁻¹ g, up to a tenth of its length `[V, K]`."""
    added = jnp.diag(data.ridge) + damping * data.bound

    def product(v: jax.Array) -> jax.Array:
        u = point.share * jnp.matmul(v, data.design.T, precision="highest")
        u = (u - point.share * jnp.sum(u, axis=0, keepdims=True)) * data.weight[None, :]
        u = jnp.matmul(u, data.design, precision="highest")
        return u + jnp.matmul(v, added, precision="highest")

    solve = _preconditioner(data, point.share, added)
    return newton.conjugate_gradients(
        product, solve, -point.gradient, tolerance=0.1, products=_PRODUCTS
    )


def _preconditioner(
    data: _Data, share: jax.Array, added: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """About the inverse: of each class alone, and of smooth functions of the class."""
    width, count = data.design.shape[1], data.smooth.shape[1]
    spread = share * (1 - share) * data.weight[None, :]
    within = outer_products.weighted(spread, data.products)
    each = outer_products.inverse(within + added[None])
    mean = jnp.matmul(data.smooth.T, share, precision="highest")  # [S, N]
    pairs = data.smooth.T[:, None, :] * data.smooth.T[None, :, :]  # [S, S, V]
    second = jnp.matmul(pairs.reshape(-1, len(share)), share, precision="highest")
    crossed = (mean[:, None, :] * mean[None, :, :]).reshape(second.shape)
    joint = outer_products.weighted(
        (second - crossed) * data.weight[None, :], data.products
    )
    joint = joint.reshape(count, count, width, width)
    own = added + 1e-6 * data.bound  # more than the rounding of the difference
    own = jnp.eye(count)[:, :, None, None] * own[None, None]
    joint = jnp.moveaxis(joint + own, 2, 1).reshape(1, count * width, count * width)
    smooth = outer_products.inverse(joint)[0]

    def solve(rest: jax.Array) -> jax.Array:
        coarse = jnp.matmul(data.smooth.T, rest, precision="highest").ravel()
        coarse = jnp.matmul(smooth, coarse, precision="highest").reshape(count, width)
        alone = jnp.einsum("vkl,vl->vk", each, rest, precision="highest")
        return alone + jnp.matmul(data.smooth, coarse, precision="highest")

    return solve


def _discriminant(x: jax.Array, data: _Data) -> tuple[jax.Array, jax.Array]:
    """The means of the classes `[V, D]`, and their linear discriminant `[V, K]`.

    w_v = S⁻¹ μ_v and b_v = log π_v − ½ μ_vᵀ S⁻¹ μ_v, S the covariance in a class: the
    minimum for Gaussian classes of one covariance. Centred over the classes.
    """
    share = data.true * data.weight[None, :]
    total = jnp.sum(share, axis=1)
    safe = jnp.where(total > 0, total, 1)[:, None]
    mean = jnp.matmul(share, x, precision="highest") / safe
    rest = x - jnp.matmul(data.true.T.astype(x.dtype), mean, precision="highest")
    within = jnp.matmul((rest * data.weight[:, None]).T, rest, precision="highest")
    floor = 1e-4 * (data.weight @ x**2)
    within = within + jnp.diag(jnp.where(floor > 0, floor, 1))
    slope = jnp.linalg.solve(within, mean.T).T
    offset = jnp.log(safe) - 0.5 * jnp.sum(slope * mean, axis=1, keepdims=True)
    weights = jnp.concatenate([slope, offset], axis=1)
    return mean, weights - jnp.mean(weights, axis=0, keepdims=True)


def _components(mean: jax.Array) -> jax.Array:
    """Orthonormal functions of the class, those the means depend on most `[V, S]`."""
    count = min(_SMOOTH, mean.shape[1], mean.shape[0])
    centred = mean - jnp.mean(mean, axis=0, keepdims=True)
    return jnp.linalg.svd(centred, full_matrices=False)[0][:, :count]
