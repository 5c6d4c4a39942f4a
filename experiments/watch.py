"""The table of means of a sweep as it stands: `python -m experiments.watch WORKDIR`.

Reads the blocks that have finished, while others train; with --every=30 once more every
30 seconds, until all runs have finished.
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

_SHOWN = ("reconstruction", "kl")  # beside the scores of the figures


@commands.command("experiments.watch")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after one line for a folder that is no sweep's."""
    options = _parser().parse_args(arguments)
    if options.every is not None and not options.every > 0:
        raise ValueError(f"--every expects seconds above 0; got {options.every}.")
    while True:
        left, words = state(options.workdir)
        say(words)
        if options.every is None or not left:
            return 0
        time.sleep(options.every)


def state(workdir: pathlib.Path) -> tuple[int, str]:
    """The runs that are left, and a table of those that have finished.

    Raises:
        ValueError: One line, for a folder that cannot be used.
    """
    try:
        config = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
        rows = json.loads((workdir / "settings.json").read_text(encoding="utf-8"))
        total = len(rows) * config["seeds"]
        shown = {*_SHOWN, *config["figure_score"]}
    except FileNotFoundError as error:
        raise ValueError(
            f"{workdir} is no workdir: it holds no {pathlib.Path(error.filename).name}."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{workdir} is of another version: {error}.") from None
    tables = run_tables.finished(workdir)
    if not tables:
        return total, f"none of {total:,} runs has finished"
    scores = {
        name.removeprefix("scores/"): values
        for name, values in tables.items()
        if name.startswith("scores/")
    }
    ok = run_tables.finished_well(tables)
    done = len(ok)
    words = f"{done:,} of {total:,} runs have finished, {np.sum(~ok):,} diverged"
    partial = {name: run_tables.lacking(tables, name) for name in scores}
    means = summary.summarise(rows, tables["setting"], ok, scores, partial)
    table = summary.table(means, shown)
    return total - done, f"{words}\n\n{table}\n"


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.watch", "Prints the table of means of a sweep as it stands."
    )
    parser.add_argument("workdir", type=commands.path, help="folder of the sweep")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="again and again (once)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
