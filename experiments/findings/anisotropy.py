"""Does a score grow with the anisotropy of a fixed prior, in configs/anisotropy.py?

The priors of the sweep differ only in the standard deviation of their log-variances.
The rule was written before the sweep was run: the account that anisotropic priors help
(R2, R3) because they break the symmetry under rotations holds if Kim & Mnih's score
rises with that spread, at β = 1 and at β = 4.
"""

import numpy as np
from matplotlib.figure import Figure

from experiments.findings import bands, effects, load, overlap_and_match
from experiments.findings.effects import ABOVE, SHOWN, Finding, compared
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.system import documents

SWEEP = "anisotropy"
_PREFIX = "spread_"  # the spread in hundredths follows it
# The standard deviation of the log-variances of the PCA prior, by the ranks it takes.
_PCA = (0.44, 0.59)  # of the released code, of the text
# For each score: its label, its column, and the expected sign of its slope.
_MEASURES = (
    ("Kim & Mnih, pruned", "kim_mnih_pruned", ABOVE),
    ("Kim & Mnih, as the authors", "kim_mnih_authors", ABOVE),
    ("MIG", "mig", SHOWN),
    ("log overlap", overlap_and_match.OVERLAP, SHOWN),
    ("log mismatch", overlap_and_match.MISMATCH, SHOWN),
)


def spreads(sweep: SweepTables) -> dict[float, str]:
    """The standard deviation of the log-variances, and the name of the prior."""
    names = sorted(load.names(sweep, "prior"))
    return {int(name.removeprefix(_PREFIX)) / 100: name for name in names}


def finding(sweep: SweepTables) -> Finding:
    """Slopes of the scores over the spread, and of log overlap and log mismatch."""
    sweep = overlap_and_match.measured(sweep)
    parts = [
        (f"β = {beta:g}, {label}", criterion, _slopes(sweep, score, beta))
        for beta in load.levels(sweep, "beta")
        for label, score, criterion in _MEASURES
    ]
    return Finding(
        "anisotropy",
        "Kim & Mnih's score rises with the anisotropy of a fixed prior",
        "slope over the standard deviation of log-variances, per nat",
        (sweep.name,),
        compared(parts),
    )


def table(sweep: SweepTables) -> str:
    """The verdict and the slopes, in Markdown, a column for each β."""
    result = finding(sweep)
    betas = load.levels(sweep, "beta")
    cells = [
        effects.written(c) + (f" ({c.answer})" if c.answer else "")
        for c in result.comparisons
    ]
    head = [result.measure, *(f"β = {beta:g}" for beta in betas)]
    # The comparisons of a β follow one another, in the order of the measures.
    lines = [
        [label, *cells[place :: len(_MEASURES)]]
        for place, (label, *_) in enumerate(_MEASURES)
    ]
    text = f"{result.statement}: **{result.verdict}**."
    return f"{text}\n\n{documents.table(head, lines)}"


def figure(sweep: SweepTables) -> Figure:
    """Scores over the spread of the prior's log-variances, a line for each β."""
    places, count = spreads(sweep), len(load.levels(sweep, "seed"))
    drawn = style.new(
        8.8,
        3.7,
        note=f"Means of {count} networks; bands: 95 % intervals. Dotted: the PCA prior "
        "with the ranks of the released code ({}) and of the text ({}).".format(*_PCA),
    )
    betas = load.levels(sweep, "beta")
    looks = style.series(list(betas))
    panels = drawn.subplots(1, 2)
    for axes, score in zip(panels, ("kim_mnih_pruned", "mig"), strict=True):
        for beta in betas:
            scores = [
                load.values(sweep, score, prior=name, beta=beta)
                for name in places.values()
            ]
            label = f"β = {beta:g}"
            bands.draw(axes, list(places), scores, label=label, **looks[beta])
        for spread in _PCA:
            axes.axvline(spread, color=style.GREY, linewidth=0.8, linestyle=":")
        axes.set_xlabel("std of the prior's log-variances  (nats)")
        axes.set_ylabel(style.score(score, per="image"))
        style.grid(axes)
    panels[0].legend()
    return drawn


def _slopes(sweep: SweepTables, score: str, beta: float) -> np.ndarray:
    return load.slope(
        {
            spread: load.values(sweep, score, prior=name, beta=beta)
            for spread, name in spreads(sweep).items()
        }
    )
