"""The benchmarks at sizes of a second: what they print, not how fast they are."""

import numpy as np

from experiments import benchmarks
from experiments.benchmarks import kim_mnih, sheet


def test_a_table_is_markdown_with_columns_of_equal_width():
    assert benchmarks.table([("a", "bb"), ("ccc", "d")]).splitlines() == [
        "| a   | bb |",
        "|-----|----|",
        "| ccc | d  |",
    ]


def test_the_sheet_is_timed_metric_by_metric(capsys):
    assert sheet.main(["--runs=2", "--points=300", "--metrics", "mig", "hoyer"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split("|")[1].strip() for line in printed.splitlines() if "|" in line]
    assert rows[2:] == ["mig", "hoyer", "total"]
    assert "2 runs of 300 codes" in printed


def test_kim_mnih_agrees_with_numpy_on_the_same_votes(capsys):
    sizes = ["--runs=5", "--points=4000", "--votes=40", "--samples=30"]
    assert kim_mnih.main([*sizes, "--numpy-votes=8"]) == 0
    printed = capsys.readouterr().out
    assert "On NumPy's 40 votes of the first run" in printed
    assert " 0 votes differ" in printed


def test_numpy_finds_the_rows_that_it_is_given_otherwise():
    rng = np.random.default_rng(0)
    factors = kim_mnih.grid(rng, 3000)
    (codes,) = kim_mnih.make(rng, factors, 1)
    variance = np.var(codes, axis=0, ddof=1)
    cells = [(0, 1), (2, 7), (4, 30)]
    ranks = [np.array([0, 5, 9, 20])] * 3
    rows = [
        np.flatnonzero(factors[:, f] == v)[r]
        for (f, v), r in zip(cells, ranks, strict=True)
    ]
    np.testing.assert_array_equal(
        kim_mnih.numpy_finding(codes, variance, factors, cells, ranks),
        kim_mnih.numpy_winners(codes, variance, rows),
    )
