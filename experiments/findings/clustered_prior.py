"""R6–R9: the effect of α and β on q(z) under a prior of clusters, with exact q(z).

Source: Mathieu et al. 2018, Sec. 5.
"""

from collections.abc import Sequence

import numpy as np

from experiments.findings import load
from experiments.findings.effects import ABOVE, BELOW, SHOWN, Finding, compared, gap
from experiments.findings.load import SweepTables

_LEAST = 2.0  # nats of I(z; n): more than log 4, which only the cluster gives
Settings = Sequence[dict[str, float]]


def over_beta(sweep: SweepTables) -> Settings:
    """The settings with α = 0, as β grows."""
    betas = load.levels(sweep, "beta", alpha=0.0)
    return [{"beta": beta, "alpha": 0.0} for beta in betas if beta]


def over_alpha(sweep: SweepTables) -> Settings:
    """The settings with β = 0, as α grows."""
    alphas = load.levels(sweep, "alpha", beta=0.0)
    return [{"beta": 0.0, "alpha": alpha} for alpha in alphas if alpha]


def overlap(sweep: SweepTables) -> Finding:
    """R6: posteriors widen, and codes lose information, as β grows."""
    settings = over_beta(sweep)
    spread = _steps(sweep, "log_det", ABOVE, settings)
    information = _steps(sweep, "mutual_information", BELOW, settings)
    parts = [(f"log|S|, {label}", *rest) for label, *rest in spread]
    parts += [(f"I(z; n), {label}", *rest) for label, *rest in information]
    return Finding(
        "R6",
        "clusters, α = 0: encodings widen and overlap more as β grows",
        "change of log|S| and of I(z; n), nats",
        (sweep.name,),
        compared(parts),
    )


def too_large(sweep: SweepTables) -> Finding:
    """R7: the mismatch at both ends of β, compared with the best β in between."""
    settings = over_beta(sweep)
    inclusive = [load.values(sweep, "kl_prior_aggregate", **s) for s in settings]
    exclusive = []
    for setting in settings:  # E KL(q(z|x) ‖ p(z)) = I(z; n) + KL(q(z) ‖ p(z))
        whole = load.values(sweep, "kl", **setting)
        information = load.values(sweep, "mutual_information", **setting)
        exclusive.append({seed: whole[seed] - information[seed] for seed in whole})
    parts = []
    for label, levels in (("KL(p ‖ q)", inclusive), ("KL(q ‖ p)", exclusive)):
        means = [np.mean(list(level.values())) for level in levels[1:-1]]
        least = 1 + int(np.argmin(means))
        for place in (0, -1):
            ends = f"{settings[place]['beta']:g} − {settings[least]['beta']:g}"
            gaps = load.paired(levels[place], levels[least])
            parts.append((f"{label}, β = {ends}", ABOVE, gaps))
    return Finding(
        "R7",
        "clusters, α = 0: too large a β destroys the match with p(z) again",
        "mismatch of q(z) and p(z), nats, beside the best β between",
        (sweep.name,),
        compared(parts),
    )


def match(sweep: SweepTables) -> Finding:
    """R8: the mismatch falls with α, step by step."""
    return Finding(
        "R8",
        "clusters, β = 0: the match with p(z) improves steadily with α",
        "change of KL(p(z) ‖ q(z)), exact, nats",
        (sweep.name,),
        compared(_steps(sweep, "kl_prior_aggregate", BELOW, over_alpha(sweep))),
    )


def meaning(sweep: SweepTables) -> Finding:
    """R9: at the largest α, codes still carry information about the data."""
    settings = over_alpha(sweep)
    last = load.values(sweep, "mutual_information", **settings[-1])
    above = np.array(list(last.values())) - _LEAST
    changes = _steps(sweep, "mutual_information", SHOWN, settings)
    return Finding(
        "R9",
        "clusters, β = 0: a large α does not make encodings meaningless",
        f"I(z; n) beyond {_LEAST:g} nats, and its changes, nats",
        (sweep.name,),
        compared([(f"α = {settings[-1]['alpha']:g}", ABOVE, above), *changes]),
    )


def _steps(
    sweep: SweepTables, score: str, criterion: str, settings: Settings
) -> list[tuple[str, str, np.ndarray]]:
    """Differences from each setting to the next."""
    (axis,) = (name for name in settings[0] if settings[0][name] != settings[1][name])
    letter = {"beta": "β", "alpha": "α"}[axis]
    return [
        (
            f"{letter} = {low[axis]:g} → {high[axis]:g}",
            criterion,
            gap(sweep, score, high, low),
        )
        for low, high in zip(settings[:-1], settings[1:], strict=True)
    ]
