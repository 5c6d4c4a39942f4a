"""The findings R1–R13 that a sweep can test, and all of them together."""

import contextlib
import math
from collections.abc import Callable

from experiments.findings import clustered_prior, estimators, known_factors, load
from experiments.findings.effects import Finding
from experiments.findings.load import SweepTables

_GAUSSIAN = {"alpha_beta", "beta_vae", "vae"}
# If two of them test the same finding, the later one counts.
_KEPT = ("shapes", "betas", "student", "pinwheel", "entropy", "tc")


def findings() -> list[Finding]:
    """All findings, from the stored sweeps, in the order of their numbers."""
    sweeps = {name: load.read(name) for name in _KEPT}
    results = [finding for sweep in sweeps.values() for finding in of(sweep)]
    results += [known_factors.cost_of_tails(sweeps["student"], sweeps["shapes"])]
    results += _of_longer(sweeps)
    results += estimators.findings()
    by_name = {finding.name: finding for finding in results}
    return sorted(by_name.values(), key=lambda finding: int(finding.name[1:]))


def _of_longer(sweeps: dict[str, SweepTables]) -> list[Finding]:
    """R1 to R3, for two lengths of training."""
    longer = load.read("long")
    return [
        known_factors.isotropic(sweeps["betas"], load.read("betas_long")),
        *(
            known_factors.anisotropic(prior, sweeps["shapes"], longer)
            for prior in known_factors.ANISOTROPIC
        ),
    ]


def of(sweep: SweepTables) -> list[Finding]:
    """The findings that one sweep can test, by its settings and finished runs."""
    if not sweep.runs:
        return []
    varying = load.varying(sweep)
    families: list[tuple[set[str], Callable[[SweepTables], list[Finding]]]] = [
        ({"prior", "beta"}, _of_priors),
        ({"df"}, _of_tails),
        ({"alpha", "beta"}, _of_the_plane),
        ({"objective", "beta"}, _of_objectives),
        ({"alpha", "beta", "gamma"}, _of_weights),
    ]
    results = []
    for axes, make in families:
        if varying <= axes:
            with contextlib.suppress(load.Lacking):
                results += make(sweep)
    return results


def _of_priors(sweep: SweepTables) -> list[Finding]:
    gaussian = load.names(sweep, "objective") <= _GAUSSIAN
    if not gaussian or "isotropic" not in load.names(sweep, "prior"):
        return []
    return known_factors.of_priors(sweep)


def _of_tails(sweep: SweepTables) -> list[Finding]:
    dfs = load.levels(sweep, "df")
    return [known_factors.student_t(sweep)] if math.inf in dfs[1:] else []


def _of_the_plane(sweep: SweepTables) -> list[Finding]:
    betas, alphas = (
        len(clustered_prior.over_beta(sweep)),
        len(clustered_prior.over_alpha(sweep)),
    )
    results = [clustered_prior.overlap(sweep)] if betas > 1 else []
    results += [clustered_prior.too_large(sweep)] if betas > 2 else []
    return results + (
        [clustered_prior.match(sweep), clustered_prior.meaning(sweep)]
        if alphas > 1
        else []
    )


def _of_objectives(sweep: SweepTables) -> list[Finding]:
    both = load.names(sweep, "objective") == {"beta_vae", "entropy_regularised"}
    return [known_factors.equivalence(sweep)] if both else []


def _of_weights(sweep: SweepTables) -> list[Finding]:
    decided = load.names(sweep, "objective") == {"beta_tcvae"}
    return [known_factors.weights(sweep)] if decided and load.varying(sweep) else []
