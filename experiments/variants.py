"""Scores trained runs of a sweep by every published variant of every metric.

    python -m experiments.variants WORKDIR --metrics=kim_mnih,mig,sap

The command encodes the same points with some runs of every setting, scores their
posterior means by the whole sheet, and computes UDR between the runs of a setting. It
writes variants.csv (a row per run and variant), variants.md (mean ± 95 % interval per
setting) and a figure that compares the spread of a metric's variants with that of the
settings; `--redraw` makes the latter two from variants.csv.
"""

import argparse
import csv
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.style
import numpy as np

from decomp.metrics import sheet, udr
from experiments.config import command_line
from experiments.plots import metric_variants, style
from experiments.results import summary
from experiments.sweep import trained
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import StageProgress, say

_UDR_POINTS = 2_000  # points for the correlations between runs


@commands.command("experiments.variants")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error for a workdir that cannot be scored."""
    options = _parser().parse_args(arguments)
    folder = options.out or options.workdir
    if options.redraw:
        runs, values = read(folder / "variants.csv")
        for path in draw(folder, values, statistics(runs, values)):
            say(str(path))
        return 0
    devices.check_platform()
    metrics = _metrics(options)
    with StageProgress() as progress:
        runs = trained.runs(
            options.workdir,
            per_setting=options.runs,
            points=options.points,
            report=progress,
        )
        say(f"scoring {len(runs.number)} runs at {len(runs.factors):,} points")
        values = score(runs, metrics, options.seed, progress)
    rows = statistics(runs, values)
    say(summary.table(rows))
    for path in [write(folder, runs, values), *draw(folder, values, rows)]:
        say(str(path))
    return 0


def score(
    runs: trained.TrainedRuns,
    metrics: Sequence[str],
    seed: int,
    report: sheet.Report = sheet.nowhere,
) -> dict[tuple[str, str], np.ndarray]:
    """Values `[R]` by metric and variant; UDR is that of each run in its setting."""
    key = jax.random.key(seed)
    widths = np.array([codes.shape[1] for codes in runs.codes])
    scores: dict[tuple[str, str], np.ndarray] = {}
    for width in np.unique(widths):
        members = np.flatnonzero(widths == width)
        codes = np.stack([runs.codes[i] for i in members])
        lines = sheet.many(key, codes, runs.factors, metrics=metrics, report=report)
        for note in lines[0].notes:
            say(note)
        for i, line in enumerate(lines[0]):
            nothing = np.full(len(widths), np.nan)
            values = scores.setdefault((line.metric, line.variant), nothing)
            values[members] = [run[i].value for run in lines]
    for preset in ("lasso", "spearman"):
        values = np.full(len(runs.number), np.nan)
        for setting in np.unique(runs.setting):
            members = np.flatnonzero(runs.setting == setting)
            codes = jnp.stack([runs.codes[i][:_UDR_POINTS] for i in members])
            if len(members) > 1:
                values[members] = udr.score(codes, preset=preset).score
        scores["udr", preset] = values
    return scores


def statistics(
    runs: trained.TrainedRuns, scores: dict[tuple[str, str], np.ndarray]
) -> list[summary.Row]:
    """Mean and interval of every variant over the runs of every setting."""
    values = {
        f"{metric} {variant}": array for (metric, variant), array in scores.items()
    }
    settings = sorted(set(runs.setting.tolist()))
    place = np.searchsorted(settings, runs.setting)
    ok = np.ones(len(place), bool)
    return summary.summarise([runs.rows[i] for i in settings], place, ok, values)


def write(
    folder: pathlib.Path,
    runs: trained.TrainedRuns,
    scores: dict[tuple[str, str], np.ndarray],
) -> pathlib.Path:
    """Writes variants.csv, a row per run and variant; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.write_csv(
        folder / "variants.csv",
        ["run", "seed", *runs.rows[0], "metric", "variant", "value"],
        (
            (number, seed, *runs.rows[row].values(), *name, values[i])
            for name, values in scores.items()
            for i, (number, seed, row) in enumerate(
                zip(
                    runs.number.tolist(),
                    runs.seed.tolist(),
                    runs.setting.tolist(),
                    strict=True,
                )
            )
        ),
    )
    return folder / "variants.csv"


def read(
    path: pathlib.Path,
) -> tuple[trained.TrainedRuns, dict[tuple[str, str], np.ndarray]]:
    """Reads the runs, without codes and factors, and the values of a variants.csv."""
    try:
        return _read(path)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        reason = f"there is no column {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path}: expected a table that experiments.variants wrote; {reason}."
        ) from None


def _read(
    path: pathlib.Path,
) -> tuple[trained.TrainedRuns, dict[tuple[str, str], np.ndarray]]:
    with path.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    scores: dict[tuple[str, str], list[float]] = {}
    for line in table:
        values = scores.setdefault((line["metric"], line["variant"]), [])
        values.append(float(line["value"]))
    if len({len(values) for values in scores.values()}) != 1:
        raise ValueError("it does not have as many rows of every variant")
    lines = table[: len(next(iter(scores.values()), []))]  # has each run once
    others = ("run", "seed", "metric", "variant", "value")
    columns = [name for name in lines[0] if name not in others] if lines else []
    keys = [tuple(line[name] for name in columns) for line in lines]
    rows = list(dict.fromkeys(keys))
    runs = trained.TrainedRuns(
        number=np.array([int(line["run"]) for line in lines]),
        seed=np.array([int(line["seed"]) for line in lines]),
        setting=np.array([rows.index(key) for key in keys]),
        rows=[dict(zip(columns, map(_value, row), strict=True)) for row in rows],
        codes=[],
        factors=np.empty((0, 0)),
    )
    return runs, {name: np.array(values) for name, values in scores.items()}


def draw(
    folder: pathlib.Path,
    scores: dict[tuple[str, str], np.ndarray],
    rows: list[summary.Row],
) -> list[pathlib.Path]:
    """Writes variants.md and the figure; returns the paths."""
    atomic_files.write(folder / "variants.md", (summary.table(rows) + "\n").encode())
    (folder / "figures").mkdir(exist_ok=True)
    with matplotlib.style.context(["default", style.RC]):
        figure = metric_variants.variants(rows, list(scores))
        drawn = style.save(figure, folder / "figures" / "variants")
    return [folder / "variants.md", *drawn]


def _value(entry: str) -> float | str:
    try:
        return float(entry)
    except ValueError:
        return entry


def _metrics(options: argparse.Namespace) -> tuple[str, ...]:
    if not options.metrics:
        return sheet.FAST
    return sheet.parse(options.metrics)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.variants",
        "Scores the runs of a sweep by every variant of every metric.",
    )

    def add(name: str, default: Any, words: str, kind: Any) -> None:
        parser.add_argument(name, default=default, type=kind, help=words)

    parser.add_argument(
        "workdir", type=commands.path, help="folder of a finished sweep"
    )
    add("--runs", 20, "runs per setting, the first seeds (20)", commands.whole(1))
    add("--points", 10_000, "random points that are scored (10,000)", commands.whole(2))
    add("--metrics", "", "metrics; by default all but DCI's trees", str)
    add("--seed", 0, "seed of metrics that sample", commands.whole(0))
    parser.add_argument(
        "--redraw",
        action="store_true",
        help="redraw from variants.csv, without scoring",
    )
    add("--out", None, "output folder (WORKDIR)", commands.folder)
    command_line.add_config(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
