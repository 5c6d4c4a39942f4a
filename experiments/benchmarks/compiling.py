"""Seconds to compile the programs of a config; on accelerators, also from the cache.

    python -m experiments.benchmarks.compiling configs/pinwheel.py

Prints one number, the seconds of this process. The row `compile` of the table calls it
for each config, in a process and with a compilation cache of its own; twice if the
cache is used.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any

import jax
import numpy as np

from experiments.config import command_line, settings
from experiments.sweep import layout, loop
from experiments.system import devices, parallel, signals

CONFIGS = (
    "configs/pinwheel.py",
    "configs/pinwheel_divergences.py",
    "configs/shapes_anisotropic.py",
    "configs/shapes_anisotropic.py:laptop",
    "configs/shapes_student_t.py:laptop",
    "configs/entropy_equivalence.py:laptop",
    "configs/subspaces.py:laptop",
    "configs/tc_ablation.py:laptop",
    "configs/sparse.py:laptop",
)
_LIMITS = "30 s, 10 s"  # for the first and for a later start


def rows(options: Any) -> Iterator[tuple[str, ...]]:
    """The rows of the table, one per config."""
    del options
    kept = jax.default_backend() != "cpu"
    for config in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            first = _seconds(config, folder if kept else "")
            again = f"{_seconds(config, folder):.1f} s again" if kept else ""
        yield f"compile {config}", f"{first:.1f} s", again, "", _LIMITS


def _seconds(config: str, folder: str) -> float:
    command = [sys.executable, "-m", "experiments.benchmarks.compiling", config]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": folder}
    with (
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process,
        signals.cleaning(process.kill),
    ):
        printed, _ = process.communicate()
    if process.returncode:
        raise ValueError(f"{config} was not compiled; the error is above.")
    return float(printed.split()[-1])  # the number comes last


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the seconds; returns 0."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    _, programs = settings.validate(command_line.load_config(name))
    print(f"{seconds(layout.sweeps(programs, pathlib.Path())[0]):.2f}")
    return 0


def seconds(sweep: layout.Sweep) -> float:
    """Seconds from tracing to machine code of the three functions of a sweep."""
    everything = parallel.enumerate_runs(
        len(sweep.settings.objective), sweep.config.seeds, 0
    )
    plan = layout.plan(sweep, len(everything.number))
    _, keys, setting = loop.block(
        sweep, plan, parallel.take(everything, np.arange(plan.block))
    )
    init, advance, scores = loop.programs(sweep, plan)
    points, scored, factors = (
        jax.ShapeDtypeStruct(array.shape, dtype or array.dtype)
        for array, dtype in (
            (sweep.data.points, None),
            (sweep.scored.points, None),
            (sweep.scored.factors, np.int32),
        )
    )
    state = jax.eval_shape(init, keys, setting)
    start = time.perf_counter()
    loop.compiled_for(init, keys, setting)
    with futures.ThreadPoolExecutor(1) as aside:  # as in training
        aside.submit(
            loop.compiled_for,
            *(scores, state.params, keys, setting, scored, factors),
        )
        loop.compiled_for(advance, state, keys, setting, points, np.int32(1))
    return time.perf_counter() - start


if __name__ == "__main__":
    devices.use_cores()
    sys.exit(main())
