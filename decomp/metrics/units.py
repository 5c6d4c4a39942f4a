"""Codes in units of their own, so that float32 is precise for any offset and scale."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_FARTHEST = 1e30  # the largest |origin|


class Codes(NamedTuple):
    """Codes z = 2^exponent (unit + origin); `unit` has full precision."""

    unit: jax.Array  # [..., N, D] float32, in [−1, 1]; 0 for a constant latent
    origin: jax.Array  # [..., D] float32
    exponent: jax.Array  # [..., D] int32
    # Least and largest unit [2, D] between which bins of equal width lie, or None for
    # those of the points.
    ends: jax.Array | None = None


def of_host(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit, origin and exponent of codes `[N, D]`, computed by NumPy in float64.

    The origin of each latent is its median; if there are two, it is the upper one.

    >>> unit, origin, exponent = of_host(np.array([[1.0], [3.0], [5.0]]))
    >>> unit[:, 0].tolist(), origin.tolist(), exponent.tolist()  # 4 · (unit + 0.75)
    ([-0.5, 0.0, 0.5], [0.75], [2])
    """
    integers = table.dtype.kind in "iu"
    wide = table if integers else table.astype(np.float64)
    bad = ~np.isfinite(table.astype(np.float64)).all(axis=0)
    wide = np.where(bad, 0, wide)
    largest = np.abs(wide).max(axis=0).astype(float)
    coarse = np.where(integers, 0, np.frexp(largest)[1])
    if not integers:
        wide = np.ldexp(wide, -coarse)
    middle = np.partition(wide, len(wide) // 2, axis=0)[len(wide) // 2]
    if integers:  # the difference of two integers may exceed the range of their type
        least = np.minimum(wide, middle).astype(table.dtype)
        most = np.maximum(wide, middle).astype(table.dtype)
        size = (most - least).view(f"u{table.dtype.itemsize}").astype(np.float64)
        centred = np.where(wide < middle, -size, size)
    else:
        centred = wide - middle
        rounding = 4 * np.finfo(np.float64).eps * np.abs(wide).max(axis=0)
        centred = np.where(np.ptp(centred, axis=0) <= rounding, 0, centred)
    fine = np.frexp(np.abs(centred).max(axis=0))[1]
    unit = np.where(bad, np.nan, np.ldexp(centred, -fine))
    origin = np.clip(np.ldexp(middle.astype(np.float64), -fine), -_FARTHEST, _FARTHEST)
    return (
        unit.astype(np.float32),
        origin.astype(np.float32),
        (coarse + fine).astype(np.int32),
    )


def of_traced(table: jax.Array) -> Codes:
    """Codes from a traced table `[..., N, D]`, computed in its own type.

    The origin of each latent is its first value.
    """
    first = table[..., :1, :]
    if jnp.issubdtype(table.dtype, jnp.floating):
        wide = table.astype(jnp.promote_types(table.dtype, jnp.float32))
        coarse = exponent(wide)
        wide = times_power(wide, -coarse[..., None, :])
        first = wide[..., :1, :]
        centred = wide - first
    else:
        coarse = jnp.zeros(table.shape[:-2] + table.shape[-1:], jnp.int32)
        centred = _difference(table, first)
        first = first.astype(jnp.float32)
    fine = exponent(centred)
    unit = times_power(centred, -fine[..., None, :])
    origin = times_power(first, -fine[..., None, :])[..., 0, :]
    return Codes(
        unit.astype(jnp.float32),
        jnp.clip(origin, -_FARTHEST, _FARTHEST).astype(jnp.float32),
        coarse + fine,
    )


def values(z: Codes) -> jax.Array:
    """The codes as an array `[..., N, D]` float32, with the rounding of float32."""
    offset = z.unit + z.origin[..., None, :]
    return times_power(offset, z.exponent[..., None, :])


@jax.jit
def active(z: Codes) -> jax.Array:
    """Whether each latent is not constant, `[..., D]` bool."""
    return jnp.ptp(z.unit, axis=-2) != 0


@jax.jit
def broken(z: Codes) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool; the score of such a run is NaN."""
    return ~jnp.isfinite(z.unit).all()


def rows(z: Codes, indices: jax.Array) -> Codes:
    """Some data points of a table of codes, in the units of the whole table."""
    return z._replace(unit=jnp.take(z.unit, indices, axis=-2))


def together(z: Codes, values: jax.Array) -> jax.Array:
    """Values `[D]` in the units of each latent, converted to one common unit.

    The common unit is that of the widest latent, 2^`largest_exponent`.
    """
    return times_power(values, z.exponent - largest_exponent(z))


@jax.jit
def largest_exponent(z: Codes) -> jax.Array:
    """The exponent of the widest latent, `[]` int32; 0 if all are constant."""
    moving = active(z)
    least = jnp.min(z.exponent)
    largest = jnp.max(jnp.where(moving, z.exponent, least))
    return jnp.where(jnp.any(moving), largest, 0)


def times_power(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """x · 2^exponent, exact in the range of the type of x, and ±inf or 0 beyond it.

    >>> print(times_power(jnp.array([3.0]), jnp.array(-1)))
    [1.5]
    """
    exponent = jnp.broadcast_to(exponent, jnp.shape(x))
    info = jnp.finfo(x.dtype)
    bits = jnp.int32 if info.bits == 32 else jnp.int64
    for _ in range(3):
        part = jnp.clip(exponent, info.minexp, -info.minexp)
        power = (part.astype(bits) + info.maxexp - 1) << info.nmant
        x = x * jax.lax.bitcast_convert_type(power, x.dtype)
        exponent = exponent - part
    return x


@jax.jit
def ends(z: Codes) -> jax.Array:
    """The least and the largest unit of each latent, `[2, D]`."""
    return jnp.stack([jnp.min(z.unit, axis=0), jnp.max(z.unit, axis=0)])


@functools.partial(jax.jit, static_argnames="bins")
def equal_width(z: Codes, *, bins: int) -> jax.Array:
    """Bins `[N, D]` of equal width, as `discrete.equal_width` defines them."""
    low, high = ends(z) if z.ends is None else z.ends
    span = jnp.where(high > low, high - low, 1)
    # The last term is more than the rounding of float32.
    position = (z.unit - low[None, :]) / span[None, :] * bins + bins * 2.0**-21
    position = jnp.where(jnp.isfinite(position), position, 0)
    return jnp.clip(position.astype(jnp.int32), 0, bins - 1)


def exponent(x: jax.Array) -> jax.Array:
    """The exponent e of the largest |x| = m 2^e, ½ ≤ m < 1, of each column.

    It is 0 for a column of zeros, or of values that are not finite.

    >>> exponent(jnp.array([[3.0, 0.0], [-5.0, 0.0]])).tolist()
    [3, 0]
    """
    size = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-2))
    usable = jnp.isfinite(size) & (size > 0)
    return jnp.frexp(jnp.where(usable, size, 0.5))[1].astype(jnp.int32)


def _difference(table: jax.Array, first: jax.Array) -> jax.Array:
    """Integers or bools minus others, as float32, without integer overflow."""
    if table.dtype == jnp.bool_ or jnp.iinfo(table.dtype).bits < 32:
        return (table.astype(jnp.int32) - first.astype(jnp.int32)).astype(jnp.float32)
    kind = jnp.uint32 if jnp.iinfo(table.dtype).bits == 32 else jnp.uint64
    below = table < first
    size = jnp.where(below, first - table, table - first).astype(kind)
    size = size.astype(jnp.float32)
    return jnp.where(below, -size, size)
