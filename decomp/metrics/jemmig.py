"""JEMMIG: an information gap that also penalises what else the best dimension encodes.

With z* the dimension with the most information about v_f, and z° that with the second
most,

    JEMMIG_f = H(z*, v_f) − I(z*; v_f) + I(z°; v_f), nats,
    score = mean_f 1 − JEMMIG_f/(H(v_f) + log B), B the number of bins per dimension.

The joint entropy H(z*, v_f) grows with everything that z* encodes besides v_f, be it
other factors or noise: a dimension that determines a factor but is noisy scores less
than one without noise. `score` counts bins of codes, and `of_posteriors` sums the mass
of posteriors in bins, as the authors do.

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
from decomp.metrics.preset import Preset, resolve

PRESETS = discrete.PRESETS_OF_BINS


class JEMMIG(NamedTuple):
    """The score, with its parts."""

    score: jax.Array  # [], mean over the factors used
    per_factor: jax.Array  # [F]; 0 if not used
    nats: jax.Array  # [F], JEMMIG_f, of which less is better
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    joint_entropy: jax.Array  # [D, F], H(z_d, v_f), nats
    best: jax.Array  # [F] int32, z*
    used: jax.Array  # [F] bool, factors with at least two values
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "carbonneau",
    bins: int | None = None,
    correction: str | None = None,
) -> JEMMIG:
    """JEMMIG from plug-in entropies of binned codes and factors.

    The score is exact on the given points. On points drawn from a population, each
    information is too large by about (bins − 1)(V − 1)/(2N). The function works under
    jit and vmap if `sizes` is given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins B of equal width per dimension.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        JEMMIG; the score is NaN if a code is not finite or every factor is constant. If
        all dimensions are constant it is mean_f log B/(H(v_f) + log B), not 0, as they
        encode nothing else either.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score)
    1.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, bins=bins, correction=correction)
    table = discrete.plug_in(
        z, factors, bins=settings["bins"], sizes=sizes, correction=correction
    )
    out = from_information(*table, bins=settings["bins"])
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
    """JEMMIG from the mass of each posterior in each bin, as the authors compute it.

    Args:
        q: Posteriors, leaves `[N, D]`. The fixed bins presume a prior of unit variance.
        factors: As in `score`.
        sizes: As in `score`.
        bins: Number of bins B between `low` and `high`.
        low: Lower end of the first bin.
        high: Upper end of the last bin.

    Returns:
        JEMMIG; the score is NaN if a posterior is not finite or every factor is
        constant.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> q = Gaussian(jnp.array(factors, jnp.float32), jnp.full((4, 2), 1e-9))
    >>> print(of_posteriors(q, factors).score.round(4))
    1.0
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
    """JEMMIG from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        factor_entropy: H(v_f) `[F]`, nats; a factor with H = 0 is not used.
        code_entropy: H(z_d) of the binned dimensions `[D]`, or over the points that
            have factor f `[D, F]`, nats.
        bins: Number of bins B per dimension.

    Returns:
        JEMMIG; the score is NaN if no factor is used. If several dimensions have the
        most information, for example none, z* is the first of them.

    >>> table, log_2 = jnp.eye(2) * jnp.log(2), jnp.full(2, jnp.log(2))
    >>> print(from_information(table, log_2, log_2, bins=10).score)  # two perfect codes
    1.0
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
