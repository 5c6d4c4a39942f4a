"""Calls commands as a shell would, in this process, with every bad input.

`python -m tests.faults.attempts` lists what was not refused as it should be.
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
    """Forgets what was typed."""
    values.unparse_flags()


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
    expects: str  # words of the one line that answers


def cases(folder: pathlib.Path) -> Iterator[Case]:
    """All cases, each with a name of its own; `folder` will hold their files."""
    for line in bad_configs.lines():
        name = " ".join(line.arguments)[:200] or "no arguments"
        yield Case(name, "main", line.arguments, {}, line.expects)
    for given in [
        *bad_arrays.givens(folder),
        *bad_photographs.givens(),
        *bad_tables.givens(),
    ]:
        yield Case(*given)


def tried(folder: pathlib.Path, cases: list[Case]) -> list[Outcome]:
    """Runs every case in this process.

    Args:
        folder: Holds a folder for each case.
        cases: From `cases`.

    Returns:
        Outcomes in their order. A case is refused if the line has the words expected
        and no file was written.
    """
    return [_one(folder / f"{i:03d}", case) for i, case in enumerate(cases)]


def all_tried(folder: pathlib.Path) -> list[Outcome]:
    """Runs every case; `folder` is made and holds their files."""
    (folder / "files").mkdir(parents=True)
    return tried(folder, list(cases(folder / "files")))


def wrong(outcome: Outcome) -> str:
    """A line for a case that was not refused as it should be; for others nothing."""
    if outcome.refused:
        return ""
    return f"{outcome.name}: {outcome.line or 'accepted'}"


def _one(folder: pathlib.Path, case: Case) -> Outcome:
    folder.mkdir(parents=True)
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    typed = [argument.replace("{}", str(folder)) for argument in case.arguments]
    if case.command == "main" and not any("--workdir" in text for text in typed):
        typed.append(f"--workdir={folder / 'workdir'}")
    found = attempt(case.name, case.command, typed, folder)
    one_line = found.code == 2 and "\n" not in found.line
    return found._replace(
        refused=one_line and case.expects in found.line and not found.wrote
    )


def report() -> int:
    """Prints what is wrong, and a count; returns 1 if anything is."""
    with tempfile.TemporaryDirectory() as name:
        outcomes = all_tried(pathlib.Path(name) / "inputs")
    bad = [line for line in map(wrong, outcomes) if line]
    print("\n".join([*bad, f"{len(outcomes) - len(bad)} of {len(outcomes)} refused"]))
    return int(bool(bad))


if __name__ == "__main__":
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
    sys.exit(report())
