"""Runs commands with every bad input in this process, as a shell would.

`python -m tests.faults.attempts` lists the inputs that were not refused properly.
"""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import time
import traceback as tracebacks
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from absl import flags

from decomp.datasets.renderers import dsprites_compare
from experiments import bias, figures, main, score, variants
from experiments.config import command_line
from tests.faults import bad_arrays, bad_configs, bad_photographs, bad_tables


class Outcome(NamedTuple):
    """How a command with bad input ended."""

    name: str
    refused: bool  # by exit code 2, one line on stderr, and no file written
    traceback: bool  # whether an exception escaped
    line: str  # the text on stderr, or the last line of the traceback
    code: int | None = None  # the exit code
    new_files: tuple[str, ...] = ()  # files that the command left
    seconds: float = 0.0


def attempt(
    name: str, command: str, arguments: Sequence[str], folder: pathlib.Path
) -> Outcome:
    """Runs a command and returns its outcome.

    Args:
        name: Name of the outcome.
        command: A key of `COMMANDS`.
        arguments: The words after `python -m experiments.COMMAND`.
        folder: The folder that is searched for new files.

    Returns:
        The outcome; only KeyboardInterrupt is raised.
    """
    before, start = _files(folder), time.monotonic()
    stderr, traceback = io.StringIO(), ""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
        try:
            code = COMMANDS[command](list(arguments))
        except SystemExit as end:
            code = end.code
        except Exception:
            code, traceback = 1, tracebacks.format_exc()
    seconds = time.monotonic() - start
    new_files = tuple(sorted(_files(folder) - before))
    lines = stderr.getvalue().splitlines()
    refused = code == 2 and len(lines) == 1 and not new_files
    line = traceback.strip().splitlines()[-1] if traceback else "\n".join(lines)
    return Outcome(name, refused, bool(traceback), line, code, new_files, seconds)


@contextlib.contextmanager
def command_line_of(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Sets the command line of `experiments.main`, whose flags are global."""
    argv, flag_values = ["experiments/main.py", *arguments], flags.FLAGS
    previous, sys.argv = sys.argv, argv
    try:
        flag_values.unparse_flags()
        yield argv
    finally:
        flag_values.unparse_flags()
        sys.argv = previous


def _main(arguments: list[str]) -> int:
    with command_line_of(arguments) as argv:
        main.main(command_line.parse(argv))
    return 0


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


class Case(NamedTuple):
    """A command with bad input."""

    name: str
    command: str  # a key of COMMANDS
    arguments: tuple[str, ...]  # `{}` stands for the folder of the files
    files: dict[str, bytes]
    expects: str  # words of the one line that refuses it


def cases(folder: pathlib.Path) -> Iterator[Case]:
    """All cases, with unique names; `folder` will hold their files."""
    for line in bad_configs.lines():
        name = " ".join(line.arguments)[:200] or "no arguments"
        yield Case(name, "main", line.arguments, {}, line.expects)
    for bad_input in [
        *bad_arrays.bad_inputs(folder),
        *bad_photographs.bad_inputs(),
        *bad_tables.bad_inputs(),
    ]:
        yield Case(*bad_input)


def run_cases(folder: pathlib.Path, cases: list[Case]) -> list[Outcome]:
    """Runs every case in this process.

    Args:
        folder: Will hold a folder for each case.
        cases: The cases to run.

    Returns:
        The outcomes in the order of the cases. A case is refused if the line has the
        expected words and no file was written.
    """
    return [_one(folder / f"{i:03d}", case) for i, case in enumerate(cases)]


def run_all(folder: pathlib.Path) -> list[Outcome]:
    """Runs every case; the new folder `folder` holds their files."""
    (folder / "files").mkdir(parents=True)
    return run_cases(folder, list(cases(folder / "files")))


def complaint(outcome: Outcome) -> str:
    """The line of a case that was not refused properly, or an empty text."""
    if outcome.refused:
        return ""
    return f"{outcome.name}: {outcome.line or 'accepted'}"


def _one(folder: pathlib.Path, case: Case) -> Outcome:
    folder.mkdir(parents=True)
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    arguments = [argument.replace("{}", str(folder)) for argument in case.arguments]
    if case.command == "main" and not any("--workdir" in text for text in arguments):
        arguments.append(f"--workdir={folder / 'workdir'}")
    outcome = attempt(case.name, case.command, arguments, folder)
    one_line = outcome.code == 2 and "\n" not in outcome.line
    return outcome._replace(
        refused=one_line and case.expects in outcome.line and not outcome.new_files
    )


def report() -> int:
    """Prints the complaints and a count; returns 1 if there are any."""
    with tempfile.TemporaryDirectory() as name:
        outcomes = run_all(pathlib.Path(name) / "inputs")
    complaints = [line for line in map(complaint, outcomes) if line]
    refused = len(outcomes) - len(complaints)
    print("\n".join([*complaints, f"{refused} of {len(outcomes)} refused"]))
    return int(bool(complaints))


if __name__ == "__main__":
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
    sys.exit(report())
