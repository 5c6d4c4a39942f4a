"""Processes, configs and runs beside a sweep, which must not disturb it."""

import pathlib
import shutil
from collections.abc import Iterator
from functools import partial

from tests.faults import sweeps
from tests.faults.sweeps import end, start
from tests.faults.trial import Problem, Problems, Trial

_OVERFLOW = "1e30"  # with this weight of the KL, squared gradients overflow float32


def trials(reference: pathlib.Path) -> Iterator[Trial]:
    """All trials of this module; `reference` is the folder of an undisturbed sweep."""
    kind = "a second process in the workdir; another config"
    yield Trial(kind, 1, 2, partial(_second_process, reference))
    yield Trial(kind, 1, 1, partial(_other_config, reference))
    kind = "runs that diverge, beside as many that do not"
    yield Trial(kind, sweeps.SEEDS, 1, partial(_diverging, reference))


def _second_process(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """A second process in the same workdir is refused, and the first goes on."""
    first = start(workdir)
    sweeps.wait(lambda: (workdir / "blocks").exists())
    second = yield from end(start(workdir))
    yield from refusal(second, "is in use by process")
    result = yield from end(first)
    yield from sweeps.compared(result, workdir, reference)


def _other_config(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """Another config in a workdir is refused with the field that differs."""
    shutil.copytree(reference, workdir)
    result = yield from end(start(workdir, "--config.rng=5"))
    yield from refusal(result, "rng: 0 -> 5")
    yield from sweeps.problems(workdir, reference)


def _diverging(reference: pathlib.Path, workdir: pathlib.Path) -> Problems:
    """The runs of one weight diverge and are marked; the others keep their bytes."""
    stable = sweeps.BETAS.split(",")[0]
    arguments = [
        argument.replace(sweeps.BETAS, f"{stable},{_OVERFLOW}")
        for argument in sweeps.PINWHEEL
    ]
    result = yield from end(start(workdir, arguments=arguments))
    if result.code:
        yield Problem(f"{result.code} {result.output[-300:]}")
        return
    scores, expected = sweeps.scores(workdir), sweeps.scores(reference)
    content, expected_content = sweeps.runs(workdir), sweeps.runs(reference)
    for run, row in expected.items():
        if row["beta"] != stable:
            if scores[run]["status"] != "diverged" or not scores[run]["first_bad"]:
                yield Problem(f"run {run} is not marked: {scores[run]['status']}")
        elif content[run] != expected_content[run] or scores[run] != row:
            yield Problem(f"run {run} differs", lost=len(expected_content[run]))
    for row in sweeps.table(workdir / "summary.csv"):
        failed = 0 if row["beta"] == stable else sweeps.SEEDS
        if (int(row["failed"]), int(row["n"])) != (failed, sweeps.SEEDS - failed):
            yield Problem(f"{row['score']}: {row['failed']} runs count as diverged")


def refusal(result: sweeps.Exit, words: str) -> Problems:
    """Problems of a refusal, which must have code 2 and one line."""
    line = result.output.strip()
    if result.code != 2 or words not in line or "\n" in line:
        yield Problem(
            f"expected a refusal with {words!r}; got {result.code} {line[-300:]}"
        )
