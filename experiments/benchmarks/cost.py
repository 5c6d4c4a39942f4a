"""The cost of a sweep against the number of runs, batch size, image size and N.

    python -m experiments.benchmarks.cost --out=cost      # 10 minutes on 2 cores

Measures the isotropic setting of Figure 1, left, in the dense variant and, in panels
that say so, with the convolutions of Table 1a. Writes cost.csv and draws it as
cost.png. `--draw` only draws from an existing file.
"""

import argparse
import csv
import pathlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, StrMethodFormatter

from experiments.benchmarks import machine
from experiments.benchmarks.programs import WORKS, Ours
from experiments.plots import style
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import say

RUNS = 4  # runs that train together in panels that do not vary them
_STEPS = 10  # steps per call at least, as each call reads and writes all states once
_COLUMNS = 3


class CostPoint(NamedTuple):
    """One measurement: the median of the repetitions and their range, in seconds."""

    panel: str  # a key of PANELS
    network: str  # dense or conv
    value: float
    seconds: float
    least: float
    most: float


class CostPanel(NamedTuple):
    """The field that varies and the time that is measured."""

    field: str  # field of the config; empty for the number of runs
    values: dict[str, tuple[int, ...]]  # by network
    label: str
    measure: str  # step or score
    unit: str
    power: int = 1  # the amount of data grows as this power of the value


PANELS = {
    "runs": CostPanel(
        "",
        {"dense": (1, 2, 4, 10, 30, 100, 200), "conv": (1, 2, 4, 8, 16)},
        "runs",
        "step",
        "a step of all runs  (s)",
    ),
    "batch": CostPanel(
        "train.batch_size",
        {"dense": (16, 32, 64, 128, 256, 512), "conv": (16, 32, 64, 128, 256)},
        "batch",
        "step",
        "a step of a run  (s)",
    ),
    "side": CostPanel(
        "data.side",
        {"dense": (8, 16, 32, 64)},
        "side of the images  (pixels)",
        "step",
        "a step of a run  (s)",
        2,
    ),
    "points": CostPanel(
        "data.points",
        {"dense": (1_000, 8_192, 65_536, 737_280)},
        "images N",
        "step",
        "a step of a run  (s)",
    ),
    "scored": CostPanel(
        "evaluate.points",
        {"dense": (1_000, 8_192, 65_536, 737_280)},
        "images scored",
        "score",
        "all scores of a run  (s)",
    ),
}


@commands.command("experiments.benchmarks.cost")
def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, writes and draws; returns 0."""
    options = _parser().parse_args(arguments)
    out = options.out
    if not options.draw:
        out.mkdir(parents=True, exist_ok=True)
        panels = options.panels or [*PANELS]
        measurements = read(out) if (out / "cost.csv").exists() else []
        points = [point for point in measurements if point.panel not in panels]
        for point in measured(panels, options.repetitions):
            say(f"{point.panel} {point.network} {point.value:g}: {point.seconds:.3g} s")
            points.append(point)
        atomic_files.write_csv(out / "cost.csv", CostPoint._fields, points)
        atomic_files.write(out / "machine.txt", f"{machine.description()}\n".encode())
    for path in draw(out):
        say(str(path))
    return 0


def measured(panels: Sequence[str], repetitions: int) -> Iterator[CostPoint]:
    """Measures the points of some panels."""
    for name in panels:
        panel = PANELS[name]
        for network, values in panel.values.items():
            for value in values:
                spent = _spent(panel, network, value, repetitions)
                middle = statistics.median(spent)
                yield CostPoint(name, network, value, middle, min(spent), max(spent))


def _spent(panel: CostPanel, network: str, value: int, repetitions: int) -> list[float]:
    """Seconds of each repetition."""
    work, change = WORKS[network], {}
    if panel.field:
        change = {panel.field: value}
    if panel.field == "evaluate.points":
        change |= {"data.points": value}
    count = RUNS if panel.field else value
    ours = Ours(work, count, change={"evaluate.points": 0, **change})
    shared = count if panel.field else 1
    if panel.measure == "score":
        ours.seconds_to_score()
        return [ours.seconds_to_score() / count for _ in range(repetitions)]
    steps = max(_STEPS, round(1.0 / ours.seconds(1)))
    return [ours.seconds(steps) / steps / shared for _ in range(repetitions)]


def read(folder: pathlib.Path) -> list[CostPoint]:
    """The points of cost.csv."""
    with open(folder / "cost.csv", newline="", encoding="utf-8") as file:
        return [
            CostPoint(row["panel"], row["network"], *map(float, list(row.values())[2:]))
            for row in csv.DictReader(file)
        ]


def draw(folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws cost.csv, one panel per varied field; returns the paths of the files."""
    points = read(folder)
    names = [name for name in PANELS if any(point.panel == name for point in points)]
    hardware = (folder / "machine.txt").read_text(encoding="utf-8").strip()
    note = f"{hardware} Dotted: proportional to the data."
    with matplotlib.style.context(["default", style.RC]):
        columns = min(_COLUMNS, len(names))
        rows = -(-len(names) // columns)
        size = 3.1 * columns, 2.7 * rows + 0.8
        figure = style.new(*size, "What a sweep costs", note)
        grid = [*figure.subplots(rows, columns, squeeze=False).flat]
        for axes, name in zip(grid, names, strict=False):
            _panel(axes, PANELS[name], [p for p in points if p.panel == name])
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        return style.save(figure, folder / "cost")


def _panel(axes: Axes, panel: CostPanel, points: list[CostPoint]) -> None:
    looks = style.series(["dense", "conv"])
    for network in panel.values:
        line = [p for p in points if p.network == network]
        x, y = [p.value for p in line], [p.seconds for p in line]
        low = [p.seconds - p.least for p in line]
        high = [p.most - p.seconds for p in line]
        axes.errorbar(x, y, (low, high), label=network, capsize=2, **looks[network])
        linear = y[-1] * (np.array(x) / x[-1]) ** panel.power
        axes.plot(x, linear, ":", color=style.GREY, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel=panel.label, ylabel=panel.unit)
    axes.set_ylim(min(p.least for p in points) / 2, max(p.most for p in points) * 2)
    values = sorted({p.value for p in points})
    axes.set_xticks(values[:: -(-len(values) // 6)])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    if len(panel.values) > 1:
        axes.legend()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="experiments.benchmarks.cost",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--out", default="cost", type=commands.folder, help="output folder"
    )
    parser.add_argument(
        "--panels", nargs="*", choices=PANELS, help="panels; default all"
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--draw", action="store_true", help="only draw an existing cost.csv"
    )
    return parser


if __name__ == "__main__":
    devices.use_cores()
    sys.exit(main())
