"""The tables of finished sweeps that findings need.

A folder of `experiments/findings/sweeps/` has config.json, env.json, settings.json,
scores.csv and summary.csv of a sweep, and latents.csv if the latents were measured; or
bias.csv of `python -m experiments.bias`.
"""

import csv
import functools
import json
import pathlib
import shutil
from typing import Any, NamedTuple

import numpy as np

from experiments.results import reading

FOLDER = pathlib.Path(__file__).parent / "sweeps"
KEPT = ("config.json", "env.json", "settings.json", "scores.csv", "summary.csv")
# This file is kept if a sweep has it, see `latent_roles`.
LATENTS = "latents.csv"
_BIAS = "bias.csv"


class Lacking(ValueError):
    """A sweep lacks the runs or the scores that a finding needs."""


class SweepTables(NamedTuple):
    """One sweep: its config, its machine, and the scores of runs that did not fail."""

    name: str
    config: dict[str, Any]
    env: dict[str, Any]
    runs: list[dict[str, reading.Value]]
    failed: int
    columns: list[str]  # columns of the settings


def names_kept(folder: pathlib.Path = FOLDER) -> list[str]:
    """The kept sweeps that have scores, in the order of their names."""
    return sorted(path.parent.name for path in folder.glob("*/scores.csv"))


@functools.cache
def read(name: str, folder: pathlib.Path = FOLDER) -> SweepTables:
    """Reads a sweep, once; the findings ask for some of them ten times.

    Raises:
        ValueError: One line, for a folder or a file that cannot be used.
    """
    results = reading.read(folder / name)
    if not results.scores:
        raise ValueError(f"{folder / name} has no scores.csv, or it is empty.")
    return of(
        results,
        name,
        json.loads((folder / name / "env.json").read_text(encoding="utf-8")),
    )


def of(results: reading.Results, name: str, env: dict[str, Any]) -> SweepTables:
    """The sweep of a folder that is already read."""
    runs = list((results.scores or {}).values())
    fine = [run for run in runs if run["status"] == "ok"]
    columns = list(results.settings[0]) if results.settings else []
    return SweepTables(name, results.config, env, fine, len(runs) - len(fine), columns)


def keep(workdir: pathlib.Path, folder: pathlib.Path = FOLDER) -> pathlib.Path:
    """Copies the small files of a workdir; returns the new folder.

    Raises:
        ValueError: For a workdir that lacks one of them.
    """
    names = [_BIAS] if (workdir / _BIAS).is_file() else KEPT
    missing = [name for name in names if not (workdir / name).is_file()]
    if missing:
        raise ValueError(f"{workdir} has no {missing[0]}; expected a finished sweep.")
    copy = folder / workdir.resolve().name
    copy.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(workdir / name, copy / name)
    if (workdir / LATENTS).is_file():
        shutil.copyfile(workdir / LATENTS, copy / LATENTS)
    read.cache_clear()
    return copy


def values(
    sweep: SweepTables, score: str, **setting: reading.Value
) -> dict[float, float]:
    """A score by seed, for the runs of one setting.

    Raises:
        Lacking: If no run has the setting and the score.
    """
    scores = {
        run["seed"]: run[score]
        for run in sweep.runs
        if all(run[name] == value for name, value in setting.items())
        and isinstance(run.get(score), float)
    }
    if not scores:
        raise Lacking(f"{sweep.name} has no run with {score} and {setting}.")
    return scores


def varying(sweep: SweepTables) -> set[str]:
    """The columns in which settings differ."""
    return {n for n in sweep.columns if len({run[n] for run in sweep.runs}) > 1}


def levels(sweep: SweepTables, column: str, **setting: reading.Value) -> list[float]:
    """The sorted numbers of a column, over the runs of some settings."""
    numbers = {
        run[column]
        for run in sweep.runs
        if all(run[name] == value for name, value in setting.items())
    }
    return sorted(value for value in numbers if isinstance(value, float))


def names(sweep: SweepTables, column: str) -> set[str]:
    """The distinct values of a column, as strings."""
    return {str(run[column]) for run in sweep.runs}


def paired(above: dict[float, float], below: dict[float, float]) -> np.ndarray:
    """Differences `[n]` for the seeds that both have, sorted by seed."""
    seeds = sorted(above.keys() & below.keys())
    return np.array([above[seed] - below[seed] for seed in seeds])


def slope(levels: dict[float, dict[float, float]]) -> np.ndarray:
    """Least-squares slopes `[n]` over the levels, one per seed.

    Args:
        levels: Scores by seed, for each level.
    """
    seeds = sorted(set.intersection(*(set(scores) for scores in levels.values())))
    x = np.array(list(levels)) - np.mean(list(levels))
    y = np.array([[scores[seed] for seed in seeds] for scores in levels.values()])
    return x @ y / (x @ x)


def bias(
    name: str,
    *,
    batch: int,
    estimator: str,
    quantity: str,
    folder: pathlib.Path = FOLDER,
) -> dict[str, str]:
    """The row of one estimate in bias.csv.

    Raises:
        ValueError: If there is none.
    """
    key = {"batch": str(batch), "estimator": estimator, "quantity": quantity}
    with open(folder / name / _BIAS, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if key.items() <= row.items():
                return row
    raise ValueError(f"{folder / name / _BIAS} has no row with {key}.")
