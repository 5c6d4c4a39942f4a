"""The data of a config, as arrays that stay on the device."""

import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import (
    cache,
    dsprites,
    fashion_mnist,
    garments,
    pinwheel,
    principal,
)
from experiments import files
from experiments.progress import say

CLOTHES = 28  # pixels a side of Fashion-MNIST, whose levels are 0 … 255


class Data(NamedTuple):
    """A data set; `pixels` turns rows as stored into the x of a network."""

    points: np.ndarray  # [N, P] as stored: packed bits, counts of pixels, coordinates
    factors: np.ndarray  # [N, F] integer classes from 0
    pixels_per_value: int  # pixels a value of x stands for: the weight of its log p
    side: int  # of an image; 0 for points of the plane


def load(config: ConfigDict) -> Data:
    """Loads, renders or samples the data set of a config.

    Raises:
        ValueError: For a file that is not what it should be.
    """
    data_key = jax.random.fold_in(jax.random.key(config.rng), 0)
    if config.data.name == "pinwheel":
        points, arms = pinwheel.sample(
            data_key,
            num_points=config.data.points,
            radial_std=config.data.radial_std,
            tangential_std=config.data.tangential_std,
            rate=config.data.rate,
        )
        return Data(np.asarray(points), np.asarray(arms)[:, None], 1, 0)
    if config.data.name == "fashion_mnist":
        return _clothes(data_key, config)
    packed, factors = _images(data_key, config)
    side = config.data.side
    if side == 64:
        return Data(packed, factors, 1, side)
    return Data(dsprites.pooled(packed, side=side), factors, (64 // side) ** 2, side)


def values(points: jax.Array, side: int) -> jax.Array:
    """Unpacks stored rows `[B, P]` to network inputs `[B, X]`, float32.

    Args:
        points: Rows of `Data.points`.
        side: `Data.side`.
    """
    if side == 0:
        return points
    if side == 64:
        return dsprites.unpack(points)
    if side == CLOTHES:
        return points.astype(jnp.float32) / 255
    return points.astype(jnp.float32) / (64 // side) ** 2


def subset(
    data: Data, key: jax.Array, count: int, *, field: str = "evaluate.points"
) -> Data:
    """A random subset of `count` points, or all of them for a count of 0."""
    size = len(data.points)
    if count == 0 or count == size:
        return data
    if count > size:
        raise ValueError(f"{field} expects at most {size}; got {count}.")
    chosen = np.sort(np.asarray(jax.random.permutation(key, size)[:count]))
    return data._replace(points=data.points[chosen], factors=data.factors[chosen])


def principal_variances(data: Data, config: ConfigDict) -> np.ndarray:
    """Variances `[D]` of the data along its principal axes, for the prior.

    Those of the whole rendered set are kept on disk: at 64×64 they take minutes.
    """
    latents, ranks = config.model.latents, config.prior.pca_ranks
    whole = config.data.source == "rendered" and not config.data.points
    name = f"principal-{config.data.name}-{data.side}-{latents}-{ranks}.json"
    path = cache.folder() / name
    if whole and path.exists():
        return np.asarray(json.loads(path.read_text()))
    size, batch = len(data.points), 8192
    if size * data.side**4 > 1e12:
        say(f"  finding the principal axes of {size:,} images, minutes on a CPU")
    batches = (
        np.asarray(values(jnp.asarray(data.points[start : start + batch]), data.side))
        for start in range(0, size, batch)
    )
    moments = principal.second_moments(batches)
    variances = principal.variances(moments, latents=latents, ranks=ranks)
    if whole:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, variances.tolist())
        except OSError as error:
            say(f"  the principal axes are not kept: {error}")
    return variances


def _clothes(key: jax.Array, config: ConfigDict) -> Data:
    """Fashion-MNIST or its rendered stand-in; the one factor is the class."""
    source = config.data.source
    if source == "rendered":
        count = config.data.points or 60_000
        images = garments.sample(config.rng, num_images=count)
    else:
        images = fashion_mnist.load(config.data.path, source=source)
    whole = Data(images.pixels, images.labels[:, None], 1, CLOTHES)
    return subset(whole, key, config.data.points, field="data.points")


def _images(key: jax.Array, config: ConfigDict) -> tuple[np.ndarray, np.ndarray]:
    """Packed dSprites images and their classes: the whole set or a random subset."""
    if config.data.source == "rendered" and config.data.points:
        classes = dsprites.factor_classes()
        if config.data.points > len(classes):
            raise ValueError(
                f"data.points expects at most {len(classes)}; got {config.data.points}."
            )
        order = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        chosen = order.choice(len(classes), config.data.points, replace=False)
        classes = classes[np.sort(chosen)]
        return dsprites.render(classes), classes
    images = dsprites.load(config.data.path, source=config.data.source)
    whole = Data(images.packed, images.factors, 1, 64)
    chosen = subset(whole, key, config.data.points, field="data.points")
    return chosen.points, images.factors if chosen is whole else chosen.factors
