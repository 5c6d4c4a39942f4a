"""InfoM and InfoC: modularity and compactness as ratios of information.

With n_df = I(z_d; v_f)/H(v_f) over the A active dimensions of D,

InfoM = (mean_d max_f n_df/Σ_f n_df − 1/F)/(1 − 1/F)
InfoC = (mean_f max_d n_df/Σ_d n_df − 1/A)/(1 − 1/A)

Both depend on the rule for active dimensions, which a preset names, and on the
estimator of I: `score` counts bins, and `score_neighbours` uses nearest neighbours, as
published. The third score of the paper, InfoE, is in `infoe`.

Source: Hsu et al. 2023, arXiv:2305.18378, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import neighbours as nearest

PRESETS: dict[str, dict[str, Any]] = {
    # Hsu et al.'s released code, metrics/infomec.py: range > largest range/20.
    "latent_quantization": {"rule": "range", "share": 1 / 20, "neighbours": 10},
    # The same repository, metrics/mutual_information.py: range > largest range/8.
    "latent_quantization_eighth": {"rule": "range", "share": 1 / 8, "neighbours": 3},
    # Hsu et al. 2024, arXiv:2404.10282, released code: inter-quartile range > largest
    # inter-quartile range/10.
    "tripod": {"rule": "quartiles", "share": 1 / 10, "neighbours": 10},
}


class InfoMEC(NamedTuple):
    """InfoM and InfoC, with their parts."""

    score: jax.Array  # [], InfoM
    compactness: jax.Array  # [], InfoC
    information: jax.Array  # [D, F], I(z_d; v_f)/H(v_f); 0 if H = 0
    active: jax.Array  # [D] bool, dimensions that count
    num_active: jax.Array  # [] int32
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


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

    The scores are exact on the given points, such as a full grid of factors. On points
    drawn from a population they are biased towards 0, as each information is too large
    by about (bins − 1)(V − 1)/(2N). The function works under jit and vmap if `sizes` is
    given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        rule: The measure of spread, see `active_dimensions`.
        share: Share of the largest spread that an active dimension exceeds.
        bins: Number of bins of equal width per dimension.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        InfoMEC, see `from_information`; the scores are NaN if a code is not finite.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> out = score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors)
    >>> print(out.score, out.compactness)
    1.0 1.0
    """
    settings, variant = resolve(
        PRESETS, preset, rule=rule, share=share, correction=correction
    )
    z = inputs.codes(codes)
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(z.unit, labels)
    information = discrete.mutual_information(
        discrete.equal_width(z, bins=bins),
        labels,
        bins=bins,
        sizes=sizes,
        correction=correction,
    )
    active = active_dimensions(z, rule=settings["rule"], share=settings["share"])
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

    SciPy searches the neighbours on the host, so the function does not work under jit
    or vmap. The information is an estimate even if the points are a full grid of
    factors. Its bias for finite N is largest for discrete codes and rare classes, where
    it may exceed H(v).

    Args:
        codes: One code per data point `[N, D]`.
        factors: Any discrete factors `[N, F]`, or classes if `sizes` is given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        rule: The measure of spread, see `active_dimensions`.
        share: Share of the largest spread that an active dimension exceeds.
        neighbours: Number of neighbours k.

    Returns:
        InfoMEC, see `from_information`; the scores are NaN if a code is not finite.

    >>> z = np.random.default_rng(0).uniform(size=(500, 2))
    >>> factors = (4 * z).astype(int)  # each latent determines one factor
    >>> bool(score_neighbours(z, factors).score > 0.9)
    True
    """
    settings, variant = resolve(
        PRESETS, preset, rule=rule, share=share, neighbours=neighbours
    )
    labels, sizes = discrete.resolve(factors, sizes)
    z = inputs.codes(codes)
    containers.check_rows(z.unit, labels)
    active = active_dimensions(z, rule=settings["rule"], share=settings["share"])
    information = np.full((z.unit.shape[1], len(sizes)), np.nan)
    if not units.broken(z):
        table = inputs.table(labels)
        information = nearest.information(
            z.unit, table, neighbours=settings["neighbours"]
        )
    entropy = discrete.entropy(labels, sizes=sizes)
    out = from_information(jnp.asarray(information, entropy.dtype), entropy, active)
    return _mark(z, out)._replace(variant=variant)


def active_dimensions(codes: Any, *, rule: str, share: float) -> jax.Array:
    """Dimensions whose spread exceeds a share of the largest spread of a dimension.

    Args:
        codes: `[N, D]`.
        rule: The measure of spread: "range" for max − min, or "quartiles" for the
            inter-quartile range.
        share: Share of the largest spread.

    Returns:
        `[D]` bool; False for constant dimensions.

    Raises:
        ValueError: For an unknown rule.

    >>> active_dimensions([[0.0, 0.0], [1.0, 0.04]], rule="range", share=1 / 20)
    Array([ True, False], dtype=bool)
    """
    z = inputs.codes(codes)
    if rule == "range":
        spread = jnp.ptp(z.unit, axis=0)
    elif rule == "quartiles":
        quartiles = jnp.array([0.25, 0.75], jnp.float32)
        low, high = jnp.quantile(z.unit, quartiles, axis=0)
        spread = high - low
    else:
        raise ValueError(f"unknown rule {rule!r}; choices: quartiles, range.")
    spread = units.together(z, spread)
    return spread > share * jnp.max(spread)


def from_information(
    information: jax.Array, entropy: jax.Array, active: jax.Array
) -> InfoMEC:
    """InfoM and InfoC from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 does not count.
        active: Dimensions that count `[D]` bool.

    Returns:
        InfoMEC. In InfoM, an active dimension without information counts as 0, and in
        InfoC, so does a factor about which no active dimension has information. Both
        scores are 0 if no dimension is active. InfoM is 0 for a single factor and InfoC
        for a single active dimension, where they would be 0/0. Both are NaN if no
        factor counts.

    >>> table = jnp.array([[0.5, 0.0], [0.0, 0.5]])
    >>> out = from_information(table, jnp.ones(2), jnp.ones(2, bool))
    >>> print(out.score, out.compactness)
    1.0 1.0
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    active = inputs.real(active) != 0
    chex.assert_equal_shape([information[0], entropy])
    used = entropy > 0
    ratio = discrete.safe_divide(information, entropy[None, :])
    pruned = jnp.where(active[:, None] & used[None, :], ratio, 0)
    num_active = jnp.sum(active.astype(jnp.int32))
    modularity = _concentration(pruned, active, jnp.sum(used))
    compactness = _concentration(pruned.T, used, num_active)
    nan = jnp.where(jnp.any(used), 0, jnp.nan)
    return InfoMEC(nan + modularity, nan + compactness, ratio, active, num_active)


def _mark(z: units.Codes, out: InfoMEC) -> InfoMEC:
    """The same scores, or NaN if a code is not finite."""
    nan = jnp.where(units.broken(z), jnp.nan, 0)
    return out._replace(score=out.score + nan, compactness=out.compactness + nan)


def _concentration(
    table: jax.Array, counted: jax.Array, num_columns: jax.Array
) -> jax.Array:
    """(mean over counted rows of max/sum − 1/C)/(1 − 1/C) for C columns; 0 for 0/0."""
    chance = 1 / jnp.maximum(num_columns, 1).astype(table.dtype)
    total = jnp.sum(table, axis=1)
    share = jnp.where(
        total == 0, chance, discrete.safe_divide(table.max(axis=1), total)
    )
    mean = discrete.safe_divide(jnp.sum(share * counted), jnp.sum(counted))
    value = discrete.safe_divide(mean - chance, 1 - chance)
    return jnp.where(jnp.any(counted) & (num_columns > 1), value, 0)
