"""How the command of this package ends on a signal: at once, with one line."""

import io
import os
import signal
import sys

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def begin(name: str) -> None:
    """Makes Ctrl-C and SIGTERM end the process with a line, and a closed pipe silently.

    Characters that the encoding of the output lacks are written as their numbers.

    Args:
        name: The command's name, with which the line begins.
    """

    def end(number: int, frame: object) -> None:
        del frame
        os.write(2, f"{name}: {signal.Signals(number).name}: stopped\n".encode())
        os._exit(128 + number)

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by `nohup`
            signal.signal(number, end)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
