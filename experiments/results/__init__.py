"""The tables of a sweep, written and read.

from experiments import results

sweep = results.open("results/shapes_anisotropic-laptop")
sweep.scores["mig"], sweep[sweep.best("mig")].encode(images)
"""

import importlib
import os
from typing import Any


def open(workdir: str | os.PathLike) -> Any:
    """The runs of a sweep that have finished: settings, scores and trained networks.

    The sweep may still be training. Neither its data nor an accelerator is needed.

    Args:
        workdir: The folder of the sweep; `~` is your home.

    Returns:
        A `sweep.opened.OpenedSweep`.

    Raises:
        ValueError: One line, for a folder that is not a workdir, has another version,
            or has no finished run.
    """
    # The tables are read without JAX; only opening the networks needs it.
    return importlib.import_module("experiments.sweep.opened").open_workdir(workdir)
