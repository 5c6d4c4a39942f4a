"""The unsupervised disentanglement ranking of the runs of a sweep.

R(a, b) ≥ 0 is the strength of the relation of dimension a of run i and b of run j, by
Spearman's |ρ| or by a lasso of run j's codes on run i's. Over the informative
dimensions (mean KL > 0.01), with r_b = max_a R(a, b) and r_a = max_b R(a, b),

    s_b = r_b²/Σ_a R(a, b),   s_a = r_a²/Σ_b R(a, b),
    UDR_ij = (Σ_b s_b + Σ_a s_a)/(d_i + d_j)   in the paper,
    UDR_ij = (mean_b s_b + mean_a s_a)/2       in the released code,
    score_j = median over i ≠ j of UDR_ij.

Source: Duan et al. 2020, arXiv:1905.12614, Sec. 3, and their released code
(standardised codes, lasso penalty 0.1, KL threshold 0.01).
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.metrics import inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    "lasso": {"relation": "lasso", "average": "sides"},
    "spearman": {"relation": "spearman", "average": "sides"},
    "paper_lasso": {"relation": "lasso", "average": "dimensions"},
    "paper_spearman": {"relation": "spearman", "average": "dimensions"},
}


class UDR(NamedTuple):
    """A score for each run, and its parts."""

    score: jax.Array  # [R], 0 for a collapsed run, NaN for one that holds a NaN
    pairwise: jax.Array  # [R, R], UDR_ij; 0 on the diagonal, which does not count
    informative: jax.Array  # [R, D] bool
    num_informative: jax.Array  # [R] int32
    variant: Preset


def score(
    codes: Any,
    kl: jax.Array | None = None,
    *,
    preset: str = "lasso",
    threshold: float = 0.01,
    penalty: float = 0.1,
    sweeps: int = 200,
) -> UDR:
    """The scores of all runs; jit-able (the runs are part of the definition).

    Exact on the given points, but for the lasso's coefficients, which `sweeps` of
    descent leave short of their limit. Runs that hold a NaN score NaN and are left out
    of the medians of the others. Runs that all collapsed score 0. The memory is
    `N · R · D` and `(R · D)²`.

    Args:
        codes: The posterior means of the same data points by each run `[R, N, D]`.
        kl: Mean KL of each dimension to its prior `[R, D]` in nats; None takes every
            dimension that is not exactly constant as informative.
        preset: `lasso` and `spearman` as in the released code, `paper_lasso` and
            `paper_spearman` with the average of the paper.
        threshold: KL of an informative dimension, in nats.
        penalty: Of the lasso, on standardised codes.
        sweeps: Coordinate descents over all D coefficients.

    Returns:
        UDR.

    Raises:
        ValueError: Fewer than two runs, or an unknown preset.
    """
    z = inputs.codes(codes, rank=3)
    if len(z.unit) < 2:
        raise ValueError(f"expected two runs or more; got {len(z.unit)}.")
    settings, variant = resolve(PRESETS, preset)
    informative = units.active(z)
    if kl is not None:
        kl = inputs.real(kl)
        chex.assert_equal_shape([kl, informative])
        informative &= kl > threshold
    broken = ~jnp.isfinite(z.unit).all(axis=(1, 2))
    codes = jnp.where(broken[:, None, None], 0, z.unit)
    if settings["relation"] == "spearman":
        strength = jnp.abs(_correlations(jax.vmap(ranks)(codes)))
    else:
        usable = jnp.where(informative[:, None, :], codes, 0)
        strength = lasso(_correlations(usable), penalty=penalty, sweeps=sweeps)
    pairwise = _strengths(strength, informative, average=settings["average"])
    off = ~jnp.eye(len(codes), dtype=bool)
    kept = off & ~broken[:, None] & ~broken[None, :]
    value = jnp.nanmedian(jnp.where(kept, pairwise, jnp.nan), axis=0)
    pairwise = jnp.where(kept, pairwise, jnp.where(off, jnp.nan, 0))
    count = jnp.sum(informative.astype(jnp.int32), axis=1)
    return UDR(value, pairwise, informative, count, variant)


def relative_strength(relation: jax.Array) -> tuple[jax.Array, jax.Array]:
    """s_a and s_b: the squared largest entry of a row, or column, over its sum.

    Args:
        relation: R(a, b) ≥ 0, `[D, D']`.

    Returns:
        `[D]` and `[D']`; 0 for a row or column of zeros.
    """
    relation = inputs.real(relation)

    def along(axis: int) -> jax.Array:
        total = jnp.sum(relation, axis=axis)
        top = jnp.max(relation, axis=axis)
        return top**2 / jnp.where(total == 0, 1, total)

    return along(1), along(0)


def ranks(codes: Any) -> jax.Array:
    """The ranks of each column, from 1; ties share the mean of theirs `[N, D]`."""

    def column(x: jax.Array) -> jax.Array:
        table = jnp.sort(x)
        low = jnp.searchsorted(table, x, side="left")
        high = jnp.searchsorted(table, x, side="right")
        return (low + high + 1).astype(x.dtype) / 2

    return jax.vmap(column, 1, 1)(inputs.codes(codes).unit)


def lasso(correlation: jax.Array, *, penalty: float, sweeps: int) -> jax.Array:
    """|w| of the lasso of every run's codes on every run's, by coordinate descent.

    w_ij minimises ‖z_j − z_i w‖²/(2N) + penalty · ‖w‖₁ for standardised codes, of which
    only the correlations matter.

    Args:
        correlation: Of dimension a of run i and b of run j `[R, D, R, D]`; rows and
            columns of zeros have no coefficient.
        penalty: Weight of the absolute values.
        sweeps: Times that each coefficient is optimised given the others.

    Returns:
        `[R, D, R, D]`, the coefficient of dimension a of run i for b of run j.
    """
    correlation = inputs.real(correlation)
    num_runs, size = correlation.shape[:2]
    own = jnp.moveaxis(jnp.diagonal(correlation, axis1=0, axis2=2), -1, 0)  # [R, D, D]
    target = correlation.reshape(num_runs, size, num_runs * size)

    def update(step: jax.Array, weights: jax.Array) -> jax.Array:
        a = step % size
        row = own[:, a]  # [R, D]
        fitted = jnp.einsum("rd,rdt->rt", row, weights, precision="highest")
        unit = row[:, a][:, None]
        rest = target[:, a] - fitted + unit * weights[:, a]
        shrunk = jnp.sign(rest) * jnp.maximum(jnp.abs(rest) - penalty, 0)
        return weights.at[:, a].set(shrunk / jnp.where(unit == 0, 1, unit))

    weights = jax.lax.fori_loop(0, sweeps * size, update, jnp.zeros_like(target))
    return jnp.abs(weights).reshape(correlation.shape)


def _correlations(codes: Any) -> jax.Array:
    """Of every two dimensions of all runs `[R, D, R, D]`; 0 for a constant one."""
    x = jax.vmap(numerics.standardise)(codes)
    product = jnp.einsum("ina,jnb->iajb", x, x, precision="highest")
    return product / codes.shape[1]


def _strengths(
    strength: jax.Array, informative: jax.Array, *, average: str
) -> jax.Array:
    """UDR_ij `[R, R]`, of informative dimensions only."""
    usable = informative[:, :, None, None] & informative[None, None, :, :]
    strength = jnp.moveaxis(jnp.where(usable, strength, 0), 2, 1)  # [R, R, D, D]
    rows, columns = jax.vmap(jax.vmap(relative_strength))(strength)
    count = jnp.sum(informative, axis=1).astype(strength.dtype)
    rows, columns = jnp.sum(rows, axis=-1), jnp.sum(columns, axis=-1)
    if average == "sides":
        safe = jnp.maximum(count, 1)
        return (rows / safe[:, None] + columns / safe[None, :]) / 2
    return (rows + columns) / jnp.maximum(count[:, None] + count[None, :], 1)
