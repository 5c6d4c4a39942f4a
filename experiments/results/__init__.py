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

    The sweep may still be training. Neither its data nor a device is needed.

    Args:
        workdir: The folder of the sweep; `~` is your home.

    Returns:
        A `sweep.opened.OpenedSweep`.

    Raises:
        ValueError: In one line, for a folder that is no workdir or of another version,
            or without a finished run.
    """
    # The tables are read without JAX; only who opens the networks has to load it.
    return importlib.import_module("experiments.sweep.opened").open_workdir(workdir)
