import math

import numpy as np
import pytest
from scipy import stats

from experiments.results import summary

SETTINGS = [
    {"prior": "pca", "df": math.inf, "beta": 1.0, "alpha": 0.0},
    {"prior": "pca", "df": math.inf, "beta": 16.0, "alpha": 0.0},
]


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_the_interval_is_that_of_student(n):
    values = np.random.default_rng(n).normal(5, 3, n)
    mean, sd, low, high = summary.interval(values)
    expected = stats.t.interval(0.95, n - 1, np.mean(values), stats.sem(values))
    np.testing.assert_allclose([low, high], expected, rtol=1e-12)
    np.testing.assert_allclose([mean, sd], [values.mean(), values.std(ddof=1)])


def test_a_hundred_runs_have_the_half_width_of_the_paper():
    values = np.random.default_rng(0).normal(size=100)
    mean, sd, low, high = summary.interval(values)
    # Appendix B.1: t_{0.975, 99}/√100 = 0.1984
    np.testing.assert_allclose((high - low) / 2, 0.1984 * sd, rtol=2e-4)
    np.testing.assert_allclose((high + low) / 2, mean)


def test_the_interval_covers_the_mean_in_95_of_100_cases():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        _, _, low, high = summary.interval(rng.normal(1, 2, 5))
        hits += low < 1 < high
    assert abs(hits / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_a_single_run_has_a_mean_and_no_interval():
    mean, *rest = summary.interval(np.array([2.5]))
    assert mean == 2.5
    assert np.isnan(rest).all()


def test_the_interval_of_no_run_is_not_a_number():
    assert np.isnan(summary.interval(np.zeros(0))).all()


def rows():
    setting = np.array([0, 1, 0, 1, 0, 1])
    ok = np.array([True, True, True, True, True, False])
    values = {
        "loss": np.array([1.0, 10.0, 2.0, 20.0, 3.0, np.nan]),
        "kl": np.array([4.0, 1.0, 4.0, 3.0, 4.0, np.inf]),
    }
    return summary.summarise(SETTINGS, setting, ok, values)


def test_diverged_runs_are_counted_and_excluded():
    row_of = {(r.setting["beta"], r.score): r for r in rows()}
    assert (row_of[1.0, "loss"].n, row_of[1.0, "loss"].failed) == (3, 0)
    assert (row_of[16.0, "loss"].n, row_of[16.0, "loss"].failed) == (2, 1)
    assert row_of[1.0, "loss"].mean == 2
    assert row_of[16.0, "loss"].mean == 15
    assert row_of[16.0, "kl"].mean == 2
    assert row_of[1.0, "kl"].sd == 0


def test_a_setting_whose_runs_all_diverged_stays_in_the_table():
    values = {"loss": np.array([np.nan, 1.0])}
    statistics = summary.summarise(
        SETTINGS, np.array([0, 1]), np.array([False, True]), values
    )
    assert [(row.n, row.failed) for row in statistics] == [(0, 1), (1, 0)]
    assert "–" in summary.table(statistics)


def test_the_table_is_aligned_and_shows_the_columns_that_vary():
    lines = summary.table(rows()).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    bars = [[i for i, c in enumerate(line) if c == "|"] for line in lines]
    assert all(places == bars[0] for places in bars)
    header = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert header == ["beta", "n", "failed", "loss", "kl"]
    last = [cell.strip() for cell in lines[3].strip("|").split("|")]
    assert last[:3] == ["16", "2", "1"]


def test_a_table_of_one_setting_names_it():
    statistics = summary.summarise(
        SETTINGS[:1], np.zeros(3, int), np.ones(3, bool), {"loss": np.arange(3.0)}
    )
    assert summary.table(statistics).startswith("| prior |")


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "∞"), (4.0, "4"), (0.01, "0.01"), ("pca", "pca")]
)
def test_values_of_settings_are_shown_in_short_form(value, text):
    assert summary.show(value) == text
