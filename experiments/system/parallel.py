"""The runs axis of a sweep: every seed of every setting, trained as one program.

A run is one (seed, setting) pair. Runs are trained in blocks that fit the memory, and a
block is divided evenly over all devices of all processes: of R runs on G devices,
device g trains the runs g·R/G … (g + 1)·R/G − 1, without communication. `decomp.runs`
decides how a device computes its runs.

Several processes call the same functions in the same order; `scatter` and `share` place
arrays, `collect` gathers them, and only process 0 writes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from decomp import runs as axis

LAYOUTS = axis.LAYOUTS


class Runs(NamedTuple):
    """Runs by number, ordered by seed, so that the first block has every setting."""

    number: np.ndarray  # [R]
    seed: np.ndarray  # [R]
    setting: np.ndarray  # [R] rows of the table of settings


class Plan(NamedTuple):
    """How a block of runs is laid out."""

    mesh: Mesh
    block: int  # runs trained together, a multiple of the devices
    vmapped: bool  # whether a device computes its runs at once, or one after another


def enumerate_runs(num_settings: int, seeds: int, first_seed: int) -> Runs:
    """All runs of a sweep, ordered by seed."""
    number = np.arange(seeds * num_settings)
    seed, setting = np.divmod(number, num_settings)
    return Runs(number, first_seed + seed, setting)


def take(runs: Runs, index: np.ndarray) -> Runs:
    """The runs at some indices."""
    return Runs(*(column[index] for column in runs))


def plan(
    num_runs: int,
    *,
    bytes_per_run: int,
    memory: int,
    block: int = 0,
    devices: int = 0,
    layout: str = "auto",
    most: int = 0,
) -> Plan:
    """Chooses block and layout.

    Args:
        num_runs: Runs R of the sweep.
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill.
        block: Runs per block; 0 takes as many as fit, and at most 100 on CPUs, where
            larger blocks gain nothing and finished blocks are saved.
        devices: Number of devices; 0 takes all.
        layout: One of `LAYOUTS`, see `decomp.runs.is_vmapped`.
        most: The largest number of runs that a device trains together if `block` is 0;
            0 for no limit.

    Raises:
        ValueError: If there are fewer devices than asked for, or if several processes
            are asked to use only some of theirs.
    """
    available = jax.devices()
    several = jax.process_count() > 1
    if devices > len(available) or several and devices not in (0, len(available)):
        most = "exactly" if several else "at most"
        raise ValueError(
            f"runs.devices expects {most} {len(available)} here; got {devices}. There "
            f"are {len(available)} × {available[0].device_kind}; 0 takes all of them."
        )
    # Other processes would wait for one without a run, so blocks are padded.
    count = len(available) if several else min(devices or len(available), num_runs)
    platform = available[0].platform
    block = block_size(
        num_runs,
        devices=count,
        platform=platform,
        bytes_per_run=bytes_per_run,
        memory=memory,
        block=block,
        most=most,
    )
    vmapped = axis.is_vmapped(layout, platform)
    return Plan(axis.over(available[:count]), block, vmapped)


def block_size(
    num_runs: int,
    *,
    devices: int,
    platform: str,
    bytes_per_run: int,
    memory: int,
    block: int = 0,
    most: int = 0,
) -> int:
    """The number of runs of a block, a multiple of the number of devices.

    Args:
        num_runs: Runs R of the sweep.
        devices: Number of devices, at most R.
        platform: Platform of the devices, such as "cpu".
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill; on CPUs, of all devices.
        block: Runs per block; 0 takes as many as fit, see `plan`.
        most: The largest number of runs that a device trains together, see `plan`.
    """
    on_cpu = platform == "cpu"
    if not block:
        fits = max(1, memory // max(bytes_per_run, 1))
        if most:
            fits = min(fits, most)
        block = min(fits, 100) if on_cpu else fits * devices
    return max(devices, min(block, num_runs) // devices * devices)


def trial(count: int, device: Any = None) -> Plan:
    """The plan of runs vmapped on a device, by default the first of this process."""
    devices = jax.local_devices()[:1] if device is None else [device]
    return Plan(axis.over(devices), count, vmapped=True)


def blocks(runs: Runs, size: int) -> Iterator[Runs]:
    """Splits the runs into blocks of at most `size`."""
    for start in range(0, len(runs.number), size):
        yield take(runs, np.arange(start, min(start + size, len(runs.number))))


def padded(runs: Runs, size: int) -> Runs:
    """Pads a block with copies of its last run, which are dropped afterwards."""
    index = np.minimum(np.arange(size), len(runs.number) - 1)
    return take(runs, index)


def share(plan: Plan, tree: Any) -> Any:
    """Puts arrays that all runs read on every device."""
    return _place(plan, tree, axis.SHARED)


def scatter(plan: Plan, tree: Any) -> Any:
    """Puts arrays with a leading axis `[block]` on the devices of their runs."""
    return _place(plan, tree, axis.RUNS)


def placed(plan: Plan, arguments: Sequence[Any], *, mapped: int) -> tuple[Any, ...]:
    """Shapes of the arguments of a program for devices that may be absent.

    Args:
        plan: The plan for these devices.
        arguments: Trees of shapes; the first `mapped` have a leading axis `[block]`.
        mapped: Number of arguments with the runs axis.
    """

    def one(spec: PartitionSpec) -> Callable[[Any], Any]:
        sharding = NamedSharding(plan.mesh, spec)
        return lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        )

    specs = [axis.RUNS] * mapped + [axis.SHARED] * (len(arguments) - mapped)
    pairs = zip(specs, arguments, strict=True)
    return tuple(jax.tree.map(one(spec), argument) for spec, argument in pairs)


def place(whole: np.ndarray, sharding: Sharding) -> jax.Array:
    """An array over the devices of all processes, from the whole in each process."""
    return jax.make_array_from_callback(whole.shape, sharding, lambda i: whole[i])


def collect(tree: Any) -> Any:
    """Gathers arrays of all runs on the host of each process."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def agreed(number: float) -> float:
    """The maximum of the processes' numbers, so that all processes act alike."""
    if jax.process_count() == 1:
        return number
    return float(np.max(multihost_utils.process_allgather(np.float32(number))))


def told(array: np.ndarray) -> np.ndarray:
    """The array of process 0; others pass an array of the same shape and type."""
    if jax.process_count() == 1 or not array.size:
        return array
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    told = multihost_utils.broadcast_one_to_all(data)
    return np.asarray(told).view(array.dtype).reshape(array.shape)


def leads() -> bool:
    """Whether this process writes the results."""
    return jax.process_index() == 0


def _place(plan: Plan, tree: Any, spec: PartitionSpec) -> Any:
    sharding = NamedSharding(plan.mesh, spec)

    def put(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(
            leaf.dtype, jax.dtypes.prng_key
        ):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        return place(np.asarray(leaf), sharding)

    return jax.tree.map(put, tree)


def over_runs(function: Callable, plan: Plan, **options: Any) -> Any:
    """Compiles a function of one run for a block, see `decomp.runs.over_runs`."""
    return axis.over_runs(function, plan.mesh, **options)
