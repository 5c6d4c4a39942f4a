"""Small sweeps, started as users do, in processes of their own, and what they leave."""

import csv
import math
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Twenty runs in four blocks: seconds, most of them the start of Python and JAX.
PINWHEEL = (
    "--config=configs/pinwheel.py:smoke",
    "--config.objective.beta=0.5,0.0",
    "--config.objective.alpha=0.0,2.0",
    "--config.seeds=10",
    "--config.train.steps=400",
    "--config.runs.block=6",
    "--config.runs.checkpoint_minutes=0",
)
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
    variables = os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)}
    return subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        env=variables | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


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


def end(process: subprocess.Popen[str], *, seconds: float = 600) -> Ended:
    """Waits until a process has ended."""
    printed, _ = process.communicate(timeout=seconds)
    return Ended(process.returncode, printed)


def problems(workdir: pathlib.Path, reference: pathlib.Path) -> list[str]:
    """What differs from an uninterrupted sweep, byte by byte; nothing if none does."""
    found = [
        f"{name} differs"
        for name in [*_TABLES, "pictures.npz", *_figures(reference)]
        if (workdir / name).read_bytes() != (reference / name).read_bytes()
    ]
    if _runs(workdir) != _runs(reference):
        found.append("parameters differ")
    return found


def distance(workdir: pathlib.Path, reference: pathlib.Path) -> float:
    """The largest relative difference of a loss; infinite if runs are missing."""
    ours, theirs = (
        {row["run"]: float(row["loss"]) for row in _rows(folder)}
        for folder in (workdir, reference)
    )
    if ours.keys() != theirs.keys():
        return math.inf
    return max(abs(ours[run] / theirs[run] - 1) for run in theirs)


def _rows(workdir: pathlib.Path) -> list[dict[str, str]]:
    with (workdir / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rows_twice(workdir: pathlib.Path) -> int:
    """Rows of scores.csv, as it stands, that repeat a run or lack a cell."""
    path = workdir / "scores.csv"
    if not path.exists():
        return 0
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    whole = {row[0] for row in rows if len(row) == len(head)}
    return len(rows) - len(whole)


def _figures(reference: pathlib.Path) -> list[str]:
    return [f"figures/{path.name}" for path in (reference / "figures").glob("*.png")]


def _runs(workdir: pathlib.Path) -> dict[int, bytes]:
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
