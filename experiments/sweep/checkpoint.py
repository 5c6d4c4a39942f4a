"""States of runs in training, saved as they go and found again after a kill.

checkpoints/BLOCK/STEP/ holds what the runs of a block are after so many steps. Orbax
writes it beside the training, and it appears whole or not at all; the last two are
kept, each with a checksum. Where a run was trained is not part of it: other devices,
processes or blocks go on from there. Of several processes the first one reads and
writes.
"""

import pathlib
import shutil
import time
import zlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from experiments.sweep import storage
from experiments.sweep.storage import Saved
from experiments.system import parallel
from experiments.system.parallel import Runs
from experiments.system.terminal import say

_FOLDER = "checkpoints"


class Checkpoint:
    """Saves a block in training, and finds what was saved of its runs.

    Args:
        workdir: Folder of the results.
        numbers: Runs of the block `[R]`.
        minutes: Least time between two saves.
    """

    def __init__(self, workdir: pathlib.Path, numbers: np.ndarray, minutes: float):
        self._root = workdir.resolve() / _FOLDER
        self._numbers, self._every = numbers, 60 * minutes
        self._last, self._manager = time.monotonic(), None

    def restore(self, state: Any) -> tuple[Any, list[np.ndarray], int]:
        """State, curves and steps done; the given state and 0 if there is nothing."""
        leaves, structure = jax.tree.flatten(state)
        found = self._found(leaves) if parallel.leads() else None
        done, records, measures = parallel.told(
            np.array([found.done, len(found.curves), found.curves.shape[2]])
            if found
            else np.zeros(3, int)
        )
        if not done:
            return state, [], 0
        count = len(self._numbers)
        if found is None:
            rows = [np.zeros((count, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
            found = Saved(
                self._numbers, rows, np.zeros((records, count, measures)), int(done)
            )
        padding = np.minimum(np.arange(len(leaves[0])), count - 1)
        restored = [
            parallel.place(parallel.told(row)[padding], leaf.sharding)
            for row, leaf in zip(found.leaves, leaves, strict=True)
        ]
        curves = list(parallel.told(found.curves)[:, padding])
        return structure.unflatten(restored), curves, int(done)

    def save(
        self, state: Any, curves: list[np.ndarray], done: int, *, now: bool = False
    ) -> None:
        """Saves after `done` steps if the last save is long enough ago, or `now`.

        Raises:
            OSError: In one line, if this or the save before could not be written.
        """
        if not now and parallel.agreed(time.monotonic() - self._last) < self._every:
            return
        leaves = parallel.collect(jax.tree.leaves(state))
        self._last = time.monotonic()
        if not parallel.leads():
            return
        count = len(self._numbers)
        arrays = {f"leaf_{i:03d}": leaf[:count] for i, leaf in enumerate(leaves)}
        if curves:
            arrays["curves"] = np.stack(curves)[:, :count]
        try:
            if self._manager is None:
                self._manager = storage.open_folder(self._root / _name(self._numbers))
            if done in self._manager.all_steps():
                return
            storage.write(self._manager, arrays, self._numbers, done)
        except Exception as error:  # Orbax and TensorStore raise errors of many kinds
            raise self._failure(error) from None

    def _found(self, leaves: list[jax.Array]) -> Saved | None:
        found = storage.furthest(self._root, self._numbers)
        shapes = [(leaf.shape[1:], leaf.dtype) for leaf in leaves]
        if found and [(row.shape[1:], row.dtype) for row in found.leaves] != shapes:
            say(f"  {self._root} is of another version and not used")
            return None
        return found

    def wait(self) -> None:
        """Returns once all that was saved is on disk; errors as in `save`."""
        try:
            if self._manager is not None:
                self._manager.wait_until_finished()
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> OSError:
        reason = " ".join(str(error).split())
        if "No space left" in reason:  # far behind, in what TensorStore says of it
            reason = "No space left on device"
        return OSError(
            f"cannot write a checkpoint to {self._root}: {reason[:300]}; what was "
            "saved before is kept, and the same command goes on from there."
        )


def blocks(workdir: pathlib.Path, pending: Runs, size: int) -> Iterator[Runs]:
    """The runs in blocks of at most `size`, runs that share a checkpoint together.

    What was begun comes first.
    """
    place = np.full(len(pending.number), np.iinfo(np.int32).max)
    if parallel.leads():
        root = workdir.resolve() / _FOLDER
        for i, (_, path) in enumerate(storage.candidates(root)):
            about = storage.about(path)
            held = np.isin(pending.number, about["numbers"] if about else [])
            place = np.where(held, np.minimum(place, i), place)
    place = parallel.told(place)
    for first in np.unique(place):
        yield from parallel.blocks(parallel.take(pending, place == first), size)


def forget(workdir: pathlib.Path, finished: np.ndarray) -> None:
    """Removes the checkpoints of which every run has finished."""
    root = workdir / _FOLDER
    for folder in root.glob("*"):
        paths = [path for _, path in storage.candidates(root, folder.name)]
        abouts = [about for about in map(storage.about, paths) if about]
        numbers = [number for about in abouts for number in about["numbers"]]
        if np.isin(numbers, finished).all():
            shutil.rmtree(folder, ignore_errors=True)
    if root.exists() and not any(root.iterdir()):
        root.rmdir()


def _name(numbers: np.ndarray) -> str:
    """The folder of a block: its first run, and a mark of all of them."""
    return f"{numbers[0]:06d}-{zlib.crc32(np.int64(numbers).tobytes()):08x}"
