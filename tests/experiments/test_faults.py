"""The campaign of faults notices lost bytes; a slow test shows that none are lost."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.faults import fuzz, neighbours, sweeps
from tests.faults.trial import Problem, TrialRow


@pytest.fixture
def copies(image_results, tmp_path):
    """Two copies of a finished workdir with all files that the campaign compares."""
    for name in ("one", "other"):
        folder = shutil.copytree(image_results, tmp_path / name)
        np.savez(folder / "pictures.npz", points=np.zeros(3))
        for table in ("scores.csv", "metrics.csv", "summary.csv", "summary.md"):
            assert (folder / table).exists()
    shutil.copy(tmp_path / "one" / "pictures.npz", tmp_path / "other")
    return tmp_path / "one", tmp_path / "other"


def test_equal_sweeps_have_no_problems_however_their_blocks_are_cut(copies):
    one, other = copies
    assert list(sweeps.problems(one, other)) == []
    path = other / "blocks" / "000000.npz"
    with np.load(path) as block:
        whole = {name: block[name] for name in block.files}
    np.savez(path, **{name: array[:3] for name, array in whole.items()})
    last = {name: array[3:] for name, array in whole.items()}
    np.savez(other / "blocks" / "000003.npz", **last)
    assert list(sweeps.problems(one, other)) == []


def test_a_bit_of_a_parameter_and_a_table_that_differs_are_noticed(copies):
    one, other = copies
    path = other / "blocks" / "000000.npz"
    with np.load(path) as block:
        arrays = {name: block[name] for name in block.files}
    name = next(name for name in arrays if name.startswith("params/"))
    arrays[name].view(np.uint8).flat[7] ^= 1
    np.savez(path, **arrays)
    size = len(sweeps.runs(other)[0])
    problems = list(sweeps.problems(one, other))
    assert problems == [Problem("parameters differ in 1 runs", lost=size)]
    (other / "scores.csv").write_text("run\n1\n")
    (one / "summary.md").unlink()
    problems = list(sweeps.problems(one, other))
    assert [p.words for p in problems[:2]] == [
        "scores.csv differs",
        "summary.md differs",
    ]
    assert problems[0].lost == len("run\n1\n")


def test_repeated_and_incomplete_rows_are_counted(tmp_path):
    path = tmp_path / "scores.csv"
    assert sweeps.bad_rows(tmp_path) == 0
    path.write_text("run,loss\n0,1.0\n1,2.0\n")
    assert sweeps.bad_rows(tmp_path) == 0
    path.write_text("run,loss\n0,1.0\n0,2.0\n1\n")
    assert sweeps.bad_rows(tmp_path) == 2


def test_runs_that_are_missing_have_an_infinite_distance(copies):
    one, other = copies
    assert sweeps.distance(one, other) == 0
    lines = (other / "scores.csv").read_text().splitlines(keepends=True)
    (other / "scores.csv").write_text("".join(lines[:-1]))
    assert sweeps.distance(one, other) == np.inf


@pytest.mark.parametrize(
    ("code", "output"),
    [(0, "rng: 0 -> 5"), (2, "something else"), (2, "one line\nrng: 0 -> 5")],
)
def test_an_exit_other_than_a_refusal_is_a_problem(code, output):
    assert list(neighbours.refusal(sweeps.Exit(code, output), "rng: 0 -> 5"))
    refused = sweeps.Exit(2, "rng: 0 -> 5")
    assert not list(neighbours.refusal(refused, "rng: 0 -> 5"))


def test_a_traceback_in_the_output_is_a_problem():
    command = [sys.executable, "-c", "print('first', flush=True); 1 / 0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    problems = sweeps.end(process)
    problem = next(problems)
    assert problem.tracebacks == 1
    assert "ZeroDivisionError" in problem.words
    with pytest.raises(StopIteration) as end:
        next(problems)
    assert end.value.value.code == 1
    assert end.value.value.output.startswith("first")


def test_problems_are_counted_for_the_table():
    problems = [Problem("a", lost=3), Problem("b", lost=4, tracebacks=1)]
    assert TrialRow("kind", 5, problems).counts == (5, 3, 7, 1)
    assert TrialRow("kind", 1, problems).counts == (1, 0, 7, 1)


def test_random_faults_have_help_and_refuse_a_bad_duration_in_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        fuzz.main(["--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: tests.faults.fuzz")
    assert fuzz.main(["a minute"]) == 2
    line = "argument seconds: must be a whole number from 0 to 2147483647; got a minute"
    assert capsys.readouterr().err == f"tests.faults.fuzz: {line}.\n"


@pytest.mark.slow
def test_the_campaign_loses_nothing():
    command = [sys.executable, "-m", "tests.faults", "--kills=4", "--fuzz=5"]
    process = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert process.returncode == 0, process.stdout + process.stderr
