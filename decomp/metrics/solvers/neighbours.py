"""Mutual information without bins, from the distances to nearest neighbours.

For a class v and a code z, Ross's estimate with k neighbours of the same class is

    I = ψ(N) + ψ(k) − mean_n ψ(N_v(n)) − mean_n ψ(m_n),

where m_n is the number of points within the distance of the k-th neighbour. For two
numbers, Kraskov's estimate is

    I = ψ(N) + ψ(k) − mean_n (ψ(a_n + 1) + ψ(b_n + 1)),

where a_n and b_n are the numbers of points that are nearer than the k-th neighbour in
the first and in the second number. Both presume independent points; if a code repeats
values exactly, noise of 1e-10 breaks the ties. For whole codes `[D]`, the same formulas
hold with the largest distance in a dimension, in standard deviations. SciPy searches
the neighbours on the host. (scikit-learn's `mutual_info_classif` has the same values,
except in classes of at most about 2k points. There its rounding counts many a k-th
neighbour among the points that are nearer, and I is too small by up to 0.4 nats.)

Source: Ross 2014, PLoS ONE 9(2); Kraskov et al. 2004, arXiv:cond-mat/0305641, Eq. 8.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from decomp.metrics import inputs

_NOISE = 1e-10  # standard deviations; breaks ties of codes and numbers


def information(
    codes: Any, factors: inputs.FactorTable, *, neighbours: int = 3
) -> np.ndarray:
    """I(z_d; v_f) `[D, F]` float64, nats, never negative.

    Args:
        codes: `[N, D]`, finite.
        factors: Factors, of which the continuous ones are used as numbers. Missing
            values, of class −1, are left out.
        neighbours: Number of neighbours k; fewer in a class with at most k points.

    Returns:
        The table of information; 0 for a constant code or factor.

    >>> z = np.random.default_rng(0).normal(size=(500, 1))
    >>> table = inputs.factors(z).table
    >>> float(information(z, table)[0, 0]) > 3
    True
    """
    table = np.asarray(codes, np.float64)
    result = np.zeros((table.shape[1], np.shape(factors.classes)[1]))
    for f, present, estimate in _varying(factors, neighbours):
        varies = np.ptp(table[present], axis=0) > 0
        z = _standardised(table[present])
        result[varies, f] = [estimate(column[:, None]) for column in z.T]
    return np.maximum(result, 0)


def of_whole_codes(
    codes: Any, factors: inputs.FactorTable, *, neighbours: int = 3
) -> np.ndarray:
    """I(z; v_f) `[F]` float64 of all dimensions together, nats, never negative.

    The estimate is too small if most dimensions are noise.

    Args:
        codes: `[N, D]`, finite.
        factors: As in `information`.
        neighbours: Number of neighbours k; fewer in a class with at most k points.

    Returns:
        The information; 0 if all codes or the factor are constant.

    >>> z = np.random.default_rng(0).uniform(size=(500, 2))
    >>> table = inputs.factors(z[:, :1] + z[:, 1:] > 1).table
    >>> bool(abs(of_whole_codes(z, table)[0] - np.log(2)) < 0.1)
    True
    """
    table = np.asarray(codes, np.float64)
    result = np.zeros(np.shape(factors.classes)[1])
    for f, present, estimate in _varying(factors, neighbours):
        z = _standardised(table[present])
        if z.shape[1]:
            result[f] = estimate(z)
    return np.maximum(result, 0)


def entropy(factors: inputs.FactorTable, *, neighbours: int = 3) -> np.ndarray:
    """H(v_f) `[F]` float64, nats, as I(v_f; v_f) by these estimates.

    Args:
        factors: As in `information`.
        neighbours: Number of neighbours k.

    Returns:
        The entropy of the shares of the classes; ψ(N) − ψ(k) for a continuous factor,
        and 0 for a constant one.

    >>> entropy(inputs.factors([[0], [1], [0], [1]]).table).round(3)  # log 2
    array([0.693])
    """
    from scipy.special import digamma

    result = np.zeros(np.shape(factors.classes)[1])
    for f, labels in enumerate(np.asarray(factors.classes).T):
        counts = np.unique(labels[labels >= 0], return_counts=True)[1]
        if len(counts) < 2:
            continue
        share = counts / counts.sum()
        numeric = f in factors.continuous
        of_number = digamma(counts.sum()) - digamma(neighbours)
        result[f] = of_number if numeric else -np.sum(share * np.log(share))
    return result


def _standardised(columns: np.ndarray) -> np.ndarray:
    """The columns that vary, over their deviations, with noise that breaks ties."""
    varying = columns[:, np.ptp(columns, axis=0) > 0]
    noise = np.random.default_rng(0).uniform(size=varying.shape)
    return varying / np.std(varying, axis=0) + _NOISE * noise


def _varying(
    factors: inputs.FactorTable, neighbours: int
) -> Iterator[tuple[int, np.ndarray, Callable[[np.ndarray], float]]]:
    """Each factor that varies: its index, the points that have it, and its estimate.

    The estimate takes the standardised codes of these points.
    """
    for f, labels in enumerate(np.asarray(factors.classes).T):
        present = labels >= 0
        if not present.any() or np.ptp(labels[present]) == 0:
            continue
        if f in factors.continuous:
            numbers = np.asarray(factors.numbers, np.float64)[present, f : f + 1]
            v = _standardised(numbers)
            yield f, present, partial(_of_numbers, v=v, neighbours=neighbours)
        else:
            v = labels[present]
            yield f, present, partial(_of_classes, labels=v, neighbours=neighbours)


def _of_classes(z: np.ndarray, labels: np.ndarray, neighbours: int) -> float:
    """Ross's estimate for codes `[N, D]`; points that are alone in their class drop."""
    from scipy.special import digamma

    _, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    several = counts[labels] > 1
    z, labels = z[several], labels[several]
    if not len(z):
        return 0.0
    nearest = np.minimum(neighbours, counts - 1)
    distances = np.empty(len(z))
    for v in np.unique(labels):
        rows = labels == v
        distances[rows] = _distances(z[rows], int(nearest[v]))
    mean = np.mean(
        digamma(nearest[labels])
        - digamma(counts[labels])
        - digamma(_within(z, distances) + 1)
    )
    return float(digamma(len(z)) + mean)


def _of_numbers(z: np.ndarray, v: np.ndarray, neighbours: int) -> float:
    """Kraskov's first estimate for codes `[N, D]` and numbers `[N, 1]`."""
    from scipy.special import digamma

    k = min(neighbours, len(z) - 1)
    distances = _distances(np.concatenate([z, v], axis=1), k)
    others = sum(np.mean(digamma(_within(a, distances) + 1)) for a in (z, v))
    return float(digamma(len(z)) + digamma(k) - others)


def _distances(points: np.ndarray, k: int) -> np.ndarray:
    """Just below the distance of each point `[N, D]` to its k-th neighbour, `[N]`."""
    from scipy.spatial import KDTree

    distances = KDTree(points).query(points, k + 1, p=np.inf)[0]  # itself first
    return np.nextafter(distances[:, k], 0)


def _within(points: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """The number of other points within a distance of each point, `[N]`."""
    from scipy.spatial import KDTree

    tree = KDTree(points)
    return tree.query_ball_point(points, distances, p=np.inf, return_length=True) - 1
