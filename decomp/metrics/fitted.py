"""Data points to fit and to score, and what scikit-learn fits: trees and the lasso.

Those fits are on the host, and scikit-learn is imported on use only.
"""

from typing import Any

import jax
import numpy as np

from decomp import extras

Fit = tuple[np.ndarray, float, float]


def split(
    key: jax.Array, num_points: int, *, num_train: int, num_test: int
) -> tuple[jax.Array, jax.Array]:
    """Disjoint random rows to fit and to score, shrunk in proportion to what there is.

    May be jitted.

    Args:
        key: Consumed.
        num_points: N.
        num_train: Rows to fit.
        num_test: Rows to score.

    Returns:
        The two sets of rows, int.
    """
    share = min(1.0, num_points / (num_train + num_test))
    fitted = max(1, round(share * num_train))
    scored = max(1, min(round(share * num_test), num_points - fitted))
    rows = jax.random.permutation(key, num_points)
    return rows[:fitted], rows[fitted : fitted + scored]


def fit_factors(
    key: jax.Array,
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    regressor: str,
    num_train: int,
    num_test: int,
    continuous: tuple[bool, ...] | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits each factor and scores it on other data points.

    Args:
        key: Consumed.
        codes: `[N, D]`.
        factors: `[N, F]`.
        regressor: `gradient_boosting`, `random_forest` or `lasso`.
        num_train: Points fitted.
        num_test: Points scored.
        continuous: Per factor, regress or classify; None asks the dtype.
        **options: `trees` and `depth`, or `penalties`.

    Returns:
        Importances `[D, F]`, informativeness `[F]`, error `[F]`.
    """
    split_key, seed_key = jax.random.split(key)
    rows = split(split_key, len(codes), num_train=num_train, num_test=num_test)
    train, test = map(np.asarray, rows)
    seed = int(jax.random.randint(seed_key, (), 0, 2**31 - 1))
    floating = bool(np.issubdtype(factors.dtype, np.floating))
    kinds = continuous or (floating,) * factors.shape[1]
    mean, scale = codes[train].mean(axis=0), codes[train].std(axis=0)
    codes = (codes - mean) / np.where(np.ptp(codes[train], axis=0) == 0, np.inf, scale)
    fits = []
    for label, numeric in zip(factors.T, kinds, strict=True):
        data = codes[train], label[train], codes[test], label[test]
        if np.ptp(label[train]) == 0:
            fits.append((np.zeros(codes.shape[1]), 0.0, 1.0))
        elif regressor == "lasso":
            fits.append(_lasso(*data, **options))
        else:
            fits.append(_trees(*data, regressor, seed, numeric=numeric, **options))
    importance, quality, error = zip(*fits, strict=True)
    return np.stack(importance, axis=1), np.array(quality), np.array(error)


def _trees(
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    regressor: str,
    seed: int,
    *,
    numeric: bool,
    trees: int,
    depth: int,
) -> Fit:
    """Boosted trees or a random forest, classifying or regressing."""
    extras.require("sklearn")
    from sklearn import ensemble

    shape: dict[str, Any] = {
        "n_estimators": trees,
        "max_depth": depth,
        "random_state": seed,
    }
    models = {
        ("gradient_boosting", False): ensemble.GradientBoostingClassifier,
        ("gradient_boosting", True): ensemble.GradientBoostingRegressor,
        ("random_forest", False): ensemble.RandomForestClassifier,
        ("random_forest", True): ensemble.RandomForestRegressor,
    }
    if regressor == "random_forest" and not numeric:
        shape["criterion"] = "entropy"
    model = models[regressor, numeric](**shape)
    model.fit(x, y)
    predicted = model.predict(x_test)
    if numeric:
        return model.feature_importances_, *_explained(predicted, y_test, y)
    accuracy = float(np.mean(predicted == y_test))
    return model.feature_importances_, accuracy, 1 - accuracy


def _lasso(
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    penalties: tuple[float, ...],
) -> Fit:
    """|w| of argmin ‖y − xw‖²/2N + penalty ‖w‖₁, y of variance 1; the best penalty."""
    extras.require("sklearn")
    from sklearn.linear_model import Lasso

    mean, scale = y.mean(), y.std()
    fits = []
    for penalty in penalties:
        model = Lasso(alpha=penalty).fit(x, (y - mean) / scale)
        predicted = model.predict(x_test) * scale + mean
        fits.append((np.abs(model.coef_), *_explained(predicted, y_test, y)))
    return min(fits, key=lambda fit: fit[2])


def _explained(
    predicted: np.ndarray, y: np.ndarray, fitted: np.ndarray
) -> tuple[float, float]:
    """R² and RMSE over the standard deviation of the fitted factor."""
    share = float(np.mean((predicted - y) ** 2) / np.var(fitted))
    return 1 - share, share**0.5
