"""Data points to fit and to score, and what scikit-learn fits: trees and the lasso.

Those fits are on the host, and scikit-learn is imported on use only.
"""

from typing import Any

import jax
import numpy as np

from decomp import extras
from decomp.metrics.inputs import Factors

Fit = tuple[np.ndarray, float, float]
# That are fitted: boosted trees have one tree each a step, a leaf of a forest a number.
MAX_CLASSES = {"gradient_boosting": 100, "random_forest": 1_000}


def split(
    key: jax.Array, num_points: int, *, num_train: int, num_test: int
) -> tuple[jax.Array, jax.Array]:
    """Disjoint random rows to fit and to score, shrunk in proportion to what there is.

    There is one of each at least, if there are two points.

    May be jitted.

    Args:
        key: A random key, which is used up.
        num_points: N.
        num_train: Rows to fit.
        num_test: Rows to score.

    Returns:
        The two sets of rows, int.
    """
    share = min(1.0, num_points / (num_train + num_test))
    fitted = max(1, min(round(share * num_train), num_points - 1))
    scored = max(1, min(round(share * num_test), num_points - fitted))
    rows = jax.random.permutation(key, num_points)
    return rows[:fitted], rows[fitted : fitted + scored]


def fit_factors(
    key: jax.Array,
    codes: np.ndarray,
    factors: Factors,
    *,
    regressor: str,
    num_train: int,
    num_test: int,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits each factor and scores it on other data points.

    A factor of one value among the points fitted has no importance, and is predicted
    by that value. Points without a factor, of class −1, are left out of its fit.

    Args:
        key: A random key, which is used up.
        codes: `[N, D]`.
        factors: Those that are continuous are regressed, by the lasso all.
        regressor: `gradient_boosting`, `random_forest` or `lasso`.
        num_train: Points fitted.
        num_test: Points scored.
        **options: `trees` and `depth`, or `penalties`.

    Returns:
        Importances `[D, F]`, informativeness `[F]`, error `[F]`.

    Raises:
        ValueError: For more classes than the trees can be fitted to.
    """
    if regressor in MAX_CLASSES:
        _check_sizes(factors, regressor)
    split_key, seed_key = jax.random.split(key)
    rows = split(split_key, len(codes), num_train=num_train, num_test=num_test)
    train, test = map(np.asarray, rows)
    seed = int(jax.random.randint(seed_key, (), 0, 2**31 - 1))
    mean, scale = codes[train].mean(axis=0), codes[train].std(axis=0)
    codes = (codes - mean) / np.where(np.ptp(codes[train], axis=0) == 0, np.inf, scale)
    fits = []
    for f in range(len(factors.names)):
        numeric = regressor == "lasso" or f in factors.continuous
        label = (factors.numbers if numeric else factors.classes)[:, f]
        known, held = (rows[factors.classes[rows, f] >= 0] for rows in (train, test))
        data = codes[known], label[known], codes[held], label[held]
        if not held.size or not known.size or np.ptp(label[known]) == 0:
            alike = np.mean(label[held] == label[known][:1]) if held.size else 0.0
            right = 0.0 if numeric else float(alike)
            fits.append((np.zeros(codes.shape[1]), right, 1 - right))
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
    # By rounding some are −1e-17, or 0/0 where no split gains anything.
    importance = np.nan_to_num(np.abs(model.feature_importances_))
    if numeric:
        return importance, *_explained(predicted, y_test, y)
    accuracy = float(np.mean(predicted == y_test))
    return importance, accuracy, 1 - accuracy


def _check_sizes(factors: Factors, regressor: str) -> None:
    """Refuses more classes than trees can be fitted to."""
    most = MAX_CLASSES[regressor]
    for f, size in enumerate(factors.sizes):
        if f not in factors.continuous and size > most:
            raise ValueError(
                f"expected at most {most:,} classes of a factor for "
                f"{regressor.replace('_', ' ')}; factor {factors.names[f]} has "
                f"{size:,}."
            )


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
