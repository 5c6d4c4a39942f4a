"""Writes one HTML page about folders of results, without a network or a server.

    python -m experiments.report results/shapes --out=report.html

The page has tables of means and of runs, the figures, and an explorer of some runs of
every setting. The command only reads the folders and only writes the page; equal files
give equal bytes.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from experiments.config import command_line
from experiments.report import folder, page
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import say


@commands.command("experiments.report")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error for a folder that cannot be used."""
    options = _parser().parse_args(arguments)
    devices.check_platform()
    folders = [folder.read(workdir) for workdir in options.workdirs]
    explored = page.explore(folders)
    for workdir, exploration in zip(options.workdirs, explored, strict=True):
        if isinstance(exploration, str):
            say(f"no explorer of {workdir}: {exploration}")
    content = page.page(folders, explored).encode()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write(options.out, content)
    say(f"{options.out}  {len(content) / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("experiments.report", __doc__.splitlines()[0])
    parser.add_argument(
        "workdirs",
        nargs="+",
        metavar="WORKDIR",
        type=commands.path,
        help="folder of results",
    )
    parser.add_argument(
        "--out",
        default=pathlib.Path("report.html"),
        type=commands.file,
        help="the page (report.html)",
    )
    command_line.add_config(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
