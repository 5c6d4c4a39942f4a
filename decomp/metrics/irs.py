"""The interventional robustness score: does a dimension ignore all factors but one?

With m_dk(v) = E[z_d | y_k = v],

    A_dk = mean over the values v of Q(|z_d − m_dk(v)| given y_k = v),
    B_d = max over the data of |z_d − E z_d|,
    IRS_dk = 1 − A_dk/B_d,   score = Σ_d B_d max_k IRS_dk/Σ_d B_d.

Q is the maximum in the paper and the 0.99 quantile in the released code. A factor
whose values are all distinct fixes the data point and so scores 1: bin it.

Source: Suter et al. 2019, arXiv:1811.00007, Sec. 4, and the code the authors gave to
Locatello et al. 2019, arXiv:1811.12359.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {"quantile": 0.99, "bins": 20},
    "suter": {"quantile": 1.0, "bins": 20},
}


class IRS(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], 0 if every dimension is constant, NaN if a code is NaN
    matrix: jax.Array  # [D, F], IRS_dk; 0 for a constant dimension
    per_dimension: jax.Array  # [D], max_k IRS_dk
    parent: jax.Array  # [D] int32, the factor of that maximum
    max_deviation: jax.Array  # [D], the weights B_d
    active: jax.Array  # [D] bool, not exactly constant
    num_active: jax.Array  # [] int32
    variant: Preset


def score(
    codes: jax.Array,
    factors: jax.Array,
    *,
    preset: str = "locatello",
    quantile: float | jax.Array | None = None,
    bins: int | None = None,
) -> IRS:
    """The score; jit-able, and vmap-able over runs.

    Exact on the given points, all of which count; in a sample of a grid of factors the
    largest deviations come out too small, those within a value most. They are relative
    to the largest single deviation, so one outlier raises the score: independent noise
    does not score 0. Each dimension is weighted by its own B_d, so rescaling one
    dimension changes the score, as in the published code.

    Args:
        codes: One code a data point `[N, D]`.
        factors: Classes `[N, F]`, see `discrete.classes`; floating factors are cut into
            `bins`, however few values they have.
        preset: `locatello` (0.99 quantile) or `suter` (maximum).
        quantile: Q, 1.0 for the maximum.
        bins: Equal-width bins of a floating factor.

    Returns:
        IRS.
    """
    chex.assert_rank([codes, factors], 2)
    chex.assert_equal_shape_prefix([codes, factors], 1)
    settings, variant = resolve(PRESETS, preset, quantile=quantile, bins=bins)
    span = jnp.ptp(codes, axis=0)
    active = span != 0
    shifted = codes - codes[:1]  # a constant is exactly 0
    largest = jnp.max(jnp.abs(shifted - jnp.mean(shifted, 0, keepdims=True)), axis=0)
    inside = jax.vmap(_deviation, (None, 1, None), 1)(
        shifted, labels(factors, bins=settings["bins"]), settings["quantile"]
    )  # [D, F]
    matrix = 1 - inside / jnp.where(active, largest, 1)[:, None]
    matrix = jnp.where(active[:, None], matrix, 0)
    per_dimension = jnp.max(matrix, axis=1)
    weight = jnp.where(active, largest, 0)
    total = jnp.sum(weight)
    value = jnp.sum(weight * per_dimension) / jnp.where(total == 0, 1, total)
    value = jnp.where(discrete.broken(codes), jnp.nan, value)
    parent = jnp.argmax(matrix, axis=1).astype(jnp.int32)
    count = jnp.sum(active.astype(jnp.int32))
    return IRS(value, matrix, per_dimension, parent, weight, active, count, variant)


def labels(factors: jax.Array, *, bins: int) -> jax.Array:
    """Integer factors as they are; floating ones in equal-width bins of their range."""
    if not jnp.issubdtype(factors.dtype, jnp.floating):
        return factors
    low = jnp.min(factors, axis=0, keepdims=True)
    span = jnp.ptp(factors, axis=0, keepdims=True)
    share = (factors - low) / jnp.where(span == 0, 1, span)
    return jnp.clip(jnp.floor(share * bins), 0, bins - 1).astype(jnp.int32)


def _deviation(
    codes: jax.Array, label: jax.Array, quantile: float | jax.Array
) -> jax.Array:
    """A_d of one factor `[D]`: sorted by class and deviation, one gather a class."""
    order = jnp.argsort(label)
    label, codes = label[order], codes[order]
    first = jnp.searchsorted(label, label, side="left")  # [N], of the row's class
    count = jnp.searchsorted(label, label, side="right") - first
    sums = jax.ops.segment_sum(codes, first, num_segments=label.size)
    gap = jnp.abs(codes - sums[first] / count[:, None])  # [N, D]

    def ascending(column: jax.Array) -> jax.Array:
        return jax.lax.sort((first, column), num_keys=2)[1]

    gap = jax.vmap(ascending, 1, 1)(gap)
    place = quantile * (count - 1)
    low = jnp.clip(jnp.floor(place).astype(first.dtype), 0, count - 1)
    high = jnp.minimum(low + 1, count - 1)
    part = (place - low)[:, None]
    value = (1 - part) * gap[first + low] + part * gap[first + high]
    head = first == jnp.arange(label.size)
    return jnp.sum(jnp.where(head[:, None], value, 0), axis=0) / jnp.sum(head)
