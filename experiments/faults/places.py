"""Sweeps that go on elsewhere: other devices, other processes, a disk that was full."""

import pathlib
import shutil
import subprocess
import tempfile
import time

from experiments.faults import sweeps
from experiments.faults.crashes import NOT_LOST, Injected, saved, wait
from experiments.faults.sweeps import Ended, end, start

# XLA compiles a program for one device, and its sums, by other passes.
_ROUNDING = 1e-3
_LOST = 60.0  # seconds in which the others notice that a process is gone

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


def devices(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """Killed on some devices, continued on others: the same bytes from two on."""
    problems, pairs = [], ((4, 2), (2, 3), (4, 1), (1, 4))
    for before, after in pairs:
        workdir = folder / f"devices {before} {after}"
        process = start(workdir, devices=before)
        wait(lambda workdir=workdir: bool(saved(workdir)))
        process.kill()
        end(process)
        ended = end(start(workdir, devices=after))
        problems += _moved(ended, workdir, reference)
        if 1 not in (before, after) and not ended.code:
            problems += sweeps.problems(workdir, reference)
    return Injected("devices 4 → 2 → 3, 4 → 1 → 4", len(pairs), problems)


def processes(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """One of two processes is lost; the other ends, and one alone goes on; and back."""
    problems = []
    workdir = folder / "processes"
    pair = sweeps.pair(workdir)
    wait(lambda: bool(saved(workdir)))
    pair[1].kill()
    begin = time.monotonic()
    ended = end(pair[0])
    if time.monotonic() - begin > _LOST or ended.code == 0:
        problems.append(f"a lost process was noticed late: {ended.printed[-300:]}")
    if "process" not in ended.printed or NOT_LOST not in ended.printed:
        problems.append(f"not said: {ended.printed[-600:]}")
    end(pair[1])
    problems += _moved(end(start(workdir)), workdir, reference)

    workdir = folder / "process"
    alone = start(workdir)
    wait(lambda: bool(saved(workdir)))
    alone.kill()
    end(alone)
    first, _ = [end(process) for process in sweeps.pair(workdir)]
    problems += _moved(first, workdir, reference)
    return Injected("2 processes → 1 → 2", 2, problems)


def full_disk(folder: pathlib.Path, reference: pathlib.Path) -> Injected:
    """A disk that fills up, at three sizes: said in one line; with room it goes on."""
    problems, sizes = [], (120, 400, 2_000)
    for size in sizes:
        kept = folder / f"disk {size}"
        ended = end(start(folder / "disk", prefix=(*_DISK, str(size), str(kept))))
        full, _, after = ended.printed.partition(_ROOM)
        line = full.strip().splitlines()[-1:] or [""]
        if "No space left" not in line[0] or "Traceback" in full:
            problems.append(f"{size} kB: {full[-300:]}")
        if ended.code:
            problems.append(f"{size} kB, with room: {after[-300:]}")
        else:
            problems += sweeps.problems(kept, reference)
    return Injected("full disk", len(sizes), problems)


def can_mount() -> bool:
    """Whether this user may make a file system in memory."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mount = f"mount -t tmpfs none {folder}"
        tried = subprocess.run([*_NAMESPACE, "sh", "-c", mount], capture_output=True)
    return tried.returncode == 0


def _moved(ended: Ended, workdir: pathlib.Path, reference: pathlib.Path) -> list[str]:
    """Problems of a sweep that went on from its checkpoint in another place."""
    if ended.code:
        return [f"{ended.code} {ended.printed[-300:]}"]
    problems = []
    if "runs go on after step" not in ended.printed:
        problems.append("it began anew")
    distance = sweeps.distance(workdir, reference)
    if distance > _ROUNDING:
        problems.append(f"a loss is {distance:.1g} off")
    return problems
