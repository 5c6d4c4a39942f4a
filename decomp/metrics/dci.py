"""Disentanglement, completeness and informativeness from a regressor's importances.

R_df ≥ 0 is the importance of z_d for predicting factor f. With p_df = R_df/Σ_f R_df,
q_df = R_df/Σ_d R_df, weights ρ_d = Σ_f R_df/Σ R and σ_f = Σ_d R_df/Σ R,

    disentanglement = Σ_d ρ_d (1 − H(p_d)/log F),
    completeness = Σ_f σ_f (1 − H(q_f)/log D),   σ_f = 1/F in the original,
    informativeness = mean over f of the accuracy (or R²) on other data points.

The value depends on the regressor more than on anything else, hence the presets.

Source: Eastwood & Williams 2018, openreview By-7dz-AZ, Sec. 2.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import fitted

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359.
    "locatello": {
        "regressor": "gradient_boosting",
        "trees": 100,
        "depth": 3,
        "num_train": 10_000,
        "num_test": 5_000,
    },
    # Hsu et al. 2024, arXiv:2404.10282: entropy splits, nine tenths of the points.
    "tripod": {
        "regressor": "random_forest",
        "trees": 100,
        "depth": 10,
        "num_train": 9_000,
        "num_test": 1_000,
    },
    # The same with a fifth of the trees: what the sheet measures where none is named.
    "forest": {
        "regressor": "random_forest",
        "trees": 20,
        "depth": 10,
        "num_train": 9_000,
        "num_test": 1_000,
    },
    # The original; the penalty is the one with the least error on the test points.
    "eastwood": {
        "regressor": "lasso",
        "penalties": (1e-3, 1e-2, 1e-1),
        "num_train": 8_000,
        "num_test": 2_000,
    },
}


class Entropies(NamedTuple):
    """What the importance matrix alone says."""

    disentanglement: jax.Array  # []
    completeness: jax.Array  # []
    per_code: jax.Array  # [D], 1 − H(p_d)/log F; 0 for an unused code
    per_factor: jax.Array  # [F], 1 − H(q_f)/log D; 0 for an unpredicted factor
    code_weights: jax.Array  # [D], ρ_d


class DCI(NamedTuple):
    """The scores and their parts; the first is the disentanglement."""

    # [], disentanglement; NaN if a code is not finite or every factor is constant
    score: jax.Array
    completeness: jax.Array  # []
    informativeness: jax.Array  # [], mean of the next over the factors used
    factor_informativeness: jax.Array  # [F], accuracy, or R² of a continuous factor
    factor_error: jax.Array  # [F], error rate, or RMSE over standard deviation
    importance: jax.Array  # [D, F]; 0 of a constant latent or factor
    per_code: jax.Array  # [D]
    per_factor: jax.Array  # [F]; 0 of a constant factor
    code_weights: jax.Array  # [D]
    active: jax.Array  # [D] bool, not exactly constant
    used: jax.Array  # [F] bool, factors that are not constant: the others do not count
    variant: Preset


def from_importance(
    importance: jax.Array, factor_weights: jax.Array | None = None
) -> Entropies:
    """Disentanglement and completeness; jit-able and vmap-able.

    One code with equal importance for two factors of ten: 1 − log 2/log 10. Of one
    factor, or one code, the normalised entropy is 0/0: an important entry counts as 1.

    Args:
        importance: R `[D, F]`, at least 0; of what rounding took below 0 the absolute
            value, as in Locatello et al.'s code. Its scale does not matter.
        factor_weights: σ `[F]`; None for the shares of the importance.

    Returns:
        Entropies; all 0 if no code matters, NaN if an importance is NaN.
    """
    importance = jnp.abs(inputs.real(importance))
    chex.assert_rank(importance, 2)
    largest = jnp.max(importance)  # sums stay in range
    importance = importance / jnp.where(largest == 0, 1, largest)
    per_code, rows = _concentration(importance)
    per_factor, columns = _concentration(importance.T)
    total = jnp.sum(rows)
    total = jnp.where(total == 0, 1, total)
    weights = columns / total
    if factor_weights is not None:
        weights = inputs.real(factor_weights)
    return Entropies(
        jnp.sum(rows / total * per_code),
        jnp.sum(weights * per_factor),
        per_code,
        per_factor,
        rows / total,
    )


def score(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    preset: str = "locatello",
    continuous: tuple[bool, ...] | tuple[int, ...] | None = None,
    trees: int | None = None,
    depth: int | None = None,
    penalties: tuple[float, ...] | None = None,
    num_train: int | None = None,
    num_test: int | None = None,
) -> DCI:
    """The three scores with the regressor of a published variant.

    scikit-learn fits it: on the host only, neither jit-able nor vmap-able. Trees find
    importance in noise, so pure noise scores near but not at 0 in disentanglement. They
    have their random numbers by the order of the classes, so that other names of the
    classes, in another order, act as another key.

    Args:
        key: A random key; it draws the points to fit and to score and seeds the trees.
        codes: One code a data point `[N, D]`; exactly constant ones have importance 0.
        factors: Labels or numbers `[N, F]`, see `inputs`; the lasso needs numbers. Or
            `inputs.Factors`, which may be missing in some points.
        preset: `locatello` (boosted trees), `tripod` (random forest), `forest` (the
            same with fewer trees) or `eastwood` (lasso on standardised codes and
            factors, every factor continuous).
        continuous: Columns to regress and not to classify, or a bool for each; None
            leaves it to the rule in `inputs`.
        trees: Their number.
        depth: Their depth.
        penalties: Penalties that the lasso may choose from.
        num_train: Points fitted; shrunk in proportion if N is too small.
        num_test: Points scored.

    Returns:
        DCI.

    Raises:
        ValueError: For labels that are no numbers with the lasso, or more classes than
            trees can be fitted to, see `fitted.MAX_CLASSES`.
    """
    given = {"trees": trees, "depth": depth, "penalties": penalties}
    sizes = {"num_train": num_train, "num_test": num_test}
    kinds = {"continuous": None if continuous is None else tuple(continuous)}
    settings, variant = resolve(PRESETS, preset, **given, **sizes, **kinds)
    settings.pop("continuous", None)
    z = inputs.codes(codes)
    given = isinstance(factors, inputs.Factors)
    found = factors if given else inputs.told(factors, continuous)
    x = np.asarray(z.unit, np.float64)
    chex.assert_equal_shape_prefix([x, found.classes], 1)
    original = settings["regressor"] == "lasso"
    if original:
        inputs.check_numbers(found)
    used = np.ones(len(found.names), bool)
    used[list(found.constant)] = False
    importance = np.full((x.shape[1], len(used)), np.nan)
    quality = error = np.full(len(used), np.nan)
    if np.isfinite(x).all() and used.any():
        importance, quality, error = fitted.fit_factors(key, x, found, **settings)
    number = int(used.sum())
    weights = jnp.full(number, 1 / max(number, 1), jnp.float32) if original else None
    return _result(importance, quality, error, used, weights)._replace(
        active=units.active(z), variant=variant
    )


def _result(
    importance: np.ndarray,
    quality: np.ndarray,
    error: np.ndarray,
    used: np.ndarray,
    weights: jax.Array | None,
) -> DCI:
    """The scores of the factors used; of none they are NaN."""
    matrix = jnp.asarray(np.where(used[None, :], importance, 0), jnp.float32)
    if used.any():
        parts = from_importance(matrix[:, np.flatnonzero(used)], weights)
    else:
        nan, none = jnp.float32(jnp.nan), jnp.zeros(len(matrix), jnp.float32)
        parts = Entropies(nan, nan, none, jnp.zeros(0, jnp.float32), none)
    per_factor = jnp.zeros(len(used), jnp.float32)
    per_factor = per_factor.at[np.flatnonzero(used)].set(parts.per_factor)
    right = jnp.asarray(np.where(used, quality, 0), jnp.float32)
    wrong = jnp.asarray(np.where(used, error, 0), jnp.float32)
    mask = jnp.asarray(used)
    return DCI(
        score=parts.disentanglement,
        completeness=parts.completeness,
        informativeness=inputs.mean_over(right, mask),
        factor_informativeness=right,
        factor_error=wrong,
        importance=matrix,
        per_code=parts.per_code,
        per_factor=per_factor,
        code_weights=parts.code_weights,
        active=jnp.zeros(len(matrix), bool),
        used=mask,
        variant=Preset(),
    )


def _concentration(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """1 − H/log(width) of each row, 0 for a zero row; and the row sums."""
    sums = jnp.sum(matrix, axis=1)
    share = matrix / jnp.where(sums == 0, 1, sums)[:, None]
    entropy = -jnp.sum(jax.scipy.special.xlogy(share, share), axis=1)
    width = matrix.shape[1]
    value = jnp.clip(1 - entropy / np.log(max(width, 2)), 0, 1)  # up to rounding
    return jnp.where(sums == 0, 0, value), sums
