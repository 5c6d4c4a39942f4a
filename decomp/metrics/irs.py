"""The interventional robustness score: does a dimension ignore all factors but one?

With m_dk(v) = E[z_d | y_k = v],

    A_dk = mean over the values v of Q(|z_d − m_dk(v)| given y_k = v),
    B_d = max over the data of |z_d − E z_d|,
    IRS_dk = 1 − A_dk/B_d,   score = Σ_d B_d max_k IRS_dk/Σ_d B_d.

Q is the maximum in the paper and the 0.99 quantile in the released code. A factor
whose values are all distinct fixes the data point and so would score 1, which is why a
continuous one is binned.

Source: Suter et al. 2019, arXiv:1811.00007, Sec. 4, and the code the authors gave to
Locatello et al. 2019, arXiv:1811.12359.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {"quantile": 0.99, "bins": 20},
    "suter": {"quantile": 1.0, "bins": 20},
}


class IRS(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], 0 if every dimension is constant, NaN if a code is NaN
    matrix: jax.Array  # [D, F], IRS_dk; 0 for a constant dimension or factor
    per_dimension: jax.Array  # [D], max_k IRS_dk
    parent: jax.Array  # [D] int32, the factor of that maximum
    max_deviation: jax.Array  # [D], the weights B_d; +inf beyond float32
    active: jax.Array  # [D] bool, not exactly constant
    num_active: jax.Array  # [] int32
    variant: Preset


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
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
        factors: Any factors `[N, F]`, see `inputs`; numbers alone under jit. Classes,
            however many, if `sizes` is given.
        sizes: Number of classes of each factor.
        preset: `locatello` (0.99 quantile) or `suter` (maximum).
        quantile: Q, 1.0 for the maximum.
        bins: Equal-width bins of a continuous factor.

    Returns:
        IRS; NaN if every factor is constant.
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, quantile=quantile, bins=bins)
    if sizes is None:
        classes = labels(factors, bins=settings["bins"])
    else:
        classes = inputs.classes(factors, sizes)[0]
    chex.assert_equal_shape_prefix([z.unit, classes], 1)
    active, used = units.active(z), inputs.varying(classes)
    shifted = z.unit - z.unit[:1]  # a constant is exactly 0
    largest = jnp.max(jnp.abs(shifted - jnp.mean(shifted, 0, keepdims=True)), axis=0)
    inside = jax.vmap(_deviation, (None, 1, None), 1)(
        shifted, classes, settings["quantile"]
    )  # [D, F]
    matrix = 1 - inside / jnp.where(active, largest, 1)[:, None]
    matrix = jnp.where(active[:, None], matrix, 0)
    counted = jnp.where(used[None, :], matrix, -jnp.inf)
    per_dimension = jnp.where(jnp.any(used), jnp.max(counted, axis=1), 0)
    weight = jnp.where(active, units.together(z, largest), 0)
    total = jnp.sum(weight)
    value = jnp.sum(weight * per_dimension) / jnp.where(total == 0, 1, total)
    known = jnp.any(used) & ~units.broken(z)
    return IRS(
        jnp.where(known, value, jnp.nan),
        jnp.where(used[None, :], matrix, 0),
        per_dimension,
        jnp.argmax(counted, axis=1).astype(jnp.int32),
        jnp.where(active, units.times_power(largest, z.exponent), 0),
        active,
        jnp.sum(active.astype(jnp.int32)),
        variant,
    )


def labels(factors: Any, *, bins: int) -> jax.Array:
    """Classes `[N, F]` int32 of any factors; a continuous one is cut into `bins`.

    Of traced numbers the same in the graph, see `inputs`.
    """
    return inputs.labels(factors, bins=bins)


def _deviation(codes: Any, label: jax.Array, quantile: float | jax.Array) -> jax.Array:
    """A_d of one factor `[D]`: sorted by class and deviation, one gather a class."""
    order = jnp.argsort(label)
    label, codes = label[order], codes[order]
    first = jnp.searchsorted(label, label, side="left")  # [N], of the row's class
    count = jnp.searchsorted(label, label, side="right") - first
    sums = jax.ops.segment_sum(codes, first, num_segments=label.size)
    share = count.astype(codes.dtype)
    gap = jnp.abs(codes - sums[first] / share[:, None])  # [N, D]

    def ascending(column: jax.Array) -> jax.Array:
        return jax.lax.sort((first, column), num_keys=2)[1]

    gap = jax.vmap(ascending, 1, 1)(gap)
    place = quantile * (share - 1)
    low = jnp.clip(jnp.floor(place).astype(first.dtype), 0, count - 1)
    high = jnp.minimum(low + 1, count - 1)
    part = (place - low.astype(codes.dtype))[:, None]
    value = (1 - part) * gap[first + low] + part * gap[first + high]
    head = first == jnp.arange(label.size)
    return jnp.sum(jnp.where(head[:, None], value, 0), axis=0) / jnp.sum(
        head, dtype=codes.dtype
    )
