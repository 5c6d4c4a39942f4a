"""A lock, so that only one process at a time uses a workdir.

It is a lock of the kernel on a file that remains. It ends with its process, however the
process ends, so that no stale lock is left.
"""

import contextlib
import fcntl
import os
import pathlib
import platform
from collections.abc import Iterator
from typing import TextIO

from experiments.system import signals
from experiments.system.terminal import say

_NAME = ".lock"


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a folder, which is created if it does not exist.

    Raises:
        ValueError: One line, if another process holds the lock, which it names, or if
            the folder cannot be written to.
    """
    with _opened(workdir) as file:
        _take(file, workdir)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        try:
            with signals.cleaning(lambda: _leave(workdir)):
                yield
        finally:
            _leave(workdir)


def _opened(workdir: pathlib.Path) -> TextIO:
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        return open(workdir / _NAME, "a+", encoding="utf-8")
    except OSError as error:
        file_there = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a part of it is not a folder" if file_there else error.strerror
        raise ValueError(f"cannot write to --workdir={workdir}: {reason}.") from None


def _take(file: TextIO, workdir: pathlib.Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise ValueError(
            f"--workdir={workdir} is in use by {holder}; wait for it, or choose "
            "another folder."
        ) from None
    except OSError as error:  # NFS and FUSE may not have locks
        say(
            f"  {workdir} cannot be locked ({error.strerror}); make sure that no "
            "other process uses it"
        )


def _leave(workdir: pathlib.Path) -> None:
    """Removes the folder if it is still empty."""
    if os.listdir(workdir) == [_NAME]:
        (workdir / _NAME).unlink()
        workdir.rmdir()
