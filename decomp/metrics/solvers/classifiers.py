"""Linear classifiers of one class against the rest, at the minima of their objectives.

Every class of every factor has its own, and Newton's method fits all of them together.
Scikit-learn fits the same objectives and stops at a tolerance, close to the minimum.
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
    """Scores ⟨w_v, x⟩ + b_v of P classes, and how the fit went."""

    slope: jax.Array  # [P, D]
    offset: jax.Array  # [P]
    converged: jax.Array  # [P] bool


def scores(model: Linear, x: jax.Array) -> jax.Array:
    """The scores `[P, N]` of data points `x [N, D]`."""
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
    """Linear support vector machines on one code, each for one class.

    min ½(w² + b²) + Σ_n C_n max(0, 1 − y_n(w z_n + b))²,   y_n = ±1

    The offset is penalised too, as in liblinear.

    Args:
        code: x `[N]`; z itself by default.
        target: Whether y = 1 `[P, N]` bool.
        costs: C of the points with y = −1 and with y = 1 `[P, 2]`.
        origin: z = 2^exponent (x + origin), `[]`.
        exponent: See there, `[]`.
        counted: Points that a machine is fitted to `[P, N]` bool; by default all.
        steps: At most this many.

    Returns:
        Linear of x, with D = 1.
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
    # At least 1 in the unit of z, in which the slope is penalised.
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
        pull = jnp.matmul(cost * sign * slack, powers[:, 1:], precision="highest")
        curve = jnp.matmul(cost * (slack > 0), powers, precision="highest")
        penalised = jnp.matmul(weights, penalty, precision="highest")
        value = 0.5 * jnp.sum(weights * penalised, axis=1)
        hessian = jnp.stack([curve[:, :2], curve[:, 1:]], axis=1)  # [P, 2, 2]
        return Local(
            value + jnp.sum(cost * slack**2, axis=1),
            penalised - 2 * pull,
            penalty[None] + 2 * hessian,
        )

    start = jnp.zeros((len(target), 2), code.dtype)
    tolerance = 1e-9 * jnp.sum(cost, axis=1)
    found = newton.minimise(local, start, tolerance=tolerance, steps=steps)
    slope, offset = found.weights.T
    return Linear(
        slope[:, None] / scale,
        offset - slope * ((code[0] + middle) / scale),
        found.converged,
    )


def logistic(
    x: jax.Array,
    target: jax.Array,
    *,
    inverse_penalty: float,
    counted: jax.Array | None = None,
    steps: int = 60,
) -> Linear:
    """Logistic regressions on all codes, each of one class against the rest.

    min ‖w‖²/(2C) + Σ_n log(1 + exp(−y_n(⟨w, x_n⟩ + b))),   y_n = ±1

    Args:
        x: `[N, D]`.
        target: Whether y = 1 `[P, N]` bool.
        inverse_penalty: C.
        counted: Points that a regression is fitted to `[P, N]` bool; by default all.
        steps: At most this many.

    Returns:
        Linear.
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
        share = jax.nn.sigmoid(logit)
        error = (share - label) * weight
        gradient = jnp.matmul(error, design, precision="highest")
        curve = outer_products.weighted(share * (1 - share) * weight, products)
        loss = jnp.sum(weight * jax.nn.softplus(-sign * logit), axis=1)
        return Local(
            loss + 0.5 * jnp.sum(ridge * weights**2, axis=1),
            gradient + ridge * weights,
            curve + jax.vmap(jnp.diag)(ridge),
        )

    start = jnp.zeros((len(target), dims + 1), x.dtype)
    rounding = 4 * float(jnp.finfo(x.dtype).eps)  # of a mean of about 1
    found = newton.minimise(
        local, start, tolerance=1e-7, steps=steps, rounding=rounding
    )
    return Linear(found.weights[:, :-1], found.weights[:, -1], found.converged)


def indicators(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Whether a point has a class, for every class of every factor in turn `[P, N]`."""
    labels, sizes = inputs.classes(labels, sizes, incomplete=True)
    columns = zip(labels.T, sizes, strict=True)
    return jnp.concatenate([y[None, :] == jnp.arange(v)[:, None] for y, v in columns])


def present(labels: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Whether a point has a factor, for every class of it `[P, N]`: −1 says not."""
    there = (labels >= 0).T
    return jnp.repeat(there, np.array(sizes), axis=0, total_repeat_length=sum(sizes))


def areas(
    scores: jax.Array, target: jax.Array, *, counted: jax.Array | None = None
) -> jax.Array:
    """Area under the curve: P(score of the class > score of the rest) + ½ P(equal).

    Two scores are equal if they differ by less than 2⁻¹⁶ of the largest, and are not
    if they differ by more than 2⁻¹²; in between, a pair counts in proportion. So the
    area is a continuous function of the scores, and the rounding of a fit decides no
    pair, wherever its two scores lie.

    Args:
        scores: `[P, N]`.
        target: Whether a point is of the class `[P, N]` bool.
        counted: Points that belong to the class or the rest `[P, N]` bool; by default
            all.

    Returns:
        `[P]`; NaN for a class of no points or of all.
    """
    target = inputs.real(target) != 0
    rest = ~target if counted is None else counted & ~target
    return _areas(inputs.real(scores), target & ~rest, rest)


@jax.jit
def _areas(scores: jax.Array, target: jax.Array, rest: jax.Array) -> jax.Array:
    size = scores.shape[1]
    # Whole numbers of 2⁻²⁴ of the largest score: their sums are exact in int32, modulo
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
    shares = (jnp.mean(part, axis=1, dtype=scores.dtype) for part in (target, rest))
    pairs = next(shares) * next(shares) * size
    return jnp.where(pairs > 0, wins / jnp.where(pairs > 0, pairs, 1), jnp.nan)


def _beaten(unit: jax.Array, rest: jax.Array, *, equal: int, apart: int) -> jax.Array:
    """How many points of the rest each score beats `[N]`, of ascending scores."""
    counts = jnp.pad(jnp.cumsum(rest, dtype=jnp.int32), (1, 0))
    sums = jnp.pad(jnp.cumsum(rest * unit, dtype=jnp.int32), (1, 0))

    def below(shift: int) -> tuple[jax.Array, jax.Array]:
        place = jnp.searchsorted(unit, unit - shift)
        return counts[place], sums[place]

    def partly(near: int, far: int) -> jax.Array:
        """Σ of the distances beyond `near`, over the points of the rest up to `far`."""
        (more, above), (less, under) = below(near), below(far)
        return (more - less) * (unit - near) - (above - under)

    whole = below(apart)[0] + below(-equal)[0]
    part = partly(equal, apart).astype(jnp.float32)
    part += partly(-apart, -equal)
    return (whole + part / (apart - equal)) / 2
