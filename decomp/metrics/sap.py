"""The separated attribute predictability score: the gap of the two best dimensions.

S_df says how well z_d alone predicts factor f; with the dimensions sorted by S_df,

    score = mean over f of (S_(1)f − S_(2)f).

For a continuous factor S_df = Cov(z_d, y_f)²/(Var z_d · Var y_f), the R² of a line; for
a discrete one the accuracy of a linear support vector machine on other data points.

Source: Kumar et al. 2018, arXiv:1711.00848, Sec. 3; the machine (C = 0.01, balanced
classes, 10,000 and 5,000 points) is that of Locatello et al. 2019, arXiv:1811.12359.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.metrics import discrete, fitted
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {"penalty": 0.01, "num_train": 10_000, "num_test": 5_000},
    "r_squared": {},
}


class SAP(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], NaN if a code is NaN
    per_factor: jax.Array  # [F], the gaps
    matrix: jax.Array  # [D, F], S_df
    active: jax.Array  # [D] bool, not exactly constant
    variant: Preset


def score(
    key: jax.Array,
    codes: jax.Array,
    factors: jax.Array,
    *,
    preset: str = "locatello",
    penalty: float | None = None,
    num_train: int | None = None,
    num_test: int | None = None,
) -> SAP:
    """The score of a published variant.

    `locatello` fits scikit-learn's machine: on the host only, neither jit-able nor
    vmap-able. `r_squared` is the function of that name and needs no key.

    Args:
        key: Consumed; draws the two disjoint sets of data points.
        codes: One code a data point `[N, D]`.
        factors: Labels `[N, F]`; a constant factor has S_df = 0.
        preset: `locatello` or `r_squared`.
        penalty: C of the machine.
        num_train: Points fitted; shrunk in proportion if N is too small.
        num_test: Points scored.

    Returns:
        SAP. A collapsed dimension still predicts the commonest class, so one good
        dimension among collapsed ones has the gap to that share, not 1.
    """
    chex.assert_rank([codes, factors], 2)
    given = {"penalty": penalty, "num_train": num_train, "num_test": num_test}
    settings, variant = resolve(PRESETS, preset, **given)
    if preset == "r_squared":
        return r_squared(codes, factors)._replace(variant=variant)
    x, y = np.asarray(codes, np.float64), np.asarray(factors)
    if not np.isfinite(x).all():
        matrix = np.full((x.shape[1], y.shape[1]), np.nan)
        return _result(jnp.asarray(matrix), jnp.asarray(codes), variant)
    parts = fitted.split(
        key, len(x), num_train=settings["num_train"], num_test=settings["num_test"]
    )
    matrix = [
        [fitted.machine(column, label, parts, settings["penalty"]) for label in y.T]
        for column in x.T
    ]
    dtype = jnp.asarray(codes).dtype
    return _result(jnp.asarray(matrix, dtype), jnp.asarray(codes), variant)


def r_squared(codes: jax.Array, factors: jax.Array) -> SAP:
    """The score with R² for every factor, all data points; jit-able and vmap-able.

    Args:
        codes: One code a data point `[N, D]`; a constant one has R² = 0.
        factors: Numbers `[N, F]`, taken to be ordered; a constant one has R² = 0.

    Returns:
        SAP.
    """
    chex.assert_rank([codes, factors], 2)
    chex.assert_equal_shape_prefix([codes, factors], 1)
    x, y = (
        numerics.standardise(codes),
        numerics.standardise(jnp.asarray(factors, codes.dtype)),
    )
    return _result((x.T @ y / len(x)) ** 2, codes, Preset("r_squared"))


def gaps(matrix: jax.Array) -> jax.Array:
    """The largest entry of each column less the second `[F]`; 0 takes a missing one."""
    padded = jnp.concatenate([matrix, jnp.zeros_like(matrix[:1])])
    top = jax.lax.top_k(padded.T, 2)[0]
    return top[:, 0] - top[:, 1]


def _result(matrix: jax.Array, codes: jax.Array, variant: Preset) -> SAP:
    per_factor = gaps(matrix)
    active = jnp.ptp(codes, axis=0) != 0
    value = jnp.where(discrete.broken(codes), jnp.nan, jnp.mean(per_factor))
    return SAP(value, per_factor, matrix, active, variant)
