"""MIG-sup: how far one factor leads the others in each dimension.

With n_df = I(z_d; v_f)/H(v_f) and f(d) = argmax_f n_df,

    MIG-sup = mean over the dimensions d of (n_d,f(d) − max_{f≠f(d)} n_df)

It is the gap of `mig` seen from the dimensions. The MIG asks whether one dimension
holds a factor, and MIG-sup whether a dimension holds one factor: two factors in one
dimension lower it, and a factor in two dimensions does not.

Source: Li et al. 2020, arXiv:2002.10549, Sec. 4; that all dimensions count is from
Carbonneau et al. 2022, arXiv:2012.09276, Sec. 4.4.3, as Li et al. give no rule.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset

PRESETS = discrete.PRESETS_OF_BINS


class MIGSup(NamedTuple):
    """A gap from the side of the dimensions, with its parts."""

    score: jax.Array  # [], mean gap of the dimensions counted
    per_code: jax.Array  # [D], n_d,f(d) − the second; 0 without information
    information: jax.Array  # [D, F], n_df; 0 where H(v_f) = 0
    best: jax.Array  # [D] int32, f(d)
    counted: jax.Array  # [D] bool, dimensions in the mean
    variant: Preset = Preset()  # the preset, and what was given beside it


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "carbonneau",
    bins: int | None = None,
    counted: jax.Array | None = None,
    correction: str | None = None,
) -> MIGSup:
    """The gap of plug-in information between binned codes and factors.

    Exact on the given points; on points drawn from a population each information is too
    large by about (bins − 1)(V − 1)/(2N). May be jitted and mapped over runs if `sizes`
    is given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        bins: Bins of equal width of each dimension.
        counted: Dimensions in the mean `[D]` bool; all by default.
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        MIGSup; NaN if a code is not finite or every factor is constant. A constant
        dimension counts as 0. A single factor leads by all its information.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score)
    1.0
    """
    z = inputs.codes(codes)
    chosen, variant = published.resolve(
        PRESETS, preset, bins=bins, correction=correction
    )
    table = discrete.plug_in(
        z, factors, bins=chosen["bins"], sizes=sizes, correction=correction
    )
    every = jnp.ones(z.unit.shape[1], bool) if counted is None else counted
    out = from_information(table.information, table.factor_entropy, every)
    value = jnp.where(units.broken(z), jnp.nan, out.score)
    return out._replace(score=value, variant=variant)


def from_information(
    information: jax.Array, entropy: jax.Array, counted: jax.Array
) -> MIGSup:
    """The gap of a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 does not count.
        counted: Dimensions in the mean `[D]` bool.

    Returns:
        MIGSup; NaN if no factor counts, 0 if no dimension does.
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    counted = inputs.real(counted) != 0
    chex.assert_equal_shape([information[0], entropy])
    chex.assert_equal_shape([information[:, 0], counted])
    share = discrete.safe_divide(information, entropy[None, :])
    (first, second), (best, _) = discrete.leaders(share.T)
    per_code = first - second
    total = jnp.sum(jnp.where(counted, per_code, 0))
    mean = discrete.safe_divide(total, jnp.sum(counted))
    value = jnp.where(jnp.any(entropy > 0), mean, jnp.nan)
    return MIGSup(value, per_code, share, best.astype(jnp.int32), counted)
