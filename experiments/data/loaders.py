"""Loads, renders or samples the data set that a config names."""

from collections.abc import Callable

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import (
    cars3d,
    celeb_a,
    fashion_mnist,
    garments,
    images,
    mpi3d,
    pinwheel,
    raster,
    shapes3d,
    small_norb,
)
from experiments.data import arrays, catalogue, factor_grid, rendered
from experiments.data.arrays import Dataset
from experiments.system.terminal import say

_FILES = {
    "shapes3d": shapes3d,
    "small_norb": small_norb,
    "celeb_a": celeb_a,
    "mpi3d": mpi3d,
    "cars3d": cars3d,
}


def load(config: ConfigDict) -> Dataset:
    """Loads the data of a validated config.

    Raises:
        ValueError: For a file that is not what it should be.
    """
    data_key = jax.random.fold_in(jax.random.key(config.rng), 0)
    try:
        return LOADERS[config.data.name](data_key, config)
    except MemoryError as error:
        raise ValueError(
            f"data.name = {config.data.name}: too little memory is left for the images "
            f"({error or 'nothing more is known'}); data.points reads fewer."
        ) from error


def scored(key: jax.Array, config: ConfigDict, data: Dataset) -> Dataset:
    """The images to score of a validated config.

    Args:
        key: Consumed.
        config: `evaluate.images` and `evaluate.points` choose.
        data: Those trained on.

    Returns:
        A part of `data`, or other images of its grid; then without the factors that
        have one class in all of them, of which nothing can be told. A line says which.
    """
    if config.evaluate.images == "trained":
        found = arrays.subset(data, key, config.evaluate.points)
    else:
        places = factor_grid.scored(key, config)
        found = rendered.AT_PLACES[config.data.name](places, config)
    if not found.shape or not found.factor_names:
        return found
    varied = (found.factors != found.factors[:1]).any(axis=0)
    names = np.asarray(found.factor_names)
    if not varied.all():
        left_out = ", ".join(names[~varied])
        say(f"  not scored, as all images are of one class of it: {left_out}")
    return arrays.with_factors(found, names[varied].tolist())


def plane(key: jax.Array, config: ConfigDict) -> Dataset:
    """The pinwheel; the one factor is the arm."""
    points, arms = pinwheel.sample(
        key,
        num_points=config.data.points,
        radial_std=config.data.radial_std,
        tangential_std=config.data.tangential_std,
        rate=config.data.rate,
    )
    labels = np.asarray(arms)[:, None]
    return Dataset(
        np.asarray(points), labels, (), arrays.coordinates, factor_names=("arm",)
    )


def clothes(key: jax.Array, config: ConfigDict) -> Dataset:
    """Fashion-MNIST or its rendered stand-in; the one factor is the class."""
    source, kept_as = catalogue.source(config.data), ""
    if source == "rendered":
        count = config.data.points or 60_000
        images = garments.sample(config.rng, num_images=count)
        drawn = f"fashion_mnist-28-{config.rng}" if config.rng else "fashion_mnist-28"
        kept_as = "" if config.data.points else drawn
    else:
        images = fashion_mnist.load(config.data.path, source=source)
    whole = Dataset(
        images.pixels,
        images.labels[:, None],
        (28, 28, 1),
        arrays.shares(255),
        factor_names=("class",),
        class_names=fashion_mnist.CLASS_NAMES,
        kept_as=kept_as,
    )
    return arrays.subset(whole, key, config.data.points, field="data.points")


def photographs(key: jax.Array, config: ConfigDict) -> Dataset:
    """Images of 64×64 pixels from files; smaller ones weigh as what they stand for."""
    module, side = _FILES[config.data.name], config.data.side or 64
    found = module.load(
        config.data.path,
        source=catalogue.source(config.data),
        side=side,
        choose=_chosen(key, config),
        tell=say,
    )
    return _of(found)._replace(pixels_per_value=(64 // side) ** 2)


def own(key: jax.Array, config: ConfigDict) -> Dataset:
    """The user's images, of whatever size."""
    choose = _chosen(key, config)
    return _of(
        images.load(config.data.path, side=config.data.side, choose=choose, tell=say)
    )


def _of(found: raster.Images) -> Dataset:
    decode = arrays.shares(255)
    return Dataset(
        found.pixels,
        found.factors,
        found.shape,
        decode,
        factor_names=found.factor_names,
        class_names=found.class_names,
    )


def _chosen(key: jax.Array, config: ConfigDict) -> raster.Choose:
    """Chooses what is read of a file: a random subset, or all."""

    def choose(size: int) -> np.ndarray | slice:
        return arrays.choose(key, size, config.data.points, field="data.points")

    return choose


LOADERS: dict[str, Callable[[jax.Array, ConfigDict], Dataset]] = {
    "dsprites": rendered.sprites,
    "pinwheel": plane,
    "fashion_mnist": clothes,
    "heads": rendered.faces,
    "shapes3d": photographs,
    "small_norb": photographs,
    "celeb_a": photographs,
    "mpi3d": photographs,
    "cars3d": photographs,
    "images": own,
}
