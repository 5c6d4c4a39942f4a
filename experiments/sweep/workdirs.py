"""The config of a workdir, and whether its results are complete."""

import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp.datasets.readers import npz
from experiments.config import fields, settings
from experiments.models import divergences, objectives
from experiments.results import labels, run_tables
from experiments.system import atomic_files

# These may change when a sweep is continued, as results change only by rounding.
# `variant` and `deviations` describe other fields, which are compared themselves.
_FREE = (
    "runs",
    "distributed",
    "tensorboard",
    "figures",
    "figure_line",
    "figure_label",
    "figure_sweeps",
    "figure_score",
    "title",
    "variant",
    "deviations",
)
_TABLES = ("number", "seed", "setting", "diverged", "block", "index")


class Training(NamedTuple):
    """The length of the training of a sweep's runs."""

    steps: int
    record_every: int  # steps between two rows of a training curve


def compare(
    workdir: pathlib.Path,
    config: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Lists the changes of a config to a workdir with results, a line per field.

    Fields that do not affect results may change, seeds may be added and, if states were
    kept, training may be made longer. A folder without a finished block or a checkpoint
    belongs to no config.

    Args:
        workdir: Folder of the results.
        config: The validated config.
        rows: Its settings.

    Raises:
        ValueError: One line, if it has results of another config, with the fields that
            differ, or if its files cannot be read.
    """
    if not [*workdir.glob("blocks/*.npz"), *workdir.glob("checkpoints/*/*")]:
        return []
    new = json.loads(json.dumps(config))
    try:
        old = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
        # A field that an older version did not have counts as unchanged, at its
        # default.
        defaults = json.loads(json.dumps(fields.known().to_dict()))
        changes = settings.differences(_filled(new, defaults), _filled(old, defaults))
        binding = [line for line in changes if not _may_change(line, new, old)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{workdir} has results, but its config.json cannot be read ({error}); "
            "choose another --workdir."
        ) from None
    if binding:
        raise ValueError(
            f"{workdir} has results of another config. These fields differ: "
            f"{'; '.join(binding)}. Choose another --workdir; in this one, seeds can "
            "only increase, and train.steps only after a start with runs.keep_states."
        )
    _check_order(workdir, rows)
    return changes


def _check_order(workdir: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuses results whose settings another version put in another order."""
    try:
        old = json.loads((workdir / "settings.json").read_text(encoding="utf-8"))
        shared = [name for name in old[0] if name in rows[0]]
        differ = any(
            a[n] != b[n] for a, b in zip(old, rows, strict=True) for n in shared
        )
    except (OSError, ValueError, LookupError, TypeError):
        return
    if differ:
        raise ValueError(
            f"{workdir} has results of another version, which has the settings in "
            "another order; choose another --workdir."
        )


def start(
    workdir: pathlib.Path,
    config: Mapping[str, Any],
    trainings: Sequence[Training],
    changes: Sequence[str],
) -> list[str]:
    """Creates the folder with its config, and renames damaged blocks in it.

    Args:
        workdir: Folder of the results.
        config: The validated config.
        trainings: How long the runs of each program train.
        changes: The lines of `compare` for the folder.

    Returns:
        Lines to print: the differences from the last start, and what was damaged.

    Raises:
        ValueError: If it cannot be written, or for a longer training whose records do
            not continue those that exist.
    """
    notes = [f"changed: {line}" for line in changes]
    path = workdir / "env.json"
    now = describe() | {"seconds": _environment(workdir).get("seconds", 0)}
    try:
        (workdir / "blocks").mkdir(parents=True, exist_ok=True)
        if changes:
            notes += _lengthen(workdir, trainings)
        notes += _drift(workdir, now) + _set_aside(workdir)
        atomic_files.write_json(workdir / "config.json", config)
        programs = [training._asdict() for training in trainings]
        atomic_files.write_json(workdir / "training.json", programs)
        if own := labels.own():
            atomic_files.write_json(labels.path(workdir), own)
        atomic_files.write_json(path, now)
    except OSError as error:
        raise ValueError(f"cannot write to --workdir={workdir}: {error}.") from None
    return notes


def _may_change(line: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether existing results are the same with another value of a field."""
    field = line.partition(":")[0]
    if field.partition(".")[0] in _FREE:
        return True
    if field == "seeds":
        return new["seeds"] > old["seeds"]
    if field not in ("train.steps", "train.epochs", "train.records"):
        return False
    # A scheduled weight depends on the total number of steps, so a longer training
    # would have changed past steps.
    losses, schedule = new["objective"]["name"], new["objective"]["schedule"]
    weights = {*objectives.read_by(losses), *objectives.static(losses)}
    weights |= {*divergences.read_by(new["objective"]["divergence"])}
    scheduled = any(schedule[name] != "constant" for name in weights & {*schedule})
    name = field.partition(".")[2]
    pairs = zip(*(np.ravel(c["train"][name]) for c in (new, old)), strict=False)
    same = np.shape(new["train"][name]) == np.shape(old["train"][name])
    grows = same and all(longer > shorter for longer, shorter in pairs)
    return grows and not scheduled and old["runs"]["keep_states"]


def _lengthen(workdir: pathlib.Path, trainings: Sequence[Training]) -> list[str]:
    """Removes blocks with fewer training steps; checkpoints have their states."""
    try:
        saved = json.loads((workdir / "training.json").read_text(encoding="utf-8"))
        # Older versions wrote a single training.
        lengths = [saved] if isinstance(saved, dict) else saved
        pairs = list(zip([Training(**old) for old in lengths], trainings, strict=True))
    except (OSError, ValueError, TypeError):
        return []
    for old, new in pairs:
        if new.record_every != old.record_every:
            raise ValueError(
                f"train.records must be {new.steps / old.record_every:g}, so that the "
                "curves of the longer training continue with a row every "
                f"{old.record_every:,} steps; got one every {new.record_every:,}."
            )
    longer = {f"{a.steps:,} -> {b.steps:,} steps" for a, b in pairs if a != b}
    for path in (workdir / "blocks").glob("*.npz") if longer else ():
        path.unlink()
    return [f"trained for longer: {words}" for words in sorted(longer)]


def validated(
    workdir: pathlib.Path,
) -> tuple[ConfigDict, list[settings.ProgramSettings]]:
    """The config of a workdir, validated, and its programs.

    Raises:
        ValueError: One line, for a folder that has none.
    """
    path = workdir / "config.json"
    if not path.is_file():
        raise ValueError(f"{workdir} is not a workdir: it has no config.json.")
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        whole = _filled(_with_tuples(saved), fields.known().to_dict())
        return settings.validate(ConfigDict(whole))
    except (*npz.BAD_FILE, AttributeError) as error:
        if labels.path(workdir).exists():
            raise ValueError(
                f"{path}: {error} A config file registered entries for this sweep: "
                "give that file by --config, or import it first."
            ) from None
        raise ValueError(
            f"{path}: expected a config of this version, {_version('decomp-vae')}"
            f"{_maker(workdir)}; got: {error}"
        ) from None


def finished(
    workdir: pathlib.Path, rows: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """The tables of the finished runs of a workdir, see `run_tables.finished`.

    Args:
        workdir: Folder of the results.
        rows: Its settings.

    Raises:
        ValueError: One line, if no run has finished, or for files that are damaged or
            do not fit the settings.
    """
    blocks = workdir / "blocks"
    try:
        tables = run_tables.finished(workdir)
        lengths = {len(tables[name]) for name in _TABLES} if tables else {0}
    except npz.BAD_FILE as error:
        raise ValueError(f"{blocks}: {npz.problem(error)}.") from error
    if not tables:
        raise ValueError(f"{workdir}: no run has finished.")
    if len(lengths) > 1:
        raise ValueError(f"{blocks}: expected tables of equal length.")
    last = int(tables["setting"].max())
    if last >= len(rows):
        raise ValueError(
            f"{workdir}: its runs must have the settings of config.json, 0 to "
            f"{len(rows) - 1}; got a run of setting {last}."
        )
    return tables


def _maker(workdir: pathlib.Path) -> str:
    """The version that wrote a workdir, in brackets; "" if that is not known."""
    packages = _environment(workdir).get("packages")
    version = packages.get("decomp") if isinstance(packages, dict) else None
    return f" (the workdir is of {version})" if version else ""


def spend(workdir: pathlib.Path, seconds: float) -> None:
    """Adds to the seconds that the sweep has taken over all its starts."""
    environment = _environment(workdir)
    whole = environment.get("seconds", 0) + seconds
    atomic_files.write_json(
        workdir / "env.json", environment | {"seconds": round(whole, 1)}
    )


def _environment(workdir: pathlib.Path) -> dict[str, Any]:
    """The contents of env.json; empty if it cannot be read."""
    try:
        content = json.loads((workdir / "env.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _drift(workdir: pathlib.Path, now: Mapping[str, Any]) -> list[str]:
    """The differences of versions and revision from those of the last start."""
    old = _environment(workdir)
    if not old:
        return []
    differences = settings.differences(
        *({k: e.get(k) for k in ("python", "packages", "revision")} for e in (now, old))
    )
    return [f"since the last start: {line}" for line in differences]


def _set_aside(workdir: pathlib.Path) -> list[str]:
    """Renames damaged blocks, so that their runs are trained again."""
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


def _filled(saved: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The saved config, with defaults for fields that it is too old to have."""
    return usual | {
        name: _filled(value, usual[name])
        if isinstance(value, dict) and isinstance(usual.get(name), dict)
        else value
        for name, value in saved.items()
    }


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_tuples(part) for name, part in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def describe() -> dict[str, Any]:
    """The command, the machine, the versions and the revision."""
    names = ("jax", "jaxlib", "flax", "optax", "chex", "numpy")
    return {
        "command": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "devices": [device.device_kind for device in jax.devices()],
        "packages": {"decomp": _version("decomp-vae")}
        | {name: _version(name) for name in names},
        "revision": _revision(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _revision() -> str:
    """The git revision, with a mark if the tree has changes; empty outside a clone."""
    here = pathlib.Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
