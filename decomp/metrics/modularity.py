"""Modularity and explicitness: one factor a dimension, and factors that can be read.

Source: Ridgeway & Mozer 2018, arXiv:1802.05312.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import classifiers, discrete
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: posterior means of 10,000 points; means
    # over all dimensions; logistic regression with an L2 penalty of weight 1.
    "locatello": {"bins": 20, "inverse_penalty": 1.0},
}


class Score(NamedTuple):
    """Modularity, with its parts."""

    score: jax.Array  # [], mean over the dimensions counted
    per_code: jax.Array  # [D], 1 − δ_d; 0 for a dimension without information
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    best: jax.Array  # [D] int32, the factor of most information
    counted: jax.Array  # [D] bool, dimensions in the mean
    variant: Preset = Preset()  # the preset, and what was given beside it


class Explicitness(NamedTuple):
    """Explicitness, with its parts."""

    score: jax.Array  # [], mean area under the curve on the evaluation points
    above_chance: jax.Array  # [], 2 · score − 1: 0 by guessing
    train_score: jax.Array  # [], the same on the points it was fitted on
    per_factor: jax.Array  # [F], on the evaluation points; 0.5 where not used
    used: jax.Array  # [F] bool, factors with two values or more
    converged: jax.Array  # [] bool, every regression met its tolerance
    variant: Preset = Preset()  # the preset, and what was given beside it


def score(
    codes: jax.Array,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    bins: int | None = None,
    counted: jax.Array | None = None,
) -> Score:
    """Modularity: does each dimension inform about a single factor?

    1 − δ_d = 1 − Σ_{f≠f(d)} m_df²/((F − 1) m_df(d)²), m_df = I(z_d; v_f) in nats,
    f(d) = argmax_f m_df, and their mean over d

    An unused dimension that varies has m ≈ (bins − 1)(V − 1)/(2N) by chance, and so a
    modularity that is noise; leave it out with `counted`. May be jitted and mapped over
    runs if `sizes` is given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        bins: Bins of equal width of each dimension.
        counted: Dimensions in the mean `[D]` bool; all by default, as published.

    Returns:
        Score; NaN if a code is not finite. A constant dimension counts as 0, as in
        Locatello et al.'s code; so does every one if fewer than two factors vary.
    """
    chex.assert_rank(codes, 2)
    chosen, variant = published.resolve(PRESETS, preset, bins=bins)
    labels, sizes = discrete.resolve(factors, sizes)
    information = discrete.mutual_information(
        discrete.equal_width(codes, bins=chosen["bins"]),
        labels,
        bins=chosen["bins"],
        sizes=sizes,
    )
    if counted is None:
        counted = jnp.ones(codes.shape[1], bool)
    varying = jnp.sum(discrete.entropy(labels, sizes=sizes) > 0)
    out = from_information(information, varying, counted)
    score = jnp.where(discrete.broken(codes), jnp.nan, out.score)
    return out._replace(score=score, variant=variant)


def from_information(
    information: jax.Array, num_factors: jax.Array, counted: jax.Array
) -> Score:
    """The modularity of a table of mutual informations.

    Args:
        information: m `[D, F]`.
        num_factors: F without the factors of one value `[]`.
        counted: Dimensions in the mean `[D]` bool.

    Returns:
        Score; 0.0 if no dimension is counted.
    """
    chex.assert_equal_shape([information[:, 0], counted])
    largest = jnp.max(information, axis=1, keepdims=True)
    squares = discrete.safe_divide(information, largest) ** 2  # of the template's
    others = discrete.safe_divide(jnp.sum(squares, axis=1) - 1, num_factors - 1)
    informed = (largest[:, 0] > 0) & (num_factors > 1)
    per_code = jnp.where(informed, 1 - others, 0)
    mean = discrete.safe_divide(jnp.sum(per_code * counted), jnp.sum(counted))
    best = jnp.argmax(information, axis=1).astype(jnp.int32)
    return Score(mean, per_code, information, best, counted)


def explicitness(
    codes: jax.Array,
    factors: Any,
    eval_codes: jax.Array,
    eval_factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    inverse_penalty: float | None = None,
) -> Explicitness:
    """Explicitness: can a linear classifier tell each value of a factor from the rest?

    (1/F) Σ_f (1/V_f) Σ_v AUC(logistic regression of [v_f = v] on all codes)

    Codes are standardised by the mean and deviation of the training points. Exact on
    the given points, without sampling; on evaluation points that were fitted too it is
    too large on average. May be jitted and mapped over runs if `sizes` is given.

    Args:
        codes: Training codes `[N, D]`.
        factors: Their classes `[N, F]` from `discrete.classes`; or any discrete
            factors, outside jit, if `sizes` is not given.
        eval_codes: Evaluation codes `[N', D]`.
        eval_factors: Their factors `[N', F]`, in the same values.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        inverse_penalty: C of scikit-learn, the inverse weight of the L2 penalty.

    Returns:
        Explicitness; 0.5 if all codes are constant, NaN if one is not finite. A value
        without an example, or with nothing else, among either points is left out.
    """
    chosen, variant = published.resolve(
        PRESETS, preset, inverse_penalty=inverse_penalty
    )
    chex.assert_rank([codes, eval_codes], 2)
    if sizes is None:
        both = np.concatenate([np.asarray(factors), np.asarray(eval_factors)])
        labels, sizes = discrete.resolve(both, None)
        factors, eval_factors = labels[: len(codes)], labels[len(codes) :]
    codes, eval_codes = jnp.asarray(codes), jnp.asarray(eval_codes)
    broken = discrete.broken(codes) | discrete.broken(eval_codes)
    train = jnp.where(broken, 0, codes)
    held = _standardised(train, jnp.where(broken, 0, eval_codes))
    train = _standardised(train, train)
    known = classifiers.indicators(jnp.asarray(factors), sizes)
    held_known = classifiers.indicators(jnp.asarray(eval_factors), sizes)
    model = classifiers.logistic(
        train, known, inverse_penalty=chosen["inverse_penalty"]
    )
    fitted = classifiers.areas(classifiers.scores(model, train), known)
    areas = classifiers.areas(classifiers.scores(model, held), held_known)
    counted = jnp.isfinite(fitted) & jnp.isfinite(areas)
    per_factor, used = _means(areas, counted, sizes)
    train_factor, _ = _means(fitted, counted, sizes)
    nan = jnp.where(broken, jnp.nan, 0)
    value, train_value = (
        nan + jnp.where(jnp.any(used), discrete.safe_divide(total, jnp.sum(used)), 0.5)
        for total in (jnp.sum(per_factor * used), jnp.sum(train_factor * used))
    )
    converged = jnp.all(model.converged | ~counted)
    return Explicitness(
        value, 2 * value - 1, train_value, nan + per_factor, used, converged, variant
    )


def _standardised(train: jax.Array, x: jax.Array) -> jax.Array:
    """x with the training points' mean taken off, over their deviation; 0 for 0/0."""
    low, span = train[:1], jnp.ptp(train, axis=0, keepdims=True)
    safe = jnp.where(span == 0, 1, span)
    unit = (train - low) / safe  # squares of very large or small codes stay in range
    mean = jnp.mean(unit, axis=0, keepdims=True)
    scale = jnp.std(unit, axis=0, keepdims=True)
    centred = ((x - low) / safe - mean) / jnp.where(span == 0, 1, scale)
    return jnp.where(span == 0, 0, centred)


def _means(
    areas: jax.Array, counted: jax.Array, sizes: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    """Mean over the values counted, 0.5 for none; and whether there is one `[F]`."""
    splits = np.cumsum(sizes)[:-1]
    masks = jnp.split(counted, splits)
    number = jnp.stack([jnp.sum(mask) for mask in masks])
    kept = jnp.split(jnp.where(counted, areas, 0), splits)
    total = jnp.stack([jnp.sum(part) for part in kept])
    mean = jnp.where(number > 0, total / jnp.maximum(number, 1), 0.5)
    return mean, number > 0
