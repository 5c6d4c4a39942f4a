"""A random permutation of N points, evaluated one position at a time.

A hundred runs that each shuffle 737,280 images would need a hundred tables of 737,280
indices and sort them every epoch. A Feistel network with a random key computes the
index at any position of the shuffled order directly, in constant memory. For fewer than
ten points, the orders are not equally likely: of six, some are twice as likely as they
should be, and others two thirds.

Source: Black & Rogaway 2002, "Ciphers with Arbitrary Finite Domains", §4 and §5.
"""

import math

import jax
import jax.numpy as jnp

_ROUNDS = 8


def permuted_index(key: jax.Array, position: jax.Array, size: int) -> jax.Array:
    """The elements at the given positions of a random order of 0 … size − 1.

    For a fixed key, position ↦ index is a bijection of {0, …, size − 1}.

    Args:
        key: A random key, which is used up; the same key gives the same order.
        position: Positions in the shuffled order, integers in [0, size) `[*S]`.
        size: Number of points N, static, in [1, 2³¹ − 1].

    Returns:
        Indices `[*S]`, int32.
    """
    if not 1 <= size < 2**31:
        raise ValueError(f"size must be in [1, 2³¹ − 1]; got {size}.")
    columns = math.isqrt(size - 1) + 1
    rows = -(-size // columns)
    round_keys = jax.random.bits(key, (_ROUNDS,), jnp.uint32)

    def encipher(index: jax.Array) -> jax.Array:
        return _feistel(index, round_keys, rows, columns)

    def walk(index: jax.Array) -> jax.Array:
        return jnp.where(index < size, index, encipher(index))

    # The grid of rows × columns may have a few more cells than there are points.
    # Following the cycle of a cell until it re-enters [0, size) keeps the map a
    # bijection.
    index = jax.lax.while_loop(
        lambda index: jnp.any(index >= size),
        walk,
        encipher(jnp.asarray(position).astype(jnp.uint32)),
    )
    return index.astype(jnp.int32)


def _feistel(
    index: jax.Array, round_keys: jax.Array, rows: int, columns: int
) -> jax.Array:
    """Shifts row and column in turn, each by a hash of the other."""
    row, column = index // columns, index % columns
    for i in range(_ROUNDS):
        if i % 2:
            row = (row + _hash(column, round_keys[i]) % rows) % rows
        else:
            column = (column + _hash(row, round_keys[i]) % columns) % columns
    return row * columns + column


def _hash(x: jax.Array, key: jax.Array) -> jax.Array:
    """A keyed 32-bit integer hash (xor-shift and multiply, two rounds)."""
    x = x ^ key
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)
