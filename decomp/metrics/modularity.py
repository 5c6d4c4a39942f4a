"""Modularity and explicitness: one factor a dimension, and factors that can be read.

Source: Ridgeway & Mozer 2018, arXiv:1802.05312.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import discrete
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
    """Explicitness, with its parts; NumPy numbers, as it is made on the host."""

    score: np.ndarray  # [], mean area under the curve on the evaluation points
    above_chance: np.ndarray  # [], 2 · score − 1: 0 by guessing
    train_score: np.ndarray  # [], the same on the points it was fitted on
    per_factor: np.ndarray  # [F], on the evaluation points; 0.5 where not used
    used: np.ndarray  # [F] bool, factors with two values or more


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
    codes: Any,
    factors: Any,
    eval_codes: Any,
    eval_factors: Any,
    *,
    preset: str = "locatello",
    inverse_penalty: float | None = None,
) -> Explicitness:
    """Explicitness: can a linear classifier tell each value of a factor from the rest?

    (1/F) Σ_f (1/V_f) Σ_v AUC(logistic regression of [v_f = v] on all codes)

    On the host, by scikit-learn: neither jit nor vmap. Codes are standardised by the
    mean and deviation of the training points.

    Args:
        codes: Training codes `[N, D]`.
        factors: Their discrete factors `[N, F]`.
        eval_codes: Evaluation codes `[N', D]`.
        eval_factors: Their factors `[N', F]`, in the same values.
        preset: One of `PRESETS`; keywords given beside it win.
        inverse_penalty: C of scikit-learn, the inverse weight of the L2 penalty.

    Returns:
        Explicitness; 0.5 if all codes are constant, NaN if one is not finite. A value
        without an example, or with nothing else, among either points is left out.
    """
    penalty, _ = published.resolve(PRESETS, preset, inverse_penalty=inverse_penalty)
    train, held = np.asarray(codes, np.float64), np.asarray(eval_codes, np.float64)
    labels, held_labels = np.asarray(factors), np.asarray(eval_factors)
    num_factors = labels.shape[1]
    if not (np.isfinite(train).all() and np.isfinite(held).all()):
        nothing = np.full(num_factors, np.nan)
        nan = np.array(np.nan)
        return Explicitness(nan, nan, nan, nothing, np.zeros(num_factors, bool))
    spread = np.ptp(train, axis=0)
    scale = np.where(spread > 0, train.std(axis=0), np.inf)  # constants become 0
    train, held = ((x - train.mean(axis=0)) / scale for x in (train, held))
    areas = np.full((2, num_factors), np.nan)
    for f in range(num_factors):
        areas[:, f] = _areas(
            train, labels[:, f], held, held_labels[:, f], penalty["inverse_penalty"]
        )
    used = ~np.isnan(areas[1])
    areas = np.where(used[None, :], areas, 0.5)
    fitted, value = areas[:, used].mean(axis=1) if used.any() else (0.5, 0.5)
    value = np.array(value)
    return Explicitness(value, 2 * value - 1, np.array(fitted), areas[1], used)


def _areas(
    train: np.ndarray,
    label: np.ndarray,
    held: np.ndarray,
    held_label: np.ndarray,
    inverse_penalty: float,
) -> np.ndarray:
    """Mean areas under the curve on training and held-out points `[2]`, or NaN."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    areas = []
    for value in np.unique(label):
        target, held_target = label == value, held_label == value
        if target.all() or held_target.all() or not held_target.any():
            continue
        model = LogisticRegression(C=inverse_penalty, max_iter=1000)
        model.fit(train, target)
        areas.append(
            [
                roc_auc_score(target, model.decision_function(train)),
                roc_auc_score(held_target, model.decision_function(held)),
            ]
        )
    return np.mean(areas, axis=0) if areas else np.full(2, np.nan)
