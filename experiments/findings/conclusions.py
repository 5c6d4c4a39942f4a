"""The meaning of each verdict, in one plain sentence, and the figure that shows it.

A sentence belongs to one verdict. If new sweeps change the verdict, the sentence no
longer applies, and the statement of the paper replaces it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.findings.effects import Finding


class Group(NamedTuple):
    """Findings that one figure shows."""

    title: str
    findings: tuple[str, ...]
    figure: str  # a file of the gallery
    caption: str


GROUPS = (
    Group(
        "Anisotropic priors, Figure 1, left",
        ("R1", "R2", "R3"),
        "reconstruction_vs_score.png",
        "Each point is the mean of 100 networks, its label is β, and the bands are "
        "95 % intervals.",
    ),
    Group(
        "Student-t priors, Figure 1, right",
        ("R4", "R5"),
        "student_t.png",
        "Each point is the mean of 100 networks, and its label is ν. After transport, "
        "the posterior means are mapped to a Gaussian before they are scored.",
    ),
    Group(
        "A clustered prior, Figures 2 and 3",
        ("R6", "R7", "R8", "R9"),
        "pinwheel_scores.png",
        "The pinwheel under a prior of four clusters, with 100 networks per setting, "
        "over β at α = 0 and over α at β = 0.",
    ),
    Group(
        "Estimates of q(z) from a minibatch",
        ("R10", "R11"),
        "bias.png",
        "Minibatch estimates of q(z) beside the exact values, on synthetic posteriors.",
    ),
    Group(
        "A β-VAE is an entropy-regularised VAE",
        ("R12",),
        "equivalence.png",
        "The two objectives, seed by seed, from `configs/entropy_equivalence.py`.",
    ),
    Group(
        "The weights of the β-TCVAE (Chen et al. 2018)",
        ("R13",),
        "ablation.png",
        "MIG over each weight by itself, from `configs/tc_ablation.py`, 100 seeds.",
    ),
)
_SENTENCES = (
    (
        "R1",
        "holds",
        "With an isotropic prior, no rise of Kim & Mnih's score over β = 1 to 16 is "
        "shown; MIG does rise.",
    ),
    (
        "R2",
        "holds in 4 of 8, open in 4",
        "A prior fixed to the PCA variances scores above the isotropic one at β = 1; at"
        " β = 4 the sweep cannot tell.",
    ),
    (
        "R3",
        "holds",
        "A learned anisotropic prior scores above the isotropic one, at β = 1 and at β "
        "= 4, after 2,500 steps and after 10,000.",
    ),
    (
        "R4",
        "holds in 2 of 8, not in 2, open in 4",
        "No Student-t prior is shown to score above the Gaussian: without transport ν ="
        " 3 and ν = 7 score below it, and with transport no difference is established. "
        "ν = 100 scores like the Gaussian, as the paper says.",
    ),
    (
        "R5",
        "holds",
        "A small ν costs less than a tenth of the reconstruction that β = 4 costs.",
    ),
    (
        "R6",
        "holds",
        "As β grows, posteriors widen and codes carry less information, at every step.",
    ),
    (
        "R7",
        "holds in 3 of 4, open in 1",
        "Both a very small and a very large β match the prior worse than β = 1 by KL(q "
        "‖ p); by KL(p ‖ q) no loss is established at β = 1.2.",
    ),
    (
        "R8",
        "holds in 3 of 4, open in 1",
        "The match with the prior improves with α up to α = 5; the sweep cannot tell "
        "whether α = 8 improves it further.",
    ),
    (
        "R9",
        "holds",
        "At the largest α, codes still carry more than 2 nats of information about the "
        "data.",
    ),
    (
        "R10",
        "holds in 1 of 2, not in 1",
        "The minibatch estimate is the β-VAE's KL − log n at β = 1, where encodings do "
        "not overlap, but not at β = 4, where they do.",
    ),
    (
        "R11",
        "holds",
        "At β = 4, every minibatch gave a negative estimate of a KL divergence; at β = "
        "1, none did.",
    ),
    (
        "R12",
        "holds",
        "The two objectives train the same networks, up to the factor √β on the codes, "
        "at every β.",
    ),
    (
        "R13",
        "holds in 7 of 9, not in 1, open in 1",
        "MIG rises with β, up to 6, and hardly changes with α; unlike in the paper, it "
        "also falls with γ.",
    ),
)
SENTENCES = {(name, verdict): text for name, verdict, text in _SENTENCES}


def sentence(finding: Finding) -> str:
    """The sentence for the verdict, or the paper's statement if there is none."""
    statement = f"The statement is: {finding.statement}."
    return SENTENCES.get((finding.name, finding.verdict), statement)


def tally(findings: Sequence[Finding]) -> str:
    """A sentence that counts the statements which hold, hold in part, and do not."""
    verdicts = [finding.verdict for finding in findings]
    whole = verdicts.count("holds")
    part = sum(verdict.startswith("holds in") for verdict in verdicts)
    rest = len(verdicts) - whole - part
    return f"Of {len(verdicts)} statements, {whole} hold, {part} hold in part, and " + (
        f"{rest} do not hold or are open." if rest else "none fails as a whole."
    )


def grouped(findings: Sequence[Finding]) -> list[tuple[Group, list[Finding]]]:
    """The findings of each figure."""
    named = {finding.name: finding for finding in findings}
    return [(group, [named[name] for name in group.findings]) for group in GROUPS]
