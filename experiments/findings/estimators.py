"""R10 and R11: minibatch estimates of KL(q(z) ‖ p(z)), at n = 737,280 and B = 64.

Source: Mathieu et al. 2018, App. C, Eq. 10–12.
"""

import math

from scipy import stats

from experiments.findings import load
from experiments.findings.effects import ABOVE, SHOWN, Comparison, Finding

_WHERE = ("bias_1", "bias_4")  # the tables of an encoder at β = 1 and one at β = 4
_MARGIN = 0.2  # nats; log n is 13.5


def findings() -> list[Finding]:
    """Both findings, with intervals over minibatches of 95 % joint coverage."""
    offsets, negative = [], []
    for name, beta in zip(_WHERE, (1, 4), strict=True):
        row = load.bias(name, batch=64, estimator="symmetrised", quantity="kl")
        count = int(row["count"])
        offset = float(row["mean"]) - float(row["predicted"])
        error = math.hypot(float(row["stderr"]), float(row["predicted_stderr"]))
        half = float(stats.t.ppf(1 - 0.025 / len(_WHERE), count - 1)) * error
        ends = offset - half, offset + half
        offsets.append(
            Comparison(f"β = {beta}", f"within {_MARGIN}", offset, *ends, count)
        )
        share = float(row["negative"])
        fair = stats.binomtest(round(share * count), count)
        low, high = fair.proportion_ci(1 - 0.05 / len(_WHERE))
        criterion = ABOVE if beta == 4 else SHOWN
        negative.append(Comparison(f"β = {beta}", criterion, share, low, high, count))
    return [
        Finding(
            "R10",
            "a minibatch B ≪ n of dSprites estimates KL(q(z) ‖ p(z)) as the β-VAE's KL "
            "− log n",
            "mean estimate − (KL − 13.51), nats, B = 64, Eq. 10b; n: minibatches",
            _WHERE,
            offsets,
        ),
        Finding(
            "R11",
            "estimates of KL(q(z) ‖ p(z)) below zero occur",
            "share of minibatches of 64 with a negative estimate; n: minibatches",
            _WHERE,
            negative,
        ),
    ]
