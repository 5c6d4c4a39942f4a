"""Sweeps that go on elsewhere: other devices, other processes, a disk that was full."""

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
from tests.faults.sweeps import Ended, end, start
from tests.faults.trial import Problem, Problems, Trial

# XLA compiles a program for one device, and its sums, by other passes.
_ROUNDING = 1e-3
_LOST = 60.0  # seconds in which the others notice that a process is gone
_SIZES = (120, 400, 1_650)  # of a disk in kB: full in a block, later, in the figures

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_ROOM = "-- there is room now --"
# A file system in memory, as a name space of its own lets anybody mount one. The last
# argument of the command is --workdir.
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
    """Every trial of this module, against the folder of a sweep without faults."""
    kind = "one of 2 processes lost, continued by 1; killed alone, continued by 2"
    if devices.resolves():
        yield Trial(kind, 1, 3, partial(_lost_process, reference))
        yield Trial(kind, 1, 3, partial(_second_joins, reference))
    else:
        say("2 processes are left out: the name of this machine has no address")
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
    """Killed on some devices, continued on others: the same bytes from two on."""
    process = start(workdir, devices=before)
    sweeps.wait(lambda: bool(sweeps.saved(workdir)))
    process.kill()
    yield from end(process)
    ended = yield from end(start(workdir, devices=after))
    exactly = 1 not in (before, after)
    yield from _moved(ended, workdir, reference, exactly=exactly)


def _lost_process(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """One of two processes is lost; the other ends, and goes on alone."""
    first, second = sweeps.pair(workdir)
    sweeps.wait(lambda: bool(sweeps.saved(workdir)))
    second.kill()
    begin = time.monotonic()
    ended = yield from end(first)
    if time.monotonic() - begin > _LOST or ended.code == 0:
        yield Problem(f"a lost process was noticed late: {ended.printed[-300:]}")
    if "process" not in ended.printed or signals.CONTINUES not in ended.printed:
        yield Problem(f"not said: {ended.printed[-600:]}")
    yield from end(second)
    ended = yield from end(start(workdir))
    yield from _moved(ended, workdir, reference)


def _second_joins(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """A process is lost that was alone; two go on."""
    alone = start(workdir)
    sweeps.wait(lambda: bool(sweeps.saved(workdir)))
    alone.kill()
    yield from end(alone)
    first, second = sweeps.pair(workdir)
    ended = yield from end(first)
    yield from end(second)
    yield from _moved(ended, workdir, reference)


def _full_disk(reference: pathlib.Path, size: int, folder: pathlib.Path) -> Problems:
    """A disk that fills up: said in one line; with room it goes on."""
    workdir, kept = folder / "disk", folder / "kept"
    ended = yield from end(start(workdir, prefix=(*_DISK, str(size), str(kept))))
    full, _, after = ended.printed.partition(_ROOM)
    line = full.strip().splitlines()[-1:] or [""]
    if "No space left" not in line[0]:
        yield Problem(f"{size} kB: {full[-300:]}")
    yield from sweeps.compared(Ended(ended.code, after), kept, reference)


def _can_mount() -> bool:
    """Whether this user may make a file system in memory."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mount = f"mount -t tmpfs none {folder}"
        tried = subprocess.run([*_NAMESPACE, "sh", "-c", mount], capture_output=True)
    return tried.returncode == 0


def _moved(
    ended: Ended,
    workdir: pathlib.Path,
    reference: pathlib.Path,
    *,
    exactly: bool = False,
) -> Problems:
    """Problems of a sweep that went on from its checkpoint in another place."""
    if "runs go on after step" not in ended.printed:
        yield Problem("it began anew")
    if exactly or ended.code:
        yield from sweeps.compared(ended, workdir, reference)
    elif (distance := sweeps.distance(workdir, reference)) > _ROUNDING:
        lost = (reference / "scores.csv").stat().st_size
        yield Problem(f"a loss is {distance:.1g} off", lost=lost)
