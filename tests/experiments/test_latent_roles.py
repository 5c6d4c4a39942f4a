import csv
import functools
import math

import jax
import matplotlib.style
import numpy as np
import pytest
from scipy import stats

from decomp.distributions.gaussian import Gaussian
from experiments.findings import latent_roles, load
from experiments.plots import style

FACTORS = ["shape", "scale"]


def test_kl_and_information_of_each_latent_are_exact():
    """One latent is a factor, one is another, and one is the prior."""
    classes = np.array([[a, b] for a in range(2) for b in range(4)])
    loc = np.stack([classes[:, 1] - 1.5, np.zeros(8), 6.0 * classes[:, 0]], axis=1)
    scale = np.array([0.5, 2.0, 1.0]) * np.ones((8, 1))
    q = Gaussian(np.float32(loc), np.float32(scale))
    p = Gaussian(np.zeros(3, np.float32), np.float32([1, 2, 3]))
    measured = jax.jit(functools.partial(latent_roles.measured, sizes=(2, 4)))
    rows = measured(q, p, classes)
    factor_0 = (1 / 9 + 2.0 - 1) / 2 + math.log(3)  # E[(μ/σ)²] = 36/2/9
    factor_1 = (0.25 + 1.25 - 1) / 2 + math.log(2)  # E[μ²] = 1.25
    expected = [[3.0, factor_0, 1, 0], [1.0, factor_1, 0, 1], [2.0, 0, 0, 0]]
    np.testing.assert_allclose(rows, expected, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A learned prior adds 0.2 ± 0.01 to the gap of the scale, and nothing else."""
    folder = tmp_path_factory.mktemp("sweeps")
    (folder / "some").mkdir()
    rng = np.random.default_rng(0)
    with open(folder / "some" / load.LATENTS, "w", newline="") as file:
        write = csv.writer(file).writerow
        write([*latent_roles._FIRST, *FACTORS])
        for seed in range(10):
            base = rng.uniform(0.1, 0.2)
            for number, prior in enumerate(("isotropic", "learned")):
                gain = 0.2 + rng.normal(0, 0.01) if number else 0
                start = (2 * seed + number, seed, prior, 4.0)
                write([*start, 0, 1.5, 3.0, 0.3, 0.05 + base + gain])
                write([*start, 1, 0.5, 0.1, 0.3, 0.05])
    return folder


def test_gaps_are_paired_by_seed(folder):
    latents = latent_roles.read("some", folder)
    assert latents.factors == FACTORS
    head, _, isotropic, learned = latent_roles.table(latents).splitlines()
    assert head.endswith("| shape | scale |")
    assert isotropic.startswith("| β = 4 | isotropic Gaussian | 0.000")
    mean, half = (float(word) for word in learned.split("|")[4].split(" ± "))
    # The base differs by seed, and is not in the differences of pairs.
    gaps = [
        latents.settings[prior, 4.0][3][:, :, 1] for prior in ("learned", "isotropic")
    ]
    pairs = np.subtract(*(gap[:, 0] - gap[:, 1] for gap in gaps))
    assert abs(mean - 0.2) < 4 * 0.01 / math.sqrt(10)
    t = stats.t.ppf(1 - 0.025 / 2, 9)
    np.testing.assert_allclose(mean, pairs.mean(), atol=5e-4)
    np.testing.assert_allclose(half, t * pairs.std(ddof=1) / math.sqrt(10), atol=5e-4)


def test_the_figure_has_a_panel_for_each_prior_with_the_mean_shares(folder):
    latents = latent_roles.read("some", folder)
    with matplotlib.style.context(["default", style.RC]):
        figure = latent_roles.figure(latents)
    assert [axes.get_title() for axes in figure.axes] == [
        "isotropic Gaussian, β = 4",
        "anisotropic Gaussian, learned, β = 4",
    ]
    means = figure.axes[1].images[0].get_array()
    shares = latents.settings["learned", 4.0][3]
    np.testing.assert_allclose(means, shares.mean(axis=0))
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert labels == ["1.50, 3.0", "0.50, 0.1"]


def test_kept_latents_give_the_scores_of_the_sweep():
    """The mean gap over the factors is the MIG of scores.csv."""
    latents, sweep = latent_roles.read(), load.read(latent_roles.SWEEP)
    for (prior, beta), (seeds, *_, shares) in latents.settings.items():
        scores = load.values(sweep, "mig", prior=prior, beta=beta)
        means = latent_roles.gaps(shares).mean(axis=1)
        # Encoded on another kind of processor: a code near an edge changes its bin.
        expected = [scores[seed] for seed in seeds]
        np.testing.assert_allclose(means, expected, atol=2e-4)
