"""IRS, the interventional robustness score: does a dimension depend on one factor only?

With m_dk(v) = E[z_d | y_k = v],

    A_dk = mean over the values v of Q(|z_d − m_dk(v)| given y_k = v),
    B_d = max over the data of |z_d − E z_d|,
    IRS_dk = 1 − A_dk/B_d,   score = Σ_d B_d max_k IRS_dk/Σ_d B_d.

Q is the maximum in the paper and the 0.99 quantile in the released code. A continuous
factor is cut into bins, as a factor whose values are all distinct would always score 1.

Source: Suter et al. 2019, arXiv:1811.00007, Sec. 4, and the code the authors gave to
Locatello et al. 2019, arXiv:1811.12359.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs, units
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
    active: jax.Array  # [D] bool, dimensions that are not exactly constant
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
    """The interventional robustness score, on all points; it works under jit and vmap.

    The score is exact on the given points. In a sample of a grid of factors, the
    largest deviations are too small, most of all those at a fixed value of a factor. As
    the deviations are divided by the largest single deviation, one outlier raises the
    score, and independent noise does not score 0. Each dimension is weighted by its own
    B_d, so that scaling one dimension changes the score, as in the published code.

    Args:
        codes: One code per data point `[N, D]`.
        factors: Any factors `[N, F]`, see `inputs`; under jit only numbers. If `sizes`
            is given, any number of classes.
        sizes: Number of classes of each factor.
        preset: `locatello` (0.99 quantile) or `suter` (maximum).
        quantile: Q, which is the maximum for 1.0.
        bins: Number of bins of equal width of a continuous factor.

    Returns:
        IRS; the score is NaN if every factor is constant.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score)
    1.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, quantile=quantile, bins=bins)
    if sizes is None:
        classes = labels(factors, bins=settings["bins"])
    else:
        classes = inputs.classes(factors, sizes)[0]
    containers.check_rows(z.unit, classes)
    active, used = units.active(z), inputs.varying(classes)
    shifted = z.unit - z.unit[:1]  # a constant is exactly 0
    largest = jnp.max(jnp.abs(shifted - jnp.mean(shifted, 0, keepdims=True)), axis=0)
    deviation = jax.vmap(_deviation, (None, 1, None), 1)(
        shifted, classes, settings["quantile"]
    )  # [D, F]
    matrix = 1 - deviation / jnp.where(active, largest, 1)[:, None]
    matrix = jnp.where(active[:, None], matrix, 0)
    counted = jnp.where(used[None, :], matrix, -jnp.inf)
    per_dimension = jnp.where(jnp.any(used), jnp.max(counted, axis=1), 0)
    weight = jnp.where(active, units.together(z, largest), 0)
    total = jnp.sum(weight)
    value = jnp.sum(weight * per_dimension) / jnp.where(total == 0, 1, total)
    defined = jnp.any(used) & ~units.broken(z)
    return IRS(
        jnp.where(defined, value, jnp.nan),
        jnp.where(used[None, :], matrix, 0),
        per_dimension,
        jnp.argmax(counted, axis=1).astype(jnp.int32),
        jnp.where(active, units.times_power(largest, z.exponent), 0),
        active,
        jnp.sum(active.astype(jnp.int32)),
        variant,
    )


def labels(factors: Any, *, bins: int) -> jax.Array:
    """Classes `[N, F]` int32 of any factors; a continuous factor is cut into `bins`.

    It works under jit if the factors are numbers, see `inputs.labels`.

    >>> labels([[3, 7], [5, 7], [3, 7]], bins=20).tolist()
    [[0, 0], [1, 0], [0, 0]]
    """
    return inputs.labels(factors, bins=bins)


def _deviation(codes: Any, label: jax.Array, quantile: float | jax.Array) -> jax.Array:
    """A_d of one factor `[D]`, by sorting the deviations of each class."""
    order = jnp.argsort(label)
    label, codes = label[order], codes[order]
    first = jnp.searchsorted(label, label, side="left")  # [N], first row of the class
    count = jnp.searchsorted(label, label, side="right") - first
    sums = jax.ops.segment_sum(codes, first, num_segments=label.size)
    share = count.astype(codes.dtype)
    gap = jnp.abs(codes - sums[first] / share[:, None])  # [N, D]

    def ascending(column: jax.Array) -> jax.Array:
        return jax.lax.sort((first, column), num_keys=2)[1]

    gap = jax.vmap(ascending, 1, 1)(gap)
    position = quantile * (share - 1)
    low = jnp.clip(jnp.floor(position).astype(first.dtype), 0, count - 1)
    high = jnp.minimum(low + 1, count - 1)
    weight = (position - low.astype(codes.dtype))[:, None]
    value = (1 - weight) * gap[first + low] + weight * gap[first + high]
    head = first == jnp.arange(label.size)
    return jnp.sum(jnp.where(head[:, None], value, 0), axis=0) / jnp.sum(
        head, dtype=codes.dtype
    )
