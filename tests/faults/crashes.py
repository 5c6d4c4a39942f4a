"""Sweeps that are killed, stopped or damaged, and then continued."""

import pathlib
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

from experiments.system import signals
from tests.faults import sweeps
from tests.faults.sweeps import end, start
from tests.faults.trial import Problem, Problems, Trial

_AT_ONCE = 5  # kills of one sweep


def trials(
    reference: pathlib.Path, *, kills: int, seconds: float, seed: int
) -> Iterator[Trial]:
    """Every trial of this module.

    Args:
        reference: The folder of a sweep without faults.
        kills: Times of kill -9.
        seconds: Duration of a sweep.
        seed: Seed of the moments of kill -9.
    """
    kind = "`kill -9` at a random moment"
    for first in range(0, kills, _AT_ONCE):
        count, rng = min(_AT_ONCE, kills - first), random.Random(f"{seed} {first}")
        moment = partial(rng.uniform, 0.3 * seconds, seconds)
        yield Trial(kind, count, count + 1, partial(_killed, reference, count, moment))
    for number in (signal.SIGTERM, signal.SIGINT):
        yield Trial("SIGTERM, SIGINT", 1, 2, partial(_stopped, reference, number))
    for damage in (_last_checkpoint, _every_checkpoint, _block, _tables):
        kind = "checkpoints, blocks and tables damaged"
        yield Trial(kind, 1, 2, partial(_damaged, reference, damage))


def _killed(
    reference: pathlib.Path,
    times: int,
    moment: Callable[[], float],
    folder: pathlib.Path,
) -> Problems:
    """kill -9 at random moments; the results must be those of the reference."""
    killed, sweep = 0, 0
    while killed < times:
        workdir, sweep, alive = folder / str(sweep), sweep + 1, True
        while alive:
            process = start(workdir)
            alive = killed < times and _runs_for(process, moment())
            if alive:
                process.kill()
                killed += 1
            result = yield from end(process)
            if sweeps.bad_rows(workdir):
                yield Problem("scores.csv repeats a run")
        yield from sweeps.compared(result, workdir, reference)
        if result.code:
            return


def _runs_for(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether a process still runs after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _stopped(
    reference: pathlib.Path, number: signal.Signals, workdir: pathlib.Path
) -> Problems:
    """A signal in training saves the work, is reported, and the sweep continues."""
    process = start(workdir)
    sweeps.wait(lambda: bool(sweeps.checkpoints(workdir)))
    process.send_signal(number)
    result = yield from end(process)
    if result.code != 128 + number or signals.CONTINUES not in result.output:
        yield Problem(f"{number.name}: {result.code} {result.output[-300:]}")
    result = yield from end(start(workdir))
    yield from sweeps.compared(result, workdir, reference)


def _damaged(
    reference: pathlib.Path,
    damage: Callable[[pathlib.Path], bool],
    workdir: pathlib.Path,
) -> Problems:
    """Damaged checkpoints, blocks and tables are reported and replaced."""
    process = start(workdir)
    sweeps.wait(
        lambda: (
            (workdir / "scores.csv").exists()
            and len(sweeps.checkpoints(workdir)) > 1
            or process.poll() is not None
        )
    )
    process.kill()
    yield from end(process)
    reported = damage(workdir)
    result = yield from end(start(workdir))
    if reported and "is damaged" not in result.output:
        yield Problem(f"{damage.__name__} is not reported: {result.output[-300:]}")
    yield from sweeps.compared(result, workdir, reference)


def _last_checkpoint(workdir: pathlib.Path) -> bool:
    last = max(sweeps.checkpoints(workdir), key=lambda path: int(path.name))
    for path in last.glob("state/**/d/*"):
        path.write_bytes(path.read_bytes()[:-3])
    return True


def _every_checkpoint(workdir: pathlib.Path) -> bool:
    for path in workdir.glob("checkpoints/*/*/about/metadata"):
        path.write_bytes(b"{")
    return True


def _block(workdir: pathlib.Path) -> bool:
    path = min(workdir.glob("blocks/*.npz"))
    path.write_bytes(path.read_bytes()[:1000])
    return True


def _tables(workdir: pathlib.Path) -> bool:
    for path in workdir.glob("*.csv"):
        path.write_bytes(path.read_bytes()[:50])
    return False  # they are silently written again from the blocks
