"""Trains every seed of every setting of a config and draws its figures.

python -m experiments.main --config=configs/shapes_anisotropic.py:laptop
"""

import logging
import os
import pathlib
import sys

import jax
import numpy as np
from absl import app, flags
from ml_collections import ConfigDict, config_flags

from experiments import (
    cli,
    evaluate,
    figures,
    files,
    pictures,
    results,
    runs,
    settings,
    summary,
    sweep,
    train,
    trainer,
)
from experiments.progress import say

# Scores of the table that ends a run, beside those of the figures.
_SHOWN = ("reconstruction", "kl", "active", "kl_prior_aggregate", "mutual_information")

_CONFIG = config_flags.DEFINE_config_file("config", lock_config=True)
_WORKDIR = flags.DEFINE_string("workdir", "", "Folder of the results.")


def run(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Config → data → runs → scores → files → figures.

    The same config in the same workdir goes on after its last finished block.

    Raises:
        ValueError: In one line, for a config, data or workdir that cannot be used.
    """
    config = settings.validate(config)
    rows = settings.rows(config)
    results.open_workdir(workdir, config.to_dict())
    files.write_json(workdir / "settings.json", rows)
    say("\n".join([config.title, *(f"  variant   {t}" for t in config.deviations)]))
    work = sweep.make(config, rows, workdir)
    everything = runs.enumerate_runs(len(rows), config.seeds, config.first_seed)
    plan = sweep.plan(work, len(everything.number))
    done = results.finished(workdir)
    pending = runs.take(
        everything, ~np.isin(everything.number, done.get("number", np.zeros(0)))
    )
    say(sweep.introduction(work, plan, everything, pending))
    tables = {"order": list(evaluate.COLUMNS), "measures": train.MEASURES}
    for _ in trainer.run(work, plan, pending):
        results.write_tables(workdir, rows, **tables)
    statistics = results.write_tables(workdir, rows, **tables)
    files.write_npz(workdir / "pictures.npz", pictures.draw(work))
    say(summary.table(statistics, shown=(*_SHOWN, *config.figure_score)))
    say(f"every score, with its interval: {workdir / 'summary.md'}")
    for path in figures.draw(workdir):
        say(str(path))


def main(argv: list[str]) -> None:
    """Runs the config of the command line; a bad one ends in one line, exit code 2."""
    try:
        cli.reject_stray(argv)
        default = cli.default_workdir(cli.config_argument(sys.argv))
        run(_CONFIG.value, pathlib.Path(_WORKDIR.value or default))
    except (ValueError, OSError) as error:
        cli.fail(str(error))


if __name__ == "__main__":
    logging.getLogger("jax").setLevel(logging.WARNING)
    if not os.environ.get("JAX_NUM_CPU_DEVICES"):
        # XLA:CPU runs a loop on one core: the cores work in parallel as devices.
        affinity = getattr(os, "sched_getaffinity", None)  # Linux only
        cores = len(affinity(0)) if affinity else os.cpu_count()
        jax.config.update("jax_num_cpu_devices", cores)
    app.run(main, flags_parser=cli.parse)
