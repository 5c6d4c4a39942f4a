"""The runs axis: every seed of every setting, trained as one program.

A run is one (seed, setting) pair. Runs are trained in blocks that fit the memory, a
block is spread over the devices, and on a device runs are either vmapped (accelerators)
or mapped one after another (CPU cores, where a network then stays in the cache and no
product is batched: twice as fast for dense networks of 100 units, measured).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# Streams of the key of a run; `fold_in(key, STREAM)` starts one.
INIT, ORDER, NOISE, SCORES, OTHERS = range(5)

_RUNS = PartitionSpec("run")
_SHARED = PartitionSpec()


class Runs(NamedTuple):
    """Runs by number; seed-major, so that the first block has every setting."""

    number: np.ndarray  # [R]
    seed: np.ndarray  # [R]
    setting: np.ndarray  # [R] row of the settings table


class Plan(NamedTuple):
    """How a block of runs is laid out."""

    mesh: Mesh
    block: int  # runs trained together, a multiple of the devices
    vmapped: bool  # on a device: all runs at once, or one after another


def enumerate_runs(num_settings: int, seeds: int, first_seed: int) -> Runs:
    """All runs of a sweep, seed by seed."""
    number = np.arange(seeds * num_settings)
    seed, setting = np.divmod(number, num_settings)
    return Runs(number, first_seed + seed, setting)


def take(runs: Runs, index: np.ndarray) -> Runs:
    """The runs at some places of the axis."""
    return Runs(*(column[index] for column in runs))


def plan(
    num_runs: int,
    *,
    bytes_per_run: int,
    memory: int,
    block: int = 0,
    devices: int = 0,
) -> Plan:
    """Chooses block and layout.

    Args:
        num_runs: Runs R of the sweep.
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill.
        block: Runs per block; 0 takes what fits, at most 100 on a CPU, where larger
            blocks gain nothing and a finished block is saved.
        devices: Devices used; 0 takes all.

    Raises:
        ValueError: If more devices are asked for than there are.
    """
    available = jax.devices()
    if devices > len(available):
        raise ValueError(
            f"runs.devices expects at most {len(available)} here; got {devices}."
        )
    count = min(devices or len(available), num_runs)
    on_cpu = available[0].platform == "cpu"
    if not block:
        fits = max(1, memory // max(bytes_per_run, 1)) * (1 if on_cpu else count)
        block = min(fits, 100) if on_cpu else fits
    block = max(count, min(block, num_runs) // count * count)
    mesh = jax.make_mesh(
        (count,), ("run",), axis_types=(AxisType.Auto,), devices=available[:count]
    )
    return Plan(mesh, block, vmapped=not on_cpu)


def blocks(runs: Runs, size: int) -> Iterator[Runs]:
    """Splits the runs into blocks of at most `size`."""
    for start in range(0, len(runs.number), size):
        yield take(runs, np.arange(start, min(start + size, len(runs.number))))


def padded(runs: Runs, size: int) -> Runs:
    """Fills a block up with copies of its last run, to be dropped afterwards."""
    index = np.minimum(np.arange(size), len(runs.number) - 1)
    return take(runs, index)


def share(plan: Plan, tree: Any) -> Any:
    """Puts arrays that all runs read on every device, once."""
    return jax.device_put(tree, NamedSharding(plan.mesh, _SHARED))


def over_runs(
    function: Callable,
    plan: Plan,
    *,
    mapped: int,
    shared: int,
    vmapped: bool,
    donate: tuple[int, ...] = (),
) -> Any:
    """Compiles a function of one run to one of a block of runs.

    Args:
        function: Takes `mapped` arguments of one run, then `shared` ones that all runs
            have in common.
        plan: Layout of the block.
        mapped: Number of arguments whose leaves get a leading axis `[block]`.
        shared: Number of arguments that stay as they are.
        vmapped: Whether a device computes its runs at once, or one after another.
        donate: Arguments whose memory may be reused.

    Returns:
        A jitted function; outputs have a leading axis `[block]`.
    """

    def on_device(*arguments: Any) -> Any:
        common = arguments[mapped:]
        if vmapped:
            axes = (0,) * mapped + (None,) * shared
            return jax.vmap(function, axes)(*arguments)
        return jax.lax.map(lambda one: function(*one, *common), arguments[:mapped])

    sharded = jax.shard_map(
        on_device,
        mesh=plan.mesh,
        in_specs=(_RUNS,) * mapped + (_SHARED,) * shared,
        out_specs=_RUNS,
        check_vma=False,
    )
    return jax.jit(sharded, donate_argnums=donate)
