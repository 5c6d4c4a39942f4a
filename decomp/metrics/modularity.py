"""Modularity and explicitness.

A representation is modular if each dimension informs about one factor only, and it is
explicit if a linear classifier can predict the factors.

Source: Ridgeway & Mozer 2018, arXiv:1802.05312; the mean over all dimensions and the
classifier are those of Locatello et al. 2019, arXiv:1811.12359, released code,
evaluation/metrics/modularity_explicitness.py.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import classifiers, neighbours

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: posterior means of 10,000 points; the
    # mean is over all dimensions; logistic regression with an L2 penalty of weight 1.
    "locatello": {"bins": 20, "inverse_penalty": 1.0},
}


class Modularity(NamedTuple):
    """Modularity, with its parts."""

    score: jax.Array  # [], mean over the dimensions counted
    per_code: jax.Array  # [D], 1 − δ_d; 0 for a dimension without information
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    best: jax.Array  # [D] int32, the factor with the most information
    counted: jax.Array  # [D] bool, dimensions in the mean
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


class Explicitness(NamedTuple):
    """Explicitness, with its parts."""

    score: jax.Array  # [], mean area under the ROC curve on the evaluation points
    above_chance: jax.Array  # [], 2 · score − 1, which is 0 for random predictions
    train_score: jax.Array  # [], the same score on the training points
    per_factor: jax.Array  # [F], on the evaluation points; 0.5 if not used
    used: jax.Array  # [F] bool, factors with at least two values
    converged: jax.Array  # [] bool, whether every regression met its tolerance
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


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
    """Modularity from plug-in information between binned codes and factors.

    The score is the mean over d of 1 − δ_d = 1 − Σ_{f≠f(d)} m_df²/((F − 1) m_df(d)²),
    where m_df = I(z_d; v_f) in nats and f(d) = argmax_f m_df.

    A dimension that varies independently of the factors has m ≈ (bins − 1)(V − 1)/(2N)
    by chance, so that its modularity is noise; leave it out with `counted`. The
    function works under jit and vmap if `sizes` is given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins of equal width per dimension.
        counted: Dimensions in the mean `[D]` bool; by default all, as published.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        Modularity; the score is NaN if a code is not finite or every factor is
        constant. A constant dimension counts as 0, as in Locatello et al.'s code. If a
        single factor varies, δ is 0/0 and every dimension counts as 0.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score)
    1.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, bins=bins, correction=correction)
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(z.unit, labels)
    information = discrete.mutual_information(
        discrete.equal_width(z, bins=settings["bins"]),
        labels,
        bins=settings["bins"],
        sizes=sizes,
        correction=correction,
    )
    if counted is None:
        counted = jnp.ones(z.unit.shape[1], bool)
    varying = jnp.sum(discrete.entropy(labels, sizes=sizes) > 0)
    out = from_information(information, varying, counted)
    defined = (varying > 0) & ~units.broken(z)
    score = jnp.where(defined, out.score, jnp.nan)
    return out._replace(score=score, variant=variant)


def score_neighbours(
    codes: Any, factors: Any, *, sizes: tuple[int, ...] | None = None, k: int = 3
) -> Modularity:
    """Modularity from nearest-neighbour information, without bins.

    The ratios of information do not need entropies, which a continuous factor does not
    have in the same sense. So tables with both discrete and continuous factors can be
    scored. SciPy searches the neighbours on the host, so the function does not work
    under jit or vmap. See `solvers.neighbours`.

    Args:
        codes: `[N, D]`.
        factors: Any factors `[N, F]`, see `inputs`; or an `inputs.FactorTable`.
        sizes: Number of classes of each factor; it is not used.
        k: Number of neighbours.

    Returns:
        Modularity; the score is NaN if a code is not finite or every factor is
        constant.

    >>> z = np.random.default_rng(0).uniform(size=(500, 2))
    >>> bool(score_neighbours(z, z).score > 0.95)  # continuous factors
    True
    """
    z = inputs.codes(codes)
    table = inputs.resolved(factors)
    containers.check_rows(z.unit, table.classes)
    varying = jnp.sum(discrete.several(table.classes))
    information = jnp.zeros((z.unit.shape[1], table.classes.shape[1]), jnp.float32)
    defined = bool((varying > 0) & ~units.broken(z))
    if defined:
        information = jnp.asarray(
            neighbours.information(z.unit, table, neighbours=k), jnp.float32
        )
    out = from_information(information, varying, jnp.ones(z.unit.shape[1], bool))
    return out._replace(
        score=jnp.where(defined, out.score, jnp.nan), variant=Preset("neighbours")
    )


def from_information(
    information: jax.Array, num_factors: jax.Array, counted: jax.Array
) -> Modularity:
    """Modularity from a table of mutual informations.

    Args:
        information: m `[D, F]`.
        num_factors: The number of factors that are not constant `[]`.
        counted: Dimensions in the mean `[D]` bool.

    Returns:
        Modularity; the score is 0.0 if no dimension is counted.

    >>> m, every = jnp.array([[1.0, 0.5]]), jnp.array([True])
    >>> print(from_information(m, jnp.array(2), every).score)  # 1 − 0.5²
    0.75
    """
    information, counted = inputs.real(information), inputs.real(counted) != 0
    num_factors = inputs.real(num_factors)
    chex.assert_equal_shape([information[:, 0], counted])
    largest = jnp.max(information, axis=1, keepdims=True)
    squares = discrete.safe_divide(information, largest) ** 2  # m_df²/m_df(d)²
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
    """Explicitness: can a linear classifier predict each value of a factor?

    (1/F) Σ_f (1/V_f) Σ_v AUC(logistic regression of [v_f = v] on all codes)

    The codes are standardised by the mean and deviation of the training points. The
    score is exact on the given points, without sampling. If the evaluation points are
    among the training points, it is too large on average. The function works under jit
    and vmap if `sizes` is given.

    Args:
        codes: Training codes `[N, D]`.
        factors: Classes `[N, F]` of the training points from `discrete.classes`; or,
            without `sizes` and outside jit, any discrete factors.
        eval_codes: Evaluation codes `[N', D]`.
        eval_factors: Factors `[N', F]` of the evaluation points, with the same values.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keyword below replaces its setting.
        inverse_penalty: The inverse weight of the L2 penalty, C of scikit-learn.

    Returns:
        Explicitness; the score is 0.5 if all codes are constant, and NaN if a code is
        not finite. A value counts only if both the training and the evaluation points
        have points with the value and points without it; the score is NaN if no value
        counts.

    >>> codes, factors = [[0.0], [1.0], [2.0], [3.0]], [[0], [0], [1], [1]]
    >>> print(explicitness(codes, factors, codes, factors).score)  # linearly separable
    1.0
    """
    settings, variant = resolve(PRESETS, preset, inverse_penalty=inverse_penalty)
    train, test, broken = _parts(codes, eval_codes)
    test = _standardised(train, test)
    train = _standardised(train, train)
    factors, eval_factors, sizes = _classes(factors, eval_factors, sizes)
    target = classifiers.indicators(factors, sizes)
    test_target = classifiers.indicators(eval_factors, sizes)
    present = classifiers.present(factors, sizes)
    test_present = classifiers.present(eval_factors, sizes)
    model = classifiers.logistic(
        train, target, inverse_penalty=settings["inverse_penalty"], counted=present
    )
    train_scores = classifiers.scores(model, train)
    train_areas = classifiers.areas(train_scores, target, counted=present)
    test_scores = classifiers.scores(model, test)
    test_areas = classifiers.areas(test_scores, test_target, counted=test_present)
    counted = _mixed(target, present) & _mixed(test_target, test_present)
    per_factor, used = _means(test_areas, counted, sizes)
    train_factor, _ = _means(train_areas, counted, sizes)
    nan = jnp.where(broken, jnp.nan, 0)
    value = nan + inputs.mean_over(per_factor, used)
    train_value = nan + inputs.mean_over(train_factor, used)
    converged = jnp.all(model.converged | ~counted)
    return Explicitness(
        value, 2 * value - 1, train_value, nan + per_factor, used, converged, variant
    )


def explicitness_of_scores(
    scores: Any, factors: Any, *, sizes: tuple[int, ...] | None = None
) -> Explicitness:
    """Explicitness by any other classifier, from its scores of held-out points.

    It is (1/F) Σ_f (1/V_f) Σ_v AUC(score of [v_f = v]), as in `explicitness`, where
    logistic regression gives the scores. The function works under jit and vmap if
    `sizes` is given.

    Args:
        scores: For each point, one score per class `[N', V_1 + … + V_F]`: those of the
            classes of the first factor in ascending order, then those of the second,
            and so on. They may be probabilities, or any increasing function of them.
        factors: Factors `[N', F]` of the same points, as in `explicitness`.
        sizes: Number of classes of each factor.

    Returns:
        Explicitness, without a training score; the score is NaN if a score is not
        finite or no value counts.

    Raises:
        ValueError: If the number of scores is not that of the classes.

    >>> scores = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]]
    >>> print(explicitness_of_scores(scores, [[0], [0], [1], [1]]).score)
    1.0
    """
    table = inputs.real(scores, "scores")
    labels, sizes = discrete.resolve(factors, sizes)
    if table.shape != (len(labels), sum(sizes)):
        raise ValueError(
            "scores must have a row per point and a column per class, "
            f"{(len(labels), sum(sizes))}; got {table.shape}."
        )
    broken = ~jnp.isfinite(table).all()
    target = classifiers.indicators(labels, sizes)
    present = classifiers.present(labels, sizes)
    areas = classifiers.areas(jnp.where(broken, 0, table).T, target, counted=present)
    per_factor, used = _means(areas, _mixed(target, present), sizes)
    nan = jnp.where(broken, jnp.nan, 0)
    value = nan + inputs.mean_over(per_factor, used)
    none, variant = jnp.array(jnp.nan), Preset("scores")
    return Explicitness(
        value, 2 * value - 1, none, nan + per_factor, used, jnp.array(True), variant
    )


def _mixed(target: jax.Array, present: jax.Array) -> jax.Array:
    """Whether a class has points and there are points of other classes `[P]`."""
    return jnp.any(target, axis=1) & jnp.any(present & ~target, axis=1)


def _parts(codes: Any, others: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Training and evaluation codes in the same units; and if one is not finite."""
    if isinstance(codes, units.Codes) and isinstance(others, units.Codes):
        pair = codes.unit, others.unit  # rows of one table
    else:
        count = len(codes)
        unit = inputs.codes(inputs.stacked(codes, others, "codes")).unit
        pair = unit[:count], unit[count:]
    broken = ~(jnp.isfinite(pair[0]).all() & jnp.isfinite(pair[1]).all())
    train, test = (jnp.where(broken, 0, unit) for unit in pair)
    return train, test, broken


def _classes(
    factors: Any, others: Any, sizes: tuple[int, ...] | None
) -> tuple[jax.Array, jax.Array, tuple[int, ...]]:
    """Training and evaluation classes, and the numbers of classes in both together."""
    if sizes is None:
        count = len(factors)
        labels, sizes = discrete.resolve(
            inputs.stacked(factors, others, "factors"), None
        )
        return labels[:count], labels[count:], sizes
    labels, _ = discrete.resolve(factors, sizes)
    return labels, discrete.resolve(others, sizes)[0], sizes


def _standardised(train: jax.Array, x: jax.Array) -> jax.Array:
    """(x − mean)/deviation of the training points; 0 for constant dimensions."""
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
    """The mean area over the counted values, or 0.5; and whether any counts, `[F]`."""
    splits = np.cumsum(sizes)[:-1]
    masks = jnp.split(counted, splits)
    number = jnp.stack([jnp.sum(mask) for mask in masks])
    parts = jnp.split(jnp.where(counted, areas, 0), splits)
    total = jnp.stack([jnp.sum(part) for part in parts])
    mean = jnp.where(number > 0, total / jnp.maximum(number, 1), 0.5)
    return mean, number > 0
