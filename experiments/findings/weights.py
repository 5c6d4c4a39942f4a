"""What does each weight of the β-TCVAE change, in the sweep that decides R13?

The objective is reconstruction − α I(z; n) − β TC(z) − γ Σ_d KL(q(z_d) ‖ p(z_d)). The
table has the three parts, as they are after training, beside MIG.
"""

from collections.abc import Mapping

import numpy as np

from experiments.findings import effects, load
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.results import columns
from experiments.system import documents

SWEEP = "tc_paper_length"
START = {"alpha": 1.0, "beta": 4.0, "gamma": 1.0}
_DIMENSION_WISE = "dimension-wise KL"
_PARTS = ("mutual_information", "total_correlation", _DIMENSION_WISE, "active", "mig")


def table(sweep: SweepTables) -> str:
    """The start, and the change by each weight, paired by seed, in Markdown.

    The intervals of a column hold together with 95 %.
    """
    start = [
        f"{np.mean([*_values(sweep, score, START).values()]):.3g}" for score in _PARTS
    ]
    changes = [
        {axis: value}
        for axis in ("beta", "alpha", "gamma")
        for value in load.levels(sweep, axis)
        if value != START[axis]
    ]
    rows = [["(α, β, γ) = (1, 4, 1)", *start]]
    for change in changes:
        cells = []
        for score in _PARTS:
            base, changed = (
                _values(sweep, score, setting) for setting in (START, START | change)
            )
            gaps = load.paired(changed, base)
            cells.append(effects.plus_minus(*effects.mean_and_half(gaps, len(changes))))
        rows.append([style.describe(change, list(change)), *cells])
    head = [columns.name(s) if s != _DIMENSION_WISE else s for s in _PARTS]
    return documents.table(["change from it", *head], rows)


def _values(
    sweep: SweepTables, score: str, setting: Mapping[str, float]
) -> dict[float, float]:
    """A score by seed; Σ_d KL(q(z_d) ‖ p(z_d)) = KL(q(z) ‖ p(z)) − TC(z)."""
    if score != _DIMENSION_WISE:
        return load.values(sweep, score, **setting)
    whole = load.values(sweep, "kl_aggregate_prior", **setting)
    dependence = load.values(sweep, "total_correlation", **setting)
    return {seed: whole[seed] - dependence[seed] for seed in whole}
