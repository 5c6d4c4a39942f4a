"""What all commands share: their start, and their one-line errors."""

import argparse
import errno
import functools
import io
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from experiments.system import paths, signals

_LARGEST = 2**31 - 1
_GONE = (errno.EPIPE, errno.EIO)  # the reader of a pipe, or the terminal, is gone


class Main(Protocol):
    """The function of a command: maps the arguments to an exit code."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


class _Output(io.TextIOWrapper):
    """Escapes characters that the encoding lacks; ends the command if nobody reads.

    The latter happens with `head`, which closes the pipe when it has enough lines.
    """

    replaced: io.TextIOWrapper | None = None

    def write(self, text: str, /) -> int:
        self._written(functools.partial(super().write, text))
        return len(text)

    def flush(self) -> None:
        self._written(super().flush)

    def _written(self, function: Callable[[], object]) -> None:
        try:
            function()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            signals.ask(signal.SIGPIPE)


def use_plain_output() -> None:
    """Makes stdout and stderr accept any text, and a reader that goes away."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it is closed, as by >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            output = _Output(
                stream.buffer,
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            output.replaced = stream  # its deletion would close the buffer
            setattr(sys, name, output)


def command(name: str) -> Callable[[Main], Main]:
    """Turns errors of arguments or files into one line and the exit code 2.

    Args:
        name: The program's name, which begins its errors.
    """

    def decorate(main: Main) -> Main:
        @functools.wraps(main)
        def wrapped(arguments: Sequence[str] | None = None) -> int:
            try:
                return main(arguments)
            except (ValueError, OSError) as error:
                return fail(name, str(error))
            except MemoryError as error:
                return fail(name, f"there is too little memory. {error}")

        return wrapped

    return decorate


def fail(name: str, message: str) -> int:
    """Prints one line on stderr; returns the exit code 2."""
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 2


class WithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help that says the default of each argument that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_default = action.default is not None and action.default is not False
        return super()._get_help_string(action) if has_default else action.help


def parser(name: str, description: str, **options: Any) -> argparse.ArgumentParser:
    """A parser that raises ValueError for arguments that cannot be used.

    Args:
        name: The program's name, which begins its errors.
        description: One line for its help.
        **options: Further arguments of `ArgumentParser`.
    """
    result = argparse.ArgumentParser(prog=name, description=description, **options)

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    result.error = refuse
    return result


def path(text: str) -> pathlib.Path:
    """The type of an argument that is a path, which may begin with `~`."""
    try:
        return paths.path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def folder(text: str) -> pathlib.Path:
    """The type of an argument that is a folder to write to, which may not exist yet."""
    place = path(text)
    nearest = next(p for p in (place, *place.absolute().parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        kind = "cannot be written to" if nearest.is_dir() else "is a file"
        raise argparse.ArgumentTypeError(
            f"must be in a folder that can be written to; {nearest} {kind}."
        )
    return place


def file(text: str) -> pathlib.Path:
    """The type of an argument that is a file to write, in a folder as in `folder`."""
    place = path(text)
    if place.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file; {place} is a folder.")
    return folder(str(place.parent)) / place.name


def whole(low: int, high: int = _LARGEST) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {low} to {high}; got {text[:100]}."
            )
        return number

    return convert
