"""Modularity and explicitness: one factor a dimension, and factors that can be read.

Source: Ridgeway & Mozer 2018, arXiv:1802.05312.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import discrete, inputs, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset
from decomp.metrics.solvers import classifiers, neighbours

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: posterior means of 10,000 points; means
    # over all dimensions; logistic regression with an L2 penalty of weight 1.
    "locatello": {"bins": 20, "inverse_penalty": 1.0},
}


class Modularity(NamedTuple):
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
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    bins: int | None = None,
    counted: jax.Array | None = None,
    correction: str | None = None,
) -> Modularity:
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
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        Score; NaN if a code is not finite or every factor is constant. A constant
        dimension counts as 0, as in Locatello et al.'s code; so does every one if a
        single factor varies, where δ is 0/0.
    """
    z = inputs.codes(codes)
    chosen, variant = published.resolve(
        PRESETS, preset, bins=bins, correction=correction
    )
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    information = discrete.mutual_information(
        discrete.equal_width(z, bins=chosen["bins"]),
        labels,
        bins=chosen["bins"],
        sizes=sizes,
        correction=correction,
    )
    if counted is None:
        counted = jnp.ones(z.unit.shape[1], bool)
    varying = jnp.sum(discrete.entropy(labels, sizes=sizes) > 0)
    out = from_information(information, varying, counted)
    known = (varying > 0) & ~units.broken(z)
    score = jnp.where(known, out.score, jnp.nan)
    return out._replace(score=score, variant=variant)


def score_neighbours(
    codes: Any, factors: Any, *, sizes: tuple[int, ...] | None = None, k: int = 3
) -> Modularity:
    """Modularity of nearest-neighbour information, which bins no continuous factor.

    The ratios of informations need no entropy, which a continuous factor does not have
    in nats of its own: so mixed tables of classes and numbers are compared as they are.
    On the host, by scikit-learn: neither jit nor vmap. See `solvers.neighbours`.

    Args:
        codes: `[N, D]`.
        factors: Any factors `[N, F]`, see `inputs`; or an `inputs.FactorTable`.
        sizes: Number of classes of each factor, beside a table.
        k: Neighbours.

    Returns:
        Modularity; NaN if a code is not finite or every factor is constant.
    """
    z = inputs.codes(codes)
    given = isinstance(factors, inputs.FactorTable)
    table = factors if given else inputs.factors(factors).table
    chex.assert_equal_shape_prefix([z.unit, table.classes], 1)
    varying = jnp.sum(discrete.several(table.classes))
    table_of_z = jnp.zeros((z.unit.shape[1], table.classes.shape[1]), jnp.float32)
    known = bool((varying > 0) & ~units.broken(z))
    if known:
        found = neighbours.information(z.unit, table, neighbours=k)
        table_of_z = jnp.asarray(found, jnp.float32)
    out = from_information(table_of_z, varying, jnp.ones(z.unit.shape[1], bool))
    return out._replace(
        score=jnp.where(known, out.score, jnp.nan), variant=Preset("neighbours")
    )


def from_information(
    information: jax.Array, num_factors: jax.Array, counted: jax.Array
) -> Modularity:
    """The modularity of a table of mutual informations.

    Args:
        information: m `[D, F]`.
        num_factors: F without the factors of one value `[]`.
        counted: Dimensions in the mean `[D]` bool.

    Returns:
        Score; 0.0 if no dimension is counted.
    """
    information, counted = inputs.real(information), inputs.real(counted) != 0
    num_factors = inputs.real(num_factors)
    chex.assert_equal_shape([information[:, 0], counted])
    largest = jnp.max(information, axis=1, keepdims=True)
    squares = discrete.safe_divide(information, largest) ** 2  # of the template's
    others = discrete.safe_divide(jnp.sum(squares, axis=1) - 1, num_factors - 1)
    informed = (largest[:, 0] > 0) & (num_factors > 1)
    per_code = jnp.where(informed, 1 - others, 0)
    mean = discrete.safe_divide(jnp.sum(per_code * counted), jnp.sum(counted))
    best = jnp.argmax(information, axis=1).astype(jnp.int32)
    return Modularity(mean, per_code, information, best, counted)


def explicitness(
    codes: Any,
    factors: Any,
    eval_codes: Any,
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
        without an example, or with nothing else, among either points is left out, and
        the score is NaN if that leaves none.
    """
    chosen, variant = published.resolve(
        PRESETS, preset, inverse_penalty=inverse_penalty
    )
    train, held, broken = _parts(codes, eval_codes)
    held = _standardised(train, held)
    train = _standardised(train, train)
    factors, eval_factors, sizes = _classes(factors, eval_factors, sizes)
    known = classifiers.indicators(factors, sizes)
    held_known = classifiers.indicators(eval_factors, sizes)
    there = classifiers.present(factors, sizes)
    held_there = classifiers.present(eval_factors, sizes)
    model = classifiers.logistic(
        train, known, inverse_penalty=chosen["inverse_penalty"], counted=there
    )
    fitted = classifiers.areas(classifiers.scores(model, train), known, counted=there)
    held_scores = classifiers.scores(model, held)
    areas = classifiers.areas(held_scores, held_known, counted=held_there)
    counted = _mixed(known, there) & _mixed(held_known, held_there)
    per_factor, used = _means(areas, counted, sizes)
    train_factor, _ = _means(fitted, counted, sizes)
    nan = jnp.where(broken, jnp.nan, 0)
    value = nan + inputs.mean_over(per_factor, used)
    train_value = nan + inputs.mean_over(train_factor, used)
    converged = jnp.all(model.converged | ~counted)
    return Explicitness(
        value, 2 * value - 1, train_value, nan + per_factor, used, converged, variant
    )


def _mixed(known: jax.Array, there: jax.Array) -> jax.Array:
    """Whether there are points of a class and points of the rest `[P]`."""
    return jnp.any(known, axis=1) & jnp.any(there & ~known, axis=1)


def _parts(codes: Any, others: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Codes fitted and scored in the same units, and whether one is not finite."""
    if isinstance(codes, units.Codes) and isinstance(others, units.Codes):
        pair = codes.unit, others.unit  # rows of one table
    else:
        count = len(codes)
        unit = inputs.codes(inputs.stacked(codes, others, "codes")).unit
        pair = unit[:count], unit[count:]
    broken = ~(jnp.isfinite(pair[0]).all() & jnp.isfinite(pair[1]).all())
    train, held = (jnp.where(broken, 0, unit) for unit in pair)
    return train, held, broken


def _classes(
    factors: Any, others: Any, sizes: tuple[int, ...] | None
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
    """Classes fitted and scored, and how many there are in both together."""
    if sizes is None:
        count = len(factors)
        labels, sizes = discrete.resolve(
            inputs.stacked(factors, others, "factors"), None
        )
        return labels[:count], labels[count:], sizes
    labels, _ = discrete.resolve(factors, sizes)
    return labels, discrete.resolve(others, sizes)[0], sizes


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
