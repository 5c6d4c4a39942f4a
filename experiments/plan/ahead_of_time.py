"""The training program of a sweep, compiled for an accelerator that is not here."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from decomp import runs as axis
from experiments.sweep import layout, loop
from experiments.sweep.layout import Sweep
from experiments.system import parallel


class Compiled(NamedTuple):
    """The program of a block on one of its devices."""

    runs: int  # of a device
    text: str  # HLO after all passes
    arguments: int  # bytes of a device, the data among them
    outputs: int
    aliased: int  # bytes of outputs in the memory of arguments, which are donated
    temporary: int  # bytes


def compiled(sweep: Sweep, devices: Sequence[Any], runs: int) -> Compiled:
    """Compiles the training of a block, as `loop.run` calls it.

    Args:
        sweep: A program of a sweep, of `layout.outline`.
        devices: Devices that need not be here.
        runs: Runs that each of them trains at once.
    """
    platform = devices[0].platform
    vmapped = axis.is_vmapped(sweep.config.runs.layout, platform)
    block = runs * len(devices)
    plan = parallel.Plan(axis.over(devices), block, vmapped)
    shapes = layout.training_shapes(sweep, block)
    advance = loop.programs(sweep, plan).advance
    lowered = advance.lower(*parallel.placed(plan, shapes, mapped=3))
    program = lowered.compile()
    memory = program.memory_analysis()
    return Compiled(
        runs=runs,
        text=program.as_text(),
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes,
        aliased=memory.alias_size_in_bytes,
        temporary=memory.temp_size_in_bytes,
    )
