"""Sweeps that are killed, stopped, started twice, damaged and moved; what is left."""

import pathlib
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from experiments.faults import sweeps
from experiments.faults.sweeps import end, start
from experiments.progress import say

NOT_LOST = "the same command goes on"


class Injected(NamedTuple):
    """A kind of fault, and what came of it."""

    name: str
    times: int
    problems: list[str]  # nothing if every one was survived


def kills(
    folder: pathlib.Path, reference: pathlib.Path, *, times: int, seed: int
) -> Injected:
    """kill -9 at random moments; at the end all is as if nothing had happened."""
    rng, problems, killed, sweep = random.Random(seed), [], 0, 0
    begin = time.monotonic()
    end(start(folder / "time"))
    whole = time.monotonic() - begin
    while killed < times:
        workdir, sweep, done = folder / f"kills{sweep}", sweep + 1, False
        while not done:
            process = start(workdir)
            time.sleep(rng.uniform(0.3, 1.0) * whole if killed < times else 0)
            if killed < times and process.poll() is None:
                process.kill()
                killed += 1
                say(f"  kill -9: {killed} of {times}")
            ended = end(process)
            done = ended.code == 0
            if ended.code not in (0, -signal.SIGKILL):
                problems.append(ended.printed[-300:])
                break
            if sweeps.rows_twice(workdir):
                problems.append("scores.csv repeats a run")
        if done:
            problems += sweeps.problems(workdir, reference)
    return Injected("kill -9", killed, problems)


def signals(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """SIGTERM and SIGINT in training: saved, said, and continued."""
    problems = []
    for number in (signal.SIGTERM, signal.SIGINT):
        workdir = folder / number.name
        process = start(workdir)
        wait(lambda workdir=workdir: bool(saved(workdir)))
        process.send_signal(number)
        ended = end(process)
        if ended.code != 128 + number or NOT_LOST not in ended.printed:
            problems.append(f"{number.name}: {ended.code} {ended.printed[-300:]}")
        problems += _continued(workdir, reference)
    return Injected("SIGTERM, SIGINT", 2, problems)


def second_process(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """A second process in the same workdir: refused, and the first goes on."""
    workdir = folder / "twice"
    first = start(workdir)
    wait(lambda: (workdir / "blocks").exists())
    second = end(start(workdir))
    problems = refusal(second, "is in use by process")
    ended = end(first)
    if ended.code:
        problems.append(ended.printed[-300:])
    return Injected("second process", 1, problems + sweeps.problems(workdir, reference))


def other_config(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """Another config in a workdir: refused, naming the field."""
    workdir = shutil.copytree(reference, folder / "other")
    ended = end(start(workdir, "--config.rng=5"))
    problems = refusal(ended, "rng: 0 -> 5")
    return Injected("another config", 1, problems + sweeps.problems(workdir, reference))


def damaged_files(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """Damaged checkpoints, blocks and tables: said, and made anew."""
    problems, times = [], 0
    for name, damage in _DAMAGES.items():
        say(f"  damaged: {name}")
        workdir = folder / f"damaged {name}"
        process = start(workdir)
        wait(
            lambda workdir=workdir, process=process: (
                (workdir / "scores.csv").exists()
                and len(saved(workdir)) > 1
                or process.poll() is not None
            )
        )
        process.kill()
        end(process)
        told = damage(workdir)
        times += 1
        ended = end(start(workdir))
        if ended.code or (told and "is damaged" not in ended.printed):
            problems.append(f"{name}: {ended.code} {ended.printed[-300:]}")
        else:
            problems += sweeps.problems(workdir, reference)
    return Injected("damaged files", times, problems)


def _last_checkpoint(workdir: pathlib.Path) -> bool:
    last = max(saved(workdir), key=lambda path: int(path.name))
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
    return False  # they are written anew from the blocks, without a word


_DAMAGES: dict[str, Callable[[pathlib.Path], bool]] = {
    "last checkpoint": _last_checkpoint,
    "every checkpoint": _every_checkpoint,
    "block": _block,
    "tables": _tables,
}


def _continued(workdir: pathlib.Path, reference: pathlib.Path) -> Iterator[str]:
    """Problems of a sweep that goes on to its end."""
    ended = end(start(workdir))
    if ended.code:
        yield ended.printed[-300:]
    else:
        yield from sweeps.problems(workdir, reference)


def refusal(ended: sweeps.Ended, words: str) -> list[str]:
    """Problems of a refusal, which has code 2 and one line."""
    line = ended.printed.strip()
    if ended.code == 2 and words in line and "Traceback" not in line:
        return []
    return [f"expected a refusal with {words!r}; got {ended.code} {line[-300:]}"]


def saved(workdir: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints that are there whole."""
    return [p for p in workdir.glob("checkpoints/*/*") if p.name.isdecimal()]


def wait(happened: Callable[[], bool], *, seconds: float = 300) -> None:
    """Returns once something has happened."""
    limit = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > limit:
            raise TimeoutError("waited too long for a sweep to begin")
        time.sleep(0.01)
