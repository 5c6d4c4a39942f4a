"""Stopping when asked to: SIGINT (Ctrl-C) and SIGTERM, which schedulers send."""

import contextlib
import signal
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A sweep that was asked to stop has saved what it had."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # as shells have it


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], int]]:
    """Within it the first signal is only remembered; the second has its usual effect.

    A signal that is ignored, as by `nohup`, stays ignored.

    Yields:
        A function: the number of the signal that came, or 0.
    """
    received = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    usual = {n: h for n, h in handlers.items() if h is not signal.SIG_IGN}

    def remember(number: int, frame: object) -> None:
        del frame
        received.append(number)
        restore()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    for number in usual:
        signal.signal(number, remember)
    try:
        yield lambda: received[0] if received else 0
    finally:
        restore()
