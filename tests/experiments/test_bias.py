import argparse
import csv
import json
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import pinwheel
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from experiments import bias
from experiments.config import settings
from experiments.models import autoencoder
from experiments.plots.estimator_bias import QUANTITIES, Estimates, Regime, figure
from experiments.results import run_tables
from experiments.sweep import layout, trained, workdirs
from experiments.sweep.trained import Posteriors
from experiments.system import terminal
from experiments.system.parallel import Runs

OPTIONS = argparse.Namespace(batches="2,8", samples=64, seed=0)
LOG_PZ = partial(
    gaussian.log_prob, Gaussian(np.zeros(2, np.float32), np.float32([1, 1]))
)


def _regime(spacing):
    """Eight posteriors of scale ½ with means on a diagonal line."""
    loc = jnp.tile(spacing * jnp.arange(8.0)[:, None], 2)
    q = Gaussian(loc, jnp.full((8, 2), 0.5))
    return bias.regime(Posteriors("eight", q, LOG_PZ), OPTIONS)


def _means(regime, batch, quantity):
    """Mean and standard error of each estimator."""
    return {
        cell.estimator: (cell.mean, cell.stderr)
        for cell in regime.cells
        if (cell.batch, cell.quantity) == (batch, quantity)
    }


def test_a_batch_of_all_posteriors_is_exact_except_for_the_constant_of_mws():
    regime = _regime(0.6)
    for quantity, shift in zip(QUANTITIES, (1, 1, 1, -1), strict=True):
        exact, stderr = regime.exact[quantity]
        means = _means(regime, 8, quantity)
        for name in ("batch_mean", "stratified", "symmetrised"):
            mean, error = means[name]
            assert abs(mean - exact) < 4 * math.hypot(stderr, error), quantity
        shifted = means["batch_mean"][0] + shift * math.log(8)
        np.testing.assert_allclose(means["weighted"][0], shifted, atol=1e-4)


def test_without_overlap_the_predictions_hold_at_any_batch_size():
    regime = _regime(100.0)
    assert regime.predicted["mutual_information"] == (math.log(8), 0.0)
    for quantity in ("entropy", "mutual_information", "kl"):
        (expected, error_of_it), (exact, stderr) = (
            values[quantity] for values in (regime.predicted, regime.exact)
        )
        errors = 4 * math.hypot(stderr, error_of_it)
        np.testing.assert_allclose(exact, expected, rtol=1e-5, atol=1e-4 + errors)
        for name in ("stratified", "symmetrised"):
            mean, error = _means(regime, 2, quantity)[name]
            assert abs(mean - expected) < 4 * math.hypot(error_of_it, error) + 1e-4
    np.testing.assert_allclose(
        _means(regime, 2, "mutual_information")["batch_mean"][0], math.log(2), rtol=1e-5
    )
    lines = bias.table([regime]).splitlines()
    flagged = {line.split(" | ")[1] for line in lines if line.endswith("| yes |")}
    assert flagged == {"weighted"}


def test_the_prediction_of_eq_12_has_the_error_of_the_mean_kl():
    # Under a standard normal prior the mean KL is ½ Σ (m² + σ² − 1 − 2 log σ). The term
    # ½ |z|² of a posterior has the variance Σ (m²σ² + σ⁴/2), which is known as well.
    regime = _regime(0.6)
    m, scale = 0.6 * np.arange(8.0), 0.5
    kl = np.mean(m**2 + scale**2 - 1 - 2 * math.log(scale))
    variance = np.mean(2 * (m**2 * scale**2 + scale**4 / 2))
    value, stderr = regime.predicted["kl"]
    each = 2048 // 8
    expected = math.sqrt(variance / (8 * each))
    assert abs(value - (kl - math.log(8))) < 4 * expected
    # A standard deviation of normal terms from k degrees has the relative error 1/√2k.
    assert abs(stderr / expected - 1) < 4 / math.sqrt(2 * 8 * (each - 1))


def _check_files(folder, *, regimes):
    names = {"bias.md", "bias.csv", "bias.json", "bias.png", "bias.pdf"}
    assert {path.name for path in folder.iterdir()} == names
    with (folder / "bias.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == regimes * 4 * 4
    regimes_of_file = json.loads((folder / "bias.json").read_text())
    assert [regime["cells"][-1]["quantity"] for regime in regimes_of_file] == [
        "kl"
    ] * regimes
    first = regimes_of_file[0]["exact"]["entropy"][0]
    np.testing.assert_allclose(
        float(rows[0]["bias"]), float(rows[0]["mean"]) - first, rtol=1e-9
    )
    return regimes_of_file


def test_synthetic_posteriors_get_tables_a_figure_and_progress_on_stderr(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    out = tmp_path / "out"
    arguments = ["--synthetic", "--points=30", "--batches=4", "--samples=16"]
    assert bias.main([*arguments, f"--out={out}"]) == 0
    regimes = _check_files(out, regimes=3)
    information = [regime["exact"]["mutual_information"][0] for regime in regimes]
    assert math.log(30) + 1e-5 > information[0] > information[1] > information[2]
    output = capsys.readouterr()
    assert output.out.count("| estimator |") == 3
    assert str(out / "bias.png") in output.out
    assert output.err == "".join(
        f"  {number} of {stage}\n"
        for _ in range(3)
        for number, stage in [
            *((f"{256 * i:,}", "2,048 draws of q(z)") for i in range(1, 9)),
            ("1", "1 batch sizes"),
        ]
    )


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A pinwheel of 20 points with two untrained runs, of which one diverged."""
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.data.points = config.train.batch_size = 20
        config.model.hidden = (3,)
    config, programs = settings.validate(config)
    folder = tmp_path_factory.mktemp("runs")
    workdirs.start(folder, config.to_dict(), [workdirs.Training(4, 2)], [])
    work = layout.sweeps(programs, folder)[0]
    setting = jax.tree.map(lambda leaf: leaf[1:3], work.settings)
    keys = jax.random.split(jax.random.key(0), 2)
    init = jax.jit(jax.vmap(lambda key, s: autoencoder.init(key, work.vae, s)))
    params = init(keys, setting)
    runs = Runs(np.arange(1, 3), np.zeros(2, int), np.arange(1, 3))
    outcome = {"diverged": np.array([-1, 3]), "term": np.array([-1, 0])}
    run_tables.write_block(folder, runs, params, outcome, {}, np.zeros((2, 1, 5)))
    return folder


def test_a_run_is_found_with_its_posteriors_and_prior(workdir):
    run = trained.trained(workdir, None)
    assert run.name == "run 1: β = 0.3, α = 0"
    params = run_tables.read_params(workdir, 1, 0)
    _, programs = workdirs.validated(workdir)
    work = layout.sweeps(programs, workdir)[0]
    work.config.evaluate.unlock()
    work.config.evaluate.batch_size = 8  # does not divide 20
    encode = jax.jit(partial(autoencoder.encode, work.vae))
    whole = encode(params, jnp.asarray(work.data.points))
    for leaves in (run.q, trained.encode(work, params)):
        for one, other in zip(leaves, whole, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
    z = jnp.array([0.0, 1.0])  # the mean of one of four clusters of variance 0.03
    density = np.exp(np.float64(run.log_pz(z))) * 4 * 2 * np.pi * 0.03
    np.testing.assert_allclose(density, 1, rtol=1e-5)


def test_a_run_gets_its_files_beside_its_results(workdir, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    assert bias.main([f"--workdir={workdir}", "--samples=16", "--batches=4"]) == 0
    _check_files(workdir / "bias", regimes=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["  20 of 20 points encoded", "  256 of 2,048 draws of q(z)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--workdir --synthetic is required"),
        (["--synthetic", "--workdir=x"], "not allowed with"),
        (["--synthetic", "--points=many"], "must be a whole number"),
        (
            ["--synthetic", "--points=1"],
            "--points: must be a whole number from 2 to 2147483647; got 1",
        ),
        (["--synthetic", "--points=50", "--batches=64"], "from 1 to 50"),
        (["--synthetic", "--points=50", "--batches=8,,16"], "got 8,,16"),
        (["--workdir=/nowhere"], "it has no config.json"),
        (["--workdir={}", "--run=9"], "run 9 has not finished"),
        (["--workdir={}", "--run=2"], "run 2 diverged"),
        (["--workdir={}", "--batches=21"], "from 1 to 20"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(
    workdir, tmp_path, capsys, arguments, message
):
    words = [argument.format(workdir) for argument in arguments]
    assert bias.main([*words, f"--out={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_without_finished_runs_or_of_another_version_is_refused(
    workdir, tmp_path
):
    config = json.loads((workdir / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="no run has finished"):
        trained.trained(tmp_path, None)
    config["prior"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match="config of this version, .*; got: prior must be a section"
    ):
        trained.trained(tmp_path, None)


def test_fields_newer_than_a_folder_have_their_default_values(workdir, tmp_path):
    config = json.loads((workdir / "config.json").read_text())
    del config["runs"]["layout"], config["model"]["precision"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    config, programs = workdirs.validated(tmp_path)
    assert (config.runs.layout, config.model.precision) == ("auto", "float32")
    assert (config, programs) == workdirs.validated(workdir)


def test_batches_are_as_large_as_the_data_allow():
    assert bias._batches(None, 100) == [16, 32, 64]
    assert bias._batches(None, 7) == [7]
    assert bias._batches("8, 4,8", 8) == [4, 8]


def test_the_band_of_few_minibatches_is_that_of_students_t():
    cells = [
        Estimates(batch, "symmetrised", quantity, 1.0, 0.01, 0.0, count)
        for batch, count in ((16, 1024), (1024, 16))
        for quantity in QUANTITIES
    ]
    exact = dict.fromkeys(QUANTITIES, (1.0, 0.01))
    page = figure([Regime("r", 2000, 5, exact, {}, cells)], title="t")
    (band,) = [c for c in page.axes[0].collections if len(c.get_paths()[0]) > 4]
    heights = {x: [] for x in (16.0, 1024.0)}
    for x, y in band.get_paths()[0].vertices:
        heights[x].append(y)
    # The 97.5 % quantiles of tables, for 1,023 and 15 degrees of freedom.
    for x, quantile in ((16.0, 1.962), (1024.0, 2.131)):
        assert (max(heights[x]) - 1) / 0.01 == pytest.approx(quantile, abs=1e-3)


def test_a_line_far_from_the_others_is_marked_by_an_arrow():
    cells = [
        Estimates(batch, estimator, quantity, mean, 0.01, 0.0, 16)
        for batch in (16, 64)
        for estimator, mean in (("weighted", 30.0), ("symmetrised", 1.0))
        for quantity in QUANTITIES
    ]
    exact = dict.fromkeys(QUANTITIES, (0.5, 0.01))
    page = figure(
        [Regime("r", 64, 5, exact, {"entropy": (-9.0, 0.0)}, cells)], title="t"
    )
    first = page.axes[0]
    texts = {text.get_text() for text in first.texts}
    assert {"↑ weighted: 30.0", "↓ Eq. 11: −9.0", "symmetrised", "exact"} == texts
    low, high = first.get_ylim()
    assert -1 < low < 0.5 < 1.0 < high < 2
