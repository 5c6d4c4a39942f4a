"""Data sets that are drawn on a grid of factors: dSprites and heads."""

import functools

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import dsprites, heads, raster
from decomp.datasets.renderers import dsprites_looks
from experiments.data import arrays, catalogue, factor_grid
from experiments.data.arrays import Dataset
from experiments.system.terminal import say

_LOOKS = {
    "colour": dsprites_looks.with_colours,
    "noise": dsprites_looks.with_noise,
}
_FEW_HEADS = 1_000  # for more heads, the whole set is drawn and stored


def sprites(key: jax.Array, config: ConfigDict) -> Dataset:
    """The images of dSprites, packed, or averaged down to a smaller side."""
    source = catalogue.source(config.data)
    if source == "rendered":
        return sprites_at(factor_grid.trained(key, config), config)
    images = dsprites.load(config.data.path, source=source)
    places = arrays.choose(
        key, len(images.packed), config.data.points, field="data.points"
    )
    return _sprites(images.packed[places], images.factors[places], config)


def faces(key: jax.Array, config: ConfigDict) -> Dataset:
    """The drawn heads, on the grid of the 3D faces."""
    return heads_at(factor_grid.trained(key, config), config)


def sprites_at(places: np.ndarray | slice, config: ConfigDict) -> Dataset:
    """The drawn sprites at some indices of their grid."""
    if isinstance(places, slice):
        images = dsprites.load()
        return _sprites(images.packed, images.factors, config)
    classes = dsprites.factor_classes()[places]
    return _sprites(dsprites.render(classes), classes, config)


def _sprites(packed: np.ndarray, factors: np.ndarray, config: ConfigDict) -> Dataset:
    """dSprites with the side and the look of a config."""
    shape = catalogue.shape(config.data)
    side, look = shape[0], config.data.look
    pixels = (64 // side) ** 2
    rows = packed if side == 64 else dsprites.pooled(packed, side=side)
    decode = dsprites.unpack if side == 64 else arrays.shares(pixels)
    if look != "plain":
        add, decode = _LOOKS[look], _looking(look, decode, rows.shape[1])
        rows = add(rows, dsprites.flat_index(factors), seed=config.rng)
    return Dataset(
        rows,
        factors,
        shape,
        decode,
        pixels,
        dsprites.FACTOR_NAMES,
        kept_as=_kept_as(config, side),
    )


def heads_at(places: np.ndarray | slice, config: ConfigDict) -> Dataset:
    """The heads at some indices of their grid."""
    classes, shape = heads.factor_classes()[places], catalogue.shape(config.data)
    if len(classes) > _FEW_HEADS:
        pixels = heads.load(tell=say)[places]
    else:
        pixels = heads.render(classes)
    if shape[0] < heads.SIDE:
        pixels = pixels.reshape(-1, heads.SIDE, heads.SIDE, 1)
        pixels = raster.smaller(pixels, side=shape[0]).reshape(len(classes), -1)
    return Dataset(
        pixels,
        classes,
        shape,
        arrays.shares(255),
        (heads.SIDE // shape[0]) ** 2,
        heads.FACTOR_NAMES,
        kept_as=_kept_as(config, shape[0]),
    )


def _kept_as(config: ConfigDict, side: int) -> str:
    """The name of a choice of images; "" for a random subset, or a file."""
    data = config.data
    if data.points or catalogue.source(data) != "rendered":
        return ""
    look = "" if data.look == "plain" else f"-{data.look}"
    choice = look + factor_grid.name(data)
    seed = f"-{config.rng}" if choice and config.rng else ""
    return f"{data.name}-{side}{choice}{seed}"


@functools.cache
def _looking(look: str, shares: arrays.Decode, stored: int) -> arrays.Decode:
    """Returns the `decode` of rows with a look; their first bytes are the sprite."""
    paint = dsprites_looks.coloured if look == "colour" else dsprites_looks.noisy

    def decode(rows: jax.Array) -> jax.Array:
        return paint(shares(rows[:, :stored]), rows[:, stored:])

    return decode
