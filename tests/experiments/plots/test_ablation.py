import matplotlib.style
import numpy as np
import pytest

from experiments.plots import ablation, equivalence, style
from experiments.results import reading
from experiments.results.reading import Cell, Results, RunRow

# Baseline (β, α) = (4, 1); every mean identifies its setting.
SETTINGS = [(1.0, 1.0), (4.0, 1.0), (8.0, 1.0), (4.0, 0.5), (4.0, 2.0)]


def results(rows=(), scores=None, **config):
    return Results({"figures": []} | config, list(rows), scores, None, None)


def row(score="mig", **setting):
    mean = sum(10**i * v for i, v in enumerate(setting.values()) if v != "word")
    return RunRow(setting, {score: Cell(5, 0, mean, mean - 1, mean + 1)})


def draw(figure, results):
    with matplotlib.style.context(["default", style.RC]):
        (page,) = figure(results).values()
        page.draw_without_rendering()
    return page


def test_a_column_shows_the_settings_that_differ_from_the_baseline_in_it_alone():
    rows = [row(beta=beta, alpha=alpha) for beta, alpha in SETTINGS]
    page = draw(
        ablation.ablation,
        results(rows, figure_sweeps=["beta", "alpha"], figure_score=["mig"]),
    )
    betas, alphas = page.axes
    np.testing.assert_allclose(betas.lines[0].get_ydata(), [11, 14, 18])
    np.testing.assert_allclose(alphas.lines[0].get_ydata(), [9, 14, 24])
    assert [t.get_text() for t in alphas.get_xticklabels()] == ["0.5", "1", "2"]
    assert "baseline β = 4, α = 1" in page._supxlabel.get_text()


def test_a_single_column_shows_every_setting_and_numbers_repeated_labels():
    rows = [
        RunRow({"divergence": name, "alpha": alpha}, {"mig": Cell(5, 0, alpha, 0, 9)})
        for name, alpha in (("moments", 0.0), ("moments", 3.0), ("mmd_rbf", 5.0))
    ]
    page = draw(
        ablation.ablation,
        results(rows, figure_sweeps=["divergence"], figure_score=["mig"]),
    )
    labels = [label.get_text() for label in page.axes[0].get_xticklabels()]
    assert labels == ["moments", "moments (2)", "MMD, RBF"]
    np.testing.assert_allclose(page.axes[0].lines[0].get_ydata(), [0, 3, 5])


def test_means_over_two_decades_have_a_logarithmic_axis():
    for largest, scale in ((40.0, "linear"), (400.0, "log")):
        rows = [row(beta=beta) for beta in (1.0, 4.0, largest)]
        table = results(rows, figure_sweeps=["beta"], figure_score=["mig"])
        assert draw(ablation.ablation, table).axes[0].get_yscale() == scale


def test_a_score_or_column_that_does_not_exist_is_named():
    rows = [row(beta=1.0)]
    with pytest.raises(reading.Missing, match="names nothing"):
        ablation.ablation(results(rows, figure_sweeps=["beta"], figure_score=["sap"]))
    with pytest.raises(ValueError, match="'gamma' of figure_sweeps is no column"):
        ablation.ablation(results(rows, figure_sweeps=["gamma"], figure_score=["mig"]))


def test_runs_of_one_seed_are_compared_and_the_ratio_is_of_standard_deviations():
    latents, scores = 3, {}
    for seed in range(4):
        for name, log_det in (("beta_vae", -2.0), ("entropy_regularised", None)):
            value = -2.0 + latents * np.log(4.0) if log_det is None else log_det
            scores[len(scores)] = {
                **{"seed": float(seed), "status": "ok", "objective": name},
                **{"beta": 4.0, "log_det": value, "reconstruction": 50.0 + seed},
            }
    scores[0]["status"] = "diverged"  # so its partner has no pair
    pairs = results(scores=scores, model={"latents": latents})
    left, right = draw(equivalence.equivalence, pairs).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [2.0] * 3)
    np.testing.assert_allclose(right.lines[0].get_xdata(), [51, 52, 53])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [51, 52, 53])


def test_without_a_pair_the_figure_is_missing():
    scores = {0: {"seed": 0.0, "status": "ok", "objective": "beta_vae", "beta": 2.0}}
    scores[0] |= {"log_det": 0.0, "reconstruction": 1.0}
    with pytest.raises(reading.Missing, match="no pair"):
        equivalence.equivalence(results(scores=scores, model={"latents": 2}))
