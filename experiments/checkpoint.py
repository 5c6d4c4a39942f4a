"""The state of a block in training, saved now and then and found again after a kill."""

import pathlib
import time
from typing import Any

import jax
import numpy as np

from experiments import files, runs


class Checkpoint:
    """One file for the block in training; it appears whole or not at all.

    Args:
        workdir: Folder of the results.
        numbers: Runs of the block, by which a checkpoint is recognised.
        minutes: Least time between two saves.
    """

    def __init__(self, workdir: pathlib.Path, numbers: np.ndarray, minutes: float):
        self._path = workdir / "checkpoint.npz"
        self._numbers, self._every = numbers, 60 * minutes
        self._last = time.monotonic()

    def restore(self, state: Any) -> tuple[Any, list[np.ndarray], int]:
        """State, curves and steps done; the given state and 0 if there is nothing."""
        if not self._path.exists():
            return state, [], 0
        with np.load(self._path, allow_pickle=False) as saved:
            leaves, structure = jax.tree.flatten(state)
            same_runs = np.array_equal(saved["numbers"], self._numbers)
            # A block may be filled up otherwise than before, for other devices.
            if not same_runs or len(saved["leaf_0"]) != len(leaves[0]):
                return state, [], 0
            restored = [
                runs.place(saved[f"leaf_{i}"], leaf.sharding)
                for i, leaf in enumerate(leaves)
            ]
            curves = list(saved["curves"])
            return structure.unflatten(restored), curves, int(saved["done"])

    def save(self, state: Any, curves: list[np.ndarray], done: int) -> None:
        """Saves if the last save is long enough ago; `done` steps have been taken."""
        if runs.agreed(time.monotonic() - self._last) < self._every:
            return
        leaves = runs.collect(jax.tree.leaves(state))
        self._last = time.monotonic()
        if not runs.leads():
            return
        arrays = {f"leaf_{i}": leaf for i, leaf in enumerate(leaves)}
        shape = (0, len(leaves[0]), 0)
        arrays["curves"] = np.stack(curves) if curves else np.zeros(shape)
        arrays |= {"numbers": self._numbers, "done": np.asarray(done)}
        files.write_npz(self._path, arrays)

    def remove(self) -> None:
        """Forgets the checkpoint of a block that has finished."""
        self._path.unlink(missing_ok=True)
