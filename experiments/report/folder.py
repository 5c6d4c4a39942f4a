"""The contents of a folder of results that a report needs."""

import pathlib
from typing import Any, NamedTuple

import matplotlib.image
import numpy as np

from experiments.report import about
from experiments.report.markup import picture
from experiments.results import reading


class Folder(NamedTuple):
    """The contents of a folder of results."""

    workdir: pathlib.Path
    results: reading.Results
    env: dict[str, Any]
    figures: dict[str, tuple[str, int]]  # data URI and width in pixels, by name


def read(workdir: pathlib.Path) -> Folder:
    """Reads the folder.

    Raises:
        ValueError: One line, for a folder or a file in it that cannot be used.
    """
    results = reading.read(workdir)
    return Folder(
        workdir, results, about.environment(workdir), _figures(workdir, results)
    )


def title(folder: Folder) -> str:
    """The title of the experiment, or the name of the folder."""
    return str(folder.results.config.get("title") or folder.workdir.resolve().name)


def _figures(
    workdir: pathlib.Path, results: reading.Results
) -> dict[str, tuple[str, int]]:
    """The PNGs in the order of config.json, as lossless data URIs."""
    order = list(map(str, results.config["figures"]))

    def place(path: pathlib.Path) -> tuple[int, str]:
        positions = [i for i, name in enumerate(order) if path.stem.startswith(name)]
        return (positions[0] if positions else len(order)), path.stem

    drawn = {}
    for path in sorted((workdir / "figures").glob("*.png"), key=place):
        try:
            pixels = matplotlib.image.imread(path)
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"figures/{path.name} cannot be read: {error}.") from None
        pixels = np.round(255 * pixels).astype(np.uint8)
        drawn[path.stem] = picture(pixels), pixels.shape[1]
    return drawn
