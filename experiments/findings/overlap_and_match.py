"""How much of a score do overlap and match explain, over all kept networks?

The paper says that a latent space decomposes well when (a) the encodings overlap by the
right amount and (b) the aggregate posterior matches the prior. Both are known for every
network of the kept sweeps on dSprites at 16×16:

- overlap is log BC, BC the mean Bhattacharyya coefficient ∫ √(q(z|x) q(z|x')) dz of
  pairs of n points, which no rescaling of the latent space changes;
- mismatch is log KL(q_n(z) ‖ p(z)), q_n the aggregate posterior of the same n points.
  By the chain rule it is the mean of KL(q(z|x) ‖ p(z)) less I_q(z; n). Its mean over
  draws of the n points is an upper bound of KL(q(z) ‖ p(z)), as KL is convex in q.

A score is regressed on a quadratic of overlap, of mismatch and of both, *between
settings*, on the means of the settings, and *within settings*, on what is left of each
network after its setting's mean is taken away. The result is the share of the variance
that the fit explains in observations that it has not seen, 1 − Σ e²/Σ (y − ȳ)², with e
the leave-one-out residual. Its 95 % intervals are percentiles over resamples of the
settings, or of the seeds, which the settings share; the fits are not repeated.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ml_collections import ConfigDict

from configs import base
from experiments.config import fields
from experiments.findings import effects, load, training_length
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.results import columns, summary
from experiments.system import documents

SCORES = ("kim_mnih_pruned", "mig")
PREDICTORS = {"overlap": (0,), "match": (1,), "both": (0, 1)}
LEVELS = ("between settings", "within settings")
_FACTORS = ("bhattacharyya", "information_ratio", "kl")
OVERLAP, MISMATCH = "log_overlap", "log_mismatch"
_RESAMPLES = 2_000
_COMPARED = 5  # intervals of a line of `beside_the_gaussian`
# Sweep, the column of its prior, the Gaussian one, and the others.
_PRIORS = (
    ("shapes", "prior", "isotropic", ("pca", "learned")),
    ("ranks", "prior", "isotropic", ("pca",)),
    ("long", "prior", "isotropic", ("pca", "learned")),
    ("student", "df", math.inf, (3.0, 7.0)),
    ("paper_length", "prior", "isotropic", ("pca", "learned")),
    ("paper_length_5e-4", "prior", "isotropic", ("pca", "learned")),
    ("student_paper_length", "df", math.inf, (3.0,)),
)


# Sections of a config on which every network and its scores depend, without the fields
# that change them by rounding at most, or that concern other scores.
_SECTIONS = ("data", "model", "train", "evaluate")
_APART = {"model.form", "train.records", "evaluate.metrics"}
_APART |= {"evaluate.aggregate_samples", "evaluate.batch_size"}


class KeptNetworks(NamedTuple):
    """Trained networks; a seed that two sweeps trained by one recipe counts once."""

    factors: np.ndarray  # [R, 2] overlap and mismatch, logarithms
    scores: np.ndarray  # [R, len(SCORES)]
    setting: np.ndarray  # [R] index of the recipe
    seed: np.ndarray  # [R]


class Explained(NamedTuple):
    """The part of the variance of a score at one level that is explained."""

    score: str
    level: str
    share: float  # of the variance of the score over all networks that is at this level
    parts: dict[str, tuple[float, float, float]]  # of PREDICTORS: value, low, high


def measured(sweep: SweepTables) -> SweepTables:
    """The sweep with both factors of each run as columns, `OVERLAP` and `MISMATCH`.

    A run that lacks one of them, or in which one is not above 0, is left out.
    """
    points = math.log(sweep.config["evaluate"]["overlap_points"])
    runs = []
    for run in sweep.runs:
        overlap, ratio, kl = (run.get(column) for column in _FACTORS)
        if not all(isinstance(value, float) for value in (overlap, ratio, kl)):
            continue
        mismatch = kl - ratio * points
        if overlap > 0 and mismatch > 0:
            logs = {OVERLAP: math.log(overlap), MISMATCH: math.log(mismatch)}
            runs.append(run | logs)
    return sweep._replace(runs=runs)


def recipe(sweep: SweepTables, run: Mapping[str, Any]) -> tuple[Any, ...]:
    """All that a network depends on but its seed, equal where two sweeps train alike.

    A field at its default counts as absent, as older sweeps lack some. The Student-t
    prior with ν = ∞ and the anisotropic one without spread are the isotropic Gaussian,
    and the objective with α = 0 is that of the β-VAE.
    """
    config, train = sweep.config, dict(sweep.config["train"])
    if steps := run.get("steps", train["steps"]):
        train["epochs"] = training_length.epochs(sweep, steps)
    train["steps"] = 0
    sections = {name: config[name] for name in _SECTIONS} | {"train": train}
    leaves = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.leaves(ConfigDict(sections))
        if name not in _APART
    }
    values = [(n, v) for n, v in leaves.items() if v != base.FIELDS[n].default]
    prior: tuple[Any, ...] = (run["prior"],)
    if run["prior"] == "student_t" and run["df"] < math.inf:
        prior = (*prior, run["df"])
    elif run["prior"] in ("pca", "learned"):
        prior = (*prior, config["prior"]["pca_ranks"])
    elif run["prior"] in ("student_t", "spread_000"):
        prior = ("isotropic",)
    objective = tuple(run[name] for name in ("objective", "beta", "alpha", "gamma"))
    if run["objective"] == "beta_vae" or objective[::2] == ("alpha_beta", 0):
        objective = ("beta_vae", run["beta"])
    return (*sorted(values), prior, objective)


def networks(names: Sequence[str]) -> KeptNetworks:
    """The networks of kept sweeps on dSprites at 16×16 that have all these numbers."""
    rows, recipes, settings, known = [], {}, {}, set()
    for name in names:
        sweep = load.read(name)
        data = sweep.config["data"]
        if (data["name"], data["side"]) != ("dsprites", 16):
            continue
        for run in measured(sweep).runs:
            values = tuple(run.get(column) for column in (OVERLAP, MISMATCH, *SCORES))
            row = (name, *(run[column] for column in sweep.columns))
            if row not in recipes:
                recipes[row] = recipe(sweep, run)
            network = recipes[row], run["seed"]
            if not all(isinstance(v, float) for v in values) or network in known:
                continue
            known.add(network)
            place = settings.setdefault(recipes[row], len(settings))
            rows.append([*values, place, run["seed"]])
    table = np.array(rows)
    setting, seed = table[:, -2:].astype(int).T
    return KeptNetworks(table[:, :2], table[:, 2:-2], setting, seed)


def explained(sample: KeptNetworks) -> list[Explained]:
    """The variance explained of each score, between and within settings."""
    means = means_of_settings(sample)
    centred = sample._replace(
        factors=sample.factors - means.factors[sample.setting],
        scores=sample.scores - means.scores[sample.setting],
    )
    results = []
    for place, score in enumerate(SCORES):
        total = np.var(sample.scores[:, place])
        for level, part, data, unit in (
            (LEVELS[0], means.scores[sample.setting], means, means.setting),
            (LEVELS[1], centred.scores, centred, centred.seed),
        ):
            share = np.var(part[:, place]) / total
            parts = {
                name: _held_out(data.factors[:, indices], data.scores[:, place], unit)
                for name, indices in PREDICTORS.items()
            }
            results.append(Explained(score, level, float(share), parts))
    return results


@functools.cache
def tested() -> tuple[KeptNetworks, list[Explained]]:
    """All kept networks and what is explained of them, for the table and the figure."""
    sample = networks(load.names_kept())
    return sample, explained(sample)


def means_of_settings(sample: KeptNetworks) -> KeptNetworks:
    """One row for each setting, the mean of its networks."""
    counts = np.bincount(sample.setting)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(sample.setting, column) for column in values.T]
        return np.stack(sums, axis=1) / counts[:, None]

    every = np.arange(len(counts))
    return KeptNetworks(mean(sample.factors), mean(sample.scores), every, every)


def quadratic(factors: np.ndarray) -> np.ndarray:
    """The columns 1, x, x² of each standardised factor, and the product of two."""
    x = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    product = [np.prod(x, axis=1)] if x.shape[1] > 1 else []
    return np.stack([np.ones(len(x)), *x.T, *(x**2).T, *product], axis=1)


def held_out_residuals(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Residual `[n]` of each value from the least squares fit to all others.

    Raises:
        load.Lacking: If there are not more values than columns of the design.
    """
    count, columns_fitted = design.shape
    if count <= columns_fitted:
        raise load.Lacking(
            f"a fit of {columns_fitted} numbers needs more settings; got {count}."
        )
    inverse = np.linalg.pinv(design)
    leverage = np.sum(design * inverse.T, axis=1)
    return (values - design @ (inverse @ values)) / (1 - leverage)


def table(sample: KeptNetworks, lines: Sequence[Explained]) -> str:
    """A line for each score and level of `explained`, in Markdown."""
    head = ["score", "level", "share of its variance", *PREDICTORS]
    rows = [
        [
            columns.name(line.score),
            line.level,
            f"{100 * line.share:.0f} %",
            *(_percent(*part) for part in line.parts.values()),
        ]
        for line in lines
    ]
    count, settings = len(sample.seed), sample.setting.max() + 1
    text = f"{count:,} networks of {settings} settings; 95 % intervals in brackets."
    return f"{text}\n\n{documents.table(head, rows)}"


def beside_the_gaussian() -> str:
    """What each prior changes beside the isotropic Gaussian one, paired by seed.

    The intervals of a line hold together with 95 %.
    """
    head = ["sweep", "prior", "β", "overlap, ratio", "mismatch, ratio"]
    scores = ("kim_mnih_pruned", "mig", "active")
    rows = []
    for name, axis, gaussian, others in _PRIORS:
        sweep = measured(training_length.longest(load.read(name)))
        for beta in load.levels(sweep, "beta"):
            for other in others:
                sides = {axis: other, "beta": beta}, {axis: gaussian, "beta": beta}
                gaps = [
                    effects.gap(sweep, score, *sides) for score in (OVERLAP, MISMATCH)
                ]
                ratios = [
                    tuple(map(math.exp, (mean, low, high)))
                    for mean, _, low, high in (_interval(gap) for gap in gaps)
                ]
                cells = [f"{m:.3f} ({low:.3f} … {high:.3f})" for m, low, high in ratios]
                for score in scores:
                    gap = effects.gap(sweep, score, *sides)
                    pair = effects.mean_and_half(gap, _COMPARED)
                    cells.append(effects.plus_minus(*pair))
                label = style.describe({axis: other}, [axis])
                rows.append([f"`{name}`", label, f"{beta:g}", *cells])
    return documents.table([*head, *map(columns.name, scores)], rows)


def _interval(values: np.ndarray) -> tuple[float, float, float, float]:
    return summary.interval(values, comparisons=_COMPARED)


def figure(sample: KeptNetworks, lines: Sequence[Explained]) -> Figure:
    """The settings by overlap and mismatch, and the variance explained."""
    drawn = style.new(
        10.5,
        3.9 * len(SCORES) + 0.5,
        note="Left: each point is a setting, the mean of its networks. Right: the "
        "share of the variance that a quadratic fit explains, of settings or of "
        "networks within a setting that it has not seen; lines: 95 % intervals.",
    )
    panels = drawn.subplots(len(SCORES), 2, squeeze=False, width_ratios=[3, 2])
    means = means_of_settings(sample)
    for place, (score, row) in enumerate(zip(SCORES, panels, strict=True)):
        _plane(drawn, row[0], means, place)
        _bars(row[1], [line for line in lines if line.score == score])
    return drawn


def _percent(value: float, low: float, high: float) -> str:
    text = f"{100 * value:.1f} % ({100 * low:.1f} … {100 * high:.1f})"
    return text.replace("-", "−")


def _held_out(
    factors: np.ndarray, values: np.ndarray, unit: np.ndarray
) -> tuple[float, float, float]:
    """1 − Σ e²/Σ (y − ȳ)² with its interval over resamples of the units."""
    errors = held_out_residuals(quadratic(factors), values) ** 2
    spread = (values - values.mean()) ** 2
    _, place = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(place, errors), np.bincount(place, spread)])
    rng = np.random.default_rng(0)
    count = sums.shape[1]
    drawn = sums[:, rng.integers(count, size=(_RESAMPLES, count))].sum(axis=-1)
    low, high = np.percentile(1 - drawn[0] / drawn[1], [2.5, 97.5])
    return float(1 - errors.sum() / spread.sum()), float(low), float(high)


def _plane(drawn: Figure, axes: Axes, means: KeptNetworks, place: int) -> None:
    overlap, mismatch = np.exp(means.factors.T)
    scores = means.scores[:, place]
    points = axes.scatter(
        overlap, mismatch, c=scores, cmap="cividis", s=26, edgecolor="white", lw=0.4
    )
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("overlap: mean of ∫ √(q(z|x) q(z|x')) dz")
    axes.set_ylabel("mismatch: KL(q(z) ‖ p(z)), of n points  (nats)")
    style.grid(axes)
    drawn.colorbar(points, ax=axes, label=columns.axis(SCORES[place]))


def _bars(axes: Axes, lines: list[Explained]) -> None:
    width = 0.38
    for line, colour, shift in zip(
        lines, ("#0072B2", "#D55E00"), (-0.5, 0.5), strict=True
    ):
        values, low, high = np.array(list(line.parts.values())).T
        x = np.arange(len(values)) + shift * width
        label = f"{line.level}, {line.share:.0%} of the variance"
        axes.bar(x, values, width, color=colour, label=label)
        axes.vlines(x, low, high, color="0.2", linewidth=1.0)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set_xticks(range(len(PREDICTORS)), [f"by {name}" for name in PREDICTORS])
    axes.set_ylabel("share of the variance explained")
    axes.legend(loc="upper left")
    axes.set_ylim(top=max(1.35 * axes.get_ylim()[1], 0.1))
