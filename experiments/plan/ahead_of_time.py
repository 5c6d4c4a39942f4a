"""The training program of a sweep, compiled for an accelerator that may be absent."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from decomp.runs import Plan, is_vmapped, over, placed
from experiments.sweep import layout, loop
from experiments.sweep.layout import Sweep


class Compiled(NamedTuple):
    """The compiled program of a block on one of its devices."""

    runs: int  # runs per device
    text: str  # HLO after all passes
    arguments: int  # bytes per device, including the data
    outputs: int
    aliased: int  # bytes of outputs that reuse the memory of donated arguments
    temporary: int  # bytes


def compiled(sweep: Sweep, devices: Sequence[Any], runs: int) -> Compiled:
    """Compiles the training of a block as `loop.run` does.

    Args:
        sweep: A program of a sweep, from `layout.outline`.
        devices: Devices, which may be absent.
        runs: Runs that each device trains at once.
    """
    platform = devices[0].platform
    vmapped = is_vmapped(sweep.config.runs.layout, platform)
    block = runs * len(devices)
    plan = Plan(over(devices), block, vmapped)
    shapes = layout.training_shapes(sweep, block)
    advance = loop.programs(sweep, plan).advance
    lowered = advance.lower(*placed(plan.mesh, shapes, mapped=3))
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
