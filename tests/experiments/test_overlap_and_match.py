import matplotlib.style
import numpy as np
import pytest

from experiments.findings import load
from experiments.findings import overlap_and_match as both
from experiments.plots import style


def networks(rng, *, settings=40, seeds=30, within=1.0, noise=0.0):
    """Networks whose score is a quadratic of the factors, plus noise."""
    setting = np.repeat(np.arange(settings), seeds)
    seed = np.tile(np.arange(seeds), settings)
    levels = rng.normal(size=(settings, 2))
    factors = levels[setting] + within * rng.normal(size=(len(seed), 2))
    x, y = factors.T
    score = 1 + x - 0.5 * y + 0.3 * x**2 + 0.2 * x * y + noise * rng.normal(size=len(x))
    return both.KeptNetworks(factors, np.stack([score, score], 1), setting, seed)


def test_held_out_residuals_are_those_of_fits_without_each_value():
    rng = np.random.default_rng(0)
    design, values = both.quadratic(rng.normal(size=(25, 2))), rng.normal(size=25)
    expected = []
    for i in range(25):
        rest = np.arange(25) != i
        weights, *_ = np.linalg.lstsq(design[rest], values[rest], rcond=None)
        expected.append(values[i] - design[i] @ weights)
    np.testing.assert_allclose(both.held_out_residuals(design, values), expected)


def test_scores_that_depend_on_the_factors_alone_are_explained_entirely():
    lines = both.explained(networks(np.random.default_rng(1), within=0.0))
    between = lines[0]
    assert (between.level, between.share) == ("between settings", pytest.approx(1.0))
    np.testing.assert_allclose(between.parts["both"], 1.0, atol=1e-9)
    assert between.parts["match"][0] < 0.9


def test_noise_is_explained_neither_between_nor_within_settings():
    data = networks(np.random.default_rng(2), settings=60)
    noise = np.random.default_rng(3).normal(size=data.scores.shape)
    for line in both.explained(data._replace(scores=noise)):
        for value, low, high in line.parts.values():
            assert low <= value <= high
            assert low < 0.02 + 0.1 * (line.level == "between settings")


def test_the_share_explained_within_settings_is_that_of_the_signal():
    # The variance is 1 of the slope plus 3 of noise: a quarter is explained.
    rng = np.random.default_rng(4)
    data = networks(rng, settings=100, seeds=50)
    x = data.factors[:, 0] - both.means_of_settings(data).factors[data.setting, 0]
    score = x / x.std() + np.sqrt(3) * rng.normal(size=len(x))
    lines = both.explained(data._replace(scores=np.stack([score, score], 1)))
    value, low, high = lines[1].parts["overlap"]
    error = (high - low) / (2 * 1.96)
    assert abs(value - 0.25) < 4 * error
    assert error < 0.03
    assert abs(lines[1].parts["match"][0]) < 4 * error


def test_variance_splits_into_that_between_and_that_within_settings():
    lines = both.explained(networks(np.random.default_rng(5), noise=1.0))
    for score in both.SCORES:
        shares = [line.share for line in lines if line.score == score]
        np.testing.assert_allclose(sum(shares), 1.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("names", "settings", "seeds"),
    [
        (["shapes", "betas"], 2, 100),  # the isotropic prior at β = 1 and 4
        (["betas", "entropy"], 4, 100),  # α = 0, and the β-VAE, at β = 2, 4, 8 and 16
        (["anisotropy", "shapes"], 2, 50),  # without spread it is isotropic
        (["entropy_paper_length", "paper_length"], 1, 10),  # 230,400 steps, β = 4
    ],
)
def test_a_recipe_of_two_sweeps_is_one_setting_and_its_seeds_count_once(
    names, settings, seeds
):
    first, second = (both.networks([name]) for name in names)
    together = both.networks(names)
    shared = len(first.seed) + len(second.seed) - len(together.seed)
    assert shared == settings * seeds
    counts = [sample.setting.max() + 1 for sample in (first, second, together)]
    assert counts[0] + counts[1] - counts[2] == settings


def test_sweeps_of_other_data_are_excluded():
    assert len(both.networks(["shapes", "pinwheel", "heads"]).seed) == 600


def test_the_figure_and_the_table_have_every_score():
    sample = both.networks(["shapes", "student"])
    lines = both.explained(sample)
    with matplotlib.style.context(["default", style.RC]):
        figure = both.figure(sample, lines)
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert [bar.get_ylabel() for bar in bars] == [
        *("Kim–Mnih score, inactive latents pruned", "mutual information gap")
    ]
    text = both.table(sample, lines)
    assert text.startswith("1,000 networks of 10 settings")
    assert text.count("between settings") == text.count("within settings") == 2


def test_as_many_settings_as_numbers_to_fit_are_refused():
    message = "a fit of 6 numbers needs more settings; got 6"
    with pytest.raises(load.Lacking, match=message):
        both.explained(both.networks(["shapes"]))


def test_mismatch_is_kl_minus_information_of_the_same_points():
    run = load.read("shapes").runs[0]
    networks_of_shapes = both.networks(["shapes"])
    mismatch = run["kl"] - run["information_ratio"] * np.log(1024)
    np.testing.assert_allclose(
        networks_of_shapes.factors[0],
        np.log([run["bhattacharyya"], mismatch]),
        rtol=1e-12,
    )


def test_priors_are_compared_by_the_ratio_of_geometric_means():
    sweep = both.measured(load.read("shapes"))
    logs = [
        np.mean(
            [r["log_mismatch"] for r in sweep.runs if (r["prior"], r["beta"]) == at]
        )
        for at in (("learned", 4.0), ("isotropic", 4.0))
    ]
    lines = both.beside_the_gaussian().splitlines()
    line = next(li for li in lines if "`shapes`" in li and "learned | 4" in li)
    assert f"| {np.exp(logs[0] - logs[1]):.3f} (" in line
