"""The entries of a sheet for many runs, compiled and distributed over the devices.

A device computes one run after another, in the memory of one run. Only the metrics
`TOGETHER`, which draw many points, draw them once and are vmapped over the runs.
"""

import functools
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import runs
from decomp.metrics import definitions, inputs
from decomp.metrics.entry import Entry, scores

Name = tuple[str, str]  # metric, variant

TOGETHER = ("kim_mnih", "higgins")

# The most data points, of all items together, of a program that runs for a moment, and
# of one that runs for seconds, see `_effort`.
_MOMENT, _SECONDS = 2**17, 2**20


# A function of (entries, key, item, shared, sizes) that returns the value of each entry
# for one item, which is a run or a half sample.
Each = Callable[[tuple[Entry, ...], jax.Array, Any, Any, tuple[int, ...]], tuple]
Call = functools.partial[dict[Name, np.ndarray]]  # of `each`, with its arguments
Report = Callable[[int], None]  # is called with the number of entries just computed


def measure(
    key: jax.Array,
    codes: Any,
    factors: Any,
    sizes: tuple[int, ...],
    names: Sequence[Name],
    *,
    block: int,
    report: Report = lambda count: None,
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
        report: Called after each group of entries with their number.

    Returns:
        Values `[R]`, or maps `[R, D, F]`, by name; and the error messages of entries
        that failed by name. Their values are NaN.
    """
    table = inputs.table(factors)
    count = len(jax.tree.leaves(codes)[0])
    values = {name: np.full(count, np.nan) for name in names}
    problems: dict[Name, str] = {}
    entries = list(map(definitions.find, names))
    data = dict(zip(names, keys(key, [e.stream for e in entries]), strict=True))

    def call(group: tuple[Entry, ...]) -> Call:
        shared = table, np.stack([data[entry.name] for entry in group])
        arguments = _run_scores, key, codes, shared, sizes, group
        together = group[0].metric in TOGETHER
        return functools.partial(each, *arguments, block=block, together=together)

    for group, result in computed(groups(entries), call):
        if isinstance(result, Exception):
            problems |= {entry.name: reason(result) for entry in group}
        else:
            values |= result
        report(len(group))
    return values, problems


def _run_scores(
    entries: tuple[Entry, ...],
    key: jax.Array,
    codes: Any,
    shared: tuple[Any, Any],
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The values of several entries for one run; `shared` has the factors and keys."""
    table, data = shared
    return scores(entries, keys_of(entries, data, key), codes, table, sizes)


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


def computed(
    every: Sequence[tuple[Entry, ...]], call: Callable[[tuple[Entry, ...]], Call]
) -> Iterator[tuple[tuple[Entry, ...], dict[Name, np.ndarray] | Exception]]:
    """Computes groups of entries; if a compiled group fails, each of its entries alone.

    Args:
        every: The groups.
        call: Maps a group to its call of `each`.

    Yields:
        A group with its values, or with its error.
    """
    for group, result in zip(every, in_turn(list(map(call, every))), strict=True):
        if isinstance(result, Exception) and len(group) > 1 and group[0].compiled:
            parts = [(entry,) for entry in group]
            yield from zip(parts, in_turn(list(map(call, parts))), strict=True)
        else:
            yield group, result


def in_turn(calls: Sequence[Call]) -> Iterator[dict[Name, np.ndarray] | Exception]:
    """Makes calls of `each` one after another, in the memory of one.

    Threads compile the programs of the next calls meanwhile, which takes longer than to
    run them if there are few items.

    Args:
        calls: The function `each` with its arguments.

    Yields:
        The result of each call, or its error.
    """
    pool = ThreadPoolExecutor(min(len(calls), os.cpu_count() or 1) or 1)
    try:
        ready = [pool.submit(_prepare, *c.args, **c.keywords) for c in calls]
        for call, future in zip(calls, ready, strict=True):
            future.exception()  # the call itself raises it again
            try:
                yield call()
            except Exception as error:  # any error: the caller writes it into a note
                yield error
    finally:
        pool.shutdown(cancel_futures=True)


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
    parts = []
    devices, spans = _spans(count, block)
    for start, stop, filled in spans:
        part = items
        if (start, filled) != (0, count):
            rows = np.minimum(np.arange(start, filled), count - 1)
            part = jax.tree.map(lambda leaf, rows=rows: leaf[rows], items)
        out = _compiled(_effort(part, entries))(
            function, key, part, shared, sizes, entries, devices, together=together
        )
        parts.append([values[: stop - start] for values in out])
    return {
        entry.name: np.concatenate(values)
        for entry, values in zip(entries, zip(*parts, strict=True), strict=True)
    }


def _spans(count: int, block: int) -> tuple[int, list[tuple[int, int, int]]]:
    """The number of devices, and the first, last and filled items of each part."""
    devices = min(len(jax.local_devices()), count)
    spans = []
    for start in range(0, count, block * devices):
        stop = min(start + block * devices, count)
        spans.append((start, stop, start + -(-(stop - start) // devices) * devices))
    return devices, spans


def _prepare(
    function: Each,
    key: jax.Array,
    items: Any,
    shared: Any,
    sizes: tuple[int, ...],
    entries: tuple[Entry, ...],
    *,
    block: int,
    together: bool = False,
) -> None:
    """Compiles the program that `each` uses with these arguments for its first part."""
    if entries[0].compiled:
        devices, spans = _spans(len(jax.tree.leaves(items)[0]), block)
        number = spans[0][2]
        part = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype),
            items,
        )
        arguments = (function, key, part, shared, sizes, entries, devices)
        program = _compiled(_effort(part, entries))
        program.lower(*arguments, together=together).compile()


def _effort(items: Any, entries: Sequence[Entry]) -> int:
    """How much XLA optimises the program of some items: 0, 1, or 2 for its full effort.

    Args:
        items: Arrays or their shapes `[R, N, …]`, or rows of the data points `[R, N]`.
        entries: The group of entries.

    >>> codes = jax.ShapeDtypeStruct((1, 10_000, 8), jnp.float32)
    >>> groups = [definitions.find(("mig", "locatello"))]
    >>> _effort(codes, groups), _effort(jax.ShapeDtypeStruct((100, 5_000), int), groups)
    (0, 1)
    """
    leaves = jax.tree.leaves(items)
    points = len(leaves[0]) * max(leaf.shape[1] for leaf in leaves)
    many_draws = entries[0].metric in TOGETHER or entries[0].posteriors
    if points <= _MOMENT and not many_draws:
        return 0
    return 1 if points <= _SECONDS else 2


@functools.cache
def _compiled(effort: int) -> Any:
    """The jitted `_of_group`, with an effort of `_effort`.

    The programs are compiled in parallel with each other, so each is compiled in one
    part, which takes a tenth less time. To optimise a program of few points fully takes
    longer than to run it. Without the fusion emitters XLA compiles in about 60 % of the
    time, and without optimisation in 20 %, but the program then runs for twice to eight
    times as long.
    """
    flags: dict[str, Any] = {}
    if jax.local_devices()[0].platform == "cpu":
        flags["xla_cpu_parallel_codegen_split_count"] = 1
        if effort < 2:
            flags["xla_backend_optimization_level"] = effort  # of 3
            flags["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(
        _of_group,
        static_argnums=(0, 4, 5, 6),
        static_argnames="together",
        compiler_options=runs.compiler_options(flags),
    )


def _of_group(
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

    def of_item(number: int) -> list[np.ndarray]:
        item = jax.tree.map(lambda leaf: leaf[number], items)
        values = function(entries, key, item, shared, sizes)
        return [np.asarray(value, np.float64) for value in values]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(of_item, range(count)))
    columns = zip(*rows, strict=True)
    return {
        e.name: np.stack(values) for e, values in zip(entries, columns, strict=True)
    }


def stream(key: jax.Array, words: tuple[str, ...]) -> jax.Array:
    """A key for this name, which does not depend on what else is computed."""
    return jax.random.fold_in(key, _number(words))


def keys(
    key: jax.Array, streams: Sequence[tuple[str, ...]], *, count: int | None = None
) -> np.ndarray:
    """The data of the keys of some streams, which one small program computes for all.

    Args:
        key: A random key, which is used up.
        streams: The names of the streams.
        count: The number of keys of each stream, into which their index is folded; by
            default the one key of `stream`.

    Returns:
        Key data `[E, K]`, or `[E, count, K]`.
    """
    numbers = np.array([_number(words) for words in streams], np.uint32)
    return np.asarray(_folded(key, numbers, count))


def keys_of(
    entries: Sequence[Entry], data: Any, key: jax.Array
) -> Callable[[Entry], jax.Array]:
    """Maps each entry to its key.

    Args:
        entries: The entries.
        data: The data of their keys `[E, K]`.
        key: A key of the same kind.
    """
    kind = jax.random.key_impl(key)
    return lambda entry: jax.random.wrap_key_data(
        jnp.asarray(data)[entries.index(entry)], impl=kind
    )


@functools.partial(jax.jit, static_argnums=2)
def _folded(key: jax.Array, numbers: jax.Array, count: int | None) -> jax.Array:
    """The key data of `keys`, for streams of some numbers `[E]`."""

    def of_stream(number: jax.Array) -> jax.Array:
        own = jax.random.fold_in(key, number)
        if count is None:
            return own
        return jax.vmap(jax.random.fold_in, (None, 0))(own, jnp.arange(count))

    return jax.random.key_data(jax.vmap(of_stream)(numbers))


def _number(words: tuple[str, ...]) -> int:
    """The number of a stream, which is folded into the key."""
    return zlib.crc32(", ".join(words).encode())
