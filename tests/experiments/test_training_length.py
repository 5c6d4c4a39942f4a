import matplotlib.style
import numpy as np
import pytest

from experiments.findings import load, training_length
from experiments.plots import style

STEPS = (2304.0, 11520.0, 57600.0)
EPOCHS = [0.2, 1.0, 5.0]


@pytest.fixture(scope="module")
def sweep():
    """Twelve seeds: the learned prior gains from one epoch on; PCA and β never do."""
    rng = np.random.default_rng(0)
    runs = []
    for steps in STEPS:
        for seed in range(12):
            base = rng.normal(0.5, 0.05)
            for prior in ("isotropic", "pca", "learned"):
                for beta in (1.0, 4.0):
                    gain = 0.2 * (prior == "learned") * (steps > STEPS[0])
                    score = base + gain - 0.01 * beta + rng.normal(0, 0.01)
                    names = ("kim_mnih_pruned", "kim_mnih_authors", "mig", "infom")
                    runs.append(
                        {"seed": float(seed), "prior": prior, "beta": beta}
                        | {"steps": steps, "reconstruction": 100.0 + score}
                        | {"kl_aggregate_prior": 5.0 + score}
                        | dict.fromkeys(names, score)
                    )
    config = {"train": {"steps": 0, "batch_size": 64, "learning_rate": 1e-4}}
    columns = ["prior", "beta", "steps"]
    return load.SweepTables("paper_length", config, {}, runs, 0, columns)


def test_each_length_is_decided_by_its_own_runs(sweep):
    findings = training_length.findings(sweep)
    np.testing.assert_allclose(list(findings), EPOCHS)
    verdicts = [[finding.verdict for finding in parts] for parts in findings.values()]
    assert verdicts == [["holds", "open", gain] for gain in ("open", "holds", "holds")]
    for parts in findings.values():
        assert all(c.n == 12 for finding in parts for c in finding.comparisons)


def test_a_prior_has_an_effect_where_its_gap_stays_above_zero(sweep):
    begins = training_length.begins
    assert begins(sweep, "learned", "mig", 4.0) == pytest.approx(1.0)
    assert begins(sweep, "pca", "mig", 4.0) is None
    never = sweep._replace(
        runs=[run | {"mig": 0.1 * run["seed"]} for run in sweep.runs]
    )
    assert begins(never, "learned", "mig", 4.0) is None
    lost = [
        run | {"mig": run["mig"] * (run["steps"] < STEPS[-1]) + 0.01 * run["seed"]}
        for run in sweep.runs
    ]
    assert begins(sweep._replace(runs=lost), "learned", "mig", 4.0) is None


def mean_score(sweep, prior, steps):
    """The mean score of the runs of a prior at β = 4."""
    setting = {"prior": prior, "steps": steps, "beta": 4.0}
    return np.mean([*load.values(sweep, "kim_mnih_pruned", **setting).values()])


def test_the_table_has_a_column_for_each_length(sweep):
    lines = training_length.table(sweep).splitlines()
    assert lines[0].endswith("| 0.2 epochs | 1 epoch | 5 epochs |")
    assert lines[2].startswith("| R1 |")
    assert lines[2].count("**holds**") == 3
    gaps = [line for line in lines if "β = 4, pruned" in line]
    assert len(gaps) == 2  # R2 and R3
    means = [
        float(cell.split(" ±")[0].replace("−", "-")) for cell in gaps[1].split("|")[3:6]
    ]
    exact = [
        mean_score(sweep, "learned", steps) - mean_score(sweep, "isotropic", steps)
        for steps in STEPS
    ]
    np.testing.assert_allclose(means, exact, atol=5.1e-4)  # as printed


def test_the_table_of_beginnings_names_the_first_length_of_each_gain(sweep):
    head, _, *rows = training_length.beginnings(sweep).splitlines()
    assert head.count("learned") == head.count("PCA") == 2
    assert [row.split("|")[2:6] for row in rows] == [[" – ", " – ", " 1 ", " 1 "]] * 3


def test_the_longest_training_is_compared_with_short_training():
    head, _, *rows = training_length.beside_short().splitlines()
    assert [row.split(" | ")[0][2:] for row in rows if row[2] == "R"] == [
        *("R1", "R2", "R3", "R4", "R5", "R12", "R13")
    ]
    assert "; 40, 20 and 10 seeds" in head
    sweep = load.read("paper_length")
    last = list(training_length.findings(sweep).values())[-1]
    verdicts = {row.split(" | ")[0][2:]: row.split(" | ")[3] for row in rows}
    for finding in last:
        assert verdicts[finding.name] == f"**{finding.verdict}**"


def test_the_figure_has_a_line_for_each_prior_and_beta(sweep):
    with matplotlib.style.context(["default", style.RC]):
        figure = training_length.figure(sweep)
    axes = figure.axes[1]
    line = axes.lines[4]
    runs = [r for r in sweep.runs if r["prior"] == "learned" and r["beta"] == 1.0]
    means = [np.mean([r["mig"] for r in runs if r["steps"] == s]) for s in STEPS]
    np.testing.assert_allclose(line.get_ydata(), means)
    np.testing.assert_allclose(line.get_xdata(), EPOCHS)
