"""MIG-sup: the information gap between the two leading factors of each dimension.

With n_df = I(z_d; v_f)/H(v_f) and f(d) = argmax_f n_df,

    MIG-sup = mean over the dimensions d of (n_d,f(d) − max_{f≠f(d)} n_df)

The MIG asks whether a factor is encoded in one dimension only, and MIG-sup whether a
dimension encodes one factor only. Two factors in one dimension lower MIG-sup, and one
factor in two dimensions does not.

Source: Li et al. 2020, arXiv:2002.10549, Sec. 4. All dimensions count, as in Carbonneau
et al. 2022, arXiv:2012.09276, Sec. 4.4.3, since Li et al. give no rule.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS = discrete.PRESETS_OF_BINS


class MIGSup(NamedTuple):
    """The score, with its parts."""

    score: jax.Array  # [], mean gap of the dimensions counted
    per_code: jax.Array  # [D], n_d,f(d) − the second; 0 without information
    information: jax.Array  # [D, F], n_df; 0 if H(v_f) = 0
    best: jax.Array  # [D] int32, f(d)
    counted: jax.Array  # [D] bool, dimensions in the mean
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


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
    """MIG-sup from plug-in information between binned codes and factors.

    The score is exact on the given points. On points drawn from a population, each
    information is too large by about (bins − 1)(V − 1)/(2N). The function works under
    jit and vmap if `sizes` is given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins of equal width per dimension.
        counted: Dimensions in the mean `[D]` bool; by default all.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        MIGSup; the score is NaN if a code is not finite or every factor is constant. A
        constant dimension counts as 0. With a single factor, the gap is its
        information.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score)
    1.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, bins=bins, correction=correction)
    table = discrete.plug_in(
        z, factors, bins=settings["bins"], sizes=sizes, correction=correction
    )
    every = jnp.ones(z.unit.shape[1], bool) if counted is None else counted
    out = from_information(table.information, table.factor_entropy, every)
    value = jnp.where(units.broken(z), jnp.nan, out.score)
    return out._replace(score=value, variant=variant)


def from_information(
    information: jax.Array, entropy: jax.Array, counted: jax.Array
) -> MIGSup:
    """MIG-sup from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 does not count.
        counted: Dimensions in the mean `[D]` bool.

    Returns:
        MIGSup; the score is NaN if no factor counts, and 0 if no dimension does.

    >>> table = jnp.array([[1.0, 0.25]])
    >>> float(from_information(table, jnp.ones(2), jnp.array([True])).score)
    0.75
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
