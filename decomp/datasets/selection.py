"""Images of a grid of factors, of which some are drawn more often or left out.

Two factors are correlated by p(f, g) ∝ exp(−(f − g)²/2σ²), each scaled to [0, 1] from
its first class to its last; all other factors stay uniform and independent.
A combination is held out where every one of some factors has a class in a range.

Probabilities are integers and drawing takes the raw bits of a Philox generator, so the
same images come on every machine.

Source: Träuble et al. 2021, arXiv:2006.07886, Sec. 3.
"""

from collections.abc import Mapping, Sequence

import chex
import numpy as np

_ONE = 2**24  # the weight of a combination on the diagonal


def correlated(
    classes: np.ndarray, sizes: Sequence[int], pair: tuple[int, int], *, sigma: float
) -> np.ndarray:
    """How often each image is drawn, against the others.

    Args:
        classes: Of the images, integers `[N, F]`.
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
    """Which images have a class in the range of every factor named.

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
    """Draws images by their weights, with replacement.

    Args:
        weights: Integers `[N]`, not negative, some above 0, of a sum below 2⁵⁰.
        seed: Of the Philox generator, not negative.
        count: M.

    Returns:
        Places in increasing order, int64 `[M]`; p(n) = weights[n] / Σ weights, with a
        relative error below Σ weights / 2⁶⁴.
    """
    ends = np.cumsum(weights)
    total = int(ends[-1])
    if not 0 < total < 2**50:
        raise ValueError(f"expected weights of a sum in (0, 2⁵⁰); got {total}.")
    ticket = np.random.Philox(seed).random_raw(count) % np.uint64(total)
    return np.sort(np.searchsorted(ends, ticket.astype(np.int64), side="right"))
