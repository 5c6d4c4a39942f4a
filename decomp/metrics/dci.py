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

from decomp.metrics import fitted
from decomp.metrics.preset import Preset, resolve

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

    score: jax.Array  # [], disentanglement; NaN if a code is NaN
    completeness: jax.Array  # []
    informativeness: jax.Array  # [], mean of the next
    factor_informativeness: jax.Array  # [F], accuracy, or R² of a continuous factor
    factor_error: jax.Array  # [F], error rate, or RMSE over standard deviation
    importance: jax.Array  # [D, F]
    per_code: jax.Array  # [D]
    per_factor: jax.Array  # [F]
    code_weights: jax.Array  # [D]
    active: jax.Array  # [D] bool, not exactly constant
    variant: Preset


def from_importance(
    importance: jax.Array, factor_weights: jax.Array | None = None
) -> Entropies:
    """Disentanglement and completeness; jit-able and vmap-able.

    One code with equal importance for two factors of ten: 1 − log 2/log 10. Of one
    factor, or one code, the normalised entropy is 0/0: an important entry counts as 1.

    Args:
        importance: R `[D, F]`, at least 0.
        factor_weights: σ `[F]`; None for the shares of the importance.

    Returns:
        Entropies; all 0 if no code matters, NaN if an importance is NaN.
    """
    chex.assert_rank(importance, 2)
    per_code, rows = _concentration(importance)
    per_factor, columns = _concentration(importance.T)
    total = jnp.sum(rows)
    total = jnp.where(total == 0, 1, total)
    weights = columns / total if factor_weights is None else factor_weights
    return Entropies(
        jnp.sum(rows / total * per_code),
        jnp.sum(weights * per_factor),
        per_code,
        per_factor,
        rows / total,
    )


def score(
    key: jax.Array,
    codes: jax.Array,
    factors: jax.Array,
    *,
    preset: str = "locatello",
    continuous: tuple[bool, ...] | None = None,
    trees: int | None = None,
    depth: int | None = None,
    penalties: tuple[float, ...] | None = None,
    num_train: int | None = None,
    num_test: int | None = None,
) -> DCI:
    """The three scores with the regressor of a published variant.

    scikit-learn fits it: on the host only, neither jit-able nor vmap-able. Trees find
    importance in noise, so pure noise scores near but not at 0 in disentanglement.

    Args:
        key: Consumed; draws the data points to fit and to score and seeds the trees.
        codes: One code a data point `[N, D]`; exactly constant ones have importance 0.
        factors: Labels or numbers `[N, F]`; a constant one has importance 0.
        preset: `locatello` (boosted trees), `tripod` (random forest) or `eastwood`
            (lasso on standardised codes and factors, every factor continuous).
        continuous: Per factor, whether to regress and not to classify; None takes
            floating factors as continuous and integer ones as classes.
        trees: Their number.
        depth: Their depth.
        penalties: Penalties that the lasso may choose from.
        num_train: Points fitted; shrunk in proportion if N is too small.
        num_test: Points scored.

    Returns:
        DCI.
    """
    chex.assert_rank([codes, factors], 2)
    given = {"trees": trees, "depth": depth, "penalties": penalties}
    sizes = {"num_train": num_train, "num_test": num_test}
    kinds = {"continuous": continuous}
    settings, variant = resolve(PRESETS, preset, **given, **sizes, **kinds)
    x, y = np.asarray(codes, np.float64), np.asarray(factors)
    if not np.isfinite(x).all():
        importance = np.full((x.shape[1], y.shape[1]), np.nan)
        quality = error = np.full(y.shape[1], np.nan)
    else:
        importance, quality, error = fitted.fit_factors(key, x, y, **settings)
    dtype = jnp.asarray(codes).dtype
    original = settings["regressor"] == "lasso"
    weights = jnp.full(y.shape[1], 1 / y.shape[1], dtype) if original else None
    matrix = jnp.asarray(importance, dtype)
    parts = from_importance(matrix, weights)
    quality, error = jnp.asarray(quality, dtype), jnp.asarray(error, dtype)
    return DCI(
        score=parts.disentanglement,
        completeness=parts.completeness,
        informativeness=jnp.mean(quality),
        factor_informativeness=quality,
        factor_error=error,
        importance=matrix,
        per_code=parts.per_code,
        per_factor=parts.per_factor,
        code_weights=parts.code_weights,
        active=jnp.ptp(jnp.asarray(codes), axis=0) != 0,
        variant=variant,
    )


def _concentration(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """1 − H/log(width) of each row, 0 for a zero row; and the row sums."""
    sums = jnp.sum(matrix, axis=1)
    share = matrix / jnp.where(sums == 0, 1, sums)[:, None]
    entropy = -jnp.sum(jax.scipy.special.xlogy(share, share), axis=1)
    width = matrix.shape[1]
    value = 1 - entropy / jnp.log(max(width, 2))
    return jnp.where(sums == 0, 0, value), sums
