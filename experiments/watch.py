"""Prints the current means of a sweep: `python -m experiments.watch WORKDIR`.

The command reads the blocks that have finished while others train. --every=30 repeats
it every 30 seconds until all runs have finished.
"""

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Sequence

import numpy as np

from experiments.results import run_tables, summary
from experiments.system import commands
from experiments.system.terminal import say

_SHOWN = ("reconstruction", "kl")  # shown beside the scores of the figures


@commands.command("experiments.watch")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error for a folder that is not a workdir."""
    options = _parser().parse_args(arguments)
    if options.every is not None and not options.every > 0:
        raise ValueError(
            f"--every must be a number of seconds above 0; got {options.every}."
        )
    while True:
        rest, words = state(options.workdir)
        say(words)
        if options.every is None or not rest:
            return 0
        time.sleep(options.every)


def state(workdir: pathlib.Path) -> tuple[int, str]:
    """The number of runs that are left, and a table of those that have finished.

    Raises:
        ValueError: One line, for a folder that cannot be used.
    """
    try:
        config = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
        rows = json.loads((workdir / "settings.json").read_text(encoding="utf-8"))
        total = len(rows) * config["seeds"]
        columns = {*_SHOWN, *config["figure_score"]}
    except FileNotFoundError as error:
        raise ValueError(
            f"{workdir} is not a workdir: it has no "
            f"{pathlib.Path(error.filename).name}."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{workdir} was written by another version: {error}."
        ) from None
    tables = run_tables.finished(workdir)
    if not tables:
        return total, f"none of {total:,} runs has finished"
    scores = {
        name.removeprefix("scores/"): values
        for name, values in tables.items()
        if name.startswith("scores/")
    }
    ok = run_tables.finished_well(tables)
    count = len(ok)
    words = f"{count:,} of {total:,} runs have finished, {np.sum(~ok):,} diverged"
    partial = {name: run_tables.lacking(tables, name) for name in scores}
    means = summary.summarise(rows, tables["setting"], ok, scores, partial)
    table = summary.table(means, columns)
    return total - count, f"{words}\n\n{table}\n"


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.watch", "Prints the current means of a sweep."
    )
    parser.add_argument("workdir", type=commands.path, help="folder of the sweep")
    parser.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="repeat every so many seconds (once)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
