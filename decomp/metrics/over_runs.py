"""Entries of the sheet for many runs: compiled, and shared out among the devices.

On a device the runs go one after another, which keeps the memory of one; but metrics
that draw much draw it once and are mapped over the runs, see `TOGETHER`.
"""

import functools
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import runs
from decomp.metrics.definitions import ENTRIES, Entry

Name = tuple[str, str]  # metric, variant

TOGETHER = ("kim_mnih", "higgins")


def measure(
    key: jax.Array,
    codes: Any,
    classes: jax.Array,
    sizes: tuple[int, ...],
    names: Sequence[Name],
    *,
    block: int,
) -> tuple[dict[Name, np.ndarray], dict[Name, str]]:
    """The values of some entries; one that fails costs no other.

    Args:
        key: Every entry folds its name into it, so none depends on the others.
        codes: `units.Codes` of each run, or what else the entries take; leaves
            `[R, N, D]` or `[R, D]`.
        classes: `[N, F]`.
        sizes: Number of classes of each factor.
        names: The names of the entries.
        block: Runs on a device at once.

    Returns:
        Values `[R]` by name, NaN for an entry that failed, and why those failed.
    """
    values: dict[Name, np.ndarray] = {}
    problems: dict[Name, str] = {}
    for group in groups([ENTRIES[name] for name in names]):
        try:
            if group[0].compiled:
                values |= _on_devices(key, codes, classes, sizes, group, block)
            else:
                values |= _on_host(key, codes, classes, sizes, group)
        except Exception as error:  # of whatever kind: the row says what it was
            count = len(jax.tree.leaves(codes)[0])
            reason = " ".join(str(error).split()) or type(error).__name__
            values |= {entry.name: np.full(count, np.nan) for entry in group}
            problems |= {entry.name: reason for entry in group}
    return values, problems


def groups(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Entries computed together: the variants of a metric share most of the work."""
    found: dict[Any, list[Entry]] = {}
    for entry in entries:
        shared = entry.metric if entry.compiled else entry.name
        found.setdefault(shared, []).append(entry)
    return [tuple(group) for group in found.values()]


def _on_devices(
    key: jax.Array,
    codes: Any,
    classes: jax.Array,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    block: int,
) -> dict[Name, np.ndarray]:
    """Values `[R]` of the variants of one compiled metric."""
    count = len(jax.tree.leaves(codes)[0])
    devices = min(len(jax.local_devices()), count)
    parts = []
    for start in range(0, count, block * devices):
        stop = min(start + block * devices, count)
        filled = start + -(-(stop - start) // devices) * devices
        rows = np.minimum(np.arange(start, filled), count - 1)
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], codes)
        out = _compiled(key, part, classes, sizes, entries, devices)
        parts.append([values[: stop - start] for values in out])
    return {
        entry.name: np.concatenate(values)
        for entry, values in zip(entries, zip(*parts, strict=True), strict=True)
    }


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _compiled(
    key: jax.Array,
    codes: Any,
    classes: jax.Array,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    devices: int,
) -> tuple[jax.Array, ...]:
    """The values of some entries `[R]`, on so many devices."""

    def on_device(key: jax.Array, codes: Any, classes: jax.Array) -> Any:
        def of_run(codes: Any) -> tuple[jax.Array, ...]:
            return tuple(
                jnp.asarray(
                    entry.measure(stream(key, entry.name), codes, classes, sizes),
                    jnp.float32,
                )
                for entry in entries
            )

        if entries[0].metric in TOGETHER:
            return jax.vmap(of_run)(codes)
        return jax.lax.map(of_run, codes)

    return shared_out(on_device, devices)(key, codes, classes)


def shared_out(function: Callable[..., Any], devices: int) -> Callable[..., Any]:
    """A function of a key, runs and what they share, on so many devices.

    Args:
        function: Called on each device with its own part of the runs, the leading axis
            of its second argument and of what it returns.
        devices: Their number, which divides that of the runs.
    """
    return jax.shard_map(
        function,
        mesh=runs.over(jax.local_devices()[:devices]),
        in_specs=(runs.SHARED, runs.RUNS, runs.SHARED),
        out_specs=runs.RUNS,
        check_vma=False,
    )


def _on_host(
    key: jax.Array,
    codes: Any,
    classes: jax.Array,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
) -> dict[Name, np.ndarray]:
    """Values `[R]` of entries that scikit-learn fits, a run on each core."""
    count = len(jax.tree.leaves(codes)[0])

    def measure(entry: Entry, run: int) -> float:
        part = stream(key, entry.name)
        own = jax.tree.map(lambda leaf: leaf[run], codes)
        return float(entry.measure(part, own, classes, sizes))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {
            entry.name: np.array(
                list(pool.map(functools.partial(measure, entry), range(count)))
            )
            for entry in entries
        }


def stream(key: jax.Array, words: tuple[str, ...]) -> jax.Array:
    """The key of an entry, by its name: the same whatever else is measured."""
    return jax.random.fold_in(key, zlib.crc32(", ".join(words).encode()))
