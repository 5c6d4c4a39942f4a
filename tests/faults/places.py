"""Sweeps continued with other devices or processes, or after the disk was full."""

import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial

from experiments.system import devices, signals
from experiments.system.terminal import say
from tests.faults import sweeps
from tests.faults.sweeps import Exit, end, start
from tests.faults.trial import Problem, Problems, Trial

# XLA compiles a program for one device with other passes, which round sums differently.
_ROUNDING = 1e-3
_LOST = 60.0  # seconds in which the other process must notice the loss
_SIZES = (120, 400, 1_650)  # kB; the disk is full in a block, later, in the figures

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_ROOM = "-- there is room now --"
# In a user namespace, anybody may mount a file system in memory. The last argument of
# the command is --workdir.
_DISK = (
    *(*_NAMESPACE, "sh", "-c"),
    """
room=$1 size=$2 kept=$3; shift 3
for workdir; do :; done
workdir=${workdir#--workdir=}
mkdir -p "$workdir"
mount -t tmpfs -o size=${size}k none "$workdir" || exit 9
"$@" && exit 8
echo "$room"
mount -o remount,size=100m "$workdir"
"$@" || exit 7
cp -r "$workdir" "$kept"
""",
    *("sh", _ROOM),
)


def trials(reference: pathlib.Path) -> Iterator[Trial]:
    """All trials of this module; `reference` is the folder of an undisturbed sweep."""
    kind = "one of 2 processes lost, continued by 1; killed alone, continued by 2"
    if devices.resolves():
        yield Trial(kind, 1, 3, partial(_lost_process, reference))
        yield Trial(kind, 1, 3, partial(_second_joins, reference))
    else:
        say("2 processes are left out: the name of this machine does not resolve")
    kind = "killed on 4 devices, continued on 2; on 2 and 3; 4 and 1; 1 and 4"
    for before, after in ((4, 2), (2, 3), (4, 1), (1, 4)):
        yield Trial(kind, 1, 2, partial(_devices, reference, before, after))
    if not _can_mount():
        say("a full disk is left out: this user may not mount a file system in memory")
        return
    for size in _SIZES:
        kind = "a full disk, at three sizes"
        yield Trial(kind, 1, 2, partial(_full_disk, reference, size))


def _devices(
    reference: pathlib.Path, before: int, after: int, workdir: pathlib.Path
) -> Problems:
    """Killed on some devices, continued on others; with two or more, bytes agree."""
    process = start(workdir, devices=before)
    sweeps.wait(lambda: bool(sweeps.checkpoints(workdir)))
    process.kill()
    yield from end(process)
    result = yield from end(start(workdir, devices=after))
    exactly = 1 not in (before, after)
    yield from _moved(result, workdir, reference, exactly=exactly)


def _lost_process(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """One of two processes is lost; the other stops, and then continues alone."""
    first, second = sweeps.pair(workdir)
    sweeps.wait(lambda: bool(sweeps.checkpoints(workdir)))
    second.kill()
    begin = time.monotonic()
    result = yield from end(first)
    if time.monotonic() - begin > _LOST or result.code == 0:
        yield Problem(f"a lost process was noticed late: {result.output[-300:]}")
    if "process" not in result.output or signals.CONTINUES not in result.output:
        yield Problem(f"the loss is not reported: {result.output[-600:]}")
    yield from end(second)
    result = yield from end(start(workdir))
    yield from _moved(result, workdir, reference)


def _second_joins(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """The only process is killed; two processes continue."""
    alone = start(workdir)
    sweeps.wait(lambda: bool(sweeps.checkpoints(workdir)))
    alone.kill()
    yield from end(alone)
    first, second = sweeps.pair(workdir)
    result = yield from end(first)
    yield from end(second)
    yield from _moved(result, workdir, reference)


def _full_disk(reference: pathlib.Path, size: int, folder: pathlib.Path) -> Problems:
    """A full disk is reported in one line; once there is room, the sweep continues."""
    workdir, copy = folder / "disk", folder / "copy"
    result = yield from end(start(workdir, prefix=(*_DISK, str(size), str(copy))))
    full, _, after = result.output.partition(_ROOM)
    line = full.strip().splitlines()[-1:] or [""]
    if "No space left" not in line[0]:
        yield Problem(f"{size} kB: {full[-300:]}")
    yield from sweeps.compared(Exit(result.code, after), copy, reference)


def _can_mount() -> bool:
    """Whether this user may mount a file system in memory."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mount = f"mount -t tmpfs none {folder}"
        process = subprocess.run([*_NAMESPACE, "sh", "-c", mount], capture_output=True)
    return process.returncode == 0


def _moved(
    result: Exit,
    workdir: pathlib.Path,
    reference: pathlib.Path,
    *,
    exactly: bool = False,
) -> Problems:
    """Problems of a sweep that was continued from its checkpoint in another place."""
    if "runs go on after step" not in result.output:
        yield Problem("it started again from step 0")
    if exactly or result.code:
        yield from sweeps.compared(result, workdir, reference)
    elif (distance := sweeps.distance(workdir, reference)) > _ROUNDING:
        lost = (reference / "scores.csv").stat().st_size
        yield Problem(f"a loss is {distance:.1g} off", lost=lost)
