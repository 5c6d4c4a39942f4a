"""Reads the files of a finished sweep; every error names the file."""

import csv
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from decomp.datasets.readers import npz
from experiments.results import labels

_MOST_BYTES = 2**32  # that pictures.npz may have

Value = float | str | None
Setting = dict[str, Value]


class Missing(Exception):
    """An input is missing; only the figure that needs it is skipped."""


class Cell(NamedTuple):
    """One score of one setting, over its runs."""

    n: int  # number of runs in the mean
    failed: int  # number of runs left out
    mean: float
    low: float  # ends of the 95 % t-interval of the mean; NaN for a single run
    high: float


class RunRow(NamedTuple):
    """All scores of one setting."""

    setting: Setting
    cells: dict[str, Cell]


class Results(NamedTuple):
    """The folder's contents; None for a missing file."""

    config: dict[str, Any]
    summary: list[RunRow] | None
    scores: dict[int, dict[str, Value]] | None  # by run
    settings: list[Setting] | None
    pictures: dict[str, np.ndarray] | None
    # Shapes of an x, of each program: (H, W, C) of an image, or (X,).
    shapes: list[tuple[int, ...]] | None = None


def read(workdir: pathlib.Path) -> Results:
    """Reads the folder.

    Args:
        workdir: Folder with config.json and any of summary.csv, scores.csv,
            settings.json, pictures.npz and inputs.json.

    Returns:
        The contents.

    Raises:
        ValueError: One line, if the folder or config.json is missing, or a file
            cannot be read.
    """
    if not workdir.is_dir():
        raise ValueError(f"{workdir} is not a folder.")
    config = _optional(workdir / "config.json", _config)
    if config is None:
        raise ValueError(
            f"{workdir} is not the folder of a sweep: it has no config.json."
        )
    _optional(labels.path(workdir), _labels)
    return Results(
        config=config,
        summary=_optional(workdir / "summary.csv", _summary),
        scores=_optional(workdir / "scores.csv", _scores),
        settings=_optional(workdir / "settings.json", _settings),
        pictures=_optional(workdir / "pictures.npz", _pictures),
        shapes=_optional(workdir / "inputs.json", shapes),
    )


def summary(results: Results) -> list[RunRow]:
    """The rows of summary.csv, or Missing."""
    if not results.summary:
        raise Missing("there is no summary.csv, or it is empty")
    return results.summary


def settings(results: Results) -> list[Setting]:
    """The entries of settings.json, or Missing."""
    if not results.settings:
        raise Missing("there is no settings.json, or it is empty")
    return results.settings


def array(results: Results, name: str, *shape: int | None) -> np.ndarray:
    """One array of pictures.npz, after a check of its shape.

    Args:
        results: The folder's contents.
        name: Key in pictures.npz.
        *shape: Expected extents; None allows any.

    Returns:
        The array.

    Raises:
        Missing: If there is no such array.
        ValueError: One line, if the shape differs.
    """
    if results.pictures is None:
        raise Missing("there is no pictures.npz")
    if name not in results.pictures:
        raise Missing(f"pictures.npz has no array '{name}'")
    picture = results.pictures[name]
    sizes = tuple(n if n is not None else "any" for n in shape)
    same = len(shape) == picture.ndim and all(
        n is None or n == m for n, m in zip(shape, picture.shape, strict=True)
    )
    if not same or picture.size == 0:
        raise ValueError(
            f"pictures.npz: expected shape {sizes} for '{name}'; got {picture.shape}."
        )
    return picture


def lost(results: Results, count: int) -> np.ndarray:
    """Whether each setting has no picture because all its runs diverged, `[count]`.

    pictures.npz then has −1 instead of the number of the run that is shown.
    """
    mask = np.zeros(count, bool)
    for name in ("picture_run", "density_run"):
        if name in (results.pictures or {}):
            mask |= array(results, name, count) < 0
    return mask


def column(results: Results, field: str, default: str, available: Setting) -> str:
    """The setting column that a field of config.json names."""
    name = results.config.get(field, default)
    if not isinstance(name, str) or name not in available:
        raise ValueError(
            f"config.json: {field} is {name!r}; the columns are {', '.join(available)}."
        )
    return name


def _optional(path: pathlib.Path, parse: Callable[[pathlib.Path], Any]) -> Any:
    if not path.exists():
        return None
    try:
        return parse(path)
    except (*npz.BAD_FILE, csv.Error) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path.name} cannot be read: {reason}.") from error


def _config(path: pathlib.Path) -> dict[str, Any]:
    config = json.loads(path.read_text(encoding="utf-8"))
    names = config.get("figures") if isinstance(config, dict) else None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError("expected an object with a list of names 'figures'")
    return config


def shapes(path: pathlib.Path) -> list[tuple[int, ...]]:
    """The shape of an x of each program, from inputs.json.

    Raises:
        ValueError: If the file holds anything else.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        return [tuple(map(int, shape)) for shape in content]
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a list of shapes") from None


def _labels(path: pathlib.Path) -> None:
    labels.learn(json.loads(path.read_text(encoding="utf-8")))


def _table(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("some row has more or fewer fields than the header")
    return rows


def _value(entry: Any) -> Value:
    if entry is None or entry == "":
        return None
    try:
        return float(entry)
    except (TypeError, ValueError):
        return str(entry)


def _summary(path: pathlib.Path) -> list[RunRow]:
    rows: dict[tuple, RunRow] = {}
    for entry in _table(path):
        names = list(entry)[: list(entry).index("score")]
        setting = {name: _value(entry[name]) for name in names}
        row = rows.setdefault(tuple(setting.values()), RunRow(setting, {}))
        row.cells[entry["score"]] = Cell(
            int(entry["n"]),
            int(entry["failed"]),
            *(float(entry[name] or "nan") for name in ("mean", "low", "high")),
        )
    return list(rows.values())


def _scores(path: pathlib.Path) -> dict[int, dict[str, Value]]:
    table = _table(path)
    return {int(row["run"]): {k: _value(v) for k, v in row.items()} for row in table}


def _settings(path: pathlib.Path) -> list[Setting]:
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError("expected a list of objects")
    return [{name: _value(v) for name, v in entry.items()} for entry in entries]


def _pictures(path: pathlib.Path) -> dict[str, np.ndarray]:
    return npz.read(path, most=_MOST_BYTES)
