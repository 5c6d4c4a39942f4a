"""The runs axis: every seed of every setting, trained as one program.

A run is one (seed, setting) pair. Runs are trained in blocks that fit the memory, and
a block is spread evenly over all devices of all processes: of R runs on G devices,
device g trains the runs g·R/G … (g + 1)·R/G − 1 and never hears of the others, as no
program here communicates. On a device runs are either vmapped (accelerators) or mapped
one after another (CPU cores, where a network then stays in the cache and no product is
batched).

With several processes, each calls the same functions in the same order; `scatter` and
`share` place arrays, `collect` gathers them, and process 0 alone writes.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding

# Streams of the key of a run; `fold_in(key, STREAM)` starts one.
INIT, ORDER, NOISE, SCORES, OTHERS = range(5)

LAYOUTS = ("auto", "mapped", "vmapped")

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
    layout: str = "auto",
) -> Plan:
    """Chooses block and layout.

    Args:
        num_runs: Runs R of the sweep.
        bytes_per_run: Memory that one run takes while it trains.
        memory: Memory of one device that runs may fill.
        block: Runs per block; 0 takes what fits, at most 100 on CPUs, where larger
            blocks gain nothing and a finished block is saved.
        devices: Devices used; 0 takes all.
        layout: One of `LAYOUTS`; "auto" maps runs on CPUs and vmaps them elsewhere.

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
    on_cpu = available[0].platform == "cpu"
    if not block:
        fits = max(1, memory // max(bytes_per_run, 1)) * (1 if on_cpu else count)
        block = min(fits, 100) if on_cpu else fits
    block = max(count, min(block, num_runs) // count * count)
    vmapped = layout == "vmapped" or layout == "auto" and not on_cpu
    return Plan(_mesh(available[:count]), block, vmapped)


def trial(count: int) -> Plan:
    """A block of runs vmapped on the first device of this process."""
    return Plan(_mesh(jax.local_devices()[:1]), count, vmapped=True)


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
    return _place(plan, tree, _SHARED)


def scatter(plan: Plan, tree: Any) -> Any:
    """Puts arrays with a leading axis `[block]` where their runs are trained."""
    return _place(plan, tree, _RUNS)


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


def _mesh(devices: list[jax.Device]) -> Mesh:
    return jax.make_mesh(
        (len(devices),), ("run",), axis_types=(AxisType.Auto,), devices=devices
    )


def _place(plan: Plan, tree: Any, spec: PartitionSpec) -> Any:
    sharding = NamedSharding(plan.mesh, spec)

    def put(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(
            leaf.dtype, jax.dtypes.prng_key
        ):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        return place(np.asarray(leaf), sharding)

    return jax.tree.map(put, tree)


def over_runs(
    function: Callable,
    plan: Plan,
    *,
    mapped: int,
    shared: int,
    vmapped: bool,
    donate: tuple[int, ...] = (),
    brief: bool = False,
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
        brief: That it takes less time to run than to compile well.

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
    # With a device a core, products that spread over the cores get in each other's way
    # (a seventh slower, measured), and their sums depend on how many there are.
    cpu = plan.mesh.devices.flat[0].platform == "cpu"
    options: dict[str, Any] = {}
    if cpu and plan.mesh.size > 1:
        options["xla_cpu_multi_thread_eigen"] = False
    if cpu and brief:
        options["xla_backend_optimization_level"] = 1  # of 3: the same bits
    return jax.jit(sharded, donate_argnums=donate, compiler_options=options or None)
