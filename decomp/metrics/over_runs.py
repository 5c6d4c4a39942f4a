"""The entries of a sheet for many runs, compiled and distributed over the devices.

A device computes one run after another, in the memory of one run. Only the metrics
`TOGETHER`, which draw many points, draw them once and are vmapped over the runs.
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
from decomp.metrics import inputs
from decomp.metrics.definitions import ENTRIES
from decomp.metrics.entry import Entry, scores

Name = tuple[str, str]  # metric, variant

TOGETHER = ("kim_mnih", "higgins")


# A function of (entries, key, item, shared, sizes) that returns the value of each entry
# for one item, which is a run or a half sample.
Each = Callable[[tuple[Entry, ...], jax.Array, Any, Any, tuple[int, ...]], tuple]


def measure(
    key: jax.Array,
    codes: Any,
    factors: Any,
    sizes: tuple[int, ...],
    names: Sequence[Name],
    *,
    block: int,
) -> tuple[dict[Name, np.ndarray], dict[Name, str]]:
    """The values of several entries; an entry that fails affects no other.

    Args:
        key: A random key. Every entry folds its name into it, so that its draws do not
            depend on the other entries.
        codes: `units.Codes` or `sheet.GivenPosteriors` of all runs, leaves `[R, N, D]`
            or `[R, D]`.
        factors: Classes `[N, F]`, or an `inputs.FactorTable`.
        sizes: Number of classes of each factor.
        names: Names of the entries.
        block: Runs on a device at once.

    Returns:
        Values `[R]` by name, NaN for an entry that failed; and the error messages of
        these entries by name.
    """
    table = inputs.table(factors)
    count = len(jax.tree.leaves(codes)[0])
    values = {name: np.full(count, np.nan) for name in names}
    problems: dict[Name, str] = {}
    for group in groups([ENTRIES[name] for name in names]):
        try:
            options = {"block": block, "together": group[0].metric in TOGETHER}
            values |= each(_run_scores, key, codes, table, sizes, group, **options)
        except Exception as error:  # any error: its message goes into the note
            problems |= {entry.name: reason(error) for entry in group}
    return values, problems


def _run_scores(
    entries: tuple[Entry, ...],
    key: jax.Array,
    codes: Any,
    table: Any,
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The values of several entries for one run."""
    return scores(entries, lambda entry: stream(key, entry.stream), codes, table, sizes)


def reason(error: Exception) -> str:
    """The message of an error in one line, or its type if it has none.

    >>> reason(RuntimeError("out of memory")), reason(MemoryError())
    ('out of memory', 'MemoryError')
    """
    return " ".join(str(error).split()) or type(error).__name__


def groups(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Groups of entries that are computed together, as they share computation."""
    members: dict[Any, list[Entry]] = {}
    for entry in entries:
        alone = entry.name if entry.shared is None else entry.shared
        together = entry.beside or entry.metric
        members.setdefault(together if entry.compiled else alone, []).append(entry)
    return [tuple(group) for group in members.values()]


def each(
    function: Each,
    key: jax.Array,
    items: Any,
    shared: Any,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    *,
    block: int,
    together: bool = False,
) -> dict[Name, np.ndarray]:
    """The values of a group of entries for each item, such as a run.

    Compiled entries are distributed over the devices. Entries that scikit-learn fits
    run on the host, with one item per core.

    Args:
        function: The function that computes the values, which must be hashable.
        key: A random key, which is used up.
        items: Arrays with a leading axis `[R, …]`.
        shared: Arguments that all items share.
        sizes: Number of classes of each factor.
        entries: One group of `groups`.
        block: Items on a device at once.
        together: Whether a device uses vmap over its items, instead of computing one
            after another.

    Returns:
        Values `[R]` by name.
    """
    count = len(jax.tree.leaves(items)[0])
    if not entries[0].compiled:
        return _on_host(function, key, items, shared, sizes, entries, count)
    devices = min(len(jax.local_devices()), count)
    parts = []
    for start in range(0, count, block * devices):
        stop = min(start + block * devices, count)
        filled = start + -(-(stop - start) // devices) * devices
        rows = np.minimum(np.arange(start, filled), count - 1)
        part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], items)
        out = _compiled(
            function, key, part, shared, sizes, entries, devices, together=together
        )
        parts.append([values[: stop - start] for values in out])
    return {
        entry.name: np.concatenate(values)
        for entry, values in zip(entries, zip(*parts, strict=True), strict=True)
    }


@functools.partial(jax.jit, static_argnums=(0, 4, 5, 6), static_argnames="together")
def _compiled(
    function: Each,
    key: jax.Array,
    items: Any,
    shared: Any,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    devices: int,
    *,
    together: bool,
) -> tuple[jax.Array, ...]:
    """The values `[R]` of a group of entries, computed on several devices."""

    def on_device(key: jax.Array, items: Any, shared: Any) -> Any:
        def of_item(item: Any) -> tuple[jax.Array, ...]:
            values = function(entries, key, item, shared, sizes)
            return tuple(jnp.asarray(value, jnp.float32) for value in values)

        return jax.vmap(of_item)(items) if together else jax.lax.map(of_item, items)

    return shared_out(on_device, devices)(key, items, shared)


def shared_out(function: Callable[..., Any], devices: int) -> Callable[..., Any]:
    """A function of (key, runs, shared), with the runs distributed over devices.

    Args:
        function: The function for one device. Its runs are the leading axis of its
            second argument and of its result.
        devices: Number of devices, which divides the number of runs.
    """
    return jax.shard_map(
        function,
        mesh=runs.over(jax.local_devices()[:devices]),
        in_specs=(runs.SHARED, runs.RUNS, runs.SHARED),
        out_specs=runs.RUNS,
        check_vma=False,
    )


def _on_host(
    function: Each,
    key: jax.Array,
    items: Any,
    shared: Any,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    count: int,
) -> dict[Name, np.ndarray]:
    """The values `[R]` of entries that scikit-learn fits, with one item per core."""

    def of_item(number: int) -> list[float]:
        item = jax.tree.map(lambda leaf: leaf[number], items)
        return list(map(float, function(entries, key, item, shared, sizes)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        table = np.array(list(pool.map(of_item, range(count))))
    return {entry.name: table[:, e] for e, entry in enumerate(entries)}


def stream(key: jax.Array, words: tuple[str, ...]) -> jax.Array:
    """A key for this name, which does not depend on what else is computed."""
    return jax.random.fold_in(key, zlib.crc32(", ".join(words).encode()))
