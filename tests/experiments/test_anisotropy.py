import math

import matplotlib.style
import numpy as np
import pytest
from scipy import stats

from experiments.findings import anisotropy, load
from experiments.plots import style

SPREADS = {"spread_000": 0.0, "spread_050": 0.5, "spread_150": 1.5}


@pytest.fixture(scope="module")
def sweep():
    """Scores that rise by 0.1 per nat of spread at β = 1, and are constant at β = 4."""
    rng = np.random.default_rng(0)
    runs = []
    for seed in range(20):
        for name, spread in SPREADS.items():
            for beta in (1.0, 4.0):
                score = 0.5 + 0.1 * spread * (beta == 1) + rng.normal(0, 0.01)
                names = ("kim_mnih_pruned", "kim_mnih_authors", "mig")
                run = {"seed": float(seed), "prior": name, "beta": beta}
                run |= {"bhattacharyya": math.exp(0.2 * spread), "kl": 6.0}
                run |= {"information_ratio": 5 / math.log(1024)}
                runs.append(run | dict.fromkeys(names, score))
    config = {"evaluate": {"overlap_points": 1024}}
    return load.SweepTables("anisotropy", config, {}, runs, 0, ["prior", "beta"])


def test_the_spread_of_a_prior_is_read_from_its_name(sweep):
    assert anisotropy.spreads(sweep) == {v: k for k, v in SPREADS.items()}


def test_a_score_that_rises_at_one_beta_holds_at_that_beta_alone(sweep):
    finding = anisotropy.finding(sweep)
    assert finding.verdict == "holds in 2 of 4, open in 2"
    by_label = {c.label: c for c in finding.comparisons}
    slope = by_label["β = 1, Kim & Mnih, pruned"]
    assert slope.low < 0.1 < slope.high
    x = np.array(list(SPREADS.values()))
    error = 0.01 / np.sqrt(np.sum((x - x.mean()) ** 2)) / np.sqrt(20)
    expected = stats.t.ppf(1 - 0.025 / 10, 19) * error
    np.testing.assert_allclose(slope.high - slope.mean, expected, rtol=0.5)


def test_overlap_and_mismatch_are_given_as_slopes_of_their_logarithms(sweep):
    by_label = {c.label: c for c in anisotropy.finding(sweep).comparisons}
    np.testing.assert_allclose(by_label["β = 4, log overlap"].mean, 0.2, rtol=1e-6)
    np.testing.assert_allclose(by_label["β = 4, log mismatch"].mean, 0, atol=1e-9)


def test_the_table_has_a_column_for_each_beta(sweep):
    text = anisotropy.table(sweep)
    assert text.startswith("Kim & Mnih's score rises")
    line = next(li for li in text.splitlines() if "| Kim & Mnih, pruned |" in li)
    assert line.count("(yes)") == line.count("(open)") == 1


def test_the_figure_shows_the_means_against_the_spread(sweep):
    with matplotlib.style.context(["default", style.RC]):
        figure = anisotropy.figure(sweep)
    line = figure.axes[0].lines[1]  # β = 4
    np.testing.assert_array_equal(line.get_xdata(), list(SPREADS.values()))
    means = [
        np.mean(
            [r["mig"] for r in sweep.runs if (r["prior"], r["beta"]) == (name, 4.0)]
        )
        for name in SPREADS
    ]
    np.testing.assert_allclose(line.get_ydata(), means)
