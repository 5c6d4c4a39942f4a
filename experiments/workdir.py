"""Whose results a folder holds, and whether they are whole."""

import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments import environment, files, settings

# May change between a run and its continuation: no number moves beyond rounding.
_FREE = (
    "runs",
    "distributed",
    "figures",
    "figure_line",
    "figure_label",
    "figure_score",
    "title",
)


class Training(NamedTuple):
    """How long the runs of a sweep train."""

    steps: int
    record_every: int  # steps between two rows of a training curve


def compare(workdir: pathlib.Path, config: Mapping[str, Any]) -> list[str]:
    """What a config changes in a workdir that holds results, a line a field.

    Fields that change no number may change, seeds may be added and, where states were
    kept, the training be made longer. A folder without a finished block or a
    checkpoint belongs to no config.

    Raises:
        ValueError: If it holds results of another config, naming what differs, or if
            what it holds cannot be read.
    """
    if not [*workdir.glob("blocks/*.npz"), *workdir.glob("checkpoints/*/*")]:
        return []
    new = json.loads(json.dumps(config))
    try:
        old = json.loads((workdir / "config.json").read_text())
        changes = settings.differences(new, old)
        binding = [line for line in changes if not _may_change(line, new, old)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{workdir} holds results, but its config.json cannot be read ({error}); "
            "choose another --workdir."
        ) from None
    if binding:
        raise ValueError(
            f"{workdir} holds results of another config; choose another "
            f"--workdir. Fields that differ: {'; '.join(binding)}."
        )
    return changes


def start(
    workdir: pathlib.Path, config: Mapping[str, Any], training: Training
) -> list[str]:
    """Makes the folder with its config; damaged blocks in it are set aside.

    Returns:
        What is to be said: what differs from the last start, and what was damaged.

    Raises:
        ValueError: As `compare` does, or if it cannot be written.
    """
    changes = compare(workdir, config)
    notes = [f"changed: {line}" for line in changes]
    path, now = workdir / "env.json", environment.describe()
    try:
        (workdir / "blocks").mkdir(parents=True, exist_ok=True)
        if changes:
            notes += _lengthen(workdir, training)
        notes += _drift(path, now) + _set_aside(workdir)
        files.write_json(workdir / "config.json", config)
        files.write_json(workdir / "training.json", training._asdict())
        files.write_json(path, now)
    except OSError as error:
        raise ValueError(f"cannot write to --workdir={workdir}: {error}.") from None
    return notes


def _may_change(line: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a field that differs leaves what is there as it would be."""
    field = line.partition(":")[0]
    if field.partition(".")[0] in _FREE:
        return True
    if field == "seeds":
        return new["seeds"] > old["seeds"]
    if field not in ("train.steps", "train.epochs", "train.records"):
        return False
    # A weight on a schedule is another one at the same step of a longer training.
    weighs = new["objective"]["schedule"]
    constant = {weighs[name] for name in ("alpha", "beta", "gamma")} == {"constant"}
    scheduled = not constant or "capacity" in new["objective"]["name"]
    name = field.partition(".")[2]
    grows = new["train"][name] > old["train"][name]
    return grows and not scheduled and old["runs"]["keep_states"]


def _lengthen(workdir: pathlib.Path, training: Training) -> list[str]:
    """Forgets blocks that trained for less; their states are in the checkpoints."""
    try:
        old = Training(**json.loads((workdir / "training.json").read_text()))
    except (OSError, ValueError, TypeError):
        return []
    if training == old:
        return []
    if training.record_every != old.record_every:
        raise ValueError(
            f"train.records expects {training.steps / old.record_every:g}, so that the "
            "curves of the longer training go on with a row every "
            f"{old.record_every:,} steps; got one every {training.record_every:,}."
        )
    for path in (workdir / "blocks").glob("*.npz"):
        path.unlink()
    return [f"trained for longer: {old.steps:,} -> {training.steps:,} steps"]


def _drift(path: pathlib.Path, now: Mapping[str, Any]) -> list[str]:
    """How versions and revision differ from those of the last start."""
    try:
        old = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    differences = settings.differences(
        *({k: e.get(k) for k in ("python", "packages", "revision")} for e in (now, old))
    )
    return [f"since the last start: {line}" for line in differences]


def _set_aside(workdir: pathlib.Path) -> list[str]:
    """Renames blocks that are damaged, so that their runs are trained again."""
    notes = []
    for path in sorted((workdir / "blocks").glob("*.npz")):
        try:
            if not path.is_file():
                raise OSError("not a file")
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
        except (zipfile.BadZipFile, OSError) as error:
            damaged = str(error)
        if damaged:
            path.rename(path.with_suffix(".damaged"))
            notes.append(f"{path} is damaged ({damaged}); its runs are trained again")
    return notes
