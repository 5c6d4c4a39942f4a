"""What is timed: our programs as the trainer compiles them, PyTorch's as processes.

Each has `runs`, how many it trains, and `seconds(steps)`, the time that so many more
steps of all of them take.
"""

import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from experiments.config import command_line, settings
from experiments.models.autoencoder import VAE
from experiments.sweep import layout, loop
from experiments.system import parallel

POINTS = 8192  # images in memory, as in the peer


class Work(NamedTuple):
    """Networks, data and objective, on both sides."""

    config: str  # a file of configs/ and its variants
    change: Mapping[str, Any]  # of its fields, by dotted name, to one setting
    peer: str  # a key of torch_peer.PROGRAMS
    batch: int
    multiply_adds: float  # of the products of one example, forward


_IMAGES = {"prior.name": ("isotropic",), "objective.beta": (1.0,)}
WORKS = {
    "conv": Work(
        "configs/shapes_anisotropic.py",
        _IMAGES | {"data.points": POINTS},
        "conv",
        64,
        20.7e6,
    ),
    "dense": Work(
        "configs/shapes_anisotropic.py:laptop",
        _IMAGES | {"data.points": POINTS, "evaluate.points": POINTS},
        "dense",
        64,
        102_144,
    ),
    "pinwheel": Work(
        "configs/pinwheel.py",
        {"objective.beta": (1.0,), "objective.alpha": (1.0,)},
        "pinwheel",
        400,
        1_200,
    ),
}


class Program(Protocol):
    """Runs in training."""

    runs: int

    def seconds(self, steps: int) -> float:
        """Trains all runs for so many steps more."""
        ...


class Ours:
    """So many seeds of one setting, compiled as the trainer does.

    Args:
        work: What is trained.
        count: Number of runs.
        change: More fields of the config, by dotted name.
        rebuild: Makes the VAE to train of that of the config.
        state: Of another such program of as many runs, on the host, to start from.
    """

    def __init__(
        self,
        work: Work,
        count: int,
        *,
        change: Mapping[str, Any] | None = None,
        rebuild: Callable[[VAE], VAE] = lambda vae: vae,
        state: Any = None,
    ):
        self.runs = count
        start = time.perf_counter()
        made = make(work, {**(change or {}), "runs.block": count})
        made = made._replace(vae=rebuild(made.vae))
        self.plan = layout.plan(made, count)
        programs = loop.programs(made, self.plan)
        members = parallel.enumerate_runs(1, count, 0)
        self._block = loop.block(made, self.plan, members)
        self._points = parallel.share(self.plan, made.data.points)
        self._scored = [
            parallel.share(self.plan, made.scored.points),
            parallel.share(self.plan, made.scored.factors.astype(np.int32)),
        ]
        self._advance, self._scores = programs.advance, programs.scores
        self._state = (
            programs.init(self._block.keys, self._block.setting)
            if state is None
            else parallel.scatter(self.plan, state)
        )
        self.seconds(1)
        self.seconds_to_compile = time.perf_counter() - start

    def seconds(self, steps: int) -> float:
        start = time.perf_counter()
        _, keys, setting = self._block
        state = self._advance(self._state, keys, setting, self._points, np.int32(steps))
        self._state = jax.block_until_ready(state)
        return time.perf_counter() - start

    def state(self) -> Any:
        """The state of all runs, on the host."""
        return parallel.collect(self._state)

    def seconds_to_score(self) -> float:
        """Scores all runs, once."""
        start = time.perf_counter()
        _, keys, setting = self._block
        jax.block_until_ready(
            self._scores(self._state.params, keys, setting, *self._scored)
        )
        return time.perf_counter() - start


class Torch:
    """PyTorch in one process, or in several side by side, each with runs of its own."""

    def __init__(self, work: Work, *, processes: int, threads: int):
        self.runs = processes
        command = [sys.executable, "-m", "experiments.benchmarks.torch_peer", work.peer]
        command += [f"--threads={threads}", f"--batch={work.batch}"]
        self._workers = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # it ends when its input does, by Ctrl-C too
            )
            for _ in range(processes)
        ]
        self.seconds(2)

    def seconds(self, steps: int) -> float:
        start = time.perf_counter()
        for worker in self._workers:
            print(steps, file=worker.stdin, flush=True)
        for worker in self._workers:
            if not worker.stdout.readline():
                raise ValueError("a process of the peer has ended; its error is above.")
        return time.perf_counter() - start

    def close(self) -> None:
        """Ends the processes."""
        for worker in self._workers:
            worker.communicate()


def make(work: Work, change: Mapping[str, Any]) -> layout.Sweep:
    """The sweep of a config with some fields changed."""
    config = command_line.load_config(work.config)
    with config.unlocked():
        config.update_from_flattened_dict({**work.change, **change})
    _, programs = settings.validate(config)
    (sweep,) = layout.sweeps(programs, pathlib.Path())
    return sweep


def rates(
    programs: Mapping[str, Program], *, repetitions: int, seconds: float
) -> dict[str, np.ndarray]:
    """Run-steps a second of each program, in turn in every repetition `[repetitions]`.

    Args:
        programs: By name.
        repetitions: Times that each is measured.
        seconds: About how long a measurement lasts.
    """
    steps = {}
    for name, program in programs.items():
        one = program.seconds(2) / 2
        steps[name] = max(1, round(seconds / one))
    measured: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repetitions):
        for name, program in programs.items():
            spent = program.seconds(steps[name])
            measured[name].append(program.runs * steps[name] / spent)
    return {name: np.array(values) for name, values in measured.items()}
