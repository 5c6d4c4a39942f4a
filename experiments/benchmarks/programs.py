"""The programs that are timed: ours as compiled for training, PyTorch's as processes.

Each has `runs`, the number of runs that it trains, and `seconds(steps)`, the time that
this many further steps of all runs take.
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
    """Networks, data and objective, for ours and PyTorch."""

    config: str  # a file of configs/ and its variants
    change: Mapping[str, Any]  # values of its fields by dotted name, for one setting
    peer: str  # a key of torch_peer.PROGRAMS
    batch: int
    multiply_adds: float  # of the forward products of one example


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
        """Trains all runs for this many further steps."""
        ...


class Ours:
    """Compiles some seeds of one setting as in training.

    Args:
        work: Networks, data and objective.
        count: Number of runs.
        change: More fields of the config, by dotted name.
        rebuild: Maps the VAE of the config to the one to train.
        state: The initial state, from another such program with as many runs.
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
        sweep = make(work, {**(change or {}), "runs.block": count})
        sweep = sweep._replace(vae=rebuild(sweep.vae))
        self.plan = layout.plan(sweep, count)
        programs = loop.programs(sweep, self.plan)
        members = parallel.enumerate_runs(1, count, 0)
        self._block = loop.block(sweep, self.plan, members)
        self._points = parallel.share(self.plan, sweep.data.points)
        self._scored = [
            parallel.share(self.plan, sweep.scored.points),
            parallel.share(self.plan, sweep.scored.factors.astype(np.int32)),
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
    """PyTorch in one process or in several, each of which trains its own runs."""

    def __init__(
        self, work: Work, *, processes: int, threads: int, bfloat16: bool = False
    ):
        self.runs = processes
        command = [sys.executable, "-m", "experiments.benchmarks.torch_peer", work.peer]
        command += [f"--threads={threads}", f"--batch={work.batch}"]
        command += ["--bfloat16"] * bfloat16
        self._workers = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # it ends with its input, also after Ctrl-C
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
    """Run-steps per second of each program `[repetitions]`, measured in turn.

    Args:
        programs: Programs by name.
        repetitions: Number of measurements of each program.
        seconds: Approximate duration of a measurement.
    """
    steps = {}
    for name, program in programs.items():
        per_step = program.seconds(2) / 2
        steps[name] = max(1, round(seconds / per_step))
    measured: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repetitions):
        for name, program in programs.items():
            spent = program.seconds(steps[name])
            measured[name].append(program.runs * steps[name] / spent)
    return {name: np.array(values) for name, values in measured.items()}
