"""Which of the paper's findings R1–R13 a sweep decides, and all of them together."""

import contextlib
import math
from collections.abc import Callable

from experiments.findings import estimators, plane, shapes, sweeps
from experiments.findings.effects import Finding
from experiments.findings.sweeps import Sweep

_ANISOTROPIC = (("R2", "pca"), ("R3", "learned"))
_GAUSSIAN = {"alpha_beta", "beta_vae", "vae"}
# Of two that decide the same finding, the later one does.
_KEPT = ("shapes", "betas", "student", "pinwheel", "entropy", "tc")


def findings() -> list[Finding]:
    """All, from the sweeps that are kept, in the order of their numbers."""
    kept = {name: sweeps.read(name) for name in _KEPT}
    found = [finding for sweep in kept.values() for finding in of(sweep)]
    found += [shapes.cost_of_tails(kept["student"], kept["shapes"])]
    found += _of_longer(kept)
    found += estimators.findings()
    decided = {finding.name: finding for finding in found}
    return sorted(decided.values(), key=lambda finding: int(finding.name[1:]))


def _of_longer(kept: dict[str, Sweep]) -> list[Finding]:
    """R1 to R3, of training of two lengths."""
    longer = sweeps.read("long")
    return [
        shapes.isotropic(kept["betas"], sweeps.read("betas_long")),
        *(
            shapes.anisotropic(name, prior, kept["shapes"], longer)
            for name, prior in _ANISOTROPIC
        ),
    ]


def of(sweep: Sweep) -> list[Finding]:
    """Those that the settings and the finished runs of one sweep suffice for."""
    if not sweep.runs:
        return []
    varying = sweeps.varying(sweep)
    families: list[tuple[set[str], Callable[[Sweep], list[Finding]]]] = [
        ({"prior", "beta"}, _of_priors),
        ({"df"}, _of_tails),
        ({"alpha", "beta"}, _of_the_plane),
        ({"objective", "beta"}, _of_objectives),
        ({"alpha", "beta", "gamma"}, _of_weights),
    ]
    found = []
    for axes, made in families:
        if varying <= axes:
            with contextlib.suppress(sweeps.Lacking):
                found += made(sweep)
    return found


def _of_priors(sweep: Sweep) -> list[Finding]:
    priors, betas = sweeps.names(sweep, "prior"), sweeps.levels(sweep, "beta")
    gaussian = sweeps.names(sweep, "objective") <= _GAUSSIAN
    if not gaussian or "isotropic" not in priors:
        return []
    found = [shapes.isotropic(sweep)] if len(betas) > 1 else []
    for name, prior in _ANISOTROPIC:
        found += [shapes.anisotropic(name, prior, sweep)] if prior in priors else []
    return found


def _of_tails(sweep: Sweep) -> list[Finding]:
    dfs = sweeps.levels(sweep, "df")
    return [shapes.student_t(sweep)] if math.inf in dfs[1:] else []


def _of_the_plane(sweep: Sweep) -> list[Finding]:
    betas, alphas = len(plane.over_beta(sweep)), len(plane.over_alpha(sweep))
    found = [plane.overlap(sweep)] if betas > 1 else []
    found += [plane.too_large(sweep)] if betas > 2 else []
    return found + ([plane.match(sweep), plane.meaning(sweep)] if alphas > 1 else [])


def _of_objectives(sweep: Sweep) -> list[Finding]:
    both = sweeps.names(sweep, "objective") == {"beta_vae", "entropy_regularised"}
    return [shapes.equivalence(sweep)] if both else []


def _of_weights(sweep: Sweep) -> list[Finding]:
    decided = sweeps.names(sweep, "objective") == {"beta_tcvae"}
    return [shapes.weights(sweep)] if decided and sweeps.varying(sweep) else []
