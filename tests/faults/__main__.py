"""Injects faults and bad input into small sweeps, and prints a table of the outcomes.

    make faults          # or python -m tests.faults --kills=20 --fuzz=60

A sweep that was killed, stopped, damaged or moved must end with the bytes of one that
was not: tables, figures, parameters. Bad input must be refused in one line.
"""

import argparse
import multiprocessing
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from functools import partial
from typing import NamedTuple, TypeVar

from experiments.benchmarks import table
from experiments.system import commands, devices, signals
from experiments.system.terminal import duration, say
from tests.faults import attempts, crashes, fuzz, neighbours, places, sweeps
from tests.faults.trial import Problem, Trial, TrialRow

_T = TypeVar("_T")
_HEAD = ("fault", "injected", "survived", "bytes lost", "tracebacks")


class Job(NamedTuple):
    """The work of one core."""

    cost: float  # its approximate duration in seconds
    run: Callable[[], TrialRow]


@commands.command("tests.faults")
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints each outcome and the table; returns 1 if anything is wrong."""
    options, begin = _parser().parse_args(arguments), time.monotonic()
    cores = max(2, devices.use_cores())
    with (
        tempfile.TemporaryDirectory() as name,
        signals.cleaning(partial(_abandon, name)),
    ):
        folder = pathlib.Path(name)
        say("two sweeps without a fault, at once")
        seconds = _without_faults(folder / "reference", folder / "again")
        jobs = list(_jobs(folder, seconds, options))
        say(f"{len(jobs)} trials, {cores} at a time")
        rows = _totals(_run_jobs(jobs, cores))
    lines = [(row.kind, *(f"{count:,}" for count in row.counts)) for row in rows]
    wrong = [f"{row.kind}: {p.words}" for row in rows for p in row.problems]
    say("\n".join(["", table([_HEAD, *lines]), "", *wrong]))
    say(f"{len(wrong) or 'nothing'} wrong, {duration(time.monotonic() - begin)}")
    return int(bool(wrong))


def _without_faults(reference: pathlib.Path, again: pathlib.Path) -> float:
    """Runs two sweeps, which must agree; returns the seconds that they took."""
    begin = time.monotonic()
    processes = [sweeps.start(workdir) for workdir in (reference, again)]
    outputs = [process.communicate()[0] for process in processes]
    seconds = time.monotonic() - begin
    if any(process.returncode for process in processes):
        sys.exit(f"a sweep fails without any fault:\n{max(outputs, key=len)}")
    if differing := list(sweeps.problems(again, reference)):
        sys.exit(f"two sweeps without a fault are not equal: {differing[0].words}")
    return seconds


def _jobs(
    folder: pathlib.Path, seconds: float, options: argparse.Namespace
) -> Iterator[Job]:
    """The trials, longest first."""
    reference = folder / "reference"
    trials = [
        *crashes.trials(
            reference, kills=options.kills, seconds=seconds, seed=options.seed
        ),
        *neighbours.trials(reference),
        *places.trials(reference),
    ]
    for i, trial in enumerate(trials):
        cost = trial.starts * seconds
        yield Job(cost, partial(_try, trial, folder / f"trial {i}"))
    yield Job(3 * seconds, partial(_bad_input, folder / "bad input"))
    if options.fuzz:
        options_of_fuzz = options.fuzz, options.seed, folder / "random"
        yield Job(options.fuzz, partial(_random, *options_of_fuzz))


def _run_jobs(jobs: Sequence[Job], at_once: int) -> list[TrialRow]:
    """Runs jobs; prints how each ended, and how long the others will take."""
    begin, total, cost = time.monotonic(), sum(job.cost for job in jobs), 0.0
    with futures.ThreadPoolExecutor(at_once) as pool:
        jobs_of_futures = {pool.submit(job.run): job for job in jobs}
        try:
            for i, future in enumerate(futures.as_completed(jobs_of_futures), 1):
                row = future.result()
                cost += jobs_of_futures[future].cost
                remaining = duration((time.monotonic() - begin) * (total / cost - 1))
                words = "; ".join(p.words for p in row.problems) or "survived"
                say(f"  {i}/{len(jobs)} {row.kind}: {words} (about {remaining} left)")
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in jobs_of_futures]


def _totals(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """One row for each kind of fault."""
    kinds = dict.fromkeys(row.kind for row in rows)
    groups = [[row for row in rows if row.kind == kind] for kind in kinds]
    return [
        TrialRow(
            kind, sum(r.injected for r in group), [p for r in group for p in r.problems]
        )
        for kind, group in zip(kinds, groups, strict=True)
    ]


def _try(trial: Trial, workdir: pathlib.Path) -> TrialRow:
    problems: list[Problem] = []
    try:
        problems.extend(trial.inject(workdir))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        problems.append(Problem(f"{type(error).__name__}: {error}"))
    return TrialRow(trial.kind, trial.times, problems)


def _bad_input(folder: pathlib.Path) -> TrialRow:
    outcomes = _in_own_process(attempts.run_all, folder)
    wrong = [
        Problem(line, tracebacks=int(outcome.traceback))
        for outcome in outcomes
        if (line := attempts.complaint(outcome))
    ]
    return TrialRow("bad input, each refused in one line", len(outcomes), wrong)


def _random(seconds: float, seed: int, folder: pathlib.Path) -> TrialRow:
    folder.mkdir()
    counts = _in_own_process(partial(fuzz.run, seconds, seed=seed, folder=folder))
    wrong = [Problem(failure, tracebacks=1) for failure in counts.failures]
    return TrialRow(
        f"random configs and files, {duration(seconds)}", counts.tries, wrong
    )


def _in_own_process(function: Callable[..., _T], *arguments: object) -> _T:
    """Calls a function in a process of its own, as it redirects stdout."""
    context = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(1, context, devices.use_cores) as process:
        # The process inherits that Ctrl-C is blocked; `_abandon` ends it with this one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            result = process.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return result.result()


def _abandon(folder: str) -> None:
    """Ends the processes that were started, and removes their folder."""
    for process in sweeps.STARTED:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    for process in multiprocessing.active_children():
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "tests.faults",
        __doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    whole = commands.whole(0)
    parser.add_argument("--kills", type=whole, default=20, help="times of kill -9")
    parser.add_argument("--fuzz", type=float, default=60.0, help="seconds; 0 for none")
    parser.add_argument("--seed", type=whole, default=0)
    return parser


if __name__ == "__main__":
    # Background commands of a shell ignore SIGINT, and so do those that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signals.listen()
    sys.exit(main())
