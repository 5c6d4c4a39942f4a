"""InfoM and InfoC: modularity and compactness as ratios of information (InfoE: infoe).

With n_df = I(z_d; v_f)/H(v_f) over the A active of the D dimensions,

InfoM = (mean_d max_f n_df/Σ_f n_df − 1/F)/(1 − 1/F)
InfoC = (mean_f max_d n_df/Σ_d n_df − 1/A)/(1 − 1/A)

Both hang on the rule that calls a dimension active and on the estimator of I, so both
are stated: `score` counts bins, `score_neighbours` uses nearest neighbours, as
published.

Source: Hsu et al. 2023, arXiv:2305.18378, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import discrete, inputs, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset
from decomp.metrics.solvers import neighbours as nearest

PRESETS: dict[str, dict[str, Any]] = {
    # Hsu et al.'s released code, metrics/infomec.py: range > largest range/20.
    "latent_quantization": {"rule": "range", "share": 1 / 20, "neighbours": 10},
    # The same repository, metrics/mutual_information.py: range > largest range/8.
    "latent_quantization_eighth": {"rule": "range", "share": 1 / 8, "neighbours": 3},
    # Hsu et al. 2024, arXiv:2404.10282, released code: inter-quartile range > 1/10.
    "tripod": {"rule": "quartiles", "share": 1 / 10, "neighbours": 10},
}


class InfoMEC(NamedTuple):
    """InfoM and InfoC, with their parts."""

    score: jax.Array  # [], InfoM
    compactness: jax.Array  # [], InfoC
    information: jax.Array  # [D, F], I(z_d; v_f)/H(v_f); 0 where H = 0
    active: jax.Array  # [D] bool, dimensions that count
    num_active: jax.Array  # [] int32
    variant: Preset = Preset()  # the preset, and what was given beside it


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "latent_quantization",
    rule: str | None = None,
    share: float | None = None,
    bins: int = 20,
    correction: str | None = None,
) -> InfoMEC:
    """InfoM and InfoC from plug-in information between binned codes and factors.

    Exact on the given points: on a grid of factors in full these are the ratios of the
    grid. On points drawn from it they are biased: each information is too large by
    about (bins − 1)(V − 1)/(2N), which draws both ratios towards 0. May be jitted and
    mapped over runs if `sizes` is given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        rule: What is compared between dimensions, see `active_dimensions`.
        share: Of the largest, which an active dimension exceeds.
        bins: Bins of equal width of each dimension.
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        Score; see `from_information`. NaN if a code is not finite.
    """
    chosen, variant = published.resolve(
        PRESETS, preset, rule=rule, share=share, correction=correction
    )
    z = inputs.codes(codes)
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    information = discrete.mutual_information(
        discrete.equal_width(z, bins=bins),
        labels,
        bins=bins,
        sizes=sizes,
        correction=correction,
    )
    active = active_dimensions(z, rule=chosen["rule"], share=chosen["share"])
    entropy = discrete.entropy(labels, sizes=sizes, correction=correction)
    out = from_information(information, entropy, active)
    return _mark(z, out)._replace(variant=variant)


def score_neighbours(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "latent_quantization",
    rule: str | None = None,
    share: float | None = None,
    neighbours: int | None = None,
) -> InfoMEC:
    """InfoM and InfoC from Ross's nearest-neighbour information, as published.

    On the host, by scikit-learn: neither jit nor vmap. An estimate even where the
    points are a grid of factors in full: biased in finite N, most where a code is
    discrete or a class rare, where it may exceed H(v).

    Args:
        codes: One code a data point `[N, D]`.
        factors: Any discrete factors `[N, F]`, or classes if `sizes` is given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        rule: What is compared between dimensions, see `active_dimensions`.
        share: Of the largest, which an active dimension exceeds.
        neighbours: k.

    Returns:
        Score; see `from_information`. NaN if a code is not finite.
    """
    chosen, variant = published.resolve(
        PRESETS, preset, rule=rule, share=share, neighbours=neighbours
    )
    labels, sizes = discrete.resolve(factors, sizes)
    z = inputs.codes(codes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    active = active_dimensions(z, rule=chosen["rule"], share=chosen["share"])
    information = np.full((z.unit.shape[1], len(sizes)), np.nan)
    if not units.broken(z):
        table = inputs.table(labels)
        information = nearest.information(
            z.unit, table, neighbours=chosen["neighbours"]
        )
    entropy = discrete.entropy(labels, sizes=sizes)
    out = from_information(jnp.asarray(information, entropy.dtype), entropy, active)
    return _mark(z, out)._replace(variant=variant)


def active_dimensions(codes: Any, *, rule: str, share: float) -> jax.Array:
    """Dimensions whose spread exceeds a share of the largest spread of a dimension.

    Args:
        codes: `[N, D]`.
        rule: "range" for max − min, or "quartiles" for the inter-quartile range.
        share: Of the largest.

    Returns:
        `[D]` bool; False for constants, and for all where all are constant.
    """
    z = inputs.codes(codes)
    if rule == "range":
        spread = jnp.ptp(z.unit, axis=0)
    elif rule == "quartiles":
        places = jnp.array([0.25, 0.75], jnp.float32)
        low, high = jnp.quantile(z.unit, places, axis=0)
        spread = high - low
    else:
        raise ValueError(f"unknown rule {rule!r}; choose from ['quartiles', 'range'].")
    spread = units.together(z, spread)
    return spread > share * jnp.max(spread)


def from_information(
    information: jax.Array, entropy: jax.Array, active: jax.Array
) -> InfoMEC:
    """InfoM and InfoC of a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 does not count.
        active: Dimensions that count `[D]` bool.

    Returns:
        Score. An active dimension without any information counts as 0 in InfoM, and a
        factor that no active dimension informs about as 0 in InfoC. Both are 0 if
        there is no active dimension; InfoM is 0 for a single factor and InfoC for a
        single active dimension, where they are 0/0. Both are NaN if no factor counts.
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    active = inputs.real(active) != 0
    chex.assert_equal_shape([information[0], entropy])
    used = entropy > 0
    ratio = discrete.safe_divide(information, entropy[None, :])
    pruned = jnp.where(active[:, None] & used[None, :], ratio, 0)
    num_active = jnp.sum(active.astype(jnp.int32))
    modular = _concentration(pruned, active, jnp.sum(used))
    compact = _concentration(pruned.T, used, num_active)
    nan = jnp.where(jnp.any(used), 0, jnp.nan)
    return InfoMEC(nan + modular, nan + compact, ratio, active, num_active)


def _mark(z: units.Codes, out: InfoMEC) -> InfoMEC:
    """NaN scores for codes that are not finite."""
    nan = jnp.where(units.broken(z), jnp.nan, 0)
    return out._replace(score=out.score + nan, compactness=out.compactness + nan)


def _concentration(
    table: jax.Array, counted: jax.Array, num_columns: jax.Array
) -> jax.Array:
    """(mean over counted rows of max/sum − 1/C)/(1 − 1/C), and 0 for 0/0."""
    chance = 1 / jnp.maximum(num_columns, 1).astype(table.dtype)
    total = jnp.sum(table, axis=1)
    share = jnp.where(
        total == 0, chance, discrete.safe_divide(table.max(axis=1), total)
    )
    mean = discrete.safe_divide(jnp.sum(share * counted), jnp.sum(counted))
    value = discrete.safe_divide(mean - chance, 1 - chance)
    return jnp.where(jnp.any(counted) & (num_columns > 1), value, 0)
