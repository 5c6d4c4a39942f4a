"""Every bad input, tried: `python -m experiments.faults.inputs` lists what is wrong."""

import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from experiments.faults import arrays, configs, photographs, tables
from experiments.faults.attempt import Outcome, attempt


class Case(NamedTuple):
    """A command with bad input."""

    name: str
    command: str  # a key of attempt.COMMANDS
    arguments: tuple[str, ...]  # `{}` stands for the folder of the files
    files: dict[str, bytes]
    expects: str  # words of the one line that answers


def cases(folder: pathlib.Path) -> Iterator[Case]:
    """All cases, each with a name of its own; `folder` will hold their files."""
    for line in configs.lines():
        name = " ".join(line.arguments)[:200] or "no arguments"
        yield Case(name, "main", line.arguments, {}, line.expects)
    for given in [*arrays.givens(folder), *photographs.givens(), *tables.givens()]:
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


def main() -> int:
    """Prints what is wrong, and a count; returns 1 if anything is."""
    with tempfile.TemporaryDirectory() as name:
        outcomes = all_tried(pathlib.Path(name) / "inputs")
    bad = [line for line in map(wrong, outcomes) if line]
    print("\n".join([*bad, f"{len(outcomes) - len(bad)} of {len(outcomes)} refused"]))
    return int(bool(bad))


if __name__ == "__main__":
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
    sys.exit(main())
