"""The runs axis of a sweep: every seed of every setting, trained as one program.

A run is one (seed, setting) pair. `decomp.runs` lays the runs out in blocks that fit
the memory. A block is divided evenly over all devices of all processes: of R runs on G
devices, device g trains the runs g·R/G … (g + 1)·R/G − 1, without communication.

Several processes call the same functions in the same order; `scatter` and `share` place
arrays, `collect` gathers them, and only process 0 writes.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec, Sharding

import decomp.runs
from decomp.runs import Plan


class Runs(NamedTuple):
    """Runs by number, ordered by seed, so that the first block has every setting."""

    number: np.ndarray  # [R]
    seed: np.ndarray  # [R]
    setting: np.ndarray  # [R] rows of the table of settings


def enumerate_runs(num_settings: int, seeds: int, first_seed: int) -> Runs:
    """All runs of a sweep, ordered by seed."""
    number = np.arange(seeds * num_settings)
    seed, setting = np.divmod(number, num_settings)
    return Runs(number, first_seed + seed, setting)


def take(runs: Runs, index: np.ndarray) -> Runs:
    """The runs at some indices."""
    return Runs(*(column[index] for column in runs))


def devices(num_runs: int, number: int = 0) -> list[Any]:
    """The devices of all processes that train the runs, at most one per run.

    Args:
        num_runs: Runs R of the sweep.
        number: Number of devices; 0 takes all.

    Raises:
        ValueError: If there are fewer devices than asked for, or if several processes
            are asked to use only some of theirs.
    """
    available = jax.devices()
    several = jax.process_count() > 1
    if number > len(available) or several and number not in (0, len(available)):
        most = "exactly" if several else "at most"
        raise ValueError(
            f"runs.devices must be {most} {len(available)} here; got {number}. There "
            f"are {len(available)} × {available[0].device_kind}; 0 takes all of them."
        )
    if several:  # others would wait for a process without a run, so blocks are padded
        return available
    return available[: min(number or len(available), num_runs)]


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
    return _place(plan, tree, decomp.runs.SHARED)


def scatter(plan: Plan, tree: Any) -> Any:
    """Puts arrays with a leading axis `[block]` on the devices of their runs."""
    return _place(plan, tree, decomp.runs.RUNS)


def place(whole: np.ndarray, sharding: Sharding) -> jax.Array:
    """An array over the devices of all processes, from the whole in each process."""
    return jax.make_array_from_callback(whole.shape, sharding, lambda i: whole[i])


def collect(tree: Any) -> Any:
    """Gathers arrays of all runs on the host of each process."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def maximum(number: float) -> float:
    """The maximum of the processes' numbers, so that all processes act alike."""
    if jax.process_count() == 1:
        return number
    return float(np.max(multihost_utils.process_allgather(np.float32(number))))


def from_first(array: np.ndarray) -> np.ndarray:
    """The array of process 0; others pass one of the same shape and type."""
    if jax.process_count() == 1 or not array.size:
        return array
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    first = multihost_utils.broadcast_one_to_all(data)
    return np.asarray(first).view(array.dtype).reshape(array.shape)


def is_first() -> bool:
    """Whether this is process 0, which writes the results."""
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
    return decomp.runs.over_runs(function, plan.mesh, **options)
