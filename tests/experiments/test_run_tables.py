import csv
import math

import numpy as np
import pytest

from experiments.results import run_tables
from experiments.system import parallel

ROWS = [
    {"prior": "pca", "df": math.inf, "beta": beta, "alpha": 0.0} for beta in (1.0, 4.0)
]
MEASURES = ("loss", "kl")
EVERYTHING = parallel.enumerate_runs(2, seeds=3, first_seed=5)


def value(number):
    """A float32 that needs all its digits."""
    return np.float32(np.sqrt(2 + np.asarray(number)))


def write(workdir, members, *, size, diverged=(), broken=()):
    """Writes a padded block; scores and curves follow from the numbers of the runs."""
    block = parallel.padded(members, size)
    numbers = block.number
    scores = {"loss": value(numbers), "kl": np.float32(numbers)}
    scores["kl"][np.isin(numbers, broken)] = np.nan
    steps = np.broadcast_to(np.array([[2.0], [4.0]]), (size, 2, 1))
    values = numbers[:, None, None] + np.array([[0.25, 1 / 3], [0.5, 2 / 3]])
    run_tables.write_block(
        workdir,
        members,
        {"encoder": {"Dense_0": {"kernel": value(numbers)[:, None] * np.ones((1, 3))}}},
        {
            "diverged": np.where(np.isin(numbers, diverged), 3, -1),
            "term": np.where(np.isin(numbers, diverged), 1, -1),
        },
        scores,
        np.concatenate([steps, values], axis=2),
    )


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "blocks").mkdir()
    return tmp_path


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def tables(workdir):
    return run_tables.write_tables(
        workdir,
        ROWS,
        order=("loss", "kl", "absent"),
        measures=MEASURES,
        terms=("reconstruction", "divergence"),
    )


def test_a_new_workdir_has_no_finished_runs(workdir):
    assert run_tables.finished(workdir) == {}


def test_finished_blocks_are_merged_in_the_order_of_the_runs(workdir):
    late, early = parallel.take(EVERYTHING, np.arange(4, 6)), np.arange(4)
    write(workdir, late, size=4)
    write(workdir, parallel.take(EVERYTHING, early), size=4)
    finished = run_tables.finished(workdir)
    assert finished["number"].tolist() == [0, 1, 2, 3, 4, 5]
    assert finished["seed"].tolist() == [5, 5, 6, 6, 7, 7]
    assert finished["setting"].tolist() == [0, 1] * 3
    assert finished["block"].tolist() == [0, 0, 0, 0, 4, 4]
    assert finished["index"].tolist() == [0, 1, 2, 3, 0, 1]
    np.testing.assert_array_equal(finished["scores/loss"], value(np.arange(6)))
    assert finished["curves"].shape == (6, 2, 3)
    for number in range(6):
        place = int(finished["block"][number]), int(finished["index"][number])
        kernel = run_tables.read_params(workdir, *place)["encoder"]["Dense_0"]["kernel"]
        np.testing.assert_array_equal(kernel, value(number) * np.ones(3))


def test_runs_between_finished_blocks_may_be_missing(workdir):
    # After a kill, another block size makes blocks interleave.
    write(workdir, parallel.take(EVERYTHING, np.array([0, 5])), size=2)
    write(workdir, parallel.take(EVERYTHING, np.array([2, 3])), size=2)
    assert run_tables.finished(workdir)["number"].tolist() == [0, 2, 3, 5]


def test_a_half_written_block_is_ignored(workdir):
    write(workdir, parallel.take(EVERYTHING, np.arange(2)), size=2)
    (workdir / "blocks" / ".000002.npz.123").write_bytes(b"half")
    assert run_tables.finished(workdir)["number"].tolist() == [0, 1]


def test_scores_are_read_back_unchanged(workdir):
    write(workdir, EVERYTHING, size=6)
    tables(workdir)
    rows = table(workdir / "scores.csv")
    losses = np.array([float(row["loss"]) for row in rows])
    np.testing.assert_array_equal(losses, value(np.arange(6)).astype(float))
    assert list(rows[0]) == [
        *("run", "seed", "prior", "df", "beta", "alpha"),
        *("status", "diverged_at", "first_bad", "loss", "kl"),
    ]
    assert [row["beta"] for row in rows] == ["1.0", "4.0"] * 3
    assert {row["df"] for row in rows} == {"inf"}


def test_diverged_runs_are_marked_and_excluded_from_the_means(workdir):
    write(workdir, EVERYTHING, size=6, diverged=[2], broken=[5])
    statistics = {(r.setting["beta"], r.score): r for r in tables(workdir)}
    rows = table(workdir / "scores.csv")
    marks = [(row["status"], row["diverged_at"], row["first_bad"]) for row in rows]
    assert marks[2] == ("diverged", "3", "divergence")
    assert marks[5] == ("diverged", "evaluation", "kl")
    assert marks.count(("ok", "", "")) == 4
    first, second = statistics[1.0, "loss"], statistics[4.0, "loss"]
    assert (first.n, first.failed, second.n, second.failed) == (2, 1, 2, 1)
    np.testing.assert_allclose(first.mean, (value(0) + value(4)) / 2)
    np.testing.assert_allclose(second.mean, (value(1) + value(3)) / 2)
    summary = table(workdir / "summary.csv")
    assert [(row["score"], row["n"], row["failed"]) for row in summary] == [
        ("loss", "2", "1"),
        ("kl", "2", "1"),
    ] * 2
    assert float(summary[0]["mean"]) == first.mean


def test_curves_are_written_as_one_row_per_record_and_measure(workdir):
    write(workdir, EVERYTHING, size=6)
    tables(workdir)
    rows = table(workdir / "metrics.csv")
    assert len(rows) == 6 * 2 * len(MEASURES)
    last = rows[-1]
    assert (last["run"], last["seed"], last["step"], last["name"]) == (
        *("5", "7", "4"),
        "kl",
    )
    assert float(last["value"]) == pytest.approx(5 + 2 / 3, rel=1e-5)
