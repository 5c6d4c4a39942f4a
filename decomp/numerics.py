"""Numerical helpers that stay finite in float32, and the rule of precision.

Every function of the library that computes with real numbers converts its arguments by
`floats`. So this is the only place where the rule of precision is written, for
arguments of any library or byte order and any setting of JAX.
"""

from typing import Any, TypeVarTuple

import jax
import jax.numpy as jnp
import numpy as np

Arguments = TypeVarTuple("Arguments")


def floats(*arguments: *Arguments) -> tuple[*Arguments]:
    """Converts arguments to JAX arrays of one precision, in which the caller computes.

    It is float64 if an argument is float64 and `jax_enable_x64` is on, and float32
    otherwise: integers, booleans and half precision become float32. A Python number,
    or a weakly typed array that JAX made of one, has no precision of its own.

    Args:
        *arguments: Each is a number, anything that `np.asarray` takes, a JAX array, a
            named tuple of these, a tuple of such named tuples, or None.

    Returns:
        The arguments in their order, with their arrays converted.

    Raises:
        TypeError: For anything but real numbers, such as complex numbers, strings,
            keys, or masked arrays.
    """
    arrays = [jax.tree.map(_array, tree, is_leaf=_is_leaf) for tree in arguments]
    wide = any(map(_is_wide, jax.tree.leaves(arrays)))
    dtype = jnp.result_type(float if wide else jnp.float32)
    return tuple(jax.tree.map(lambda x: jnp.asarray(x, dtype), tree) for tree in arrays)


def log_mean_exp(x: jax.Array, axis: int = 0) -> jax.Array:
    """The log of the mean of exp(x) along an axis: logsumexp(x) − log(size)."""
    (x,) = floats(x)
    return jax.nn.logsumexp(x, axis=axis) - jnp.log(x.shape[axis])


def exp_below(x: jax.Array, peak: jax.Array) -> jax.Array:
    """exp(x − peak) for x ≤ peak, never above 1.

    A compiler may compute x once for the peak and again, with another rounding, for the
    difference. For |x| = 1e12 one rounding is 1e5, whose exponential is infinite.

    Args:
        x: Any shape.
        peak: Not less than x, of a shape that broadcasts to that of `x`.

    Returns:
        Values in [0, 1], of the shape of `x`.
    """
    x, peak = floats(x, peak)
    difference = x - peak
    return jnp.exp(jnp.where(difference > 0, 0, difference))


def with_peak(total: jax.Array) -> jax.Array:
    """Corrects Σ exp(x − peak), with the largest x as peak, to be at least 1.

    Args:
        total: The sum of values of `exp_below`. The peak's term is 1; if rounding lost
            it, the sum becomes 1.

    Returns:
        Values of the shape of `total`.
    """
    (total,) = floats(total)
    return jnp.where(total < 1, 1, total)


def log1p_ratio(u: jax.Array) -> jax.Array:
    """log(1 + u)/u, smooth through u = 0 (value 1), for u > −1.

    Its derivative is 0 in float32 beyond u = 1e19, where u² overflows.
    """
    (u,) = floats(u)
    return log1p_over(jnp.ones_like(u), u)


def log1p_over(u: jax.Array, w: jax.Array) -> jax.Array:
    """log(1 + w u)/w for w u > −1, smooth through w = 0, where it is u.

    The derivative in u is 1/(1 + w u) even for large u; that of u · `log1p_ratio` would
    be a difference of two terms of which one underflows.

    Args:
        u: Any shape.
        w: The same shape or `[]`.

    Returns:
        Values of the shape of `u`.
    """
    u, w = floats(u, w)
    x = w * u
    small = jnp.abs(x) < 0.25
    near = jnp.where(small, x, 0.0)
    t = near / (2.0 + near)
    series = 2.0 / (2.0 + near) * (1.0 + t * t * _atanh_rest(t * t))
    far = jnp.where(small, 1.0, x)  # the unused branch must not divide by 0
    return jnp.where(small, u * series, jnp.log1p(far) / jnp.where(small, 1.0, w))


def log1p_squares(
    y: jax.Array, w: jax.Array, axis: int | tuple[int, ...] = ()
) -> jax.Array:
    """log(1 + w Σ y²)/w for w ≥ 0, where y² may overflow; smooth through w = 0.

    Args:
        y: Any shape.
        w: `[]` or the shape of the result; where it is 0, the result is Σ y².
        axis: The axes of the sum, which are removed; by default none.

    Returns:
        Values of the shape of `y` without these axes.
    """
    y, w = floats(y, w)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(y), axis=axis))
    # From 1e18 on, 1 + w y² is w y² in float64, too.
    far = (jnp.sqrt(w) * largest > 1e9) & jnp.isfinite(largest)
    unit = jnp.where(far, jnp.minimum(largest, 1e37), 1.0)  # so that 1/unit is not 0
    square = jnp.sum((y / jnp.expand_dims(unit, axis)) ** 2, axis=axis)
    near = log1p_over(jnp.where(far, 1.0, square), w)
    norm = jnp.where(far, unit * jnp.sqrt(jnp.where(far, square, 1.0)), 1.0)
    w = jnp.where(w == 0, 1.0, w)
    outer = (jnp.log(w) + 2.0 * jnp.log(norm)) / w
    return jnp.where(far, outer, near)


def root_log1p(y: jax.Array, w: jax.Array) -> jax.Array:
    """sign(y)·√(log(1 + w y²)/w), smooth through w = 0 and y = 0, where it is y."""
    y, w = floats(y, w)
    small = w * y * y < 0.25  # in this order, as y² may overflow where w is 0
    inner = jnp.where(small & (jnp.abs(y) < 1e18), y, 0.0)
    near = y * jnp.sqrt(log1p_ratio(w * inner * inner))
    # √0 would have an infinite derivative
    far = log1p_squares(jnp.where(small, 1.0, y), jnp.where(small, 1.0, w))
    return jnp.where(small, near, jnp.sign(y) * jnp.sqrt(far))


def ratio_excess(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b − 1 − log(a/b) ≥ 0 for positive a and b, without cancellation at a ≈ b."""
    a, b = floats(a, b)
    x = (a - b) / b
    small = jnp.abs(x) < 0.25
    near = jnp.where(small, x, 0.0)
    t = near / (2.0 + near)
    series = t * near - 2.0 * t * t * t * _atanh_rest(t * t)
    ratio = jnp.where(small, 2.0, a / b)
    return jnp.where(small, series, ratio - 1.0 - jnp.log(ratio))


def exp_excess(x: jax.Array) -> jax.Array:
    """e⁻ˣ − 1 + x ≥ 0 for x ≥ 0, without cancellation at x ≈ 0."""
    (x,) = floats(x)
    small = x < 0.5
    near = jnp.where(small, x, 0.0)
    rest = jnp.ones_like(near)
    for k in range(14, 2, -1):
        rest = 1.0 - near / k * rest
    return jnp.where(small, 0.5 * near * near * rest, jnp.expm1(-x) + x)


def standardise(x: jax.Array) -> jax.Array:
    """Scales the columns of `x [N, D]` to mean 0 and variance 1; constant ones to 0.

    Columns are first shifted by a row and divided by their range, so that squares of
    very small or very large values do not underflow or overflow.
    """
    (x,) = floats(x)
    span = jnp.ptp(x, axis=0, keepdims=True)
    x = (x - x[:1]) / jnp.where(span == 0, 1, span)
    x = x - jnp.mean(x, axis=0, keepdims=True)
    square = jnp.mean(x**2, axis=0, keepdims=True)
    # √0 would have an infinite derivative
    return jnp.where(span == 0, 0, x / jnp.sqrt(jnp.where(span == 0, 1, square)))


def _atanh_rest(q: jax.Array) -> jax.Array:
    """Σ_k qᵏ/(2k + 3), which is (atanh(t)/t − 1)/t² at q = t², for q ≤ 1/49."""
    total = jnp.full_like(q, 1.0 / 19.0)
    for denominator in (17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        total = total * q + 1.0 / denominator
    return total


def _is_leaf(x: Any) -> bool:
    """Whether x is one array: a list is, a named tuple or a tuple of them is not."""
    named = [hasattr(each, "_fields") for each in (x, *x)] if type(x) is tuple else []
    return x is not None and not any(named) and not hasattr(x, "_fields")


def _array(x: Any) -> jax.Array | np.ndarray:
    """Converts x to an array of its own dtype, which must be of real numbers."""
    if isinstance(x, int | float | list | tuple) or hasattr(x, "__jax_array__"):
        x = jnp.asarray(x * 1.0 if isinstance(x, int | float) else x)
    elif np.ma.isMaskedArray(x):
        raise TypeError("expected real numbers; got a masked array.")
    elif not isinstance(x, jax.Array):
        x = np.asarray(x)
    real = (jnp.floating, jnp.integer, jnp.bool_)
    if not any(jnp.issubdtype(x.dtype, kind) for kind in real):
        raise TypeError(f"expected real numbers; got {x.dtype}.")
    return x


def _is_wide(x: jax.Array | np.ndarray) -> bool:
    """Whether x has a precision of its own that is above float32."""
    own = jnp.issubdtype(x.dtype, jnp.floating) and not getattr(x, "weak_type", False)
    return own and x.dtype.itemsize > 4
