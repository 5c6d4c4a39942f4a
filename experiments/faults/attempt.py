"""Calls a command as a shell would, in this process, and says how it ended."""

import contextlib
import io
import os
import pathlib
import sys
import time
import traceback as tracebacks
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from absl import flags

from decomp.datasets import dsprites_compare
from experiments import bias, figures, main, score, variants
from experiments.config import command_line


class Outcome(NamedTuple):
    """How a command with bad input ended."""

    name: str
    refused: bool  # by exit code 2, one line on stderr, and no file written
    traceback: bool  # whether an error came through
    line: str  # on stderr; the end of the traceback, if there is one
    code: int | None = None  # with which the command ended
    wrote: tuple[str, ...] = ()  # files that are there now and were not before
    seconds: float = 0.0


def attempt(
    name: str, command: str, arguments: Sequence[str], folder: pathlib.Path
) -> Outcome:
    """Runs a command.

    Args:
        name: Of the outcome.
        command: A key of `COMMANDS`.
        arguments: What stands behind `python -m experiments.COMMAND`.
        folder: Watched for files that the command leaves.

    Returns:
        Its outcome; no error but KeyboardInterrupt comes out.
    """
    before, start = _files(folder), time.monotonic()
    printed, problem = io.StringIO(), ""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(printed):
        try:
            code = COMMANDS[command](list(arguments))
        except SystemExit as end:
            code = end.code
        except Exception:
            code, problem = 1, tracebacks.format_exc()
    seconds = time.monotonic() - start
    wrote = tuple(sorted(_files(folder) - before))
    lines = printed.getvalue().splitlines()
    refused = code == 2 and len(lines) == 1 and not wrote
    line = problem.strip().splitlines()[-1] if problem else "\n".join(lines)
    return Outcome(name, refused, bool(problem), line, code, wrote, seconds)


@contextlib.contextmanager
def typed(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Sets the command line of `experiments.main`, whose flags are global."""
    argv, flag_values = ["experiments/main.py", *arguments], flags.FLAGS
    kept, sys.argv = sys.argv, argv
    try:
        _forget(flag_values)
        yield argv
    finally:
        _forget(flag_values)
        sys.argv = kept


def _main(arguments: list[str]) -> int:
    with typed(arguments) as argv:
        main.main(command_line.parse(argv))
    return 0


def _forget(values: flags.FlagValues) -> None:
    """Forgets what was typed, with the flags that it made for the fields."""
    values.unparse_flags()
    for name in [name for name in values if name.startswith("config.")]:
        delattr(values, name)


def _files(folder: pathlib.Path) -> set[str]:
    return {
        os.path.join(path, name)
        for path, folders, names in os.walk(folder)
        for name in names + folders
    }


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "main": _main,
    "score": score.main,
    "figures": figures.main,
    "variants": variants.main,
    "bias": bias.main,
    "dsprites": dsprites_compare.main,
}
