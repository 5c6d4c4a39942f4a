"""The campaign: that it notices what is lost, and, slowly, that nothing is."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from experiments.faults import crashes, sweeps


@pytest.fixture
def copies(image_results, tmp_path):
    """A finished workdir twice, with all that the campaign compares."""
    for name in ("one", "other"):
        folder = shutil.copytree(image_results, tmp_path / name)
        np.savez(folder / "pictures.npz", points=np.zeros(3))
        for table in ("scores.csv", "metrics.csv", "summary.csv", "summary.md"):
            assert (folder / table).exists()
    shutil.copy(tmp_path / "one" / "pictures.npz", tmp_path / "other")
    return tmp_path / "one", tmp_path / "other"


def test_equal_sweeps_have_no_problems_however_their_blocks_are_cut(copies):
    one, other = copies
    assert sweeps.problems(one, other) == []
    path = other / "blocks" / "000000.npz"
    with np.load(path) as block:
        whole = {name: block[name] for name in block.files}
    np.savez(path, **{name: array[:3] for name, array in whole.items()})
    last = {name: array[3:] for name, array in whole.items()}
    np.savez(other / "blocks" / "000003.npz", **last)
    assert sweeps.problems(one, other) == []


def test_a_bit_of_a_parameter_or_of_a_table_is_noticed(copies):
    one, other = copies
    path = other / "blocks" / "000000.npz"
    with np.load(path) as block:
        arrays = {name: block[name] for name in block.files}
    name = next(name for name in arrays if name.startswith("params/"))
    arrays[name].view(np.uint8).flat[7] ^= 1
    np.savez(path, **arrays)
    assert sweeps.problems(one, other) == ["parameters differ"]
    (other / "scores.csv").write_text("run\n1\n")
    assert sweeps.problems(one, other)[0] == "scores.csv differs"


def test_rows_twice_or_cut_short_are_counted(tmp_path):
    path = tmp_path / "scores.csv"
    assert sweeps.rows_twice(tmp_path) == 0
    path.write_text("run,loss\n0,1.0\n1,2.0\n")
    assert sweeps.rows_twice(tmp_path) == 0
    path.write_text("run,loss\n0,1.0\n0,2.0\n1\n")
    assert sweeps.rows_twice(tmp_path) == 2


def test_runs_that_are_missing_are_far_away(copies):
    one, other = copies
    assert sweeps.distance(one, other) == 0
    lines = (other / "scores.csv").read_text().splitlines(keepends=True)
    (other / "scores.csv").write_text("".join(lines[:-1]))
    assert sweeps.distance(one, other) == np.inf


@pytest.mark.parametrize(
    ("code", "printed"),
    [(0, "rng: 0 -> 5"), (2, "something else"), (2, "Traceback: rng: 0 -> 5")],
)
def test_what_is_no_refusal_is_a_problem(code, printed):
    assert crashes.refusal(sweeps.Ended(code, printed), "rng: 0 -> 5")
    assert not crashes.refusal(sweeps.Ended(2, "rng: 0 -> 5"), "rng: 0 -> 5")


@pytest.mark.slow
def test_the_campaign_loses_nothing():
    command = [sys.executable, "-m", "experiments.faults", "--kills=4", "--fuzz=5"]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert ended.returncode == 0, ended.stdout + ended.stderr
