"""Does a score grow with the anisotropy of a fixed prior? Of configs/anisotropy.py.

The priors of the sweep differ only in the standard deviation of their log-variances.
The rule was written before the sweep was run: the account that anisotropic priors help
(R2, R3) because they break the symmetry under rotations holds if Kim & Mnih's score
rises with that spread, at β = 1 and at β = 4.
"""

import numpy as np

from experiments.findings import load, overlap_and_match
from experiments.findings.effects import ABOVE, SHOWN, Finding, compared
from experiments.findings.load import SweepTables

SWEEP = "anisotropy"
_PREFIX = "spread_"  # and the spread in hundredths
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


def _slopes(sweep: SweepTables, score: str, beta: float) -> np.ndarray:
    return load.slope(
        {
            spread: load.values(sweep, score, prior=name, beta=beta)
            for spread, name in spreads(sweep).items()
        }
    )
