"""Linear classifiers of one class against the rest, at the minima of their objectives.

Every class of every factor has its own classifier, and Newton's method fits all of them
together. scikit-learn minimises the same objectives, and stops near the minimum.
"""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import inputs, units
from decomp.metrics.solvers import newton, outer_products
from decomp.metrics.solvers.newton import Local


class Linear(NamedTuple):
    """Linear scores ⟨w_v, x⟩ + b_v of P classes, and whether the fits converged."""

    slope: jax.Array  # [P, D], w_v
    offset: jax.Array  # [P], b_v
    converged: jax.Array  # [P] bool


def scores(model: Linear, x: jax.Array) -> jax.Array:
    """The scores `[P, N]` of data points `x [N, D]`.

    >>> model = Linear(jnp.array([[2.0]]), jnp.array([1.0]), jnp.array([True]))
    >>> scores(model, jnp.array([[0.0], [3.0]])).tolist()
    [[1.0, 7.0]]
    """
    product = jnp.matmul(model.slope, inputs.real(x).T, precision="highest")
    return product + model.offset[:, None]


def machines(
    code: jax.Array,
    target: jax.Array,
    costs: jax.Array,
    *,
    origin: float | jax.Array = 0.0,
    exponent: int | jax.Array = 0,
    counted: jax.Array | None = None,
    steps: int = 60,
) -> Linear:
    """Linear support vector machines on one latent dimension, one for each class.

    min ½(w² + b²) + Σ_n C_n max(0, 1 − y_n(w z_n + b))²,   y_n = ±1

    The offset is penalised, too, as in liblinear. The penalty depends on the scale and
    the origin of z, which may be in other units than x: z = 2^exponent (x + origin).

    Args:
        code: x `[N]`, which is z by default.
        target: Whether y = 1 `[P, N]` bool.
        costs: C of the points with y = −1 and of those with y = 1 `[P, 2]`.
        origin: Origin of the units of x `[]`.
        exponent: Exponent of the units of x `[]`.
        counted: Points to which each machine is fitted `[P, N]` bool; by default all.
        steps: The most Newton steps.

    Returns:
        Linear scores as functions of x, with D = 1.
    """
    code, costs, origin = map(inputs.real, (code, costs, origin))
    target, exponent = inputs.real(target) != 0, jnp.asarray(exponent, jnp.int32)
    chex.assert_rank([code, target, costs], [1, 2, 2])
    cost = jnp.where(target, costs[:, 1:], costs[:, :1])
    cost = cost if counted is None else jnp.where(counted, cost, 0)
    return _machines(code, target, cost, origin, exponent, steps)


@jax.jit
def _machines(
    code: jax.Array,
    target: jax.Array,
    cost: jax.Array,
    origin: jax.Array,
    exponent: jax.Array,
    steps: int,
) -> Linear:
    shifted = code - code[0]  # exactly 0 if constant
    middle = jnp.mean(shifted)
    # The scale is at least 1 in the unit of z, in which the slope is penalised.
    least = units.times_power(jnp.ones_like(middle), jnp.minimum(-exponent, 126))
    scale = jnp.maximum(jnp.std(shifted), least)
    inverse = units.times_power(1 / scale, -exponent)
    unit = (shifted - middle) / scale
    # w z + b = α unit + γ with w = α · inverse and b = γ − ratio · α.
    ratio = jnp.clip((code[0] + middle + origin) / scale, -1e9, 1e9)
    penalty = jnp.array(
        [[inverse**2 + ratio**2, -ratio], [-ratio, jnp.ones_like(ratio)]]
    )
    sign = jnp.where(target, 1, -1).astype(code.dtype)
    powers = jnp.stack([unit**2, unit, jnp.ones_like(unit)], axis=1)  # [N, 3]

    def local(weights: jax.Array) -> Local:
        slack = 1 - sign * (weights[:, :1] * unit[None, :] + weights[:, 1:])
        slack = jnp.maximum(slack, 0)
        residuals = jnp.matmul(cost * sign * slack, powers[:, 1:], precision="highest")
        moments = jnp.matmul(cost * (slack > 0), powers, precision="highest")
        penalised = jnp.matmul(weights, penalty, precision="highest")
        value = 0.5 * jnp.sum(weights * penalised, axis=1)
        hessian = jnp.stack([moments[:, :2], moments[:, 1:]], axis=1)  # [P, 2, 2]
        return Local(
            value + jnp.sum(cost * slack**2, axis=1),
            penalised - 2 * residuals,
            penalty[None] + 2 * hessian,
        )

    start = jnp.zeros((len(target), 2), code.dtype)
    tolerance = 1e-9 * jnp.sum(cost, axis=1)
    minimum = newton.minimise(local, start, tolerance=tolerance, steps=steps)
    slope, offset = minimum.weights.T
    return Linear(
        slope[:, None] / scale,
        offset - slope * ((code[0] + middle) / scale),
        minimum.converged,
    )


def logistic(
    x: jax.Array,
    target: jax.Array,
    *,
    inverse_penalty: float,
    counted: jax.Array | None = None,
    steps: int = 60,
) -> Linear:
    """Logistic regressions on all latent dimensions, one for each class.

    min ‖w‖²/(2C) + Σ_n log(1 + exp(−y_n(⟨w, x_n⟩ + b))),   y_n = ±1

    Args:
        x: `[N, D]`.
        target: Whether y = 1 `[P, N]` bool.
        inverse_penalty: C.
        counted: Points to which each regression is fitted `[P, N]` bool; by default
            all.
        steps: The most Newton steps.

    Returns:
        Linear scores, which are the logits of y = 1.
    """
    x, target = inputs.real(x), inputs.real(target) != 0
    chex.assert_equal_shape_suffix([x.T, target], 1)
    counted = jnp.ones_like(target) if counted is None else counted
    return _logistic(x, target, counted, jnp.float32(inverse_penalty), steps)


@jax.jit
def _logistic(
    x: jax.Array,
    target: jax.Array,
    counted: jax.Array,
    inverse_penalty: jax.Array,
    steps: int,
) -> Linear:
    dims = x.shape[1]
    size = jnp.maximum(jnp.sum(counted, axis=1, keepdims=True), 1)
    weight = counted.astype(x.dtype) / size  # [P, N]
    design = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=1)
    products = outer_products.products(design)
    label = target.astype(x.dtype)
    sign = jnp.where(target, 1, -1).astype(x.dtype)
    ridge = jnp.broadcast_to(1 / (inverse_penalty * size), (len(target), dims))
    ridge = jnp.pad(ridge, ((0, 0), (0, 1)))

    def local(weights: jax.Array) -> Local:
        logit = jnp.matmul(weights, design.T, precision="highest")  # [P, N]
        probability = jax.nn.sigmoid(logit)
        error = (probability - label) * weight
        gradient = jnp.matmul(error, design, precision="highest")
        variance = probability * (1 - probability)
        hessian = outer_products.weighted(variance * weight, products)
        loss = jnp.sum(weight * jax.nn.softplus(-sign * logit), axis=1)
        return Local(
            loss + 0.5 * jnp.sum(ridge * weights**2, axis=1),
            gradient + ridge * weights,
            hessian + jax.vmap(jnp.diag)(ridge),
        )

    start = jnp.zeros((len(target), dims + 1), x.dtype)
    rounding = 4 * float(jnp.finfo(x.dtype).eps)  # for a mean of about 1
    minimum = newton.minimise(
        local, start, tolerance=1e-7, steps=steps, rounding=rounding
    )
    weights = minimum.weights
    return Linear(weights[:, :-1], weights[:, -1], minimum.converged)


def indicators(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Whether each point has each class, for all classes of all factors `[P, N]`.

    Args:
        labels: Classes `[N, F]`, −1 if missing.
        sizes: Number of classes of each factor; their sum is P.

    >>> indicators(jnp.array([[0], [1]]), (2,)).tolist()
    [[True, False], [False, True]]
    """
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    columns = zip(labels.T, sizes, strict=True)
    return jnp.concatenate([y[None, :] == jnp.arange(v)[:, None] for y, v in columns])


def present(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Whether each point has the factor of each class `[P, N]`, as opposed to −1.

    >>> present(jnp.array([[0], [-1]]), (2,)).tolist()
    [[True, False], [True, False]]
    """
    has_factor = (labels >= 0).T
    return jnp.repeat(
        has_factor, np.array(sizes), axis=0, total_repeat_length=sum(sizes)
    )


def areas(
    scores: jax.Array, target: jax.Array, *, counted: jax.Array | None = None
) -> jax.Array:
    """Area under the ROC curve: P(score of the class > score of the rest) + ½ P(equal).

    Two scores count as equal if they differ by less than 2⁻¹⁶ of the largest score, and
    as different if they differ by more than 2⁻¹². In between, the weight of a pair is
    interpolated. So the area is a continuous function of the scores, and the rounding
    of a fit decides no pair.

    Args:
        scores: `[P, N]`.
        target: Whether a point has the class `[P, N]` bool.
        counted: Points that belong to the class or to the rest `[P, N]` bool; by
            default all.

    Returns:
        `[P]`; NaN for a class without points, or with all points.

    >>> target = jnp.array([[False, True, True]])
    >>> print(areas(jnp.array([[1.0, 2.0, 0.0]]), target).round(3))  # one of two pairs
    [0.5]
    """
    target = inputs.real(target) != 0
    rest = ~target if counted is None else counted & ~target
    return _areas(inputs.real(scores), target & ~rest, rest)


@jax.jit
def _areas(scores: jax.Array, target: jax.Array, rest: jax.Array) -> jax.Array:
    size = scores.shape[1]
    # Scores are rounded to integers, at most 2²⁴. Their sums are exact in int32, modulo
    # 2³², if N · apart is less than that.
    bits = min(24, 43 - (size - 1).bit_length())
    equal, apart = 2 ** (bits - 16), 2 ** (bits - 12)
    scores = jnp.where(target | rest, scores, 0)
    largest = jnp.max(jnp.abs(scores), axis=1, keepdims=True)
    unit = scores / jnp.where(largest > 0, largest, 1) * 2.0**bits
    unit = jnp.round(unit).astype(jnp.int32)
    unit, inside, outside = jax.lax.sort((unit, target, rest), dimension=1, num_keys=1)
    beaten = functools.partial(_beaten, equal=equal, apart=apart)
    wins = jnp.mean(inside * jax.vmap(beaten)(unit, outside), axis=1)
    share_of_class = jnp.mean(target, axis=1, dtype=scores.dtype)
    share_of_rest = jnp.mean(rest, axis=1, dtype=scores.dtype)
    pairs = share_of_class * share_of_rest * size
    return jnp.where(pairs > 0, wins / jnp.where(pairs > 0, pairs, 1), jnp.nan)


def _beaten(unit: jax.Array, rest: jax.Array, *, equal: int, apart: int) -> jax.Array:
    """The number of points of the rest that each score beats `[N]`.

    Args:
        unit: Ascending scores `[N]`, int32.
        rest: Whether a point belongs to the rest `[N]` bool.
        equal: The largest difference of scores that count as equal.
        apart: The least difference of scores that count as different.
    """
    counts = jnp.pad(jnp.cumsum(rest, dtype=jnp.int32), (1, 0))
    sums = jnp.pad(jnp.cumsum(rest * unit, dtype=jnp.int32), (1, 0))

    def below(shift: int) -> tuple[jax.Array, jax.Array]:
        """Number and sum of the scores of the rest below each score minus `shift`."""
        index = jnp.searchsorted(unit, unit - shift)
        return counts[index], sums[index]

    def excess(near: int, far: int) -> jax.Array:
        """Σ of (difference − near) over points of the rest between `near` and `far`."""
        (near_count, near_sum), (far_count, far_sum) = below(near), below(far)
        return (near_count - far_count) * (unit - near) - (near_sum - far_sum)

    whole = below(apart)[0] + below(-equal)[0]
    part = excess(equal, apart).astype(jnp.float32)
    part += excess(-apart, -equal)
    return (whole + part / (apart - equal)) / 2
