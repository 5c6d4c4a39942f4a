"""InfoE: how much of each factor a linear predictor reads from the codes.

InfoE = mean_f (H_L(v_f) − H_L(v_f|z))/H_L(v_f)

where H_L is the mean loss of the best linear predictor, without codes and with them.

Source: Hsu et al. 2023, arXiv:2305.18378, Sec. 4.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np


class Score(NamedTuple):
    """InfoE, with its parts; NumPy numbers, as it is made on the host."""

    score: np.ndarray  # [], mean over the factors used
    per_factor: np.ndarray  # [F], share of the loss explained; 0 where not used
    used: np.ndarray  # [F] bool, factors with two values or more
    converged: np.ndarray  # [F] bool, the optimiser met its tolerance


def score(
    codes: Any,
    factors: Any,
    *,
    continuous: tuple[int, ...] = (),
    class_weight: str | None = "balanced",
    max_iter: int = 1000,
) -> Score:
    """InfoE: the share of a factor's loss that a linear predictor on the codes removes.

    On the host, by scikit-learn: neither jit nor vmap. A discrete factor is predicted
    by multinomial logistic regression without penalty on standardised codes; the loss
    is the mean −log probability. Training and evaluation points are the same, and the
    fit (not the loss) weights the classes equally, as in Hsu et al.'s code, which stops
    after 100 iterations. A continuous factor is predicted by least squares and its loss
    is the squared error: the score is R².

    Args:
        codes: `[N, D]`.
        factors: `[N, F]`, numbers; those of `continuous` are taken as they are.
        continuous: Columns that are continuous.
        class_weight: "balanced", or None to fit the loss itself.
        max_iter: Most iterations of the optimiser.

    Returns:
        Score; 0 up to rounding if all codes are constant, NaN if one is not
        finite. It rises with D/N for codes that know nothing: nothing is held out.
    """
    table, targets = np.asarray(codes, np.float64), np.asarray(factors)
    num_factors = targets.shape[1]
    per_factor = np.full(num_factors, np.nan)
    used, converged = np.zeros((2, num_factors), bool)
    if not np.isfinite(table).all():
        return Score(np.array(np.nan), per_factor, used, converged)
    spread = np.ptp(table, axis=0)
    table = (table - table.mean(axis=0)) / np.where(
        spread > 0, table.std(axis=0), np.inf
    )
    per_factor[:] = 0
    for f, target in enumerate(targets.T):
        used[f] = np.unique(target).size > 1
        if used[f] and f in continuous:
            per_factor[f], converged[f] = _r_squared(table, target), True
        elif used[f]:
            given, found = _log_loss(table, target, class_weight, max_iter)
            null, _ = _log_loss(table[:, :1] * 0, target, class_weight, max_iter)
            per_factor[f], converged[f] = (null - given) / null, found
    value = per_factor[used].mean() if used.any() else 0.0
    return Score(np.array(value), per_factor, used, converged)


def _log_loss(
    table: np.ndarray, target: np.ndarray, class_weight: str | None, max_iter: int
) -> tuple[float, bool]:
    """Mean −log probability of logistic regression without penalty; converged?"""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    model = LogisticRegression(
        C=np.inf, class_weight=class_weight, max_iter=max_iter, tol=1e-4
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(table, target)
    loss = log_loss(target, model.predict_proba(table), labels=model.classes_)
    return float(loss), bool(np.max(model.n_iter_) < max_iter)


def _r_squared(table: np.ndarray, target: np.ndarray) -> float:
    """1 − least squared error/variance of a linear prediction with an intercept."""
    centred = np.asarray(target, np.float64) - np.mean(target, dtype=np.float64)
    weights = np.linalg.lstsq(table, centred, rcond=None)[0]
    return float(1 - np.sum((centred - table @ weights) ** 2) / np.sum(centred**2))
