"""The benchmarks at sizes that take a second: their output, not their speed."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import benchmarks
from experiments.benchmarks import __main__ as table
from experiments.benchmarks import (
    compiling,
    cost,
    machine,
    naive,
    programs,
    score_sheet,
    votes,
)


def test_a_table_is_markdown_with_columns_of_equal_width():
    assert benchmarks.table([("a", "bb"), ("ccc", "d")]).splitlines() == [
        "| a   | bb |",
        "|-----|----|",
        "| ccc | d  |",
    ]


def test_the_sheet_is_timed_metric_by_metric(capsys):
    assert (
        score_sheet.main(["--runs=2", "--points=300", "--metrics", "mig", "hoyer"]) == 0
    )
    output = capsys.readouterr().out
    rows = [line.split("|")[1].strip() for line in output.splitlines() if "|" in line]
    assert rows[2:] == ["mig", "hoyer", "total"]
    assert "2 runs of 300 codes" in output


@pytest.mark.slow
def test_kim_mnih_agrees_with_numpy_on_the_same_votes(capsys):
    sizes = ["--runs=5", "--points=4000", "--votes=40", "--samples=30"]
    assert votes.main([*sizes, "--numpy-votes=8"]) == 0
    output = capsys.readouterr().out
    assert "On NumPy's 40 votes of the first run" in output
    assert " 0 votes differ" in output


def test_numpy_gives_the_same_winners_whether_or_not_it_searches_for_the_rows():
    rng = np.random.default_rng(0)
    factors = votes.grid(rng, 3000)
    (codes,) = votes.make(rng, factors, 1)
    variance = np.var(codes, axis=0, ddof=1)
    cells = [(0, 1), (2, 7), (4, 30)]
    ranks = [np.array([0, 5, 9, 20])] * 3
    rows = [
        np.flatnonzero(factors[:, f] == v)[r]
        for (f, v), r in zip(cells, ranks, strict=True)
    ]
    np.testing.assert_array_equal(
        votes.numpy_finding(codes, variance, factors, cells, ranks),
        votes.numpy_winners(codes, variance, rows),
    )


def test_our_programs_train_all_their_runs_at_a_measured_rate():
    work = programs.WORKS["pinwheel"]
    ours = programs.Ours(work, 3, change={"runs.devices": 1})
    assert (ours.runs, ours.plan.block, ours.plan.mesh.size) == (3, 3, 1)
    rates = programs.rates({"ours": ours}, repetitions=2, seconds=0.05)
    assert rates["ours"].shape == (2,)
    assert np.all(rates["ours"] > 0)


def test_the_naive_networks_are_those_of_table_1a():
    work = programs.make(
        programs.WORKS["conv"], {"data.points": 64, "evaluate.points": 64}
    )
    slow = naive.networks(work.vae)

    def size(module, inputs):
        key, x = jax.random.key(0), jnp.zeros((1, inputs))
        shapes = jax.eval_shape(module.init, key, x)
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    assert size(slow.encoder, 4096) == size(work.vae.encoder, 4096)
    assert size(slow.decoder, 10) == size(work.vae.decoder, 10)


def test_a_peer_that_is_not_installed_is_named_with_the_package_to_install(
    monkeypatch, capsys
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert table.main(["--peer=torch", "--rows", "conv"]) == 2
    assert "--peer=torch expects PyTorch" in capsys.readouterr().out


def test_the_memory_of_a_process_is_read_from_its_status():
    status = "Name:\tpython\nVmHWM:\t 1500000 kB\nThreads:\t3\n"
    assert machine._peak(status) == "1.54 GB at most"
    assert "cpu" in machine.description()


@pytest.mark.slow
def test_the_cost_is_measured_stored_and_drawn_again_from_the_table(
    tmp_path, monkeypatch
):
    two_batches = cost.PANELS["batch"]._replace(values={"dense": (8, 16)})
    monkeypatch.setitem(cost.PANELS, "batch", two_batches)
    few_points = cost.PANELS["scored"]._replace(values={"dense": (100,)})
    monkeypatch.setitem(cost.PANELS, "scored", few_points)
    arguments = [f"--out={tmp_path}", "--repetitions=1", "--panels"]
    assert cost.main([*arguments, "batch"]) == 0
    assert cost.main([*arguments, "scored"]) == 0
    points = cost.read(tmp_path)
    assert [(p.panel, p.network, p.value) for p in points] == [
        *(("batch", "dense", 8.0), ("batch", "dense", 16.0), ("scored", "dense", 100.0))
    ]
    assert all(0 < p.least <= p.seconds <= p.most for p in points)
    image = (tmp_path / "cost.png").read_bytes()
    assert cost.main([f"--out={tmp_path}", "--draw"]) == 0
    assert (tmp_path / "cost.png").read_bytes() == image


@pytest.mark.slow
def test_the_compilation_of_a_config_is_timed(capsys):
    assert compiling.main(["configs/pinwheel.py:smoke"]) == 0
    assert float(capsys.readouterr().out) > 0
