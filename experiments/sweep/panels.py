"""The figures that have a panel for each setting, of one setting at a time, as PNG."""

import pathlib

import matplotlib.style
import numpy as np

from experiments import figures
from experiments.plots import style
from experiments.results import reading

_FIGURES = ("traversals", "reconstructions", "aggregate_posterior")
_SHARED = ("side", "traversal_values", "class_names", "density_grid", "points")
_RUNS = ("picture_run", "density_run")
_DPI, _LEAST = 100, 5.0  # inches a side


def draw(workdir: pathlib.Path) -> list[dict[str, bytes]]:
    """Pictures by name, for each setting; those that config.json lists among figures.

    None for a setting of which every run has diverged.
    """
    results = reading.read(workdir)
    return [_of_setting(results, i) for i in range(len(reading.settings(results)))]


def _of_setting(results: reading.Results, index: int) -> dict[str, bytes]:
    kept = {
        name: array if name in _SHARED else array[index : index + 1]
        for name, array in (results.pictures or {}).items()
    }
    if any(kept[name][0] < 0 for name in _RUNS if name in kept):
        return {}
    one = results._replace(
        settings=[reading.settings(results)[index]],
        pictures=kept,
        config=results.config | {"title": ""},
    )
    found = {}
    for name in set(_FIGURES) & set(results.config["figures"]):
        with matplotlib.style.context(["default", style.RC]):
            try:
                (figure,) = figures.FIGURES[name](one).values()
            except reading.Missing:
                continue
            figure.set_size_inches(np.maximum(figure.get_size_inches(), _LEAST))
            found[name] = style.drawn(figure, "png", dpi=_DPI, bbox_inches="tight")
    return found
