"""Codes in units of their own: what float32 keeps of any offset and any scale."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_FARTHEST = 1e30  # of an origin, in spreads


class Codes(NamedTuple):
    """Codes z = 2^exponent (unit + origin), of which `unit` keeps the digits."""

    unit: jax.Array  # [..., N, D] float32, from −1 to 1; 0 for a constant latent
    origin: jax.Array  # [..., D] float32
    exponent: jax.Array  # [..., D] int32


def of_host(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit, origin and exponent of codes `[N, D]`, on the host.

    Each latent is taken off its median, which is one of its values.
    """
    whole = table.dtype.kind in "iu"
    wide = table if whole else table.astype(np.float64)
    bad = ~np.isfinite(table.astype(np.float64)).all(axis=0)
    wide = np.where(bad, 0, wide)
    coarse = np.where(whole, 0, np.frexp(np.abs(wide).max(axis=0).astype(float))[1])
    if not whole:
        wide = np.ldexp(wide, -coarse)
    middle = np.partition(wide, len(wide) // 2, axis=0)[len(wide) // 2]
    if whole:  # the difference of two integers may leave their type
        least = np.minimum(wide, middle).astype(table.dtype)
        most = np.maximum(wide, middle).astype(table.dtype)
        size = (most - least).view(f"u{table.dtype.itemsize}").astype(np.float64)
        rest = np.where(wide < middle, -size, size)
    else:
        rest = wide - middle
        rounding = 4 * np.finfo(np.float64).eps * np.abs(wide).max(axis=0)
        rest = np.where(np.ptp(rest, axis=0) <= rounding, 0, rest)
    fine = np.frexp(np.abs(rest).max(axis=0))[1]
    unit = np.where(bad, np.nan, np.ldexp(rest, -fine))
    origin = np.clip(np.ldexp(middle.astype(np.float64), -fine), -_FARTHEST, _FARTHEST)
    return (
        unit.astype(np.float32),
        origin.astype(np.float32),
        (coarse + fine).astype(np.int32),
    )


def of_traced(table: jax.Array) -> Codes:
    """The same of traced codes `[..., N, D]`, in their own type, off the first row."""
    first = table[..., :1, :]
    if jnp.issubdtype(table.dtype, jnp.floating):
        wide = table.astype(jnp.promote_types(table.dtype, jnp.float32))
        coarse = exponent(wide)
        wide = times_power(wide, -coarse[..., None, :])
        first = wide[..., :1, :]
        rest = wide - first
    else:
        coarse = jnp.zeros(table.shape[:-2] + table.shape[-1:], jnp.int32)
        rest = _difference(table, first)
        first = first.astype(jnp.float32)
    fine = exponent(rest)
    unit = times_power(rest, -fine[..., None, :])
    origin = times_power(first, -fine[..., None, :])[..., 0, :]
    return Codes(
        unit.astype(jnp.float32),
        jnp.clip(origin, -_FARTHEST, _FARTHEST).astype(jnp.float32),
        coarse + fine,
    )


def values(z: Codes) -> jax.Array:
    """The codes as an array `[..., N, D]` float32, rounded as an offset makes it."""
    offset = z.unit + z.origin[..., None, :]
    return times_power(offset, z.exponent[..., None, :])


def active(z: Codes) -> jax.Array:
    """Latents that are not constant, `[..., D]` bool."""
    return jnp.ptp(z.unit, axis=-2) != 0


def broken(z: Codes) -> jax.Array:
    """Whether a code is NaN or infinite, `[]` bool: the score of such a run is NaN."""
    return ~jnp.isfinite(z.unit).all()


def rows(z: Codes, chosen: jax.Array) -> Codes:
    """Some data points of a table of codes, in its own units."""
    return z._replace(unit=jnp.take(z.unit, chosen, axis=-2))


def together(z: Codes, values: jax.Array) -> jax.Array:
    """Values `[D]` in the units of each latent, in one unit for all: 2^max exponent.

    That of the largest latent which is not constant.
    """
    return times_power(values, z.exponent - largest_exponent(z))


def largest_exponent(z: Codes) -> jax.Array:
    """The exponent of the widest latent, `[]` int32; 0 if all are constant."""
    moving = active(z)
    least = jnp.min(z.exponent)
    largest = jnp.max(jnp.where(moving, z.exponent, least))
    return jnp.where(jnp.any(moving), largest, 0)


def times_power(x: jax.Array, exponent: jax.Array) -> jax.Array:
    """x · 2^exponent, exact in the range of the type of x; ±inf or 0 beyond."""
    exponent = jnp.broadcast_to(exponent, jnp.shape(x))
    info = jnp.finfo(x.dtype)
    bits = jnp.int32 if info.bits == 32 else jnp.int64
    for _ in range(3):
        part = jnp.clip(exponent, info.minexp, -info.minexp)
        power = (part.astype(bits) + info.maxexp - 1) << info.nmant
        x = x * jax.lax.bitcast_convert_type(power, x.dtype)
        exponent = exponent - part
    return x


def equal_width(z: Codes, *, bins: int) -> jax.Array:
    """Bins `[N, D]` of equal width, as `discrete.equal_width` defines them."""
    low, span = jnp.min(z.unit, axis=0), jnp.ptp(z.unit, axis=0)
    span = jnp.where(span > 0, span, 1)
    place = (z.unit - low[None, :]) / span[None, :] * bins + bins * 2.0**-21
    place = jnp.where(jnp.isfinite(place), place, 0)
    return jnp.clip(place.astype(jnp.int32), 0, bins - 1)


def exponent(x: jax.Array) -> jax.Array:
    """e of the largest |x| = m 2^e, ½ ≤ m < 1, of each column; 0 for a column of 0."""
    size = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-2))
    sound = jnp.isfinite(size) & (size > 0)
    return jnp.frexp(jnp.where(sound, size, 0.5))[1].astype(jnp.int32)


def _difference(table: jax.Array, first: jax.Array) -> jax.Array:
    """Integers or bools less others, as float32 without a wrap."""
    if table.dtype == jnp.bool_ or jnp.iinfo(table.dtype).bits < 32:
        return (table.astype(jnp.int32) - first.astype(jnp.int32)).astype(jnp.float32)
    kind = jnp.uint32 if jnp.iinfo(table.dtype).bits == 32 else jnp.uint64
    below = table < first
    size = jnp.where(below, first - table, table - first).astype(kind)
    size = size.astype(jnp.float32)
    return jnp.where(below, -size, size)
