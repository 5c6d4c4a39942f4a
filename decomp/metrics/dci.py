"""DCI: disentanglement, completeness and informativeness from a regressor.

R_df ≥ 0 is the importance of z_d for the prediction of factor f. With
p_df = R_df/Σ_f R_df, q_df = R_df/Σ_d R_df, and the weights ρ_d = Σ_f R_df/Σ R and
σ_f = Σ_d R_df/Σ R,

    disentanglement = Σ_d ρ_d (1 − H(p_d)/log F),
    completeness = Σ_f σ_f (1 − H(q_f)/log D),   σ_f = 1/F in the original,
    informativeness = mean over f of the accuracy (or R²) on held-out points.

The choice of the regressor changes the value more than anything else, so each published
regressor is a preset.

Source: Eastwood & Williams 2018, openreview By-7dz-AZ, Sec. 2.
"""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import containers, inputs, units
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
    # Hsu et al. 2024, arXiv:2404.10282: splits by entropy, 90 % of the points fitted.
    "tripod": {
        "regressor": "random_forest",
        "trees": 100,
        "depth": 10,
        "num_train": 9_000,
        "num_test": 1_000,
    },
    # The same with a fifth of the trees; a sheet uses it if no variant is named.
    "forest": {
        "regressor": "random_forest",
        "trees": 20,
        "depth": 10,
        "num_train": 9_000,
        "num_test": 1_000,
    },
    # The original. The lasso takes the penalty with the least error on the test points.
    "eastwood": {
        "regressor": "lasso",
        "penalties": (1e-3, 1e-2, 1e-1),
        "num_train": 8_000,
        "num_test": 2_000,
    },
}


class Entropies(NamedTuple):
    """Disentanglement and completeness, which depend on the importances alone."""

    disentanglement: jax.Array  # []
    completeness: jax.Array  # []
    per_code: jax.Array  # [D], 1 − H(p_d)/log F; 0 for an unused code
    per_factor: jax.Array  # [F], 1 − H(q_f)/log D; 0 for an unpredicted factor
    code_weights: jax.Array  # [D], ρ_d


class DCI(NamedTuple):
    """The three scores and their parts; `score` is the disentanglement."""

    # [], disentanglement; NaN if a code is not finite or every factor is constant
    score: jax.Array
    completeness: jax.Array  # []
    informativeness: jax.Array  # [], mean of the next field over the factors used
    factor_informativeness: jax.Array  # [F], accuracy, or R² of a continuous factor
    factor_error: jax.Array  # [F], error rate, or RMSE over standard deviation
    importance: jax.Array  # [D, F]; 0 for a constant latent or factor
    per_code: jax.Array  # [D], as in `Entropies`
    per_factor: jax.Array  # [F], as in `Entropies`; 0 for a constant factor
    code_weights: jax.Array  # [D], ρ_d
    active: jax.Array  # [D] bool, dimensions that are not exactly constant
    used: jax.Array  # [F] bool, factors that are not constant; only these count
    variant: Preset


def from_importance(
    importance: jax.Array, factor_weights: jax.Array | None = None
) -> Entropies:
    """Disentanglement and completeness of an importance matrix.

    With a single factor, or a single code, the normalised entropy is 0/0; then a code,
    or a factor, with any importance counts as 1. The function works under jit and vmap.

    Args:
        importance: R `[D, F]`, at least 0; its scale does not matter. Of entries that
            rounding made negative the absolute value is used, as in Locatello et al.'s
            code.
        factor_weights: σ `[F]`; by default the shares of the importance.

    Returns:
        Entropies; all are 0 if no code has importance, and NaN if an importance is NaN.

    >>> parts = from_importance(jnp.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    >>> parts.per_code.round(4).tolist()  # 1 − log 2/log 4 and 1
    [0.5, 1.0]
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

    scikit-learn fits the regressor on the host, so the function does not work under jit
    or vmap. Trees find importance in noise, so that codes of pure noise have a
    disentanglement a little above 0. The random numbers of the trees depend on the
    order of the classes: renaming the classes has the effect of another key if it
    changes their order.

    Args:
        key: A random key; it draws the points to fit and to score and seeds the trees.
        codes: One code per data point `[N, D]`; exactly constant dimensions have
            importance 0.
        factors: Labels or numbers `[N, F]`, see `inputs`; the lasso needs numbers. An
            `inputs.Factors` may have missing values.
        preset: `locatello` (boosted trees), `tripod` (random forest), `forest` (the
            same with fewer trees) or `eastwood` (lasso on standardised codes and
            factors, every factor continuous).
        continuous: The columns to regress instead of classify, by index or name, or one
            bool per column; by default the rule of `inputs` decides.
        trees: Number of trees.
        depth: Largest depth of a tree.
        penalties: Penalties of which the lasso takes the best.
        num_train: Points fitted; both numbers shrink in proportion if N is smaller than
            their sum.
        num_test: Points scored.

    Returns:
        DCI.

    Raises:
        ValueError: If a factor has labels with the lasso, or more classes than the
            trees can be fitted to, see `fitted.MAX_CLASSES`.

    >>> factors = np.array([[a, b] for a in range(3) for b in range(3)] * 40)
    >>> dci = score(jax.random.key(0), factors[:, ::-1], factors, preset="eastwood")
    >>> print(dci.score.round(2), dci.completeness.round(2))  # the factors themselves
    1.0 1.0
    """
    model = {"trees": trees, "depth": depth, "penalties": penalties}
    numbers = {"num_train": num_train, "num_test": num_test}
    kinds = {"continuous": None if continuous is None else tuple(continuous)}
    settings, variant = resolve(PRESETS, preset, **model, **numbers, **kinds)
    settings.pop("continuous", None)
    z = inputs.codes(codes)
    if isinstance(factors, inputs.Factors):
        table = factors
    else:
        table = inputs.with_continuous(factors, continuous)
    x = np.asarray(z.unit, np.float64)
    containers.check_rows(x, table.classes)
    original = settings["regressor"] == "lasso"
    if original:
        inputs.check_numbers(table)
    used = np.ones(len(table.names), bool)
    used[list(table.constant)] = False
    importance = np.full((x.shape[1], len(used)), np.nan)
    quality = error = np.full(len(used), np.nan)
    if np.isfinite(x).all() and used.any():
        importance, quality, error = fitted.fit_factors(key, x, table, **settings)
    mask = tuple(map(bool, used))
    out = _result(importance, quality, error, z, used=mask, equal=original)
    return out._replace(variant=variant)


@functools.partial(jax.jit, static_argnames=("used", "equal"))
def _result(
    importance: jax.Array,
    quality: jax.Array,
    error: jax.Array,
    z: units.Codes,
    *,
    used: tuple[bool, ...],
    equal: bool,
) -> DCI:
    """The scores over the factors used, with equal weights or not; NaN if none is."""
    mask, columns = np.array(used), np.flatnonzero(used)
    matrix = jnp.where(mask[None, :], importance.astype(jnp.float32), 0)
    per_factor = jnp.zeros(len(used), jnp.float32)
    if any(used):
        share = jnp.full(len(columns), 1 / len(columns), jnp.float32)
        parts = from_importance(matrix[:, columns], share if equal else None)
        per_factor = per_factor.at[columns].set(parts.per_factor)
    else:
        nan, zeros = jnp.float32(jnp.nan), jnp.zeros(len(matrix), jnp.float32)
        parts = Entropies(nan, nan, zeros, per_factor, zeros)
    qualities, errors = (
        jnp.where(mask, values.astype(jnp.float32), 0) for values in (quality, error)
    )
    return DCI(
        score=parts.disentanglement,
        completeness=parts.completeness,
        informativeness=inputs.mean_over(qualities, jnp.asarray(mask)),
        factor_informativeness=qualities,
        factor_error=errors,
        importance=matrix,
        per_code=parts.per_code,
        per_factor=per_factor,
        code_weights=parts.code_weights,
        active=units.active(z),
        used=jnp.asarray(mask),
        variant=Preset(),
    )


def _concentration(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """1 − H/log(width) of each row, or 0 for a row of zeros; and the row sums."""
    sums = jnp.sum(matrix, axis=1)
    share = matrix / jnp.where(sums == 0, 1, sums)[:, None]
    entropy = -jnp.sum(jax.scipy.special.xlogy(share, share), axis=1)
    width = matrix.shape[1]
    # Rounding may take the value out of [0, 1].
    value = jnp.clip(1 - entropy / np.log(max(width, 2)), 0, 1)
    return jnp.where(sums == 0, 0, value), sums
