"""Mutual information without bins, from the distances to nearest neighbours.

For a class v and a code z, Ross's estimate with k neighbours of the same class is

    I = ψ(N) + ψ(k) − mean_n ψ(N_v(n)) − mean_n ψ(m_n),

where m_n is the number of points within the distance of the k-th neighbour. For two
numbers, Kraskov's estimate is

    I = ψ(N) + ψ(k) − mean_n (ψ(a_n + 1) + ψ(b_n + 1)),

where a_n and b_n are the numbers of points that are nearer than the k-th neighbour in
the first and in the second number. Both presume independent points; if a code repeats
values exactly, noise of 1e-10 breaks the ties. scikit-learn computes them on the host.

Source: Ross 2014, PLoS ONE 9(2); Kraskov et al. 2004, arXiv:cond-mat/0305641, Eq. 8.
"""

from typing import Any

import numpy as np

from decomp import extras
from decomp.metrics import inputs


def information(
    codes: Any, factors: inputs.FactorTable, *, neighbours: int = 3
) -> np.ndarray:
    """I(z_d; v_f) `[D, F]` float64, nats, never negative.

    Args:
        codes: `[N, D]`, finite.
        factors: Factors, of which the continuous ones are used as numbers. Missing
            values, of class −1, are left out.
        neighbours: Number of neighbours k.

    Returns:
        The table of information; 0 for a constant code or factor.

    >>> z = np.random.default_rng(0).normal(size=(500, 1))
    >>> table = inputs.factors(z).table
    >>> float(information(z, table)[0, 0]) > 3
    True
    """
    extras.require("sklearn")
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    table = np.asarray(codes, np.float64)
    classes, numbers = (np.asarray(a) for a in (factors.classes, factors.numbers))
    result = np.zeros((table.shape[1], classes.shape[1]))
    for f, labels in enumerate(classes.T):
        present = labels >= 0
        if not present.any():
            continue
        varies = np.ptp(table[present], axis=0) > 0
        if not varies.any() or np.ptp(labels[present]) == 0:
            continue
        numeric = f in factors.continuous
        estimate = mutual_info_regression if numeric else mutual_info_classif
        target = (numbers if numeric else classes)[present, f]
        result[varies, f] = estimate(
            table[present][:, varies], target, n_neighbors=neighbours, random_state=0
        )
    return result
