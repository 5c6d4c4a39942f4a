"""Checkpoints of runs in training.

checkpoints/BLOCK/STEP/ has the states of the runs of a block after STEP steps. Orbax
writes it in the background, completely or not at all. The last two checkpoints are
kept, each with a checksum. They do not depend on where a run was trained: training may
continue on other devices, in other processes or in other blocks. If there are several
processes, only the first reads and writes.
"""

import hashlib
import json
import pathlib
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from experiments.system import parallel, signals
from experiments.system.parallel import Runs
from experiments.system.terminal import say

_FOLDER = "checkpoints"
_KEPT = 2
# Orbax is called only by the first process, and waits for no other.
_ALONE = ocp.options.MultiprocessingOptions(
    primary_host=0, active_processes={0}, barrier_sync_key_prefix="leader"
)


class Saved(NamedTuple):
    """The runs of one checkpoint."""

    numbers: np.ndarray  # [R]
    leaves: list[np.ndarray]  # leaves of the state, [R, ...]
    curves: np.ndarray  # [records, R, 1 + measures]
    done: int  # number of steps taken


class Checkpoint:
    """Saves a block in training, and finds the checkpoints of its runs.

    Args:
        workdir: Folder of the results.
        numbers: Runs of the block `[R]`.
        minutes: Minimum time between two checkpoints.
    """

    def __init__(self, workdir: pathlib.Path, numbers: np.ndarray, minutes: float):
        self._root = workdir.resolve() / _FOLDER
        self._numbers, self._every = numbers, 60 * minutes
        self._last, self._manager = time.monotonic(), None

    def restore(self, state: Any) -> tuple[Any, list[np.ndarray], int]:
        """State, curves and number of steps; the given state and 0 if none is saved."""
        leaves, structure = jax.tree.flatten(state)
        saved = self._latest(leaves) if parallel.is_first() else None
        step, records, measures = parallel.from_first(
            np.array([saved.done, len(saved.curves), saved.curves.shape[2]])
            if saved
            else np.zeros(3, int)
        )
        if not step:
            return state, [], 0
        count = len(self._numbers)
        if saved is None:
            rows = [np.zeros((count, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
            saved = Saved(
                self._numbers, rows, np.zeros((records, count, measures)), int(step)
            )
        padding = np.minimum(np.arange(len(leaves[0])), count - 1)
        restored = [
            parallel.place(parallel.from_first(row)[padding], leaf.sharding)
            for row, leaf in zip(saved.leaves, leaves, strict=True)
        ]
        curves = list(parallel.from_first(saved.curves)[:, padding])
        return structure.unflatten(restored), curves, int(step)

    def save(
        self, state: Any, curves: list[np.ndarray], step: int, *, now: bool = False
    ) -> None:
        """Saves at `step` if the last checkpoint is old enough, or if `now`.

        Raises:
            OSError: One line, if this or the previous checkpoint cannot be written.
        """
        if not now and parallel.maximum(time.monotonic() - self._last) < self._every:
            return
        leaves = parallel.collect(jax.tree.leaves(state))
        self._last = time.monotonic()
        if not parallel.is_first():
            return
        count = len(self._numbers)
        arrays = {f"leaf_{i:03d}": leaf[:count] for i, leaf in enumerate(leaves)}
        if curves:
            arrays["curves"] = np.stack(curves)[:, :count]
        try:
            if self._manager is None:
                self._manager = open_folder(self._root / _name(self._numbers))
            if step in self._manager.all_steps():
                return
            write(self._manager, arrays, self._numbers, step)
        except Exception as error:  # Orbax and TensorStore raise many kinds of errors
            raise self._failure(error) from None

    def _latest(self, leaves: list[jax.Array]) -> Saved | None:
        saved = furthest(self._root, self._numbers)
        shapes = [(leaf.shape[1:], leaf.dtype) for leaf in leaves]
        if saved and [(row.shape[1:], row.dtype) for row in saved.leaves] != shapes:
            say(f"  {self._root} is of another version and is ignored")
            return None
        return saved

    def wait(self) -> None:
        """Waits until everything is on disk; errors as in `save`."""
        try:
            if self._manager is not None:
                self._manager.wait_until_finished()
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> OSError:
        reason = " ".join(str(error).split())
        if "No space left" in reason:  # TensorStore's message has it at the end
            reason = "No space left on device"
        return OSError(
            f"cannot write a checkpoint to {self._root}: {reason[:300]}; the previous "
            f"one is kept, and {signals.CONTINUES} from it."
        )


def blocks(workdir: pathlib.Path, pending: Runs, size: int) -> Iterator[Runs]:
    """Divides the runs into blocks of at most `size`; keeps checkpoints together.

    Blocks that were begun come first.
    """
    place = np.full(len(pending.number), np.iinfo(np.int32).max)
    if parallel.is_first():
        root = workdir.resolve() / _FOLDER
        for i, (_, path) in enumerate(candidates(root)):
            record = about(path)
            held = np.isin(pending.number, record["numbers"] if record else [])
            place = np.where(held, np.minimum(place, i), place)
    place = parallel.from_first(place)
    for first in np.unique(place):
        yield from parallel.blocks(parallel.take(pending, place == first), size)


def forget(workdir: pathlib.Path, finished: np.ndarray) -> None:
    """Removes the checkpoints whose runs have all finished."""
    root = workdir / _FOLDER
    for folder in root.glob("*"):
        paths = [path for _, path in candidates(root, folder.name)]
        abouts = [record for record in map(about, paths) if record]
        numbers = [number for record in abouts for number in record["numbers"]]
        if np.isin(numbers, finished).all():
            shutil.rmtree(folder, ignore_errors=True)
    if root.exists() and not any(root.iterdir()):
        root.rmdir()


def _name(numbers: np.ndarray) -> str:
    """The folder of a block, named by its first run and a hash of all its runs."""
    return f"{numbers[0]:06d}-{zlib.crc32(np.int64(numbers).tobytes()):08x}"


def candidates(root: pathlib.Path, block: str = "*") -> list[tuple[int, pathlib.Path]]:
    """Steps and folders of complete checkpoints, the latest first."""
    complete = [
        (int(path.name), path)
        for path in root.glob(f"{block}/*")
        if path.name.isdecimal()
    ]
    return sorted(complete, reverse=True)


def about(path: pathlib.Path) -> dict[str, Any] | None:
    """The metadata of a checkpoint; None if they cannot be read."""
    try:
        handler = ocp.JsonCheckpointHandler(multiprocessing_options=_ALONE)
        with ocp.Checkpointer(handler, multiprocessing_options=_ALONE) as reader:
            metadata = reader.restore(path / "about")
        return metadata if metadata.pop("itself") == _mark(metadata) else None
    except Exception:
        return None


def furthest(root: pathlib.Path, numbers: np.ndarray) -> Saved | None:
    """The last checkpoint of all these runs; damaged ones are skipped."""
    for _, path in candidates(root):
        metadata = about(path)
        if metadata and not np.isin(numbers, metadata["numbers"]).all():
            continue
        saved = _read(path, metadata) if metadata else None
        if saved:
            rows = [saved.numbers.tolist().index(number) for number in numbers]
            return Saved(
                numbers,
                [leaf[rows] for leaf in saved.leaves],
                saved.curves[:, rows],
                saved.done,
            )
        say(f"  {path} is damaged; the checkpoint before it is used")
        shutil.rmtree(path, ignore_errors=True)
    return None


def _read(path: pathlib.Path, about: Mapping[str, Any]) -> Saved | None:
    """Reads a checkpoint and compares its checksum."""
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=_ALONE)
    options = {"restore_type": np.ndarray}
    try:
        # Read arrays one at a time: if one fails, TensorStore logs a traceback for each
        # pending read.
        with ocp.Checkpointer(handler, multiprocessing_options=_ALONE) as reader:
            arrays = {
                name: reader.restore(
                    path / "state",
                    item={name: 0},
                    partial_restore=True,
                    restore_args={name: ocp.RestoreArgs(**options)},
                )[name]
                for name in about["arrays"]
            }
    except Exception:
        return None
    if _digest(arrays) != about["sha256"]:
        return None
    curves = arrays.pop("curves", np.zeros((0, len(about["numbers"]), 0)))
    leaves = [arrays[name] for name in sorted(arrays)]
    return Saved(np.array(about["numbers"]), leaves, curves, about["done"])


def open_folder(folder: pathlib.Path) -> ocp.CheckpointManager:
    """The manager of a block's checkpoints, which also cleans up after a kill."""
    folder.mkdir(parents=True, exist_ok=True)
    return ocp.CheckpointManager(
        folder,
        item_names=("state", "about"),
        options=ocp.CheckpointManagerOptions(
            max_to_keep=_KEPT,
            create=False,
            cleanup_tmp_directories=True,
            multiprocessing_options=_ALONE,
        ),
    )


def write(
    manager: ocp.CheckpointManager,
    arrays: Mapping[str, np.ndarray],
    numbers: np.ndarray,
    step: int,
) -> None:
    """Starts to write the arrays of some runs at a step; returns at once."""
    about = {
        "numbers": numbers.tolist(),
        "done": step,
        "arrays": sorted(arrays),
        "sha256": _digest(arrays),
    }
    about["itself"] = _mark(about)
    parts = ocp.args.Composite(
        state=ocp.args.StandardSave(arrays), about=ocp.args.JsonSave(about)
    )
    manager.save(step, args=parts)


def _mark(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    sha256 = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha256.update(f"{name} {array.dtype} {array.shape} ".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()
