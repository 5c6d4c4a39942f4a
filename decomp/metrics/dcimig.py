"""DCIMIG: the gap of each dimension, given to the factor that it holds best.

With the gap of a dimension R_d = I(z_d; v_f(d)) − max_{f≠f(d)} I(z_d; v_f), of its best
factor f(d) = argmax_f I(z_d; v_f), in nats,

    S_f = max over d with f(d) = f of R_d, and 0 where there is none,
    DCIMIG = Σ_f S_f/Σ_f H(v_f)

It is 1 only where each factor has a dimension that holds all of it and nothing else;
further dimensions of the same factor do not matter.

Source: Sepliarskaia et al. 2019, arXiv:1910.05587, Sec. 5, where it is called 3CharM;
the bins are those of Carbonneau et al. 2022, arXiv:2012.09276, released code.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset

PRESETS = discrete.PRESETS_OF_BINS


class DCIMIG(NamedTuple):
    """A gap, with its parts."""

    score: jax.Array  # []
    per_factor: jax.Array  # [F], S_f/H(v_f); 0 of a constant factor
    gaps: jax.Array  # [D], R_d, nats
    best: jax.Array  # [D] int32, f(d)
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    entropy: jax.Array  # [F], H(v_f), nats
    variant: Preset = Preset()  # the preset, and what was given beside it


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "carbonneau",
    bins: int | None = None,
    correction: str | None = None,
) -> DCIMIG:
    """The score of plug-in information between binned codes and factors.

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
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        DCIMIG; NaN if a code is not finite or every factor is constant, 0 if all
        dimensions are constant.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0], [2], [0], [2]], factors).score)  # the first is missing
    0.5
    """
    z = inputs.codes(codes)
    chosen, variant = published.resolve(
        PRESETS, preset, bins=bins, correction=correction
    )
    table = discrete.plug_in(
        z, factors, bins=chosen["bins"], sizes=sizes, correction=correction
    )
    out = from_information(table.information, table.factor_entropy)
    value = jnp.where(units.broken(z), jnp.nan, out.score)
    return out._replace(score=value, variant=variant)


def from_information(information: jax.Array, entropy: jax.Array) -> DCIMIG:
    """The score of a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats.

    Returns:
        DCIMIG; NaN if every entropy is 0.
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    chex.assert_equal_shape([information[0], entropy])
    (first, second), (best, _) = discrete.leaders(information.T)
    gaps = first - second
    own = best[:, None] == jnp.arange(len(entropy))[None, :]
    most = jnp.max(jnp.where(own, gaps[:, None], 0), axis=0)  # [F]
    total = jnp.sum(entropy)
    value = jnp.where(total > 0, discrete.safe_divide(jnp.sum(most), total), jnp.nan)
    per_factor = discrete.safe_divide(most, entropy)
    return DCIMIG(value, per_factor, gaps, best.astype(jnp.int32), information, entropy)
