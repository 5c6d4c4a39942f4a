"""Training and test points, and the regressors that scikit-learn fits.

The regressors are trees and the lasso. They are fitted on the host, and scikit-learn is
only imported when it is used.
"""

from typing import Any

import jax
import numpy as np

from decomp import extras
from decomp.metrics.inputs import Factors

Fit = tuple[np.ndarray, float, float]  # importances [D], informativeness, error
# The most classes of a factor: boosting fits a tree per class and step, and the leaves
# of a forest have a number per class.
MAX_CLASSES = {"gradient_boosting": 100, "random_forest": 1_000}


def split(
    key: jax.Array, num_points: int, *, num_train: int, num_test: int
) -> tuple[jax.Array, jax.Array]:
    """Disjoint random rows for training and test.

    If N is too small, both numbers shrink in proportion, to at least one row each if
    N ≥ 2. The function works under jit.

    Args:
        key: A random key, which is used up.
        num_points: N.
        num_train: Number of training rows.
        num_test: Number of test rows.

    Returns:
        Training rows and test rows, int.

    >>> train, test = split(jax.random.key(0), 6, num_train=20, num_test=10)
    >>> len(train), len(test)
    (4, 2)
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
    """Fits a regressor to each factor and scores it on the test points.

    If a factor has a single value among the training points, its importances are 0 and
    this value is its prediction. Points without the factor, of class −1, are left out.

    Args:
        key: A random key, which is used up.
        codes: `[N, D]`.
        factors: The factors. Trees regress the continuous ones and classify the others;
            the lasso regresses all.
        regressor: `gradient_boosting`, `random_forest` or `lasso`.
        num_train: Number of training points.
        num_test: Number of test points.
        **options: `trees` and `depth`, or `penalties`.

    Returns:
        Importances `[D, F]`, informativeness `[F]` and error `[F]`.

    Raises:
        ValueError: If a factor has more classes than the trees can be fitted to.
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
        own_train, own_test = (
            rows[factors.classes[rows, f] >= 0] for rows in (train, test)
        )
        y, y_test = label[own_train], label[own_test]
        data = codes[own_train], y, codes[own_test], y_test
        if not y_test.size or not y.size or np.ptp(y) == 0:
            accuracy = np.mean(y_test == y[:1]) if y_test.size else 0.0
            quality = 0.0 if numeric else float(accuracy)
            fits.append((np.zeros(codes.shape[1]), quality, 1 - quality))
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
    """Fits boosted trees or a random forest, as classifiers or as regressors."""
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
    # Some importances are −1e-17 by rounding, or NaN if no split gains anything.
    importance = np.nan_to_num(np.abs(model.feature_importances_))
    if numeric:
        return importance, *_explained(predicted, y_test, y)
    accuracy = float(np.mean(predicted == y_test))
    return importance, accuracy, 1 - accuracy


def _check_sizes(factors: Factors, regressor: str) -> None:
    """Raises a ValueError if a factor has more classes than trees can be fitted to."""
    most = MAX_CLASSES[regressor]
    for f, size in enumerate(factors.sizes):
        if f not in factors.continuous and size > most:
            raise ValueError(
                f"a factor may have at most {most:,} classes for "
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
    """|w| of argmin_w ‖y − xw‖²/2N + penalty ‖w‖₁ for the best penalty.

    y is standardised, and the best penalty has the least error on the test points.
    """
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
    predicted: np.ndarray, y: np.ndarray, y_train: np.ndarray
) -> tuple[float, float]:
    """R², and RMSE over the standard deviation of the factor in training."""
    share = float(np.mean((predicted - y) ** 2) / np.var(y_train))
    return 1 - share, share**0.5
