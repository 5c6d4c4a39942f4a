"""Subsets of a grid of factors: correlated factors and held-out combinations.

Two factors are correlated by p(f, g) ∝ exp(−(f − g)²/2σ²), where each is scaled to
[0, 1] from its first class to its last; other factors stay uniform and independent.
A combination is held out if every one of some factors has a class in a range.

Probabilities are integers, and images are drawn by the raw bits of a Philox generator,
so that every machine draws the same ones.

Source: Träuble et al. 2021, arXiv:2006.07886, Sec. 3.
"""

from collections.abc import Mapping, Sequence

import chex
import numpy as np

_ONE = 2**24  # the weight of a combination on the diagonal


def correlated(
    classes: np.ndarray, sizes: Sequence[int], pair: tuple[int, int], *, sigma: float
) -> np.ndarray:
    """The relative probability that each image is drawn.

    Args:
        classes: Classes of the images, integers `[N, F]`.
        sizes: Number of classes of each factor `[F]`, at least 2 for the pair.
        pair: The two columns that are correlated.
        sigma: σ, above 0; Träuble et al. take 0.2, 0.4 and 0.7.

    Returns:
        int64 `[N]`, 2²⁴ where the two factors agree.
    """
    chex.assert_shape(classes, (None, len(sizes)))
    first, second = pair
    f = np.arange(sizes[first]) / (sizes[first] - 1)
    g = np.arange(sizes[second]) / (sizes[second] - 1)
    apart = (f[:, None] - g[None, :]) / sigma
    table = np.rint(np.exp(-0.5 * apart * apart) * _ONE).astype(np.int64)
    return table[classes[:, first], classes[:, second]]


def held_out(classes: np.ndarray, ranges: Mapping[int, tuple[int, int]]) -> np.ndarray:
    """Marks the images that have a class in the range of every factor in `ranges`.

    Args:
        classes: Integers `[N, F]`.
        ranges: First and last class by column.

    Returns:
        bool `[N]`.
    """
    inside = np.ones(len(classes), bool)
    for column, (first, last) in ranges.items():
        inside &= (first <= classes[:, column]) & (classes[:, column] <= last)
    return inside


def draw(weights: np.ndarray, *, seed: int, count: int) -> np.ndarray:
    """Draws images with replacement, with probabilities given by weights.

    Args:
        weights: Integers `[N]` ≥ 0, with a sum in (0, 2⁵⁰).
        seed: Seed of the Philox generator, not negative.
        count: M.

    Returns:
        Indices in increasing order, int64 `[M]`; p(n) = weights[n] / Σ weights, with a
        relative error below Σ weights / 2⁶⁴.
    """
    ends = np.cumsum(weights)
    total = int(ends[-1])
    if not 0 < total < 2**50:
        raise ValueError(f"expected weights of a sum in (0, 2⁵⁰); got {total}.")
    ticket = np.random.Philox(seed).random_raw(count) % np.uint64(total)
    return np.sort(np.searchsorted(ends, ticket.astype(np.int64), side="right"))
