import csv
import importlib.util
import json
import math
import shutil

import numpy as np
import pytest
from scipy import stats

from configs import pinwheel, shapes_anisotropic
from experiments import main
from experiments.config import settings
from experiments.evaluation import evaluate
from experiments.results import run_tables
from experiments.system import devices
from experiments.training import one_run
from tests.experiments import live_view
from tests.faults import sweeps

FILES = (
    *("config.json", "env.json", "settings.json", "metrics.csv", "scores.csv"),
    *("summary.csv", "summary.md", "pictures.npz"),
)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pinwheel_config():
    """The pinwheel in its smoke variant with 3 of its 10 settings, of 2 seeds."""
    with pinwheel.get_config("smoke").unlocked() as config:
        config.objective.beta = (0.5, 1.0, 0.0)
        config.objective.alpha = (0.0, 0.0, 2.0)
    return config


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """The results of `pinwheel_config`, with a live view."""
    workdir = tmp_path_factory.mktemp("plane")
    with pinwheel_config().unlocked() as config:
        config.tensorboard = importlib.util.find_spec("tensorboardX") is not None
    main.run(*settings.validate(config), workdir)
    return workdir


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """The left half of Figure 1 on small images: 3 priors, 2 betas, 2 seeds."""
    workdir = tmp_path_factory.mktemp("shapes")
    with shapes_anisotropic.get_config("laptop,smoke").unlocked() as config:
        config.evaluate.metrics = ("mig",)
    main.run(*settings.validate(config), workdir)
    return workdir


def check_files(workdir, *, num_settings, figures):
    for name in FILES:
        assert (workdir / name).stat().st_size > 0, name
    assert [path.name for path in (workdir / "blocks").iterdir()] == ["000000.npz"]
    assert not (workdir / "checkpoints").exists()
    assert [path.name for path in workdir.rglob(".*")] == [".lock"]
    scores = table(workdir / "scores.csv")
    assert [int(row["run"]) for row in scores] == list(range(2 * num_settings))
    assert {row["status"] for row in scores} == {"ok"}
    assert len({row["seed"] for row in scores}) == 2
    curves = table(workdir / "metrics.csv")
    assert len(curves) == 2 * num_settings * 2 * len(one_run.MEASURES)
    assert {row["step"] for row in curves} == {"2", "4"}
    assert len(json.loads((workdir / "settings.json").read_text())) == num_settings
    figure_files = {path.name for path in (workdir / "figures").iterdir()}
    for name in figures:
        assert {f"{name}.png", f"{name}.pdf"} <= figure_files


def check_summary(workdir):
    """Compares means and intervals with those computed from scores.csv."""
    scores, summary = table(workdir / "scores.csv"), table(workdir / "summary.csv")
    columns = settings.COLUMNS
    names = [name for name in evaluate.COLUMNS if name in scores[0]]
    combinations = {tuple(row[c] for c in columns) for row in scores}
    assert len(summary) == len(names) * len(combinations)
    for row in summary:
        values = [
            float(run[row["score"]])
            for run in scores
            if all(run[c] == row[c] for c in columns)
        ]
        assert (int(row["n"]), int(row["failed"])) == (2, 0)
        mean, sd = np.mean(values), np.std(values, ddof=1)
        half = stats.t.ppf(0.975, 1) * sd / math.sqrt(2)
        statistics = [float(row[name]) for name in ("mean", "sd", "low", "high")]
        expected = [mean, sd, mean - half, mean + half]
        np.testing.assert_allclose(statistics, expected, rtol=1e-9, atol=1e-12)


def test_the_pinwheel_writes_all_its_files(plane):
    figures = ("prior_density", "scores_by_setting")
    check_files(plane, num_settings=3, figures=figures)
    assert list((plane / "figures").glob("aggregate_posterior*.png"))
    check_summary(plane)


def test_the_live_view_of_the_pinwheel_agrees_with_its_tables(plane):
    pytest.importorskip("tensorboardX")
    live_view.check(plane)


def test_the_shapes_write_all_their_files(shapes):
    check_files(shapes, num_settings=6, figures=("traversals", "reconstructions"))
    assert list((shapes / "figures").glob("reconstruction_vs_score*.png"))
    check_summary(shapes)


def test_the_loss_is_the_weighted_sum_of_its_terms(plane, shapes):
    for row in [*table(plane / "scores.csv"), *table(shapes / "scores.csv")]:
        value = {
            name: float(entry or 0)
            for name, entry in row.items()
            if name in ("loss", "reconstruction", "kl", "beta", "alpha", "mismatch")
        }
        expected = value["reconstruction"] + value["beta"] * value["kl"]
        expected += value["alpha"] * value.get("mismatch", 0.0)
        assert value["loss"] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_the_pictures_are_those_of_a_run_of_median_loss(plane):
    scores = table(plane / "scores.csv")
    with np.load(plane / "pictures.npz") as pictures:
        numbers, density = pictures["density_run"], pictures["density"]
        grid = pictures["density_grid"]
    assert len(numbers) == 3
    for setting, number in enumerate(numbers):
        pair = [float(scores[setting + 3 * seed]["loss"]) for seed in range(2)]
        assert number % 3 == setting
        assert float(scores[number]["loss"]) == min(pair)
    # The plane does not hold the whole density, which integrates to one.
    mass = density.sum(axis=(1, 2)) * (grid[1] - grid[0]) ** 2
    assert np.all((mass > 0) & (mass < 1.001))


@pytest.mark.slow
def test_a_finished_workdir_is_not_trained_again(plane, tmp_path, capsys):
    workdir = shutil.copytree(plane, tmp_path / "copy")
    block = run_tables.block_path(workdir, 0)
    before = block.stat().st_mtime_ns
    with pinwheel_config().unlocked() as config:
        config.figures = ()
    main.run(*settings.validate(config), workdir)
    assert block.stat().st_mtime_ns == before
    for name in ("scores.csv", "summary.csv", "metrics.csv", "pictures.npz"):
        assert (workdir / name).read_bytes() == (plane / name).read_bytes()
    output = capsys.readouterr().out
    assert "6 are finished, 0 left" in output
    assert "compiled" not in output


@pytest.mark.slow
def test_a_killed_sweep_continues_to_the_same_results(plane, tmp_path):
    # Only the first block of two has finished.
    workdir = tmp_path / "killed"
    (workdir / "blocks").mkdir(parents=True)
    with np.load(run_tables.block_path(plane, 0)) as whole:
        first = {name: whole[name][:2] for name in whole.files}
    np.savez(run_tables.block_path(workdir, 0), **first)
    shutil.copy(plane / "config.json", workdir)
    with pinwheel_config().unlocked() as config:
        config.figures = ()
        config.runs.block = 2
    main.run(*settings.validate(config), workdir)
    assert sorted(path.stem for path in (workdir / "blocks").iterdir()) == [
        *("000000", "000002", "000004")
    ]
    for name in ("scores.csv", "summary.csv", "metrics.csv", "pictures.npz"):
        assert (workdir / name).read_bytes() == (plane / name).read_bytes(), name


@pytest.mark.slow
def test_added_seeds_and_steps_give_the_results_of_one_sweep(tmp_path, capsys):
    def sweep(folder, *, seeds, steps):
        with pinwheel.get_config("smoke").unlocked() as config:
            config.figures = ()
            config.seeds = seeds
            config.train.steps, config.train.records = steps, steps // 2
            config.runs.keep_states = True
        main.run(*settings.validate(config), tmp_path / folder)
        return capsys.readouterr().out

    sweep("grown", seeds=1, steps=4)
    output = sweep("grown", seeds=2, steps=6)
    assert "changed: seeds: 1 -> 2" in output
    assert "10 runs go on after step 4" in output
    sweep("whole", seeds=2, steps=6)
    for name in ("scores.csv", "summary.csv", "metrics.csv", "pictures.npz"):
        grown, whole = (tmp_path / folder / name for folder in ("grown", "whole"))
        assert grown.read_bytes() == whole.read_bytes(), name


def test_a_workdir_of_another_config_is_refused(plane):
    with pinwheel_config().unlocked() as config:
        config.rng = 1
    with pytest.raises(ValueError, match="rng: 0 -> 1"):
        main.run(*settings.validate(config), plane)


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
    with pinwheel_config().unlocked() as config:
        config.train.batch_size = 401
    with pytest.raises(ValueError, match="train.batch_size must be at most 400"):
        main.run(*settings.validate(config), tmp_path)


def test_a_training_without_steps_is_refused(tmp_path):
    with pinwheel_config().unlocked() as config:
        config.train.steps = 0
        config.train.epochs = 0.1
    with pytest.raises(ValueError, match=r"train\.epochs must give"):
        main.run(*settings.validate(config), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(
    not devices.resolves(), reason="this machine's name does not resolve to an address"
)
def test_two_processes_train_the_runs_of_one(plane, tmp_path):
    arguments = [
        "--config=configs/pinwheel.py:smoke",
        "--config.objective.beta=0.5,0.0",  # two of the three settings
        "--config.objective.alpha=0.0,2.0",
        "--config.figures=()",
    ]
    processes = sweeps.pair(tmp_path, arguments=arguments)
    try:
        first, second = (process.communicate(timeout=300)[0] for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], first + second
    assert "4 × cpu" in first
    assert "blocks of 4 runs" in first
    assert "runs" not in second
    setting = ("seed", "alpha", "beta")
    alone, shared = (
        {tuple(row[name] for name in setting): row for row in table(path)}
        for path in (plane / "scores.csv", tmp_path / "scores.csv")
    )
    assert len(shared) == 4
    for key, row in shared.items():
        assert row["status"] == alone[key]["status"] == "ok"
        for name in ("loss", "reconstruction", "kl"):
            expected = pytest.approx(float(alone[key][name]), rel=1e-4)
            assert float(row[name]) == expected
