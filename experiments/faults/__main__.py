"""Injects faults into small sweeps and gives bad input; one table of what came of it.

    make faults          # or python -m experiments.faults --kills=20 --fuzz=60

Each sweep that was killed, stopped, damaged or moved has to end with the bytes of one
that was not: tables, figures, parameters. Each bad input has to be refused in one line.
"""

import argparse
import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

from experiments import startup
from experiments.benchmarks import table
from experiments.faults import crashes, fuzz, inputs, places, sweeps
from experiments.progress import duration, say

_AT_ONCE = 2  # kinds of fault, as a sweep this small keeps hardly a core busy
_HEAD = ("fault", "injected", "survived", "what was wrong", "time")


class Row(NamedTuple):
    """A kind of fault."""

    name: str
    injected: int
    problems: list[str]  # one for each that was not survived
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Says each row once it is known, then the table; returns 1 if any is wrong."""
    options = _parser().parse_args(arguments)
    rows, wrong = [_HEAD], 0
    with tempfile.TemporaryDirectory() as name:
        say(f"a sweep without faults first; then {_AT_ONCE} kinds of fault at a time")
        for row in _rows(pathlib.Path(name), options):
            survived = max(row.injected - len(row.problems), 0)
            words = "; ".join(row.problems)[:200] or "nothing"
            counts = f"{row.injected:,}", f"{survived:,}"
            cells = (row.name, *counts, words, duration(row.seconds))
            say("  ".join(cells))
            rows.append(cells)
            wrong += len(row.problems)
    say(f"\n{table(rows)}")
    return int(wrong > 0)


def _rows(folder: pathlib.Path, options: argparse.Namespace) -> Iterator[Row]:
    (folder / "files").mkdir()
    reference = folder / "reference"
    ended = sweeps.end(sweeps.start(reference))
    if ended.code:
        raise ValueError(f"the sweep fails without any fault: {ended.printed[-300:]}")
    injections: dict[str, Callable[[], crashes.Injected]] = {
        "kills": lambda: crashes.kills(
            folder, reference, times=options.kills, seed=options.seed
        ),
        "signals": lambda: crashes.signals(folder, reference),
        "second process": lambda: crashes.second_process(folder, reference),
        "other config": lambda: crashes.other_config(folder, reference),
        "damaged": lambda: crashes.damaged_files(folder, reference),
        "devices": lambda: places.devices(folder, reference),
        "processes": lambda: places.processes(folder, reference),
    }
    if places.can_mount():
        injections["disk"] = lambda: places.full_disk(folder, reference)
    else:
        say("a full disk is left out: this user may not mount a file system in memory")
    with futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        started = [pool.submit(_timed, inject) for inject in injections.values()]
        for done in futures.as_completed(started):
            yield done.result()
    start = time.monotonic()
    outcomes = inputs.tried(folder / "inputs", list(inputs.cases(folder / "files")))
    spent = time.monotonic() - start
    yield Row("bad input", len(outcomes), inputs.wrong(outcomes), spent)
    tracebacks = [o.name for o in outcomes if o.traceback]
    yield Row("of these, no traceback", len(outcomes), tracebacks, 0.0)
    if options.fuzz:
        random = folder / "fuzz"
        random.mkdir()
        found = fuzz.run(options.fuzz, seed=options.seed, folder=random)
        name = "random configs and files"
        yield Row(name, found.tries, found.failures, options.fuzz)


def _timed(inject: Callable[[], crashes.Injected]) -> Row:
    start = time.monotonic()
    return Row(*inject(), seconds=time.monotonic() - start)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="experiments.faults",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=20, help="times of kill -9")
    parser.add_argument("--fuzz", type=float, default=60.0, help="seconds; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    startup.use_cores()
    # A shell has what it starts in the background ignore SIGINT, and all that follows.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
