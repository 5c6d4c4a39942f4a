"""Handling of SIGINT (Ctrl-C), SIGTERM, which schedulers send, and SIGHUP.

In a command (`watch`) a thread handles the signal at once, even if the main thread is
in a compiler for a minute. It ends the process without unwinding the stack, as every
file is written completely or not at all. While a sweep has something to save
(`listening`), the first signal waits for that and says so; the second one ends the
process at once.
"""

import atexit
import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

CONTINUES = "the same command continues"  # what a stopped sweep says of its work
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS = 1.0  # to wait for a file that is being written
_ONCE = 0.05  # seconds in which a repeated signal, as by `timeout`, counts once


class Stopped(Exception):
    """A sweep that was asked to stop has saved what it had."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # the convention of shells


class Asked:
    """Returns, when called, the number of the signal that came, or 0.

    `waits` is what the first signal waits for, such as "the runs in training are
    saved"; if it is empty, the first signal ends the process.
    """

    def __init__(self):
        self.number, self.waits = 0, ""

    def __call__(self) -> int:
        return self.number


class _Watch:
    """The state of the thread of a command."""

    pipe = -1  # receives the numbers of signals; −1 if there is no thread
    request: Asked | None = None  # that of the innermost `listening`
    writing = threading.RLock()  # is held while a file is written
    cleaners: tuple[Callable[[], object], ...] = ()
    promise = "what it had written is whole"


def watch() -> None:
    """Makes signals end this process at once, with one line on stderr."""
    heard, _Watch.pipe = os.pipe()
    os.set_blocking(_Watch.pipe, False)
    threading.Thread(target=_wait, args=(heard,), daemon=True).start()
    atexit.register(_ignore)
    listen()


def listen() -> None:
    """Sets the handlers of `watch` again after another library has set its own."""
    if _Watch.pipe < 0:
        return
    signal.set_wakeup_fd(_Watch.pipe, warn_on_full_buffer=False)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by `nohup`
            signal.signal(number, _heard)


def ask(number: int) -> bool:
    """Acts as the signal would; returns whether there is a thread to handle it."""
    if _Watch.pipe >= 0:
        with contextlib.suppress(OSError):
            os.write(_Watch.pipe, bytes([number]))
    return _Watch.pipe >= 0


def promise(words: str) -> None:
    """Sets the end of a stopped command's line, which says what is left of its work."""
    _Watch.promise = words


@contextlib.contextmanager
def listening() -> Iterator[Asked]:
    """A context in which the first signal is recorded and the second acts as usual.

    A signal that is ignored, as by `nohup`, remains ignored.
    """
    request = Asked()
    if _Watch.pipe >= 0:
        outer, _Watch.request = _Watch.request, request
        try:
            yield request
        finally:
            _Watch.request = outer
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    usual = {n: h for n, h in handlers.items() if h is not signal.SIG_IGN}

    def remember(number: int, frame: object) -> None:
        del frame
        request.number = number
        restore()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    for number in usual:
        signal.signal(number, remember)
    try:
        yield request
    finally:
        restore()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """A context in which a file is written, for which the end of the process waits."""
    with _Watch.writing:
        yield


@contextlib.contextmanager
def cleaning(clean: Callable[[], object]) -> Iterator[None]:
    """A context in which `clean` is called if a signal ends the process."""
    _Watch.cleaners = (*_Watch.cleaners, clean)
    try:
        yield
    finally:
        _Watch.cleaners = tuple(c for c in _Watch.cleaners if c is not clean)


def leave(code: int) -> NoReturn:
    """Ends a command whose files are on disk, even if threads still compute."""
    if _Watch.pipe < 0:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _ignore() -> None:
    """Handles signals at Python's exit, when no thread does; all work is done."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _heard(number: int, frame: object) -> None:
    """Passes on a signal that the thread did not get, as while uvloop runs."""
    del frame
    other = signal.set_wakeup_fd(_Watch.pipe, warn_on_full_buffer=False)
    if other != _Watch.pipe:
        signal.set_wakeup_fd(other, warn_on_full_buffer=False)
        ask(number)


def _wait(heard: int) -> None:
    first = -math.inf
    while True:
        number = os.read(heard, 1)[0]
        if (
            number not in (*_SIGNALS, signal.SIGPIPE)
            or time.monotonic() < first + _ONCE
        ):
            continue
        first = time.monotonic()
        request = _Watch.request
        if request is None or request.number or not request.waits:
            _end(number)
        request.number = number
        waits = f"the command waits until {request.waits}"
        _tell(number, f"{waits}; a second signal ends it at once")


def _end(number: int) -> NoReturn:
    _tell(number, f"the command stopped; {_Watch.promise}")
    _Watch.writing.acquire(timeout=_SECONDS)
    for clean in reversed(_Watch.cleaners):
        with contextlib.suppress(Exception):
            clean()
    os._exit(128 + number)


def _tell(number: int, words: str) -> None:
    """Prints a line on stderr, if it is not closed."""
    if number == signal.SIGPIPE:
        return
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = spec.name.removesuffix(".__main__") if spec else "experiments"
    with contextlib.suppress(OSError):
        start = "\n" if os.isatty(2) else ""  # after ^C or the progress bar
        line = f"{start}{name}: {signal.Signals(number).name}: {words}\n"
        os.write(2, line.encode())
