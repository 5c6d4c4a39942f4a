"""DCIMIG: the information gap of each dimension, credited to its best factor.

The best factor of dimension d is f(d) = argmax_f I(z_d; v_f), and its gap, in nats, is
R_d = I(z_d; v_f(d)) − max_{f≠f(d)} I(z_d; v_f). Then

    S_f = max over d with f(d) = f of R_d, or 0 if there is no such d,
    DCIMIG = Σ_f S_f/Σ_f H(v_f)

The score is 1 only if each factor has a dimension that encodes all of it and no other
factor; more dimensions for the same factor do not change it.

Source: Sepliarskaia et al. 2019, arXiv:1910.05587, Sec. 5, where it is called 3CharM;
the bins are those of Carbonneau et al. 2022, arXiv:2012.09276, released code.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS = discrete.PRESETS_OF_BINS


class DCIMIG(NamedTuple):
    """The score, with its parts."""

    score: jax.Array  # []
    per_factor: jax.Array  # [F], S_f/H(v_f); 0 for a constant factor
    gaps: jax.Array  # [D], R_d, nats
    best: jax.Array  # [D] int32, f(d)
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    entropy: jax.Array  # [F], H(v_f), nats
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "carbonneau",
    bins: int | None = None,
    correction: str | None = None,
) -> DCIMIG:
    """DCIMIG from the plug-in information between binned codes and factors.

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
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        DCIMIG; the score is NaN if a code is not finite or every factor is constant,
        and 0 if all dimensions are constant.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0], [2], [0], [2]], factors).score)  # no code of the first
    0.5
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, bins=bins, correction=correction)
    table = discrete.plug_in(
        z, factors, bins=settings["bins"], sizes=sizes, correction=correction
    )
    out = from_information(table.information, table.factor_entropy)
    value = jnp.where(units.broken(z), jnp.nan, out.score)
    return out._replace(score=value, variant=variant)


def from_information(information: jax.Array, entropy: jax.Array) -> DCIMIG:
    """DCIMIG from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats.

    Returns:
        DCIMIG; the score is NaN if every entropy is 0.

    >>> table = jnp.array([[0.5, 0.25], [0.0, 0.5]])  # gaps 0.25 and 0.5
    >>> float(from_information(table, jnp.array([0.5, 1.0])).score)  # 0.75/1.5
    0.5
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    chex.assert_equal_shape([information[0], entropy])
    (first, second), (best, _) = discrete.leaders(information.T)
    gaps = first - second
    is_best = best[:, None] == jnp.arange(len(entropy))[None, :]  # [D, F]
    largest = jnp.max(jnp.where(is_best, gaps[:, None], 0), axis=0)  # [F], S_f
    total = jnp.sum(entropy)
    ratio = discrete.safe_divide(jnp.sum(largest), total)
    value = jnp.where(total > 0, ratio, jnp.nan)
    per_factor = discrete.safe_divide(largest, entropy)
    return DCIMIG(value, per_factor, gaps, best.astype(jnp.int32), information, entropy)
