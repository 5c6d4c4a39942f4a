"""Does a score grow with the anisotropy of a fixed prior? Of configs/anisotropy.py.

The priors of the sweep differ only in the standard deviation of their log-variances.
The rule was written before the sweep was run: the account that anisotropic priors help
(R2, R3) because they break the symmetry under rotations holds if Kim & Mnih's score
rises with that spread, at β = 1 and at β = 4.
"""

import numpy as np
from matplotlib.figure import Figure

from experiments.findings import effects, load, overlap_and_match
from experiments.findings.effects import ABOVE, SHOWN, Finding, compared
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.results import summary
from experiments.system import documents

SWEEP = "anisotropy"
_PREFIX = "spread_"  # and the spread in hundredths
# The standard deviation of the log-variances of the PCA prior, by the ranks it takes.
_PCA = (0.44, 0.59)  # of the released code, of the text
_SCORES = (
    ("Kim & Mnih, pruned", "kim_mnih_pruned", ABOVE),
    ("Kim & Mnih, as the authors", "kim_mnih_authors", ABOVE),
    ("MIG", "mig", SHOWN),
)


def spreads(sweep: SweepTables) -> dict[float, str]:
    """The standard deviation of the log-variances, and the name of the prior."""
    names = sorted(load.names(sweep, "prior"))
    return {int(name.removeprefix(_PREFIX)) / 100: name for name in names}


def finding(sweep: SweepTables) -> Finding:
    """Slopes of the scores over the spread, and of log overlap and log mismatch."""
    sweep = overlap_and_match.measured(sweep)
    shown = [
        ("log overlap", overlap_and_match.OVERLAP),
        ("log mismatch", overlap_and_match.MISMATCH),
    ]
    parts = [
        (f"β = {beta:g}, {label}", wanted, _slopes(sweep, score, beta))
        for beta in load.levels(sweep, "beta")
        for label, score, wanted in [*_SCORES, *((*pair, SHOWN) for pair in shown)]
    ]
    return Finding(
        "anisotropy",
        "Kim & Mnih's score rises with the anisotropy of a fixed prior",
        "slope over the standard deviation of log-variances, a nat",
        (sweep.name,),
        compared(parts),
    )


def table(sweep: SweepTables) -> str:
    """The verdict and the slopes, in Markdown, a column for each β."""
    found = finding(sweep)
    betas = load.levels(sweep, "beta")
    rows: dict[str, list[str]] = {}
    for comparison in found.comparisons:
        label = comparison.label.partition(", ")[2]
        answer = f" ({comparison.answer})" if comparison.answer else ""
        rows.setdefault(label, []).append(effects.written(comparison) + answer)
    head = [found.measure, *(f"β = {beta:g}" for beta in betas)]
    lines = [[label, *cells] for label, cells in rows.items()]
    text = f"{found.statement}: **{found.verdict}**."
    return f"{text}\n\n{documents.table(head, lines)}"


def figure(sweep: SweepTables) -> Figure:
    """Scores over the spread of the prior's log-variances, a line for each β."""
    places, count = spreads(sweep), len(load.levels(sweep, "seed"))
    drawn = style.new(
        8.8,
        3.7,
        note=f"Means of {count} networks; bands: 95 % intervals. Dotted: the PCA prior "
        "with the ranks of the released code (0.44) and of the text (0.59).",
    )
    betas = load.levels(sweep, "beta")
    looks = style.series(list(betas))
    panels = drawn.subplots(1, 2)
    for axes, score in zip(panels, ("kim_mnih_pruned", "mig"), strict=True):
        for beta in betas:
            values = [
                summary.interval(
                    np.array(
                        list(load.values(sweep, score, prior=name, beta=beta).values())
                    )
                )
                for name in places.values()
            ]
            mean, _, low, high = np.array(values).T
            x = list(places)
            axes.plot(x, mean, label=f"β = {beta:g}", **looks[beta])
            axes.fill_between(
                x, low, high, color=looks[beta]["color"], alpha=0.15, lw=0
            )
        for spread in _PCA:
            axes.axvline(spread, color=style.GREY, linewidth=0.8, linestyle=":")
        axes.set_xlabel("std of the prior's log-variances  (nats)")
        axes.set_ylabel(style.score(score, per="image"))
        axes.grid(color="0.92", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].legend()
    return drawn


def _slopes(sweep: SweepTables, score: str, beta: float) -> np.ndarray:
    return load.slope(
        {
            spread: load.values(sweep, score, prior=name, beta=beta)
            for spread, name in spreads(sweep).items()
        }
    )
