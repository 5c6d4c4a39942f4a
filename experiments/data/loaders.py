"""Loads, draws or samples the data set that a config names; registers each of them."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import (
    cars3d,
    celeb_a,
    fashion_mnist,
    garments,
    heads,
    images,
    moons,
    mpi3d,
    pinwheel,
    raster,
    shapes3d,
    small_norb,
)
from decomp.datasets.renderers import dsprites_render
from experiments.data import arrays, catalogue, factor_grid, rendered
from experiments.data.arrays import Dataset
from experiments.data.catalogue import DataSource
from experiments.system import declarations, registry
from experiments.system.terminal import say


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(catalogue.SETS)


def load(config: ConfigDict) -> Dataset:
    """Loads the data of a validated config.

    Raises:
        ValueError: One line, for a file that is not valid.
    """
    data_key = jax.random.fold_in(jax.random.key(config.rng), 0)
    try:
        return catalogue.SETS[config.data.name].load(data_key, config)
    except MemoryError as error:
        raise ValueError(
            f"data.name = {config.data.name}: there is too little memory for the "
            f"images ({error or 'no details are known'}); data.points reads fewer."
        ) from error


def outline(config: ConfigDict) -> Dataset:
    """The shapes and types of the data of a validated config, without the data.

    All rows share the memory of one. Points of the plane, images in memory, and images
    whose number only their file says are loaded.
    """
    data, entry = config.data, catalogue.SETS[config.data.name]
    if entry.rendered:
        few = config.copy_and_resolve_references()
        with few.unlocked():
            few.data.points, few.data.source, few.data.path = 2, "rendered", ""
        # If images are drawn by weights, their number is that of the whole grid.
        left_out = 0 if data.correlated else factor_grid.held_out(data)
        return _repeated(load(few), data.points or entry.rendered - left_out)
    shape = catalogue.shape(data)
    if shape and "rendered" not in entry.sources:
        pixels = np.zeros((1, math.prod(shape)), np.uint8)
        factors = np.zeros((1, 0), np.int32)
        image = raster.Images(pixels, factors, shape, ())
        return _repeated(_photographs(image, data.side), data.points or entry.most)
    return load(config)


def _repeated(data: Dataset, size: int) -> Dataset:
    """The data with their first row repeated `size` times."""

    def repeated(rows: np.ndarray) -> np.ndarray:
        return np.broadcast_to(rows[:1], (size, rows.shape[1]))

    return data._replace(points=repeated(data.points), factors=repeated(data.factors))


def scored(key: jax.Array, config: ConfigDict, data: Dataset) -> Dataset:
    """The images that a validated config scores.

    Args:
        key: A random key, which is used up.
        config: Its `evaluate.images` and `evaluate.points` choose the images.
        data: The images that are trained on.

    Returns:
        A part of `data`, or other images of its grid. Factors that have the same class
        in all of these cannot be scored and are left out; a line says which.
    """
    if config.evaluate.images == "trained":
        subset = arrays.subset(data, key, config.evaluate.points)
    else:
        places = factor_grid.scored(key, config)
        at_places = catalogue.SETS[config.data.name].at_places
        assert at_places is not None  # the config was checked
        subset = at_places(places, config)
    if not subset.shape or not subset.factor_names:
        return subset
    varied = (subset.factors != subset.factors[:1]).any(axis=0)
    names = np.asarray(subset.factor_names)
    if not varied.all():
        left_out = ", ".join(names[~varied])
        say(f"  factors with one class in all images are not scored: {left_out}")
    return arrays.with_factors(subset, names[varied].tolist())


def plane(key: jax.Array, config: ConfigDict) -> Dataset:
    """The pinwheel; its only factor is the arm."""
    points, arms = pinwheel.sample(
        key,
        num_points=config.data.points,
        radial_std=config.data.radial_std,
        tangential_std=config.data.tangential_std,
        rate=config.data.rate,
    )
    return _of_plane(points, arms, "arm")


def half_circles(key: jax.Array, config: ConfigDict) -> Dataset:
    """Four moons; the one factor is the moon."""
    points, moon = moons.sample(
        key, num_points=config.data.points, noise_std=config.data.noise_std
    )
    return _of_plane(points, moon, "moon")


def _of_plane(points: jax.Array, labels: jax.Array, factor: str) -> Dataset:
    """Points of the plane and their only factor."""
    classes = np.asarray(labels)[:, None]
    return Dataset(
        np.asarray(points), classes, (), arrays.coordinates, factor_names=(factor,)
    )


def clothes(key: jax.Array, config: ConfigDict) -> Dataset:
    """Fashion-MNIST or its drawn stand-in; its only factor is the class."""
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


def photographs(reader: Any, key: jax.Array, config: ConfigDict) -> Dataset:
    """Images of 64×64 pixels from files; averaged pixels weigh (64/side)².

    `reader` is the module of `decomp.datasets` that reads the files.
    """
    side = config.data.side or 64
    content = reader.load(
        config.data.path,
        source=catalogue.source(config.data),
        side=side,
        choose=_chosen(key, config),
        tell=say,
    )
    return _photographs(content, side)


def _photographs(content: raster.Images, side: int) -> Dataset:
    """Images whose pixels have the weight (64/side)² in the likelihood."""
    return _of(content)._replace(pixels_per_value=(64 // (side or 64)) ** 2)


def own(key: jax.Array, config: ConfigDict) -> Dataset:
    """The user's images, of any size."""
    choose = _chosen(key, config)
    return _of(
        images.load(config.data.path, side=config.data.side, choose=choose, tell=say)
    )


def _of(content: raster.Images) -> Dataset:
    decode = arrays.shares(255)
    return Dataset(
        content.pixels,
        content.factors,
        content.shape,
        decode,
        factor_names=content.factor_names,
        class_names=content.class_names,
    )


def _chosen(key: jax.Array, config: ConfigDict) -> raster.Choose:
    """Chooses the images to read from a file: a random subset, or all."""

    def choose(size: int) -> np.ndarray | slice:
        return arrays.choose(key, size, config.data.points, field="data.points")

    return choose


def of_arrays(
    name: str,
    label: str,
    images: np.ndarray,
    factors: np.ndarray | None = None,
    *,
    factor_names: Sequence[str] = (),
) -> DataSource:
    """An entry for images in memory.

    Args:
        name: The name in `config.data.name`.
        label: The name in reports.
        images: `[N, H, W]` or `[N, H, W, C]`, C 1 or 3: bytes, or floats in [0, 1].
        factors: `[N, F]`, or `[N]` for one class, with any values; or None.
        factor_names: Names of the F factors; by default f0, f1, ...

    Raises:
        ValueError: One line, for arrays that are not images or do not match.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(
            f"data set {name}: images must be [N, H, W], or [N, H, W, C] with C = 1 or "
            f"3; got {list(images.shape)}."
        )
    floats = np.issubdtype(images.dtype, np.floating)
    inside = not floats or (images.min() >= 0 and images.max() <= 1)
    if not inside or not (floats or images.dtype == np.uint8):
        raise ValueError(
            f"data set {name}: images must be bytes, or of floats in [0, 1]; got "
            f"{images.dtype} in {images.min()} .. {images.max()}."
        )
    classes, names = _classes(name, len(images), factors, factor_names)
    rows = images.reshape(len(images), -1)
    whole = Dataset(
        rows.astype(np.float32) if floats else rows,
        classes,
        images.shape[1:],
        arrays.coordinates if floats else arrays.shares(255),
        factor_names=names,
    )

    def load(key: jax.Array, config: ConfigDict) -> Dataset:
        return arrays.subset(whole, key, config.data.points, field="data.points")

    labels = {0: "none", 1: "class"}.get(len(names), "factors")
    return DataSource(
        name, label, load, shape=images.shape[1:], most=len(images), labels=labels
    )


def _classes(
    name: str, count: int, factors: np.ndarray | None, names: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes, from 0, and names of factors `[N, F]` with any values."""
    table = np.zeros((count, 0)) if factors is None else np.asarray(factors)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or len(table) != count:
        raise ValueError(
            f"data set {name}: factors must be [{count}, F], a row per image; got "
            f"{list(table.shape)}."
        )
    names = tuple(names) or tuple(f"f{i}" for i in range(table.shape[1]))
    if len(names) != table.shape[1]:
        raise ValueError(
            f"data set {name}: there must be {table.shape[1]} names of factors; got "
            f"{len(names)}."
        )
    columns = [np.unique(column, return_inverse=True)[1] for column in table.T]
    classes = np.stack(columns, axis=1) if columns else table
    return classes.astype(np.int32), names


def _grid(module: Any) -> tuple[tuple[str, int], ...]:
    return tuple(zip(module.FACTOR_NAMES, module.FACTOR_SIZES, strict=True))


_FROM_FILES: dict[str, Any] = {"sources": ("file", "tfds"), "scaled": True}
_ENTRIES = (
    DataSource(
        "dsprites",
        "dSprites",
        rendered.sprites,
        ("rendered", "file", "tfds"),
        (64, 64, 1),
        scaled=True,
        rendered=dsprites_render.NUM_IMAGES,
        most=dsprites_render.NUM_IMAGES,
        grid=_grid(dsprites_render),
        looks=catalogue.LOOKS,
        at_places=rendered.sprites_at,
    ),
    DataSource(
        *("pinwheel", "pinwheel", plane),
        labels=catalogue.PLANE,
        fields=declarations.of_package("data", "radial_std", "tangential_std", "rate"),
    ),
    DataSource(
        *("moons", "moons", half_circles),
        labels=catalogue.PLANE,
        fields=declarations.of_package("data", "noise_std"),
    ),
    DataSource(
        "fashion_mnist",
        "Fashion-MNIST",
        clothes,
        ("rendered", "file", "tfds"),
        (28, 28, 1),
        rendered=60_000,
        labels="class",
    ),
    DataSource(
        "heads",
        "heads",
        rendered.faces,
        ("rendered",),
        (64, 64, 1),
        scaled=True,
        rendered=heads.NUM_IMAGES,
        most=heads.NUM_IMAGES,
        grid=_grid(heads),
        at_places=rendered.heads_at,
    ),
    DataSource(
        "shapes3d",
        "3D Shapes",
        functools.partial(photographs, shapes3d),
        shape=(64, 64, 3),
        most=shapes3d.NUM_IMAGES,
        **_FROM_FILES,
    ),
    DataSource(
        "small_norb",
        "Small NORB",
        functools.partial(photographs, small_norb),
        shape=(64, 64, 1),
        most=small_norb.NUM_IMAGES,
        **_FROM_FILES,
    ),
    DataSource(
        "celeb_a",
        "CelebA",
        functools.partial(photographs, celeb_a),
        shape=(64, 64, 3),
        most=celeb_a.NUM_IMAGES,
        labels="none",
        **_FROM_FILES,
    ),
    DataSource(
        "mpi3d",
        "MPI3D",
        functools.partial(photographs, mpi3d),
        ("file",),
        (64, 64, 3),
        scaled=True,
        most=mpi3d.NUM_IMAGES,
        published="mpi3d_toy.npz, mpi3d_realistic.npz or mpi3d_real.npz from "
        "github.com/rr-learning/disentanglement_dataset",
    ),
    DataSource(
        "cars3d",
        "Cars3D",
        functools.partial(photographs, cars3d),
        ("file",),
        (64, 64, 3),
        scaled=True,
        most=cars3d.NUM_IMAGES,
        published="www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    ),
    DataSource("images", "your images", own, ("file",), labels="file"),
)
for _entry in _ENTRIES:
    catalogue.register(_entry)
registry.close(catalogue.SETS)
