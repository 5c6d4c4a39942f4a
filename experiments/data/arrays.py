"""The data of a config, as arrays that stay on the device."""

import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets import principal
from decomp.datasets.readers import cache
from experiments.system import atomic_files
from experiments.system.terminal import say

Decode = Callable[[jax.Array], jax.Array]
_MOST_VALUES = 16_384  # values of an x with principal axes; their matrix takes 2 GB


class Dataset(NamedTuple):
    """A data set; `decode` turns stored rows into the x of a network.

    Images are rows in the order (H, W, C). `decode` is a pure function that runs in the
    jitted step; two that do the same compare equal, so that programs compile once.
    """

    points: np.ndarray  # [N, P] as stored: packed bits, counts of pixels, coordinates
    factors: np.ndarray  # [N, F] integer classes from 0; F = 1 is a class, 0 is none
    shape: tuple[int, ...]  # (H, W, C) of an image, C 1 or 3; () for the plane
    decode: Decode  # rows [B, P] to x [B, H·W·C], float32; images lie in [0, 1]
    pixels_per_value: int = (
        1  # pixels that a value of x averages, the weight of its log p
    )
    factor_names: tuple[str, ...] = ()  # [F]
    class_names: tuple[str, ...] = ()  # names of the classes, if there is one factor
    kept_as: str = ""  # name of the file of its principal axes; "" for none


@functools.cache
def shares(most: int) -> Decode:
    """Returns a `decode` that divides counts or levels 0 … `most` by `most`."""

    def decode(rows: jax.Array) -> jax.Array:
        return rows.astype(jnp.float32) / most

    return decode


def coordinates(rows: jax.Array) -> jax.Array:
    """A `decode` that only converts rows to float32."""
    return rows


def width(data: Dataset) -> int:
    """The number of values X of one x."""
    return math.prod(data.shape) if data.shape else data.points.shape[1]


def choose(key: jax.Array, size: int, count: int, *, field: str) -> np.ndarray | slice:
    """Sorted indices of `count` random rows of `size`; all for a count of 0.

    Raises:
        ValueError: One line with the field, if `count` exceeds `size`.
    """
    if count in (0, size):
        return slice(None)
    if count > size:
        raise ValueError(f"{field} must be at most {size}, or 0 for all; got {count}.")
    return np.sort(np.asarray(jax.random.permutation(key, size)[:count]))


def subset(
    data: Dataset, key: jax.Array, count: int, *, field: str = "evaluate.points"
) -> Dataset:
    """A random subset of `count` points, or all of them for a count of 0."""
    if count in (0, len(data.points)):
        return data
    places = choose(key, len(data.points), count, field=field)
    return data._replace(points=data.points[places], factors=data.factors[places])


def with_factors(data: Dataset, names: Sequence[str]) -> Dataset:
    """The data with only the factors of some names, in the order of the data."""
    if tuple(names) == data.factor_names:
        return data
    columns = [place for place, name in enumerate(data.factor_names) if name in names]
    return data._replace(
        factors=data.factors[:, columns],
        factor_names=tuple(data.factor_names[place] for place in columns),
        class_names=data.class_names if columns else (),
    )


def principal_variances(data: Dataset, config: ConfigDict) -> np.ndarray:
    """Variances `[D]` of the data along its principal axes, for the prior.

    Those of a whole rendered set are stored on disk, as at 64×64 they take minutes.

    Raises:
        ValueError: For images that are too large.
    """
    latents, ranks = config.model.latents, config.prior.pca_ranks
    path = cache.folder() / f"principal-{data.kept_as}-{latents}-{ranks}.json"
    if data.kept_as and path.exists():
        return np.asarray(json.loads(path.read_text(encoding="utf-8")))
    size, values, batch = len(data.points), width(data), 8192
    if values > _MOST_VALUES:
        raise ValueError(
            f"prior.name = pca or learned needs images of at most {_MOST_VALUES:,} "
            f"values; got {values:,}. data.side makes them smaller."
        )
    if size * values**2 > 1e12:
        say(f"  computing the principal axes of {size:,} images takes minutes on a CPU")
    batches = (
        np.asarray(data.decode(jnp.asarray(data.points[start : start + batch])))
        for start in range(0, size, batch)
    )
    moments = principal.second_moments(batches)
    variances = principal.variances(moments, latents=latents, ranks=ranks)
    if data.kept_as:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_files.write_json(path, variances.tolist())
        except OSError as error:
            say(f"  the principal axes cannot be stored: {error}")
    return variances
