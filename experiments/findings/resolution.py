"""From the dense network at 16×16 pixels to Table 1a at 64×64: does R3 hold on the way?

Four sweeps of forty seeds change one thing at a time, first the network and then the
resolution. Everything else is alike: isotropic against learned prior, β = 1, a learning
rate of 5e-4, 29,900 steps (2.6 epochs), activations in bfloat16.

The rule was written before the sweeps were trained: R3 holds at a step if the 95 %
interval of the gain is above 0 for both of Kim & Mnih's scores, and is open if one of
them contains 0. `full_resolution` has ten seeds of the last step, trained in TF32
before.
"""

import numpy as np
from matplotlib.figure import Figure

from experiments.findings import bands, effects, load
from experiments.findings.effects import ABOVE, Comparison, Finding
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.results import columns, summary
from experiments.system import documents

STEPS = {
    "dense_16": "16×16, dense",
    "conv_16": "16×16, convolutions",
    "conv_32": "32×32, convolutions",
    "conv_64": "64×64, Table 1a",
}
_CHECK = {"full_resolution": "64×64, Table 1a, in TF32"}
_DECIDING = ("kim_mnih_pruned", "kim_mnih_authors")
_SCORES = (*_DECIDING, "mig")
_BASE = "isotropic"
_PRIORS = (_BASE, "learned")


def finding(sweep: SweepTables) -> Finding:
    """R3 at β = 1 of one step; every interval is one of 95 % by itself."""
    above, below = ({"prior": prior} for prior in reversed(_PRIORS))
    comparisons = []
    for score in _DECIDING:
        gaps = effects.gap(sweep, score, above, below)
        mean, _, low, high = summary.interval(gaps)
        comparisons.append(
            Comparison(columns.name(score), ABOVE, mean, low, high, len(gaps))
        )
    return Finding(
        "R3",
        "an anisotropic prior, learned, scores above the isotropic one",
        "Kim & Mnih's score, learned − isotropic, β = 1",
        (sweep.name,),
        comparisons,
    )


def table() -> str:
    """A row for each step: the isotropic prior, the gains, and the verdict."""
    rows = []
    for name, words in {**STEPS, **_CHECK}.items():
        sweep = load.read(name)
        first = [
            np.array([*load.values(sweep, score, prior=_BASE).values()])
            for score in ("reconstruction", _DECIDING[0])
        ]
        gains = [
            effects.gap(sweep, score, {"prior": "learned"}, {"prior": _BASE})
            for score in _SCORES
        ]
        rows.append(
            [
                words,
                str(len(gains[0])),
                *(effects.plus_minus(*effects.mean_and_half(v, 1), "") for v in first),
                *(effects.plus_minus(*effects.mean_and_half(v, 1)) for v in gains),
                f"**{finding(sweep).verdict}**",
            ]
        )
    head = [
        "isotropic, then learned − isotropic",
        "seeds",
        "−log p(x∣z)",
        "Kim & Mnih, pruned",
        *(f"gain, {columns.name(score)}" for score in _SCORES),
        "R3, β = 1",
    ]
    return documents.table(head, rows)


def figure() -> Figure:
    """Kim & Mnih's score of both priors and MIG over the four steps."""
    sweeps = [load.read(name) for name in STEPS]
    count = len(load.levels(sweeps[0], "seed"))
    drawn = style.new(
        8.8,
        3.9,
        note=f"Means of {count} networks at β = 1 after 29,900 steps at learning rate "
        "5e-4; bands: 95 % intervals of the mean.",
    )
    panels = drawn.subplots(1, 2)
    looks = style.series(_PRIORS)
    places = range(len(STEPS))
    for axes, score in zip(panels, ("kim_mnih_pruned", "mig"), strict=True):
        for prior in _PRIORS:
            scores = [load.values(sweep, score, prior=prior) for sweep in sweeps]
            label = style.describe({"prior": prior}, ["prior"])
            bands.draw(axes, places, scores, label=label, **looks[prior])
        words = [text.replace(", ", "\n") for text in STEPS.values()]
        axes.set_xticks(list(places), words, fontsize=9)
        axes.set_ylabel(columns.axis(score))
        style.grid(axes)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=2)
    return drawn
