"""Tests the paper's findings on finished sweeps, and writes the tables.

    python -m experiments.findings                          # make results
    python -m experiments.findings --keep results/shapes    # of a sweep of your own

Reads `experiments/findings/sweeps/`, writes the tables between the marks of
experiments/RESULTS.md, and draws those figures of the gallery that need only tables.
`--keep` first copies the small files of finished workdirs there, each under the name of
its folder; a sweep of the same name is replaced.
"""

import pathlib
import sys
from collections.abc import Sequence

import matplotlib.style

from experiments.findings import (
    anisotropy,
    claims,
    conclusions,
    effects,
    forest,
    latent_roles,
    load,
    markdown,
    overlap_and_match,
    resolution,
    sensitivity,
    training_length,
    weights,
)
from experiments.plots import all_figures, style
from experiments.results import reading
from experiments.system import atomic_files, commands, documents
from experiments.system.terminal import say

RESULTS = pathlib.Path(__file__).parent.parent / "RESULTS.md"
GALLERY = pathlib.Path(__file__).parent.parent / "gallery"
# Pictures of the gallery, with their sweep and figure.
FIGURES = {
    "reconstruction_vs_score": ("shapes", "reconstruction_vs_score"),
    "student_t": ("student", "reconstruction_vs_score"),
    "pinwheel_scores": ("pinwheel", "scores_by_setting"),
    "ablation": ("tc", "ablation"),
    "equivalence": ("entropy", "equivalence"),
    "heads_scores": ("heads", "reconstruction_vs_score"),
}


@commands.command("experiments.findings")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error."""
    parser = commands.parser("experiments.findings", __doc__.splitlines()[0])
    parser.add_argument(
        "--keep", nargs="+", default=[], metavar="WORKDIR", type=commands.path
    )
    for workdir in parser.parse_args(arguments).keep:
        say(str(load.keep(workdir)))
    findings = claims.findings()
    for path in [documents.write(RESULTS, blocks(findings)), *draw(findings, GALLERY)]:
        say(str(path))
    return 0


def blocks(findings: Sequence[effects.Finding]) -> dict[str, str]:
    """The tables by the name of their mark in RESULTS.md."""
    swept, over_lengths = load.names_kept(), load.read(training_length.SWEEP)
    return {
        "tally": conclusions.tally(findings),
        "overview": markdown.overview(findings),
        "details": markdown.details(findings),
        "variants": markdown.changes([n for n in sensitivity.VARIANTS if n in swept]),
        "precision": markdown.precision(),
        "overlap_and_match": overlap_and_match.table(*overlap_and_match.tested()),
        "heads": markdown.objectives("heads"),
        "clusters": markdown.side_by_side(
            [(name, claims.of(load.read(name))) for name in ("pinwheel", "moons")]
        ),
        "beside_the_gaussian": overlap_and_match.beside_the_gaussian(),
        "anisotropy": anisotropy.table(load.read(anisotropy.SWEEP)),
        "training_length": training_length.table(over_lengths),
        "beginnings": training_length.beginnings(over_lengths),
        "paper_length": training_length.beside_short(),
        "resolution": resolution.table(),
        "resolution_roles": latent_roles.table(latent_roles.read("conv_64")),
        "latent_roles": latent_roles.table(latent_roles.read()),
        "weights": weights.table(load.read(weights.SWEEP)),
        "runs": markdown.runs(swept),
        "machine": markdown.machine("shapes"),
    }


def draw(
    findings: Sequence[effects.Finding], folder: pathlib.Path
) -> list[pathlib.Path]:
    """Draws the findings and the figures of their sweeps, as PNG."""
    figures = {}
    with matplotlib.style.context(["default", style.RC]):
        figures["findings"] = forest.forest(findings)
        figures["overlap_and_match"] = overlap_and_match.figure(
            *overlap_and_match.tested()
        )
        figures["anisotropy"] = anisotropy.figure(load.read(anisotropy.SWEEP))
        sweep = load.read(training_length.SWEEP)
        figures["training_length"] = training_length.figure(sweep)
        figures["resolution"] = resolution.figure()
        figures["latent_roles"] = latent_roles.figure(latent_roles.read())
        for name, (sweep, figure) in FIGURES.items():
            results = reading.read(load.FOLDER / sweep)
            figures[name] = all_figures.FIGURES[figure](results)[figure]
        paths = [folder / f"{name}.png" for name in figures]
        for path, figure in zip(paths, figures.values(), strict=True):
            atomic_files.write(path, style.drawn(figure, "png"))
    return paths


if __name__ == "__main__":
    sys.exit(main())
