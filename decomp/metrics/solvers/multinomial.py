"""Multinomial logistic regression at its minimum, for many classes and many points.

    min over w, b of Σ_n c_n (−log softmax_{y_n}(⟨w_v, x_n⟩ + b_v)) + ½ Σ_vd r_d w_vd²

The function is convex, so that all solvers converge to the same minimum; first-order
solvers need hundreds of passes over the data if many classes lie along one direction.
Newton's method starts at the linear discriminant, and finds each step by conjugate
gradients. Their preconditioner inverts the Hessian of each class separately, and that
of smooth functions of the class, which are the largest components of the class means.
A step that fails is damped by B = ½ Σ_n c_n x_n x_nᵀ for each class, an upper bound of
the Hessian (Böhning 1992), so that the next step cannot raise the value.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs
from decomp.metrics.solvers import newton, outer_products

_PRODUCTS = 60  # the most Hessian products of a step
_SMOOTH = 4  # the most components of the class means


class Fit(NamedTuple):
    """Linear scores ⟨w_v, x⟩ + b_v of V classes, and the state of the fit."""

    weights: jax.Array  # [V, D + 1], the last column is b
    loss: jax.Array  # [], the loss at the minimum without its penalty, nats
    converged: jax.Array  # [] bool, whether the last predicted gain met the tolerance
    steps: jax.Array  # [] int32


class _Data(NamedTuple):
    design: jax.Array  # [N, K], the last column is 1
    products: jax.Array  # [N, K (K + 1)/2], products of its columns
    true: jax.Array  # [V, N] bool, whether v is the label of n
    weight: jax.Array  # [N], c
    ridge: jax.Array  # [K], r
    bound: jax.Array  # [K, K], an upper bound of the Hessian of each class
    smooth: jax.Array  # [V, S], orthonormal functions of the class
    absent: jax.Array  # [V], −inf for a class without examples, otherwise 0


class _Point(NamedTuple):
    weights: jax.Array  # [V, K]
    value: jax.Array  # []
    gradient: jax.Array  # [V, K]
    share: jax.Array  # [V, N], probabilities
    loss: jax.Array  # []


class _Iterate(NamedTuple):
    point: _Point
    damping: jax.Array  # [], the share of the bound that is added to the Hessian
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
    """Fits the regression; it works under jit and vmap.

    If the classes are separable and there is no penalty, there is no minimum; the fit
    then ends where the loss is 0 up to the tolerance.

    Args:
        x: `[N, D]`, best with mean 0 and variance 1.
        label: Classes `[N]`, 0 … size − 1. A class without examples is never predicted.
            A missing label is −1 and must have the weight 0.
        weight: c `[N]`, with sum 1.
        size: Number of classes V.
        penalty: r of all columns `[]`, or of each `[D]`.
        tolerance: Tolerance of the predicted gain of the last step, nats. The distance
            to the minimum after this step is less.
        steps: The most Newton steps.

    Returns:
        Fit. Memory is `N · (V + D²)`.

    >>> x, label = jnp.array([[-1.0], [1.0]]), jnp.array([0, 1])
    >>> model = fit(x, label, jnp.full(2, 0.5), size=2, penalty=1.0)
    >>> bool(model.converged), jnp.argmax(scores(model, x), axis=0).tolist()
    (True, [0, 1])
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
    points = jax.lax.map(
        lambda weights: _at(data, weights), jnp.stack([start, jnp.zeros_like(start)])
    )
    better = jnp.where(points.value[0] < points.value[1], 0, 1)
    first = jax.tree.map(lambda leaf: leaf[better], points)

    def unfinished(state: _Iterate) -> jax.Array:
        return ~state.done & (state.steps < steps)

    state = _Iterate(first, jnp.zeros((), x.dtype), jnp.array(False), jnp.int32(0))
    last = jax.lax.while_loop(
        unfinished, lambda state: _advance(data, state, tolerance), state
    )
    offset = last.point.weights[:, -1:] + data.absent[:, None]
    weights = jnp.concatenate([last.point.weights[:, :-1], offset], axis=1)
    return Fit(weights, last.point.loss, last.done, last.steps)


def scores(model: Fit, x: jax.Array) -> jax.Array:
    """The scores of data points `[V, N]`; −inf for a class without examples."""
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
    """The value, the gradient and the probabilities at some weights `[V, K]`."""
    logit = jnp.matmul(weights, data.design.T, precision="highest")
    logit = logit + data.absent[:, None]
    own = jnp.sum(jnp.where(data.true, logit, 0), axis=0)
    excess = logit - own[None, :]
    largest = jnp.max(excess, axis=0)  # at least 0, that of the label
    power = jnp.exp(excess - largest[None, :])
    others = jnp.sum(jnp.where(data.true, 0, power), axis=0)
    # log Σ_v exp(excess), which is also precise if the label is almost certain
    loss = jnp.sum(data.weight * (largest + jnp.log1p(others + jnp.expm1(-largest))))
    share = power / jnp.sum(power, axis=0, keepdims=True)
    error = (share - data.true) * data.weight[None, :]
    penalised = data.ridge[None, :] * weights
    gradient = jnp.matmul(error, data.design, precision="highest") + penalised
    value = loss + 0.5 * jnp.sum(penalised * weights)
    return _Point(weights, value, gradient, share, loss)


def _advance(data: _Data, state: _Iterate, tolerance: jax.Array) -> _Iterate:
    """Takes one step if it lowers the value, and chooses the damping of the next."""
    point, damping = state.point, state.damping
    direction = _direction(data, point, damping)
    gain = -0.5 * jnp.sum(direction * point.gradient)
    moved = _at(data, point.weights + direction)
    epsilon = jnp.finfo(data.weight.dtype).eps
    slack = 8 * epsilon * jnp.abs(point.value)
    flat = jnp.max(jnp.abs(point.gradient)) <= epsilon  # only rounding is left
    descent = gain > 0
    better = descent & ~flat & (moved.value <= point.value + slack)  # False for NaN
    done = flat | descent & (gain <= tolerance) & (damping == 0)
    new_point = jax.tree.map(lambda a, b: jnp.where(better, a, b), moved, point)
    less = jnp.where(damping > 1e-4, damping / 10, 0)
    more = jnp.clip(100 * damping, 1e-3, 1)  # with 1, no step can raise the value
    return _Iterate(new_point, jnp.where(better, less, more), done, state.steps + 1)


def _direction(data: _Data, point: _Point, damping: jax.Array) -> jax.Array:
    """The step −(H + λ B)⁻¹ g `[V, K]`, with an error of up to a tenth."""
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
    """An approximate inverse of the Hessian.

    It is the sum of the inverses for each class and for smooth functions of the class.
    """
    width, count = data.design.shape[1], data.smooth.shape[1]
    variance = share * (1 - share) * data.weight[None, :]
    within = outer_products.weighted(variance, data.products)
    inverses = outer_products.inverse(within + added[None])
    mean = jnp.matmul(data.smooth.T, share, precision="highest")  # [S, N]
    pairs = data.smooth.T[:, None, :] * data.smooth.T[None, :, :]  # [S, S, V]
    second = jnp.matmul(pairs.reshape(-1, len(share)), share, precision="highest")
    crossed = (mean[:, None, :] * mean[None, :, :]).reshape(second.shape)
    joint = outer_products.weighted(
        (second - crossed) * data.weight[None, :], data.products
    )
    joint = joint.reshape(count, count, width, width)
    ridge = added + 1e-6 * data.bound  # more than the rounding of the difference
    ridge = jnp.eye(count)[:, :, None, None] * ridge[None, None]
    joint = jnp.moveaxis(joint + ridge, 2, 1).reshape(1, count * width, count * width)
    smooth = outer_products.inverse(joint)[0]

    def solve(residual: jax.Array) -> jax.Array:
        coarse = jnp.matmul(data.smooth.T, residual, precision="highest").ravel()
        coarse = jnp.matmul(smooth, coarse, precision="highest").reshape(count, width)
        separate = jnp.einsum("vkl,vl->vk", inverses, residual, precision="highest")
        return separate + jnp.matmul(data.smooth, coarse, precision="highest")

    return solve


def _discriminant(x: jax.Array, data: _Data) -> tuple[jax.Array, jax.Array]:
    """The class means `[V, D]`, and the weights of the linear discriminant `[V, K]`.

    w_v = S⁻¹ μ_v and b_v = log π_v − ½ μ_vᵀ S⁻¹ μ_v, with S the covariance within the
    classes, are the minimum for Gaussian classes of the same covariance. The weights
    are centred over the classes.
    """
    share = data.true * data.weight[None, :]
    total = jnp.sum(share, axis=1)
    safe = jnp.where(total > 0, total, 1)[:, None]
    mean = jnp.matmul(share, x, precision="highest") / safe
    own_mean = jnp.matmul(data.true.T.astype(x.dtype), mean, precision="highest")
    centred = x - own_mean
    weighted = centred * data.weight[:, None]
    within = jnp.matmul(weighted.T, centred, precision="highest")
    floor = 1e-4 * (data.weight @ x**2)
    within = within + jnp.diag(jnp.where(floor > 0, floor, 1))
    slope = jnp.linalg.solve(within, mean.T).T
    offset = jnp.log(safe) - 0.5 * jnp.sum(slope * mean, axis=1, keepdims=True)
    weights = jnp.concatenate([slope, offset], axis=1)
    return mean, weights - jnp.mean(weights, axis=0, keepdims=True)


def _components(mean: jax.Array) -> jax.Array:
    """Orthonormal functions of the class `[V, S]`: the main components of its mean."""
    count = min(_SMOOTH, mean.shape[1], mean.shape[0])
    centred = mean - jnp.mean(mean, axis=0, keepdims=True)
    return jnp.linalg.svd(centred, full_matrices=False)[0][:, :count]
