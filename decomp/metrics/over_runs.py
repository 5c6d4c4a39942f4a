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
from decomp.metrics import inputs
from decomp.metrics.definitions import ENTRIES
from decomp.metrics.entry import Entry, scores

Name = tuple[str, str]  # metric, variant

TOGETHER = ("kim_mnih", "higgins")


# What is computed of each run, or of each half sample: of some entries, a key, the run,
# what the runs share, and the numbers of classes, the value of each entry.
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
    """The values of some entries; one that fails costs no other.

    Args:
        key: Every entry folds its name into it, so none depends on the others.
        codes: `units.Codes` of each run, or what else the entries take; leaves
            `[R, N, D]` or `[R, D]`.
        factors: Classes `[N, F]`, or an `inputs.FactorTable`.
        sizes: Number of classes of each factor.
        names: The names of the entries.
        block: Runs on a device at once.

    Returns:
        Values `[R]` by name, NaN for an entry that failed, and why those failed.
    """
    table = inputs.table(factors)
    count = len(jax.tree.leaves(codes)[0])
    values = {name: np.full(count, np.nan) for name in names}
    problems: dict[Name, str] = {}
    for group in groups([ENTRIES[name] for name in names]):
        try:
            kept = {"block": block, "together": group[0].metric in TOGETHER}
            values |= each(_of_run, key, codes, table, sizes, group, **kept)
        except Exception as error:  # of whatever kind: the row says what it was
            problems |= {entry.name: reason(error) for entry in group}
    return values, problems


def _of_run(
    entries: tuple[Entry, ...],
    key: jax.Array,
    codes: Any,
    table: Any,
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The values of some entries of one run."""
    own = lambda entry: stream(key, entry.stream)  # noqa: E731
    return scores(entries, own, codes, table, sizes)


def reason(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def groups(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Entries computed together: the variants of a metric share most of the work."""
    found: dict[Any, list[Entry]] = {}
    for entry in entries:
        alone = entry.name if entry.shared is None else entry.shared
        together = entry.beside or entry.metric
        found.setdefault(together if entry.compiled else alone, []).append(entry)
    return [tuple(group) for group in found.values()]


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
    """What a function makes of each item, such as a run, for the variants of a metric.

    Compiled entries are shared out among the devices. What scikit-learn fits runs on
    the host, an item on each core.

    Args:
        function: Hashable, such as a function of a module.
        key: A random key, which is used up.
        items: Arrays with a leading axis `[R, …]`.
        shared: What all items share.
        sizes: Number of classes of each factor.
        entries: Those of one group of `groups`.
        block: Items on a device at once.
        together: Whether a device maps over its items, or takes one after another.

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
    """The values of some entries `[R]`, on so many devices."""

    def on_device(key: jax.Array, items: Any, shared: Any) -> Any:
        def of_item(item: Any) -> tuple[jax.Array, ...]:
            found = function(entries, key, item, shared, sizes)
            return tuple(jnp.asarray(value, jnp.float32) for value in found)

        return jax.vmap(of_item)(items) if together else jax.lax.map(of_item, items)

    return shared_out(on_device, devices)(key, items, shared)


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
    function: Each,
    key: jax.Array,
    items: Any,
    shared: Any,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    count: int,
) -> dict[Name, np.ndarray]:
    """Values `[R]` of entries that scikit-learn fits, an item on each core."""

    def of_item(number: int) -> list[float]:
        item = jax.tree.map(lambda leaf: leaf[number], items)
        return list(map(float, function(entries, key, item, shared, sizes)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        table = np.array(list(pool.map(of_item, range(count))))
    return {entry.name: table[:, e] for e, entry in enumerate(entries)}


def stream(key: jax.Array, words: tuple[str, ...]) -> jax.Array:
    """The key of an entry, by its name: the same whatever else is measured."""
    return jax.random.fold_in(key, zlib.crc32(", ".join(words).encode()))
