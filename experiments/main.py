"""Trains every seed of every setting of a config and draws its figures.

python -m experiments.main --config=configs/shapes_anisotropic.py:laptop
"""

import contextlib
import logging
import os
import pathlib
import sys
import time
from typing import Any, NoReturn

import jax
import numpy as np
from absl import app
from absl import logging as absl_logging
from ml_collections import ConfigDict

from decomp import extras
from experiments.config import command_line, settings
from experiments.config.settings import ProgramSettings
from experiments.evaluation import evaluate
from experiments.plots import all_figures
from experiments.results import run_tables, summary
from experiments.sweep import figure_arrays, layout, loop, opened, tensorboard, workdirs
from experiments.system import atomic_files, devices, lock, parallel, signals
from experiments.system.terminal import say
from experiments.training import one_run

# Scores in the table that ends a sweep, beside those of the figures.
_SHOWN = ("reconstruction", "kl", "active", "kl_prior_aggregate", "mutual_information")


def run(
    config: ConfigDict, programs: list[ProgramSettings], workdir: pathlib.Path
) -> None:
    """Config → data → runs → scores → files → figures.

    The same config in the same workdir continues after its last finished block. If
    there are several processes, only the first writes and draws.

    Args:
        config: A config from `settings.validate`.
        programs: Its programs, also from there.
        workdir: Folder of the results.

    Raises:
        ValueError: One line, for data or a workdir that cannot be used.
    """
    if config.tensorboard:
        extras.require("tensorboardX")
    rows = settings.rows(programs)
    signals.promise(f"{signals.CONTINUES} from the last checkpoint")
    with lock.held(workdir) if parallel.is_first() else contextlib.nullcontext():
        changes: list[str] = []
        if parallel.is_first():
            changes = workdirs.compare(workdir, config.to_dict(), rows)
        say("\n".join([config.title, *(f"  variant   {t}" for t in config.deviations)]))
        works = layout.sweeps(programs, workdir)
        counts = [len(work.settings.objective) * config.seeds for work in works]
        plans = list(map(layout.plan, works, counts))
        everything, rest = _begin(config, works, rows, changes)
        _train(config, works, plans, rows, everything, rest)
    parallel.maximum(0)  # processes wait until the first one has drawn


def _train(
    config: ConfigDict,
    works: list[layout.Sweep],
    plans: list[parallel.Plan],
    rows: list[dict[str, Any]],
    everything: parallel.Runs,
    rest: np.ndarray,
) -> None:
    """Trains the rest of a sweep, one program after another, and draws."""
    workdir = works[0].workdir
    if len(works) > 1:
        say(layout.overview(config, works))
    begin = time.monotonic()
    on = config.tensorboard and parallel.is_first()
    steps = max(work.steps for work in works)
    board = tensorboard.Board(workdir, rows, steps, on=on)
    with contextlib.closing(board):
        for place, (work, plan) in enumerate(zip(works, plans, strict=True), 1):
            own = layout.members(work, everything)
            pending = parallel.take(everything, own & rest)
            if len(works) > 1:
                say(f"program {place} of {len(works)}: {layout.differs(config, work)}")
            say(layout.introduction(work, plan, int(own.sum()), len(pending.number)))
            for _ in loop.run(work, plan, pending, board.record):
                if parallel.is_first():
                    board.finished(_write_tables(workdir, rows))
                    now = time.monotonic()
                    workdirs.spend(workdir, now - begin)
                    begin = now
        if parallel.is_first():
            _finish(config, works, rows, board)


def _begin(
    config: ConfigDict,
    works: list[layout.Sweep],
    rows: list[dict[str, Any]],
    changes: list[str],
) -> tuple[parallel.Runs, np.ndarray]:
    """Creates the workdir; returns all runs, and those that have not finished."""
    workdir = works[0].workdir
    if parallel.is_first():
        trainings = [
            workdirs.Training(work.steps, layout.record_every(work)) for work in works
        ]
        for note in workdirs.start(workdir, config.to_dict(), trainings, changes):
            say(f"  {note}")
        atomic_files.write_json(workdir / "settings.json", rows)
        opened.write_shapes(workdir, works)
    everything = parallel.enumerate_runs(len(rows), config.seeds, config.first_seed)
    numbers = (
        run_tables.finished(workdir).get("number", np.zeros(0))
        if parallel.is_first()
        else []
    )
    return everything, parallel.from_first(~np.isin(everything.number, numbers))


def main(command: command_line.Command) -> None:
    """Runs the config of the command line; an error is one line and exit code 2."""
    # Orbax logs errors with a traceback, but they are also raised here.
    absl_logging.set_verbosity(absl_logging.FATAL)
    try:
        _start(command.config)
        if parallel.is_first():
            return run(*command)
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            run(*command)
    except signals.Stopped as stopped:
        _leave(stopped)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        command_line.fail(str(error))
    except MemoryError as error:
        command_line.fail(f"there is too little memory. {error}")
    except jax.errors.JaxRuntimeError as error:
        _explain(error)
        raise


def _start(config: ConfigDict) -> None:
    """Starts JAX, alone or as a process of a job."""
    if config.distributed:
        devices.connect()
    devices.check_platform()
    devices.keep_programs()


def _leave(stopped: signals.Stopped) -> NoReturn:
    """Ends a sweep after it has saved its runs."""
    say(f"stopped by {stopped}; {signals.CONTINUES} from here")
    if jax.process_count() > 1:
        sys.exit(stopped.exit_code)  # JAX disconnects from the other processes
    signals.leave(stopped.exit_code)


def _explain(error: jax.errors.JaxRuntimeError) -> None:
    """Ends with one line if a process was lost or memory was exhausted."""
    reason = " ".join(str(error).split())[:300]
    if jax.process_count() > 1:
        print(
            "experiments.main: another process of the job was lost; "
            f"{signals.CONTINUES} from the last checkpoint. {reason}",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # a regular exit would wait for the lost process
    if "RESOURCE_EXHAUSTED" in reason:
        command_line.fail(
            "the device has too little memory for the block; choose a smaller one by "
            f"--config.runs.block, and {signals.CONTINUES}. {reason}"
        )


def _write_tables(
    workdir: pathlib.Path, rows: list[dict[str, Any]]
) -> list[summary.Row]:
    return run_tables.write_tables(
        workdir,
        rows,
        order=list(evaluate.COLUMNS),
        measures=one_run.MEASURES,
        terms=one_run.TERMS,
    )


def _finish(
    config: ConfigDict,
    works: list[layout.Sweep],
    rows: list[dict[str, Any]],
    board: tensorboard.Board,
) -> None:
    """Writes tables, pictures and figures of all runs."""
    workdir = works[0].workdir
    say("all runs are trained and scored; drawing their figures")
    statistics = _write_tables(workdir, rows)
    atomic_files.write_npz(workdir / "pictures.npz", figure_arrays.draw(works))
    say(summary.table(statistics, shown=(*_SHOWN, *config.figure_score)))
    say(f"all scores with their intervals: {workdir / 'summary.md'}")
    for path in all_figures.draw(workdir):
        say(str(path))
    board.finished(statistics, pictures=True)


if __name__ == "__main__":
    logging.getLogger("jax").setLevel(logging.WARNING)
    devices.use_cores()
    sys.unraisablehook = devices.leave_out_late_writes
    app.run(main, flags_parser=command_line.parse)
