import numpy as np
from scipy import stats

from experiments.findings import load, resolution


def sweep_of(gains):
    """Two priors of which the learned one gains what is given, seed by seed."""
    runs = []
    for seed, (gain, base) in enumerate(zip(gains, (0.5, 0.6, 0.7, 0.4), strict=True)):
        for prior, score in (("isotropic", base), ("learned", base + gain)):
            names = ("kim_mnih_pruned", "kim_mnih_authors")
            runs.append(
                {"seed": float(seed), "prior": prior, **dict.fromkeys(names, score)}
            )
    return load.SweepTables("conv_64", {}, {}, runs, 0, ["prior"])


def test_each_score_is_decided_by_its_t_interval_of_95_percent():
    gains = np.array([0.02, 0.05, 0.01, 0.04])
    finding = resolution.finding(sweep_of(gains))
    half = stats.t.ppf(0.975, 3) * gains.std(ddof=1) / 2
    assert half < 0.03 == np.float64(gains.mean()).round(6)
    assert len(finding.comparisons) == 2
    for comparison in finding.comparisons:
        ends = comparison.low, comparison.mean, comparison.high
        np.testing.assert_allclose(ends, [0.03 - half, 0.03, 0.03 + half], rtol=1e-6)
    assert finding.verdict == "holds"


def test_a_step_whose_interval_holds_0_is_open():
    assert resolution.finding(sweep_of([0.3, -0.1, 0.1, -0.2])).verdict == "open"


def test_the_table_has_a_row_for_each_step_and_one_for_the_check():
    head, _, *rows = resolution.table().splitlines()
    assert head.endswith("| R3, β = 1 |")
    steps = [row.split("|")[1].strip() for row in rows]
    assert steps == [*resolution.STEPS.values(), "64×64, Table 1a, in TF32"]
    gaps = [load.read(name) for name in resolution.STEPS]
    for row, sweep in zip(rows, gaps, strict=False):
        assert row.endswith(f"**{resolution.finding(sweep).verdict}** |")
        assert row.split("|")[2].strip() == "40"
