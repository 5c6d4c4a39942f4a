"""Small sweeps, started as users do, in processes of their own, and what they leave."""

import csv
import math
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

import numpy as np

from tests.faults.trial import Problem, Problems

SEEDS = 6  # of a setting
BETAS = "1.0,4.0"
STARTED: list[subprocess.Popen[str]] = []  # by this process

# Twelve runs in three blocks: seconds, most of them the start of Python and JAX.
PINWHEEL = (
    "--config=configs/pinwheel.py:smoke",
    "--config.prior.name=isotropic",
    f"--config.objective.beta={BETAS}",
    "--config.objective.alpha=0.0",
    "--config.data.points=100",
    "--config.train.batch_size=100",
    "--config.train.steps=400",
    f"--config.seeds={SEEDS}",
    "--config.runs.block=4",
    "--config.runs.checkpoint_minutes=0",
    "--config.figures=scores_by_setting",
)
# Programs are compiled as fast as can be: they hardly run.
_COMPILED = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
_TABLES = ("scores.csv", "metrics.csv", "summary.csv", "summary.md")


class Ended(NamedTuple):
    """How a process ended."""

    code: int  # minus the signal that ended it
    printed: str  # stdout and stderr


def start(
    workdir: pathlib.Path,
    *more: str,
    arguments: Sequence[str] = PINWHEEL,
    devices: int = 2,
    prefix: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Starts `python -m experiments.main`.

    Args:
        workdir: Folder of the results.
        *more: Further arguments.
        arguments: The config and its fields.
        devices: Devices that the CPU counts for.
        prefix: A command that starts the command.
        environment: More variables.
    """
    command = [*prefix, sys.executable, "-m", "experiments.main", *arguments, *more]
    variables = os.environ | _COMPILED | {"JAX_NUM_CPU_DEVICES": str(devices)}
    process = subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        env=variables | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for the campaign alone
    )
    STARTED.append(process)
    return process


def pair(
    workdir: pathlib.Path, *, arguments: Sequence[str] = PINWHEEL
) -> list[subprocess.Popen[str]]:
    """Starts two processes of one job, as SLURM does, each with two devices."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    job = {
        "SLURM_JOB_ID": "1",
        "SLURM_NTASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_NUM_NODES": "1",
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
    }
    return [
        start(
            workdir,
            "--config.distributed=True",
            arguments=arguments,
            environment=job | {"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)},
        )
        for i in range(2)
    ]


def end(
    process: subprocess.Popen[str], *, seconds: float = 600
) -> Generator[Problem, None, Ended]:
    """Waits until a process has ended; a traceback that it shows is a problem."""
    printed, _ = process.communicate(timeout=seconds)
    if shown := printed.count("Traceback (most recent call last)"):
        yield Problem(f"a traceback: {printed[-300:]}", tracebacks=shown)
    return Ended(process.returncode, printed)


def wait(happened: Callable[[], bool], *, seconds: float = 300) -> None:
    """Returns once something has happened."""
    limit = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > limit:
            raise TimeoutError("waited too long for a sweep to begin")
        time.sleep(0.01)


def saved(workdir: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints that are there whole."""
    return [p for p in workdir.glob("checkpoints/*/*") if p.name.isdecimal()]


def compared(ended: Ended, workdir: pathlib.Path, reference: pathlib.Path) -> Problems:
    """Problems of a sweep that had to reach its end, as the reference did."""
    if ended.code:
        yield Problem(f"{ended.code} {ended.printed[-300:]}", lost=_size(reference))
    else:
        yield from problems(workdir, reference)


def problems(workdir: pathlib.Path, reference: pathlib.Path) -> Problems:
    """What differs from an uninterrupted sweep; bytes of whole files, or of runs."""
    for name in [*_TABLES, "pictures.npz", *_figures(reference)]:
        expected, path = (reference / name).read_bytes(), workdir / name
        if not path.exists() or path.read_bytes() != expected:
            yield Problem(f"{name} differs", lost=len(expected))
    ours, theirs = runs(workdir), runs(reference)
    lost = [run for run in theirs if ours.get(run) != theirs[run]]
    if lost or ours.keys() != theirs.keys():
        bytes_lost = sum(len(theirs[run]) for run in lost)
        yield Problem(f"parameters differ in {len(lost)} runs", lost=bytes_lost)


def distance(workdir: pathlib.Path, reference: pathlib.Path) -> float:
    """The largest relative difference of a loss; infinite if runs are missing."""
    ours, theirs = scores(workdir), scores(reference)
    if ours.keys() != theirs.keys():
        return math.inf
    return max(
        abs(float(ours[run]["loss"]) / float(row["loss"]) - 1)
        for run, row in theirs.items()
    )


def scores(workdir: pathlib.Path) -> dict[int, dict[str, str]]:
    """The rows of scores.csv by run."""
    return {int(row["run"]): row for row in table(workdir / "scores.csv")}


def table(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rows_twice(workdir: pathlib.Path) -> int:
    """Rows of scores.csv, as it stands, that repeat a run or lack a cell."""
    path = workdir / "scores.csv"
    if not path.exists():
        return 0
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    whole = {row[0] for row in rows if len(row) == len(head)}
    return len(rows) - len(whole)


def runs(workdir: pathlib.Path) -> dict[int, bytes]:
    """The bytes of everything that blocks hold of each run."""
    found: dict[int, bytes] = {}
    for path in sorted((workdir / "blocks").glob("*.npz")):
        with np.load(path, allow_pickle=False) as block:
            arrays = [block[name] for name in sorted(block.files)]
            numbers = block["number"].tolist()
        for place, number in enumerate(numbers):
            of_run = b"".join(array[place].tobytes() for array in arrays)
            found[number] = found.get(number, b"") + of_run
    return found


def _figures(reference: pathlib.Path) -> list[str]:
    return [f"figures/{path.name}" for path in (reference / "figures").glob("*.png")]


def _size(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
