"""Small sweeps in their own processes, started as users do, and their results."""

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

SEEDS = 6  # runs of a setting
BETAS = "1.0,4.0"
STARTED: list[subprocess.Popen[str]] = []  # ended if the campaign stops

# Twelve runs in three blocks, which take seconds: mostly to start Python and JAX.
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
# Programs are compiled as fast as possible, because they hardly run.
_COMPILED = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
_TABLES = ("scores.csv", "metrics.csv", "summary.csv", "summary.md")


class Exit(NamedTuple):
    """The exit code and the output of a process."""

    code: int  # minus the signal that ended it
    output: str  # stdout and stderr


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
        *more: Arguments that follow `arguments`.
        arguments: The config and its fields.
        devices: Number of devices that JAX simulates on the CPU.
        prefix: Words in front of the command.
        environment: Additional variables.
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
        start_new_session=True,  # so Ctrl-C reaches the campaign alone
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
) -> Generator[Problem, None, Exit]:
    """Waits until a process has ended; a traceback in its output is a problem."""
    output, _ = process.communicate(timeout=seconds)
    if count := output.count("Traceback (most recent call last)"):
        yield Problem(f"a traceback: {output[-300:]}", tracebacks=count)
    return Exit(process.returncode, output)


def wait(happened: Callable[[], bool], *, seconds: float = 300) -> None:
    """Returns once `happened()` is true."""
    limit = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > limit:
            raise TimeoutError("waited too long for a sweep to begin")
        time.sleep(0.01)


def checkpoints(workdir: pathlib.Path) -> list[pathlib.Path]:
    """The complete checkpoints."""
    return [p for p in workdir.glob("checkpoints/*/*") if p.name.isdecimal()]


def compared(result: Exit, workdir: pathlib.Path, reference: pathlib.Path) -> Problems:
    """Problems of a sweep that had to end with the results of the reference."""
    if result.code:
        yield Problem(f"{result.code} {result.output[-300:]}", lost=_size(reference))
    else:
        yield from problems(workdir, reference)


def problems(workdir: pathlib.Path, reference: pathlib.Path) -> Problems:
    """Differences from an undisturbed sweep; bytes lost are of whole files or runs."""
    for name in [*_TABLES, "pictures.npz", *_figures(reference)]:
        expected, path = (reference / name).read_bytes(), workdir / name
        if not path.exists() or path.read_bytes() != expected:
            yield Problem(f"{name} differs", lost=len(expected))
    of_workdir, of_reference = runs(workdir), runs(reference)
    lost = [run for run in of_reference if of_workdir.get(run) != of_reference[run]]
    if lost or of_workdir.keys() != of_reference.keys():
        bytes_lost = sum(len(of_reference[run]) for run in lost)
        yield Problem(f"parameters differ in {len(lost)} runs", lost=bytes_lost)


def distance(workdir: pathlib.Path, reference: pathlib.Path) -> float:
    """The largest relative difference of a loss; infinite if runs are missing."""
    of_workdir, of_reference = scores(workdir), scores(reference)
    if of_workdir.keys() != of_reference.keys():
        return math.inf
    return max(
        abs(float(of_workdir[run]["loss"]) / float(row["loss"]) - 1)
        for run, row in of_reference.items()
    )


def scores(workdir: pathlib.Path) -> dict[int, dict[str, str]]:
    """The rows of scores.csv by run."""
    return {int(row["run"]): row for row in table(workdir / "scores.csv")}


def table(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def bad_rows(workdir: pathlib.Path) -> int:
    """The number of rows of scores.csv that repeat a run or lack a cell."""
    path = workdir / "scores.csv"
    if not path.exists():
        return 0
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    distinct = {row[0] for row in rows if len(row) == len(head)}
    return len(rows) - len(distinct)


def runs(workdir: pathlib.Path) -> dict[int, bytes]:
    """All bytes that the blocks hold of each run."""
    content: dict[int, bytes] = {}
    for path in sorted((workdir / "blocks").glob("*.npz")):
        with np.load(path, allow_pickle=False) as block:
            arrays = [block[name] for name in sorted(block.files)]
            numbers = block["number"].tolist()
        for place, number in enumerate(numbers):
            of_run = b"".join(array[place].tobytes() for array in arrays)
            content[number] = content.get(number, b"") + of_run
    return content


def _figures(reference: pathlib.Path) -> list[str]:
    return [f"figures/{path.name}" for path in (reference / "figures").glob("*.png")]


def _size(folder: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
