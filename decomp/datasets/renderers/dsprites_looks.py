"""Color-dSprites and Noisy-dSprites, in little more memory than dSprites.

In the first, a sprite has a colour of its own, each channel uniform in [½, 1], on
black. In the second, a white sprite lies on noise, each channel of each pixel uniform
in [0, 1]. The pixels of the set would take 9 GB. So a row stays as it is, packed bits
or counts of white pixels, and gets the three bytes of a colour, or four bytes of a
number that determines the noise; `coloured` and `noisy` make the pixels in the jitted
step. Colours and noise are computed in 32-bit integers from a seed and the index of an
image in the set, so that every backend makes the same levels.

Source: Locatello et al. 2019, arXiv:1811.12359. They draw colours and noise anew each
time; here an image keeps its own.
"""

from typing import TypeVar

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics

_STEPS = 255  # levels of a channel
Words = TypeVar("Words", np.ndarray, jax.Array)


def with_colours(rows: np.ndarray, index: np.ndarray, *, seed: int) -> np.ndarray:
    """Appends a colour to the rows of images.

    Args:
        rows: Images as stored, uint8 `[N, P]`.
        index: Indices in the whole set `[N]`; equal indices get equal colours.
        seed: A seed ≥ 0; another seed gives other colours.

    Returns:
        uint8 `[N, P + 3]`; a byte b stands for (255 + b)/510.
    """
    words = _mixed(_named(index, seed))
    return np.concatenate([rows, _bytes(words)[:, :3]], axis=1)


def with_noise(rows: np.ndarray, index: np.ndarray, *, seed: int) -> np.ndarray:
    """Appends the number of its noise to the row of each image; see `with_colours`.

    Returns:
        uint8 `[N, P + 4]`; the four bytes are a number, its lowest byte first.
    """
    return np.concatenate([rows, _bytes(_named(index, seed))], axis=1)


def coloured(white: jax.Array, colours: jax.Array) -> jax.Array:
    """Images of a sprite in its colour on black.

    Args:
        white: The share of a pixel that the sprite covers, float32 `[..., S]`.
        colours: The last bytes of the rows of `with_colours`, uint8 `[..., 3]`.

    Returns:
        float32 `[..., 3 S]`, the channels of a pixel beside each other.
    """
    white, colours = numerics.floats(white, colours)
    chex.assert_axis_dimension(colours, -1, 3)
    levels = (colours + _STEPS) / (2 * _STEPS)
    pixels = white[..., :, None] * levels[..., None, :]
    pixels = jnp.minimum(pixels, 1)  # the quotient may be rounded upwards
    return pixels.reshape(*white.shape[:-1], 3 * white.shape[-1])


def noisy(white: jax.Array, names: jax.Array) -> jax.Array:
    """Images of a white sprite on noise: x = white + (1 − white) · noise.

    Args:
        white: The share of a pixel that the sprite covers, float32 `[..., S]`.
        names: The last bytes of the rows of `with_noise`, uint8 `[..., 4]`.

    Returns:
        float32 `[..., 3 S]`, the channels of a pixel beside each other; noise has the
        levels 0, 1/255 … 1.
    """
    names = jnp.asarray(names)
    chex.assert_axis_dimension(names, -1, 4)
    low, second, third, high = (
        names[..., i, None].astype(jnp.uint32) for i in range(4)
    )
    name = low | (second << 8) | (third << 16) | (high << 24)  # [..., 1]
    pixel = _mixed(jnp.arange(1, np.shape(white)[-1] + 1, dtype=jnp.uint32))
    words = _mixed(name ^ pixel.reshape((1,) * (name.ndim - 1) + pixel.shape))
    channels = jnp.stack([(words >> shift) & 255 for shift in (0, 8, 16)], axis=-1)
    white, noise = numerics.floats(white, channels)
    noise = noise / _STEPS  # [..., S, 3]
    white = white[..., None]
    pixels = jnp.minimum(white + (1 - white) * noise, 1)  # the quotients are rounded
    return pixels.reshape(*white.shape[:-2], -1)


def _named(index: np.ndarray, seed: int) -> np.ndarray:
    """A different number for each index of the set `[N]`."""
    own = _mixed(np.array([seed], np.uint32) + np.uint32(1))
    return _mixed(_mixed(index.astype(np.uint32)) ^ own)


def _mixed(x: Words) -> Words:
    """Maps 32-bit words one to one onto others that look independent.

    The shifts and odd factors are those of Wellons' "lowbias32",
    github.com/skeeto/hash-prospector.
    """
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _bytes(words: np.ndarray) -> np.ndarray:
    """The bytes of words `[N]`, lowest byte first, uint8 `[N, 4]`."""
    return words.astype("<u4").view(np.uint8).reshape(-1, 4)
