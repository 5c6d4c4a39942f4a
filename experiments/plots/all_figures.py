"""All figures by their names in `config.figures`, drawn from the files of a sweep."""

import logging
import pathlib

import matplotlib.style

from experiments.plots import (
    ablation,
    aggregate_posterior,
    equivalence,
    pinwheel_scores,
    reconstruction_vs_score,
    sparsity,
    style,
    traversals,
)
from experiments.results import reading

_LOG = logging.getLogger(__name__)

FIGURES = {
    "reconstruction_vs_score": reconstruction_vs_score.reconstruction_vs_score,
    "aggregate_posterior": aggregate_posterior.aggregate_posterior,
    "prior_density": aggregate_posterior.prior_density,
    "traversals": traversals.traversals,
    "reconstructions": traversals.reconstructions,
    "scores_by_setting": pinwheel_scores.scores_by_setting,
    "ablation": ablation.ablation,
    "equivalence": equivalence.equivalence,
    "sparsity": sparsity.sparsity,
}


def draw(workdir: str | pathlib.Path) -> list[pathlib.Path]:
    """Draws the figures that config.json lists.

    Args:
        workdir: The folder of a sweep.

    Returns:
        The files written. A figure whose input is missing is skipped with a warning.

    Raises:
        ValueError: One line, if the folder or a file in it cannot be used.
    """
    workdir = pathlib.Path(workdir)
    results = reading.read(workdir)
    names = results.config["figures"]
    for name in names:
        if name not in FIGURES:
            raise ValueError(
                f"config.json: unknown figure {name!r}; "
                f"available are {', '.join(FIGURES)}."
            )
    folder = workdir / "figures"
    folder.mkdir(exist_ok=True)
    paths = []
    for name in names:
        with matplotlib.style.context(["default", style.RC]):
            try:
                pages = FIGURES[name](results)
            except reading.Missing as reason:
                _LOG.warning("skipped %s: %s.", name, reason)
                continue
            for stem, figure in pages.items():
                paths += style.save(figure, folder / stem)
    return paths
