import hashlib
import itertools

import jax
import numpy as np
import pytest

from decomp.datasets import dsprites
from decomp.datasets.renderers import dsprites_looks

SHA256 = {
    "colour": "9fe413fe91c69b4207072c7ac508833447315d8d94e54c4d1ee11798da5a43a4",
    "noise": "2ca7cc5729fe6040ceb9196803f21984e4cd5e8ba8bc67e93ec30f45d03f9abf",
}
CLASSES = dsprites.factor_classes()[::40_000]
INDEX = dsprites.flat_index(CLASSES)
PACKED = dsprites.render(CLASSES)
COUNT = len(PACKED)


def levels(pixels):
    """The bytes 0 … 255 of channels, `[N, pixels, 3]`."""
    return np.rint(np.asarray(pixels) * 255).astype(np.uint8).reshape(COUNT, -1, 3)


def noise_of(name, size):
    """The noise of one image, computed with Python integers."""

    def mixed(x):
        x = ((x ^ (x >> 16)) * 0x7FEB352D) % 2**32
        x = ((x ^ (x >> 15)) * 0x846CA68B) % 2**32
        return x ^ (x >> 16)

    words = [mixed(name ^ mixed(pixel + 1)) for pixel in range(size)]
    return np.array([[word >> shift & 255 for shift in (0, 8, 16)] for word in words])


@jax.jit
def colour(rows):
    return dsprites_looks.coloured(dsprites.unpack(rows[:, :-3]), rows[:, -3:])


@jax.jit
def noise(rows):
    return dsprites_looks.noisy(dsprites.unpack(rows[:, :-4]), rows[:, -4:])


def test_a_sprite_has_one_bright_colour_on_black():
    rows = dsprites_looks.with_colours(PACKED, INDEX, seed=0)
    assert (rows.shape, rows.dtype) == ((COUNT, 515), np.uint8)
    pixels = np.asarray(colour(rows)).reshape(COUNT, 4096, 3)
    colours = (255 + rows[:, None, 512:].astype(np.float32)) / 510
    white = np.unpackbits(PACKED, axis=1)[:, :, None]
    np.testing.assert_allclose(pixels, white * colours, rtol=1e-6)
    assert hashlib.sha256(rows.data).hexdigest() == SHA256["colour"]


def test_noise_is_that_of_python_integers_behind_a_white_sprite():
    rows = dsprites_looks.with_noise(PACKED, INDEX, seed=0)
    assert (rows.shape, rows.dtype) == ((COUNT, 516), np.uint8)
    pixels = levels(noise(rows))
    white = np.unpackbits(PACKED, axis=1)
    name = int.from_bytes(rows[5, 512:].tobytes(), "little")
    expected = np.where(white[5, :, None], 255, noise_of(name, 4096))
    np.testing.assert_array_equal(pixels[5], expected)
    assert hashlib.sha256(pixels.data).hexdigest() == SHA256["noise"]


def test_colours_and_noise_are_uniform_and_their_channels_independent():
    index = np.arange(737_280)
    no_pixels = np.empty((len(index), 0), np.uint8)
    colours = dsprites_looks.with_colours(no_pixels, index, seed=1)
    black = np.zeros((16, 512), np.uint8)
    images = dsprites_looks.with_noise(black, index[:16], seed=1)
    rows = np.asarray(jax.jit(noise)(images))
    noisy = np.rint(rows * 255).astype(int).reshape(-1, 3)
    for channels in (colours.astype(int), noisy):
        size = len(channels)
        for column in channels.T:
            counts = np.bincount(column, minlength=256)
            square = ((counts - size / 256) ** 2 / (size / 256)).sum()
            assert abs(square - 255) < 4 * np.sqrt(2 * 255)  # chi-square
        for a, b in itertools.combinations(channels.T, 2):
            assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(size)
        neighbours = np.corrcoef(channels[:-1, 0], channels[1:, 0])[0, 1]
        assert abs(neighbours) < 4 / np.sqrt(size)


def test_every_image_and_every_seed_has_its_own_noise():
    index = np.arange(737_280)
    no_pixels = np.empty((len(index), 0), np.uint8)
    first, second = (
        dsprites_looks.with_noise(no_pixels, index, seed=seed).view("<u4")
        for seed in (0, 1)
    )
    assert len(np.unique(first)) == len(index)
    assert (first != second).mean() > 0.999


def test_an_image_keeps_its_look_in_any_order():
    order = np.random.default_rng(0).permutation(COUNT)
    for add in (dsprites_looks.with_colours, dsprites_looks.with_noise):
        rows = add(PACKED, INDEX, seed=3)
        np.testing.assert_array_equal(
            add(PACKED[order], INDEX[order], seed=3), rows[order]
        )


@pytest.mark.parametrize("side", [8, 16, 32])
def test_partly_covered_pixels_are_in_between(side):
    white = dsprites.pooled(PACKED, side=side) / np.float32((64 // side) ** 2)
    colours = np.full((COUNT, 3), 255, np.uint8)
    pixels = np.asarray(jax.jit(dsprites_looks.coloured)(white, colours))
    np.testing.assert_array_equal(pixels.reshape(COUNT, -1, 3)[:, :, 1], white)
    names = dsprites_looks.with_noise(PACKED, INDEX, seed=0)[:, 512:]
    noisy = jax.jit(dsprites_looks.noisy)
    alone = np.asarray(noisy(np.zeros_like(white), names))
    behind_sprite = np.asarray(noisy(white, names))
    cover = np.repeat(white, 3, axis=1)
    np.testing.assert_allclose(behind_sprite, cover + (1 - cover) * alone, rtol=1e-6)
