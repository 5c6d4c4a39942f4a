"""R1–R5, R12 and R13: priors and objectives on images with known factors.

Source: Mathieu et al. 2018, Sec. 6 and App. A; R13: Chen et al. 2018, Sec. 6.
"""

import math
from collections.abc import Sequence

import numpy as np

from experiments.findings import load
from experiments.findings.effects import (
    ABOVE,
    BELOW,
    NOT_ABOVE,
    SHOWN,
    Finding,
    compared,
    gap,
)
from experiments.findings.load import SweepTables
from experiments.results import summary

_SCORE, _AUTHORS = "kim_mnih_pruned", "kim_mnih_authors"
_ISOTROPIC = {"prior": "isotropic"}
# The finding that each anisotropic prior decides.
ANISOTROPIC = {"pca": "R2", "learned": "R3"}
_LARGE = 100  # the ν at which a Student-t is as good as a Gaussian
_MARGIN = 0.03  # a difference of scores that the paper's figures call none


def isotropic(*swept: SweepTables) -> Finding:
    """R1, from sweeps over the same β that differ in their training steps."""
    betas = load.levels(swept[0], "beta")

    def slopes(sweep: SweepTables, score: str) -> np.ndarray:
        return load.slope(
            {
                math.log2(beta): load.values(sweep, score, **_ISOTROPIC, beta=beta)
                for beta in betas
            }
        )

    parts = [
        (f"{label}{steps}", criterion, slopes(sweep, score))
        for sweep, steps in _steps(swept)
        for label, criterion, score in (
            ("Kim & Mnih, pruned", NOT_ABOVE, _SCORE),
            ("Kim & Mnih, as the authors", NOT_ABOVE, _AUTHORS),
            ("mutual information gap", SHOWN, "mig"),
            ("InfoM", SHOWN, "infom"),
        )
    ]
    return Finding(
        "R1",
        "with an isotropic prior the score does not rise with β",
        "slope of a score over a doubling of β, β = "
        + ", ".join(f"{beta:g}" for beta in betas),
        tuple(sweep.name for sweep in swept),
        compared(parts),
    )


def of_priors(sweep: SweepTables) -> list[Finding]:
    """R1 if the sweep has several β, and R2 and R3 if it has their priors."""
    several = len(load.levels(sweep, "beta")) > 1
    others = [prior for prior in ANISOTROPIC if prior in load.names(sweep, "prior")]
    return ([isotropic(sweep)] if several else []) + [
        anisotropic(prior, sweep) for prior in others
    ]


def anisotropic(prior: str, *swept: SweepTables) -> Finding:
    """R2 or R3, from sweeps over priors and β that differ in their training steps."""
    how = {"pca": "fixed to principal variances", "learned": "learned"}[prior]
    parts = [
        (
            f"β = {beta:g}, {label}{steps}",
            ABOVE,
            gap(
                sweep,
                score,
                {"prior": prior, "beta": beta},
                {**_ISOTROPIC, "beta": beta},
            ),
        )
        for sweep, steps in _steps(swept)
        for beta in load.levels(sweep, "beta")
        for score, label in ((_SCORE, "pruned"), (_AUTHORS, "as the authors"))
    ]
    return Finding(
        ANISOTROPIC[prior],
        f"an anisotropic prior, {how}, scores above the isotropic one",
        f"Kim & Mnih's score, {prior} − isotropic",
        tuple(sweep.name for sweep in swept),
        compared(parts),
    )


def student_t(sweep: SweepTables) -> Finding:
    """R4, from a sweep over ν that includes the Gaussian limit."""
    parts = []
    for score, label in ((f"{_SCORE}_transport", "after transport"), (_SCORE, "means")):
        for df in _finite(sweep):
            criterion = f"within {_MARGIN}" if df >= _LARGE else ABOVE
            values = gap(sweep, score, {"df": df}, {"df": math.inf})
            parts.append((f"ν = {df:g}, {label}", criterion, values))
    return Finding(
        "R4",
        "Student-t priors of small ν score above the Gaussian, one of ν = 100 like it",
        "Kim & Mnih's score, pruned, ν − ∞",
        (sweep.name,),
        compared(parts),
    )


def cost_of_tails(sweep: SweepTables, gaussian: SweepTables) -> Finding:
    """R5, from a sweep over ν and one over β with an isotropic prior."""
    one, four = ({**_ISOTROPIC, "beta": beta} for beta in (1.0, 4.0))
    whole = gap(gaussian, "reconstruction", four, one)
    tenth = summary.interval(whole)[2] / 10
    parts = [
        (
            f"ν = {df:g} − ∞",
            f"within {tenth:.1f}",
            gap(sweep, "reconstruction", {"df": df}, {"df": math.inf}),
        )
        for df in _finite(sweep)[:2]
    ]
    return Finding(
        "R5",
        "small ν costs little reconstruction: a tenth of what β = 4 costs, or less",
        "−log p(x|z), nats",
        (sweep.name, gaussian.name),
        compared([*parts, ("β = 4 − 1, isotropic", SHOWN, whole)]),
    )


def equivalence(sweep: SweepTables) -> Finding:
    """R12, from a sweep over both objectives and β."""
    latents = sweep.config["model"]["latents"]
    parts = []
    for beta in load.levels(sweep, "beta"):
        sides = (
            {"objective": "entropy_regularised", "beta": beta},
            {"objective": "beta_vae", "beta": beta},
        )
        # log_det is that of the covariance, twice the sum of the log standard
        # deviations.
        ratio = np.exp(gap(sweep, "log_det", *sides) / (2 * latents))
        stds = ratio / math.sqrt(beta) - 1
        parts.append((f"std ratio/√β − 1, β = {beta:g}", "within 0.02", stds))
        values = gap(sweep, "reconstruction", *sides)
        parts.append((f"reconstruction, nats, β = {beta:g}", "within 2", values))
    return Finding(
        "R12",
        "training L_H,β is training a β-VAE with codes × √β",
        "ratio of the posterior's stds, and nats of −log p(x|z)",
        (sweep.name,),
        compared(parts),
    )


def weights(sweep: SweepTables) -> Finding:
    """R13, from a sweep of each weight of the β-TCVAE by itself, around (1, 4, 1)."""
    start = {"alpha": 1.0, "beta": 4.0, "gamma": 1.0}
    parts = []
    for axis, letter in (("beta", "β"), ("alpha", "α"), ("gamma", "γ")):
        others = {name: value for name, value in start.items() if name != axis}
        for value in load.levels(sweep, axis, **others):
            if value == start[axis]:
                continue
            criterion = f"within {_MARGIN}"
            if axis == "beta":
                criterion = BELOW if value == 1 else SHOWN
            changed = gap(sweep, "mig", start | {axis: value}, start)
            parts.append((f"{letter} = {value:g}", criterion, changed))
    return Finding(
        "R13",
        "β-TCVAE: the mutual information gap depends on β, hardly on α and γ",
        "MIG beside (α, β, γ) = (1, 4, 1)",
        (sweep.name,),
        compared(parts),
    )


def _finite(sweep: SweepTables) -> Sequence[float]:
    return [df for df in load.levels(sweep, "df") if math.isfinite(df)]


def _steps(swept: Sequence[SweepTables]) -> list[tuple[SweepTables, str]]:
    """Each sweep with words that distinguish it from the others."""
    if len(swept) == 1:
        return [(swept[0], "")]
    return [(sweep, f", {sweep.config['train']['steps']:,} steps") for sweep in swept]
