"""JEMMIG: the gap of a factor, less what else its best dimension holds.

With z* the dimension of most information about v_f, and z° that of the second most,

    JEMMIG_f = H(z*, v_f) − I(z*; v_f) + I(z°; v_f), nats,
    score = mean_f 1 − JEMMIG_f/(H(v_f) + log B), B the number of bins of a dimension.

The joint entropy H(z*, v_f) grows with all that z* holds beside v_f, other factors and
noise alike: a dimension that tells a factor perfectly, with noise on top, scores less
than the same dimension without it. `score` counts bins of codes; `of_posteriors` sums
the mass of posteriors in bins, as the authors do.

Source: Do & Tran 2020, arXiv:1908.09961, Sec. 4; the score between 0 and 1 is that of
Carbonneau et al. 2022, arXiv:2012.09276, Eq. 5.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, inputs, rmig, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset

PRESETS = discrete.PRESETS_OF_BINS


class JEMMIG(NamedTuple):
    """A score, with its parts."""

    score: jax.Array  # [], mean over the factors used
    per_factor: jax.Array  # [F]; 0 where not used
    nats: jax.Array  # [F], JEMMIG_f: less is better
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    joint_entropy: jax.Array  # [D, F], H(z_d, v_f), nats
    best: jax.Array  # [F] int32, z*
    used: jax.Array  # [F] bool, factors of two values or more
    variant: Preset = Preset()  # the preset, and what was given beside it


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "carbonneau",
    bins: int | None = None,
    correction: str | None = None,
) -> JEMMIG:
    """The score of plug-in entropies of binned codes and factors.

    Exact on the given points; on points drawn from a population each information is too
    large by about (bins − 1)(V − 1)/(2N). May be jitted and mapped over runs if `sizes`
    is given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        bins: Bins B of equal width of each dimension.
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        JEMMIG; NaN if a code is not finite or every factor is constant. If all
        dimensions are constant it is log B/(H(v_f) + log B), not 0: they hold nothing
        else, either.

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
    out = from_information(*table, bins=chosen["bins"])
    value = jnp.where(units.broken(z), jnp.nan, out.score)
    return out._replace(score=value, variant=variant)


def of_posteriors(
    q: Gaussian,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    bins: int = 100,
    low: float = -4.0,
    high: float = 4.0,
) -> JEMMIG:
    """The authors' score, of the mass that each posterior has in each bin.

    Args:
        q: Posteriors, leaves `[N, D]`, as they are: the bins are those of a prior of
            unit variance.
        factors: As in `score`.
        sizes: As in `score`.
        bins: Bins B between `low` and `high`.
        low: Lower end of the first bin.
        high: Upper end of the last bin.

    Returns:
        JEMMIG; NaN if a posterior is not finite or every factor is constant.
    """
    labels, sizes = discrete.resolve(factors, sizes)
    table = rmig.information(q, labels, sizes=sizes, bins=bins, low=low, high=high)
    return from_information(*table, bins=bins)._replace(variant=Preset("do_tran"))


def from_information(
    information: jax.Array,
    factor_entropy: jax.Array,
    code_entropy: jax.Array,
    *,
    bins: int,
) -> JEMMIG:
    """The score of a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        factor_entropy: H(v_f) `[F]`, nats; a factor with H = 0 is not used.
        code_entropy: H(z_d) of the binned dimensions `[D]`, or of the points that have
            factor f `[D, F]`, nats.
        bins: B.

    Returns:
        JEMMIG; NaN if no factor is used. Of dimensions that tie for z*, as where none
        knows the factor, the first is taken.
    """
    information, factor_entropy, code_entropy = map(
        inputs.real, (information, factor_entropy, code_entropy)
    )
    chex.assert_equal_shape([information[0], factor_entropy])
    if code_entropy.ndim == 1:
        code_entropy = jnp.broadcast_to(code_entropy[:, None], information.shape)
    chex.assert_equal_shape([information, code_entropy])
    joint = code_entropy + factor_entropy[None, :] - information
    (first, second), (best, _) = discrete.leaders(information)
    own = jnp.take_along_axis(joint, best[None, :], axis=0)[0]
    nats = own - first + second
    used = factor_entropy > 0
    per_factor = jnp.where(used, 1 - nats / (factor_entropy + np.log(bins)), 0)
    mean = inputs.mean_over(per_factor, used)
    return JEMMIG(
        mean, per_factor, nats, information, joint, best.astype(jnp.int32), used
    )
