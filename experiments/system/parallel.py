"""The runs axis: every seed of every setting, trained as one program.

A run is one (seed, setting) pair. Runs are trained in blocks that fit the memory, and
a block is spread evenly over all devices of all processes: of R runs on G devices,
device g trains the runs g·R/G … (g + 1)·R/G − 1 and never hears of the others, as no
program here communicates. How a device computes its runs is decided in `decomp.runs`.

With several processes, each calls the same functions in the same order; `scatter` and
`share` place arrays, `collect` gathers them, and process 0 alone writes.
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
    layout: str = "auto",
    most: int = 0,
) -> Plan:
    """Chooses block and layout.

    Args:
        num_runs: Runs R of the sweep.
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill.
        block: Runs per block; 0 takes what fits, at most 100 on CPUs, where larger
            blocks gain nothing and a finished block is saved.
        devices: Devices used; 0 takes all.
        layout: One of `LAYOUTS`, see `decomp.runs.is_vmapped`.
        most: Runs that a device trains together at most, unless `block` says how many;
            0 for no limit.

    Raises:
        ValueError: If more devices are asked for than there are, or fewer than all of
            those of several processes.
    """
    available = jax.devices()
    several = jax.process_count() > 1
    if devices > len(available) or several and devices not in (0, len(available)):
        most = "exactly" if several else "at most"
        raise ValueError(
            f"runs.devices expects {most} {len(available)} here; got {devices}. There "
            f"are {len(available)} × {available[0].device_kind}; 0 takes all of them."
        )
    # A process without a run would leave the others waiting: there, blocks are padded.
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
    """The runs of a block, a multiple of the devices.

    Args:
        num_runs: Runs R of the sweep.
        devices: Number of devices, at most R.
        platform: Of the devices, such as "cpu".
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill; on CPUs, of all of them.
        block: Runs per block, 0 takes what fits, see `plan`.
        most: Runs that a device trains together at most, see `plan`.
    """
    on_cpu = platform == "cpu"
    if not block:
        fits = max(1, memory // max(bytes_per_run, 1))
        if most:
            fits = min(fits, most)
        block = min(fits, 100) if on_cpu else fits * devices
    return max(devices, min(block, num_runs) // devices * devices)


def trial(count: int, device: Any = None) -> Plan:
    """A block of runs vmapped on a device, by default the first of this process."""
    devices = jax.local_devices()[:1] if device is None else [device]
    return Plan(axis.over(devices), count, vmapped=True)


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
    return _place(plan, tree, axis.SHARED)


def scatter(plan: Plan, tree: Any) -> Any:
    """Puts arrays with a leading axis `[block]` where their runs are trained."""
    return _place(plan, tree, axis.RUNS)


def placed(plan: Plan, arguments: Sequence[Any], *, mapped: int) -> tuple[Any, ...]:
    """Shapes of arguments as a program for other devices than this machine's has them.

    Args:
        plan: Of those devices.
        arguments: Trees of shapes; the first `mapped` have a leading axis `[block]`.
        mapped: Number of arguments of the runs.
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
    """An array over the devices of all processes, each of which has the whole."""
    return jax.make_array_from_callback(whole.shape, sharding, lambda i: whole[i])


def collect(tree: Any) -> Any:
    """Arrays of the runs of all processes, on the host of each."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def agreed(number: float) -> float:
    """The largest of the numbers that the processes give, so that all act alike."""
    if jax.process_count() == 1:
        return number
    return float(np.max(multihost_utils.process_allgather(np.float32(number))))


def told(array: np.ndarray) -> np.ndarray:
    """The array of process 0; the others give one of its shape and type."""
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
    """Compiles a function of one run to one of a block, see `decomp.runs.over_runs`."""
    return axis.over_runs(function, plan.mesh, **options)
