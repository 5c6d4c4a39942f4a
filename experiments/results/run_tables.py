"""The files of a workdir; each is written completely or not at all.

config.json    the config, as validated        env.json      versions, devices, revision
settings.json  columns of each setting         metrics.csv   training curves, long form
inputs.json    the shape of an x of each program
blocks/*.npz   parameters and scores of a block of runs that has finished
checkpoints/   the block in training, see checkpoint.py
scores.csv     a row per run                   summary.csv, .md   95 % intervals
pictures.npz   what the figures show           figures/           drawn from the files
tensorboard/   a live view, if asked for, see tensorboard.py
"""

import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from experiments.results import summary
from experiments.system import atomic_files
from experiments.system.parallel import Runs

_MEANING = (
    "A row is a setting. n is its number of runs, and `failed` counts those that "
    "diverged, which are left out. ± is half the width of a 95 % t-interval of the "
    "mean over seeds. decomp/metrics/README.md says what each score is."
)


def block_path(workdir: pathlib.Path, first_run: int) -> pathlib.Path:
    """The file of the block whose first run is given."""
    return workdir / "blocks" / f"{first_run:06d}.npz"


def write_block(
    workdir: pathlib.Path,
    runs: Runs,
    params: Any,
    outcome: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray],
    curves: np.ndarray,
) -> None:
    """Saves everything of a finished block of runs in one file.

    Args:
        workdir: Folder of the results.
        runs: The runs of the block.
        params: Final parameters, leaves `[block, ...]`, block ≥ R: the rest is padding.
        outcome: `diverged` `[block]`, the step at which a run became non-finite, and
            `term` `[block]`, the first non-finite term; both are −1 if it did not.
        scores: Values by name `[block]`.
        curves: Training curves `[block, records, 1 + measures]`; the first column is
            the step.
    """
    arrays = {**outcome, "curves": curves}
    arrays |= {f"scores/{name}": values for name, values in scores.items()}
    flat = traverse_util.flatten_dict(params, sep="/")
    arrays |= {f"params/{name}": leaf for name, leaf in flat.items()}
    count = len(runs.number)
    arrays = {name: array[:count] for name, array in arrays.items()} | runs._asdict()
    atomic_files.write_npz(block_path(workdir, int(runs.number[0])), arrays)


def read_params(workdir: pathlib.Path, first_run: int, index: int) -> Any:
    """Final parameters of one run of a block, as the nested dict of the networks."""
    return jax.tree.map(lambda leaf: leaf[index], read_block(workdir, first_run))


def read_block(workdir: pathlib.Path, first_run: int) -> Any:
    """Final parameters of all runs of a block, leaves `[block, ...]`."""
    path = block_path(workdir, first_run)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as block:
        flat = {
            name.removeprefix("params/"): block[name]
            for name in block.files
            if name.startswith("params/")
        }
    return traverse_util.unflatten_dict(flat, sep="/")


def finished(workdir: pathlib.Path) -> dict[str, np.ndarray]:
    """The tables of all finished blocks, with a row per run.

    Returns:
        `number`, `seed`, `setting`, `diverged`, `term` and `scores/*` `[R]`, sorted by
        number; `curves` `[R, records, 1 + measures]`; and `block` and `index` `[R]`,
        which locate the parameters of a run. Empty if no block has finished. If
        programs differ, a score that a run does not have is NaN and true in `lacks/*`
        `[R]`, and records after the end of its curve are NaN.
    """
    blocks: list[dict[str, np.ndarray]] = []
    for path in sorted((workdir / "blocks").glob("*.npz")):
        with path.open("rb") as file, np.load(file, allow_pickle=False) as block:
            names = [name for name in block.files if not name.startswith("params/")]
            tables = {name: block[name] for name in names}
        count = len(tables["number"])
        tables |= {"block": np.full(count, int(path.stem)), "index": np.arange(count)}
        blocks.append(tables)
    _fill(blocks)
    names = blocks[0] if blocks else {}
    whole = {name: np.concatenate([t[name] for t in blocks]) for name in names}
    order = np.argsort(whole["number"]) if whole else None
    return {name: table[order] for name, table in whole.items()}


def _fill(blocks: list[dict[str, np.ndarray]]) -> None:
    """Extends blocks of different programs to the same scores and records."""
    names = dict.fromkeys(n for b in blocks for n in b if n.startswith("scores/"))
    partial = [name for name in names if any(name not in b for b in blocks)]
    records = max((b["curves"].shape[1] for b in blocks), default=0)
    for block in blocks:
        count = len(block["number"])
        for name in partial:
            lacks = np.full(count, name not in block)
            block[name.replace("scores/", "lacks/")] = lacks
            block.setdefault(name, np.full(count, np.nan, np.float32))
        short = records - block["curves"].shape[1]
        if short:
            more = ((0, 0), (0, short), (0, 0))
            block["curves"] = np.pad(block["curves"], more, constant_values=np.nan)


def finished_well(tables: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each run has not diverged and has all scores of its program, `[R]`."""
    names = [n.removeprefix("scores/") for n in tables if n.startswith("scores/")]
    ok = tables["diverged"] < 0
    for name in names:
        ok &= np.isfinite(tables[f"scores/{name}"]) | lacking(tables, name)
    return ok


def lacking(tables: dict[str, np.ndarray], score: str) -> np.ndarray:
    """Whether each run is of a program without such a score, `[R]`."""
    return tables.get(f"lacks/{score}", np.zeros(len(tables["number"]), bool))


def write_tables(
    workdir: pathlib.Path,
    rows: Sequence[dict[str, Any]],
    *,
    order: Sequence[str],
    measures: Sequence[str],
    terms: Sequence[str],
) -> list[summary.Row]:
    """Writes scores.csv, metrics.csv and the summary from the finished blocks.

    Args:
        workdir: Folder of the results.
        rows: Columns of each setting.
        order: Names of the scores, in the order of the columns.
        measures: Names of the columns of the training curves.
        terms: Names of the terms, which `term` of a run indexes.

    Returns:
        The rows of summary.csv.
    """
    tables = finished(workdir)
    names = [name for name in order if f"scores/{name}" in tables]
    scores = {name: tables[f"scores/{name}"] for name in names}
    lacks = {name: lacking(tables, name) for name in names}
    finite = np.stack([np.isfinite(scores[name]) | lacks[name] for name in names])
    ok = finished_well(tables)
    identity = [
        (int(run), int(seed), *rows[setting].values())
        for run, seed, setting in zip(
            tables["number"], tables["seed"], tables["setting"], strict=True
        )
    ]
    status = [
        ("ok", "", "")
        if fine
        else ("diverged", int(step), terms[term])
        if step >= 0
        else ("diverged", "evaluation", names[bad])
        for fine, step, term, bad in zip(
            ok, tables["diverged"], tables["term"], finite.argmin(axis=0), strict=True
        )
    ]
    values = np.stack(list(scores.values()), axis=1).astype(float).astype(object)
    for column, name in enumerate(names):
        values[lacks[name], column] = ""
    columns = ["run", "seed", *rows[0]]
    atomic_files.write_csv(
        workdir / "scores.csv",
        [*columns, "status", "diverged_at", "first_bad", *names],
        ((*i, *s, *v) for i, s, v in zip(identity, status, values, strict=True)),
    )
    atomic_files.write_csv(
        workdir / "metrics.csv",
        [*columns, "step", "name", "value"],
        _curve_lines(identity, tables["curves"], measures),
    )
    statistics = summary.summarise(rows, tables["setting"], ok, scores, lacks)
    atomic_files.write_csv(
        workdir / "summary.csv",
        [*rows[0], *summary.Row._fields[1:]],
        ((*row.setting.values(), *row[1:]) for row in statistics),
    )
    atomic_files.write(
        workdir / "summary.md", f"{summary.table(statistics)}\n\n{_MEANING}\n".encode()
    )
    return statistics


def _curve_lines(
    identity: Sequence[tuple], curves: np.ndarray, measures: Sequence[str]
) -> Iterator[tuple]:
    for run, curve in zip(identity, curves.tolist(), strict=True):
        for step, *values in curve:
            if math.isnan(step):  # after the end of a shorter training
                break
            for name, value in zip(measures, values, strict=True):
                yield (*run, int(step), name, float(f"{value:.6g}"))
