"""Forecast of a program of a sweep on a number of accelerators of one kind."""

import collections
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from decomp.runs import CALIBRATED, block_size, room, vmapped_bytes
from experiments.plan import ahead_of_time, hlo, roofline
from experiments.plan.accelerators import Accelerator
from experiments.plan.roofline import Step
from experiments.sweep import layout
from experiments.sweep.layout import Sweep


class Forecast(NamedTuple):
    """The facts of a compiled program, and the estimate of its time."""

    runs: int  # number of runs R of the program
    steps: int  # steps per run
    batch_size: int
    devices: int  # devices that a block is divided over
    block: int  # runs that are trained together
    blocks: int  # blocks, which are trained one after another
    bytes_per_run: float  # memory per run
    bytes_used: int  # memory of a device that a block takes, with the data
    fits: bool  # whether JAX may take that memory
    collectives: list[str]  # operations by which devices communicate; none is expected
    donated: bool  # whether the state is updated in place
    libraries: dict[str, int]  # calls of libraries, such as cuDNN, per step
    step: Step  # a step of all runs of a device
    seconds_to_compile: float

    @property
    def examples(self) -> int:
        """Examples per step of a device."""
        return self.block // self.devices * self.batch_size

    @property
    def hours(self) -> float:
        """Hours that all steps of all runs take, by the estimate."""
        return self.blocks * self.steps * self.step.seconds / 3600


def make(
    sweep: Sweep, accelerator: Accelerator, devices: Sequence[Any], count: int
) -> Forecast:
    """Compiles a program and forecasts what it takes.

    Args:
        sweep: A program of a sweep, from `layout.outline`.
        accelerator: The kind of device.
        devices: At least two of them to compile for, see `accelerators.devices`.
        count: Number of devices that train the sweep.
    """
    start, config = time.monotonic(), sweep.config
    runs = len(sweep.settings.objective) * config.seeds
    count = min(count, config.runs.devices or count, runs)
    block = _block(sweep, accelerator, devices[0], runs, count)
    program = ahead_of_time.compiled(sweep, devices, block // count)
    module = hlo.parse(program.text)
    total = program.arguments + program.outputs - program.aliased + program.temporary
    return Forecast(
        runs=runs,
        steps=sweep.steps,
        batch_size=config.train.batch_size,
        devices=count,
        block=block,
        blocks=math.ceil(runs / block),
        bytes_per_run=(total - sweep.data.points.nbytes) / program.runs,
        bytes_used=total,
        fits=total <= accelerator.memory,
        collectives=roofline.collectives(module),
        donated=program.aliased >= program.runs * layout.state_bytes(sweep),
        libraries=_libraries(module, accelerator),
        step=roofline.step(module, accelerator),
        seconds_to_compile=time.monotonic() - start,
    )


def _block(
    sweep: Sweep, accelerator: Accelerator, device: Any, runs: int, count: int
) -> int:
    """The block that `layout.plan` would choose on these devices."""
    block = sweep.config.runs.block
    per_run = 0.0
    if not block:
        _, advance, _ = layout.functions(sweep)
        shapes = layout.training_shapes(sweep, min(runs, CALIBRATED))
        per_run = vmapped_bytes(advance, shapes, device)
    return block_size(
        runs,
        devices=count,
        platform=device.platform,
        bytes_per_run=math.ceil(per_run),
        memory=room(accelerator.memory, sweep.data.points.nbytes),
        block=block,
        most=layout.most_at_once(sweep, device.platform),
    )


def _libraries(module: hlo.Module, accelerator: Accelerator) -> dict[str, int]:
    counts: collections.Counter[str] = collections.Counter()
    for kernel in roofline.kernels(module, accelerator.default_precision):
        if kernel.library:
            counts[kernel.library] += kernel.times
    return dict(counts)
