"""UDR, the unsupervised disentanglement ranking of the runs of a sweep.

R(a, b) ≥ 0 is the strength of the relation between dimension a of run i and dimension b
of run j: Spearman's |ρ|, or the coefficients of a lasso of run j's codes on run i's.
Over the informative dimensions (mean KL > 0.01), with r_b = max_a R(a, b) and
r_a = max_b R(a, b),

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
    """The score of each run, with its parts."""

    score: jax.Array  # [R], 0 for a collapsed run, NaN for a run with a NaN
    pairwise: jax.Array  # [R, R], UDR_ij; the diagonal is 0 and does not count
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
    """The scores of all runs, each in comparison with the others; it works under jit.

    The scores are exact on the given points, except that the lasso is solved by a fixed
    number of coordinate descents. A run with a NaN scores NaN and is left out of the
    medians of the others. A collapsed run scores 0. Memory is `N · R · D + (R · D)²`.

    Args:
        codes: Posterior means of the same data points by each run `[R, N, D]`.
        kl: Mean KL between posterior and prior of each dimension `[R, D]`, in nats. By
            default every dimension that is not exactly constant is informative.
        preset: `lasso` or `spearman` as in the released code; `paper_lasso` or
            `paper_spearman` with the average of the paper.
        threshold: KL above which a dimension is informative, in nats.
        penalty: Penalty of the lasso on standardised codes.
        sweeps: Number of coordinate descents over all D coefficients.

    Returns:
        UDR.

    Raises:
        ValueError: For fewer than two runs, or an unknown preset.

    >>> z = jax.random.normal(jax.random.key(0), (100, 2))
    >>> runs = jnp.stack([z, -z[:, ::-1]])  # the same latents in another order
    >>> print(score(runs, preset="spearman").score > 0.8)
    [ True  True]
    """
    z = inputs.codes(codes, rank=3)
    if len(z.unit) < 2:
        raise ValueError(f"at least two runs must be compared; got {len(z.unit)}.")
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
    counted = off & ~broken[:, None] & ~broken[None, :]
    value = jnp.nanmedian(jnp.where(counted, pairwise, jnp.nan), axis=0)
    pairwise = jnp.where(counted, pairwise, jnp.where(off, jnp.nan, 0))
    count = jnp.sum(informative.astype(jnp.int32), axis=1)
    return UDR(value, pairwise, informative, count, variant)


def relative_strength(relation: jax.Array) -> tuple[jax.Array, jax.Array]:
    """s_a and s_b: the squared largest entry of each row and column, over its sum.

    Args:
        relation: R(a, b) ≥ 0, `[D, D']`.

    Returns:
        s_a `[D]` and s_b `[D']`; 0 for a row or column of zeros.

    >>> rows, columns = relative_strength(jnp.array([[1.0, 0.0], [1.0, 0.0]]))
    >>> rows.tolist(), columns.tolist()
    ([1.0, 1.0], [0.5, 0.0])
    """
    relation = inputs.real(relation)

    def along(axis: int) -> jax.Array:
        total = jnp.sum(relation, axis=axis)
        top = jnp.max(relation, axis=axis)
        return top**2 / jnp.where(total == 0, 1, total)

    return along(1), along(0)


def ranks(codes: Any) -> jax.Array:
    """The ranks of each column `[N, D]`, from 1; ties have the mean of their ranks.

    >>> ranks([[0.3], [0.1], [0.3]])[:, 0].tolist()
    [2.5, 1.0, 2.5]
    """

    def column(x: jax.Array) -> jax.Array:
        table = jnp.sort(x)
        low = jnp.searchsorted(table, x, side="left")
        high = jnp.searchsorted(table, x, side="right")
        return (low + high + 1).astype(x.dtype) / 2

    return jax.vmap(column, 1, 1)(inputs.codes(codes).unit)


def lasso(correlation: jax.Array, *, penalty: float, sweeps: int) -> jax.Array:
    """|w| of the lasso of each run's codes on those of each run, by coordinate descent.

    w_ij minimises ‖z_j − z_i w‖²/(2N) + penalty · ‖w‖₁ for standardised codes, whose
    correlations determine the solution.

    Args:
        correlation: Correlations of dimension a of run i and dimension b of run j
            `[R, D, R, D]`. Rows and columns of zeros have coefficients 0.
        penalty: Weight of the absolute values.
        sweeps: Number of times that each coefficient is optimised given the others.

    Returns:
        `[R, D, R, D]`, the absolute coefficient of dimension a of run i for dimension b
        of run j.

    >>> correlation = jnp.ones((2, 1, 2, 1))  # one latent, the same in both runs
    >>> print(lasso(correlation, penalty=0.25, sweeps=1)[0, 0, 1, 0])
    0.75
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
        residual = target[:, a] - fitted + unit * weights[:, a]
        shrunk = jnp.sign(residual) * jnp.maximum(jnp.abs(residual) - penalty, 0)
        return weights.at[:, a].set(shrunk / jnp.where(unit == 0, 1, unit))

    weights = jax.lax.fori_loop(0, sweeps * size, update, jnp.zeros_like(target))
    return jnp.abs(weights).reshape(correlation.shape)


def _correlations(codes: Any) -> jax.Array:
    """Correlations of all dimensions of all runs `[R, D, R, D]`; 0 for a constant."""
    x = jax.vmap(numerics.standardise)(codes)
    product = jnp.einsum("ina,jnb->iajb", x, x, precision="highest")
    return product / codes.shape[1]


def _strengths(
    strength: jax.Array, informative: jax.Array, *, average: str
) -> jax.Array:
    """UDR_ij `[R, R]`, over the informative dimensions."""
    usable = informative[:, :, None, None] & informative[None, None, :, :]
    strength = jnp.moveaxis(jnp.where(usable, strength, 0), 2, 1)  # [R, R, D, D]
    rows, columns = jax.vmap(jax.vmap(relative_strength))(strength)
    count = jnp.sum(informative, axis=1).astype(strength.dtype)
    rows, columns = jnp.sum(rows, axis=-1), jnp.sum(columns, axis=-1)
    if average == "sides":
        safe = jnp.maximum(count, 1)
        return (rows / safe[:, None] + columns / safe[None, :]) / 2
    return (rows + columns) / jnp.maximum(count[:, None] + count[None, :], 1)
