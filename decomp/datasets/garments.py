"""Ten kinds of garment, drawn: a stand-in for Fashion-MNIST that needs no download.

The grey images have 28 × 28 pixels and the classes of Fashion-MNIST. Each is drawn from
continuous factors, of which its class uses some: a bag has a handle and no sleeves, so
that a sparse code of the set uses other latents for other classes.

Pixels are computed by sums, products, quotients and square roots only, which every
machine rounds alike, and factors from the raw bits of a Philox generator, which do not
depend on NumPy's version: a seed gives the same bytes everywhere.
"""

from typing import NamedTuple

import chex
import numpy as np

from decomp.datasets.fashion_mnist import CLASS_NAMES
from decomp.datasets.renderers import garments_draw
from decomp.datasets.renderers.garments_draw import used

__all__ = ["CLASS_NAMES", "FACTOR_NAMES", "Garments", "render", "sample", "used"]

FACTOR_NAMES = garments_draw.GarmentFactors._fields
_BLOCK = 256  # images drawn at once, so that they stay in the processor's cache


class Garments(NamedTuple):
    """Images with their classes and factors."""

    pixels: np.ndarray  # [N, 784] uint8, row by row from the top, 0 the background
    labels: np.ndarray  # [N] uint8, places in CLASS_NAMES
    factors: np.ndarray  # [N, 13] float32 in [0, 1), 0 where the class uses none


def sample(seed: int = 0, *, num_images: int = 60_000) -> Garments:
    """Draws garments with independent factors, uniform in [0, 1).

    Every ten images in a row hold each class once, in random order. A smaller sample is
    the start of a larger one.

    Args:
        seed: Seed of factors and order, not negative.
        num_images: N; 60,000 take a few seconds.

    Returns:
        The same bytes on every machine.
    """
    columns = 1 + len(FACTOR_NAMES)
    rows = -(-num_images // 10) * 10
    bits = np.random.Philox(seed).random_raw(rows * columns).reshape(rows, columns)
    order = np.argsort(bits[:, 0].reshape(-1, 10), axis=1, kind="stable")
    labels = order.reshape(-1)[:num_images].astype(np.uint8)
    uniform = (bits[:num_images, 1:] >> 40).astype(np.float32) / np.float32(2**24)
    factors = np.where(used()[labels], uniform, np.float32(0))
    return Garments(render(labels, factors), labels, factors)


def render(labels: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Draws the garments of given classes and factors.

    Args:
        labels: Integer places in `CLASS_NAMES` `[N]`.
        factors: Values in [0, 1], in the order of `FACTOR_NAMES`, `[N, 13]`; factors
            that a class does not use have no effect.

    Returns:
        Pixels uint8 `[N, 784]`, row by row from the top, 0 the background.
    """
    chex.assert_rank(labels, 1)
    chex.assert_shape(factors, (len(labels), len(FACTOR_NAMES)))
    if not np.isin(labels, np.arange(len(CLASS_NAMES))).all():
        raise ValueError(f"expected labels 0..9; got {np.unique(labels).tolist()}.")
    if not ((factors >= 0) & (factors <= 1)).all():
        span = f"{factors.min()}..{factors.max()}"
        raise ValueError(f"expected factors in [0, 1]; got {span}.")
    pixels = np.empty((len(labels), garments_draw.SIDE**2), np.uint8)
    for label in range(len(CLASS_NAMES)):
        (members,) = np.nonzero(labels == label)
        for start in range(0, len(members), _BLOCK):
            part = members[start : start + _BLOCK]
            columns = factors[part].astype(np.float32).T[:, :, None, None]
            image = garments_draw.image(label, garments_draw.GarmentFactors(*columns))
            pixels[part] = np.rint(255 * image).reshape(len(part), -1)
    return pixels
