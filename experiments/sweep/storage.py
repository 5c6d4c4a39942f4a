"""Checkpoints on disk: written by orbax, each with a checksum, and read again.

A checkpoint is the folder ROOT/BLOCK/STEP. What cannot be read, or is not what its
checksum says, does not count.
"""

import hashlib
import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orbax.checkpoint as ocp

from experiments.system.terminal import say

_KEPT = 2
# Orbax is called by the first process alone, and waits for no other.
_ALONE = ocp.options.MultiprocessingOptions(
    primary_host=0, active_processes={0}, barrier_sync_key_prefix="leader"
)


class Saved(NamedTuple):
    """The runs of one checkpoint."""

    numbers: np.ndarray  # [R]
    leaves: list[np.ndarray]  # of the state, [R, ...]
    curves: np.ndarray  # [records, R, 1 + measures]
    done: int  # steps taken


def candidates(root: pathlib.Path, block: str = "*") -> list[tuple[int, pathlib.Path]]:
    """Steps and folders of what was saved whole, the furthest first."""
    found = [
        (int(path.name), path)
        for path in root.glob(f"{block}/*")
        if path.name.isdecimal()
    ]
    return sorted(found, reverse=True)


def about(path: pathlib.Path) -> dict[str, Any] | None:
    """What a checkpoint says of itself; None if it cannot be read."""
    try:
        handler = ocp.JsonCheckpointHandler(multiprocessing_options=_ALONE)
        with ocp.Checkpointer(handler, multiprocessing_options=_ALONE) as reader:
            said = reader.restore(path / "about")
        return said if said.pop("itself") == _mark(said) else None
    except Exception:
        return None


def furthest(root: pathlib.Path, numbers: np.ndarray) -> Saved | None:
    """What was saved last of all these runs; damaged checkpoints are passed over."""
    for _, path in candidates(root):
        said = about(path)
        if said and not np.isin(numbers, said["numbers"]).all():
            continue
        saved = _read(path, said) if said else None
        if saved:
            rows = [saved.numbers.tolist().index(number) for number in numbers]
            return Saved(
                numbers,
                [leaf[rows] for leaf in saved.leaves],
                saved.curves[:, rows],
                saved.done,
            )
        say(f"  {path} is damaged and not used; what was saved before it is")
        shutil.rmtree(path, ignore_errors=True)
    return None


def _read(path: pathlib.Path, about: Mapping[str, Any]) -> Saved | None:
    """A checkpoint whose checksum is right."""
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=_ALONE)
    options = {"restore_type": np.ndarray}
    try:
        # One by one: of reads under way when another fails, TensorStore complains.
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
    """The manager of the checkpoints of a block, which cleans up after a kill."""
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
    done: int,
) -> None:
    """Begins to write the arrays of some runs after `done` steps; returns at once."""
    about = {
        "numbers": numbers.tolist(),
        "done": done,
        "arrays": sorted(arrays),
        "sha256": _digest(arrays),
    }
    about["itself"] = _mark(about)
    parts = ocp.args.Composite(
        state=ocp.args.StandardSave(arrays), about=ocp.args.JsonSave(about)
    )
    manager.save(done, args=parts)


def _mark(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    sha256 = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha256.update(f"{name} {array.dtype} {array.shape} ".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()
