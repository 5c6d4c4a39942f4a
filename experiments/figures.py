"""Draws the figures of a sweep: `python -m experiments.figures WORKDIR`.

The command reads only the files in WORKDIR, and imports neither training nor networks.
Every figure becomes a PNG and a PDF in WORKDIR/figures; equal files give equal bytes.
"""

import sys
from collections.abc import Sequence

from experiments.plots import all_figures
from experiments.system import commands


@commands.command("experiments.figures")
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the path of every figure; returns 2 if none can be drawn, else 0."""
    parser = commands.parser("experiments.figures", "Draws the figures of a sweep.")
    parser.add_argument(
        "workdir", type=commands.path, help="folder of a finished sweep"
    )
    paths = all_figures.draw(parser.parse_args(arguments).workdir)
    for path in paths:
        print(path, flush=True)
    return 0 if paths else 2


if __name__ == "__main__":
    sys.exit(main())
