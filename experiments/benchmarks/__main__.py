"""The speed of training many runs, against PyTorch and a naive form, in one table.

    python -m experiments.benchmarks --peer=torch      # needs the extra `peer`
    python -m experiments.benchmarks --rows conv dense

Rates are images per second, of all runs together. A ratio is the median over
repetitions, each of which measures both sides in turn. PyTorch trains one run after
another, in the better of two arrangements: one process on all cores, or one
single-threaded process per core. Close all other programs, as their work changes the
times.
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from experiments import benchmarks
from experiments.benchmarks import compiling, machine, naive, programs
from experiments.benchmarks.programs import WORKS, Ours, Program, Torch, Work
from experiments.system import commands, devices
from experiments.system.terminal import say

_HEAD = ("work", "decomp", "against", "ratio (least … largest)", "target")


class BenchmarkOptions(NamedTuple):
    """The options of the command line."""

    peer: str
    repetitions: int
    seconds: float
    cores: int


@commands.command("experiments.benchmarks")
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints each row once it is measured, then the table; returns 0."""
    flags = _parser().parse_args(arguments)
    cores = devices.use_cores()
    devices.check_platform()
    options = BenchmarkOptions(flags.peer, flags.repetitions, flags.seconds, cores)
    if options.peer == "torch" and not importlib.util.find_spec("torch"):
        say("--peer=torch expects PyTorch: .venv/bin/pip install torch==2.13.0.")
        return 2
    rows = [_HEAD]
    for name in flags.rows or ROWS:
        for row in ROWS[name](options):
            say("  ".join(row))
            rows.append(row)
    say(f"\n{benchmarks.table(rows)}\n\n{machine.description()}")
    return 0


def conv(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """Table 1a on 64×64 images: 8 runs and 1 run."""
    work = WORKS["conv"]
    yield from _against_torch(options, "conv, 8 runs", work, Ours(work, 8), 1.25)
    yield from _against_torch(options, "conv, 1 run", work, Ours(work, 1), 1.0)


def bfloat16(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """The same with products in bfloat16, also in PyTorch."""
    work = WORKS["conv"]
    ours = Ours(work, 8, change={"model.precision": "bfloat16"})
    yield from _against_torch(
        options, "conv, 8 runs, bfloat16", work, ours, 1.0, bfloat16=True
    )


def naive_conv(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """The same against `nn.Conv` vmapped over the runs of a device."""
    work, vmapped = WORKS["conv"], {"runs.layout": "vmapped"}
    slow = Ours(work, 8, change=vmapped, rebuild=naive.networks)
    pair = {"ours": Ours(work, 8), "vmapped nn.Conv": slow}
    yield _compare(options, "conv, 8 runs", work, pair, 8.0)


def dense(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """16×16 images, 100 runs; and its products against one large product."""
    work, count = WORKS["dense"], 100
    ours = Ours(work, count)
    yield from _against_torch(options, f"dense, {count} runs", work, ours, 10.0)
    pair = {"ours": ours, "one large product": machine.Product(options.cores)}
    rates = programs.rates(pair, repetitions=options.repetitions, seconds=1.0)
    achieved = rates["ours"] * work.batch * _flops(work)
    peak = rates["one large product"] * machine.Product.flops
    yield (
        f"dense, {count} runs",
        f"{np.median(achieved) / 1e9:.0f} GFLOP/s",
        f"one large product: {np.median(peak) / 1e9:.0f} GFLOP/s",
        _spread(achieved / peak),
        "0.50",
    )


def pinwheel(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """400 points of the plane, full batch, KL(p ‖ q) with the exact q(z)."""
    work = WORKS["pinwheel"]
    ours = Ours(work, 1000)
    yield from _against_torch(options, "pinwheel, 1000 runs", work, ours, 25.0)


def growth(options: BenchmarkOptions) -> Iterator[tuple[str, ...]]:
    """The time of a step per run, for 1 run and for more and more of them."""
    for name, counts in (("dense", (1, 2, 4, 10, 30, 100)), ("conv", (1, 2, 4, 8, 16))):
        work = WORKS[name]
        ours = {str(count): Ours(work, count) for count in counts}
        rates = programs.rates(ours, repetitions=3, seconds=options.seconds / 3)
        medians = {count: np.median(rate) for count, rate in rates.items()}
        for count in map(str, counts[1:]):
            yield (
                f"{name}, {count} runs",
                f"{medians[count] * work.batch:,.0f} images/s",
                f"1 run: {medians['1'] * work.batch:,.0f} images/s",
                _spread(rates[count] / medians["1"]),
                "1.00",
            )


ROWS: dict[str, Callable[[BenchmarkOptions], Iterator[tuple[str, ...]]]] = {
    "conv": conv,
    "bfloat16": bfloat16,
    "naive": naive_conv,
    "dense": dense,
    "pinwheel": pinwheel,
    "growth": growth,
    "compile": compiling.rows,
    "start": machine.start,
}


def _against_torch(
    options: BenchmarkOptions,
    label: str,
    work: Work,
    ours: Program,
    target: float,
    *,
    bfloat16: bool = False,
) -> Iterator[tuple[str, ...]]:
    """A row against the better arrangement of PyTorch, or our rate without a peer."""
    if options.peer != "torch":
        alone = {"ours": ours}
        rate = programs.rates(
            alone, repetitions=options.repetitions, seconds=options.seconds
        )["ours"]
        yield label, _images(rate, work), "no peer", "", f"{target:.2f}"
        return
    peers = {f"PyTorch, {options.cores} threads": (1, options.cores)}
    if ours.runs > 1:
        peers[f"PyTorch, {options.cores} processes"] = (options.cores, 1)
    running = {
        name: Torch(work, processes=processes, threads=threads, bfloat16=bfloat16)
        for name, (processes, threads) in peers.items()
    }
    best = max(running, key=lambda name: _quick(running[name]))
    yield _compare(options, label, work, {"ours": ours, best: running[best]}, target)
    for peer in running.values():
        peer.close()


def _compare(
    options: BenchmarkOptions,
    label: str,
    work: Work,
    pair: dict[str, Program],
    target: float,
) -> tuple[str, ...]:
    rates = programs.rates(
        pair, repetitions=options.repetitions, seconds=options.seconds
    )
    peer = next(name for name in pair if name != "ours")
    achieved = np.median(rates["ours"]) * work.batch * _flops(work) / 1e9
    return (
        label,
        f"{_images(rates['ours'], work)}, {achieved:.0f} GFLOP/s",
        f"{peer}: {_images(rates[peer], work)}",
        _spread(rates["ours"] / rates[peer]),
        f"{target:.2f}",
    )


def _quick(program: Program) -> float:
    """Run-steps per second, by one measurement of about a second."""
    steps = max(1, round(2 / program.seconds(2)))
    return program.runs * steps / program.seconds(steps)


def _flops(work: Work) -> float:
    """Operations of a training step per example: three products per forward one."""
    return 3 * 2 * work.multiply_adds


def _images(rate: np.ndarray, work: Work) -> str:
    return f"{np.median(rate) * work.batch:,.0f} images/s"


def _spread(ratio: np.ndarray) -> str:
    return f"{np.median(ratio):.2f} ({ratio.min():.2f} … {ratio.max():.2f})"


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.benchmarks",
        __doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rows", nargs="*", choices=ROWS, help="rows; all by default")
    parser.add_argument("--peer", choices=("none", "torch"), default="none")
    parser.add_argument("--repetitions", type=commands.whole(1), default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="a measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
