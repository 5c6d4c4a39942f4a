import numpy as np
import pytest
from scipy import stats

from experiments.findings import __main__ as command
from experiments.findings import (
    claims,
    conclusions,
    effects,
    load,
    markdown,
    sensitivity,
)
from experiments.results import columns
from experiments.system import documents


@pytest.fixture(scope="module")
def findings():
    return claims.findings()


def comparison(criterion, low, high):
    return effects.Comparison("", criterion, (low + high) / 2, low, high, 5)


@pytest.mark.parametrize(
    ("criterion", "low", "high", "answer"),
    [
        ("> 0", 0.1, 0.2, "yes"),
        ("> 0", -0.1, 0.2, "open"),
        ("> 0", -0.2, -0.1, "no"),
        ("< 0", -0.2, -0.1, "yes"),
        ("< 0", -0.2, 0.1, "open"),
        ("< 0", 0.1, 0.2, "no"),
        ("not > 0", -0.1, 0.2, "yes"),
        ("not > 0", -0.2, -0.1, "yes"),
        ("not > 0", 0.1, 0.2, "no"),
        ("within 0.3", -0.2, 0.1, "yes"),
        ("within 0.3", -0.2, 0.4, "open"),
        ("within 0.3", -0.4, 0.1, "open"),
        ("within 0.3", 0.4, 0.5, "no"),
        ("within 0.3", -0.5, -0.4, "no"),
        ("", -0.5, -0.4, ""),
    ],
)
def test_an_answer_needs_the_whole_interval(criterion, low, high, answer):
    assert comparison(criterion, low, high).answer == answer


YES, NO, OPEN = (0.1, 0.2), (-0.2, -0.1), (-0.1, 0.2)


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((YES, YES), "holds"),
        ((NO, OPEN), "does not hold"),
        ((OPEN, OPEN), "open"),
        ((YES, OPEN, YES), "holds in 2 of 3, open in 1"),
        ((YES, NO, OPEN), "holds in 1 of 3, not in 1, open in 1"),
    ],
)
def test_a_verdict_counts_the_comparisons_that_decide(ends, verdict):
    parts = [comparison("> 0", *e) for e in ends] + [comparison("", -1, 1)]
    assert effects.Finding("R0", "", "", (), parts).verdict == verdict


def test_pairs_are_formed_of_the_seeds_that_both_have():
    gaps = load.paired({0: 3.0, 1: 5.0, 2: 9.0}, {2: 1.0, 0: 1.0, 7: 4.0})
    assert gaps.tolist() == [2.0, 8.0]


def test_the_slope_of_a_seed_is_that_of_its_line():
    levels = {x: {0: 1 + 2 * x, 1: 5 - 3 * x} for x in (0.0, 1.0, 4.0)}
    np.testing.assert_allclose(load.slope(levels), [2.0, -3.0])


def test_intervals_of_several_comparisons_are_bonferronis():
    values = np.random.default_rng(0).normal(size=(3, 8))
    comparisons = effects.compared([(str(i), "", row) for i, row in enumerate(values)])
    for row, c in zip(values, comparisons, strict=True):
        expected = stats.t.interval(1 - 0.05 / 3, 7, np.mean(row), stats.sem(row))
        np.testing.assert_allclose((c.low, c.high), expected)


def test_results_agree_with_the_tables(findings, tmp_path):
    copy = tmp_path / "RESULTS.md"
    copy.write_bytes(command.RESULTS.read_bytes())
    documents.write(copy, command.blocks(findings))
    assert copy.read_text() == command.RESULTS.read_text()


def test_every_finding_of_the_paper_has_a_verdict(findings):
    assert [f.name for f in findings] == [f"R{i}" for i in range(1, 14)]
    assert findings[0].sweeps == ("betas", "betas_long")  # not two β of `shapes`
    for finding in findings:
        assert any(c.wanted for c in finding.comparisons)
        assert all(c.low <= c.mean <= c.high for c in finding.comparisons)
        assert finding.name in markdown.overview(findings)


def test_every_verdict_has_its_own_sentence_and_figure(findings):
    by_figure = [f for _, group in conclusions.grouped(findings) for f in group]
    assert by_figure == findings
    for finding in findings:
        assert (finding.name, finding.verdict) in conclusions.SENTENCES
    for group in conclusions.GROUPS:
        assert (command.GALLERY / group.figure).exists()
    other = findings[0]._replace(comparisons=[comparison("> 0", -1, 1)])
    assert conclusions.sentence(other) == f"The statement is: {other.statement}."


def test_the_tally_counts_verdicts(findings):
    no = findings[0]._replace(comparisons=[comparison("> 0", -2, -1)])
    assert conclusions.tally([findings[0], findings[1], no]) == (
        "Of 3 statements, 1 hold, 1 hold in part, and 1 do not hold or are open."
    )


@pytest.mark.slow
def test_the_findings_are_drawn(findings, tmp_path):
    for path in command.draw(findings, tmp_path):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_two_precisions_are_compared_seed_by_seed(tmp_path):
    def sweep(shift):
        scores = dict.fromkeys(sensitivity.SCORES, 1.0 + shift)
        runs = [
            {"seed": float(seed), "loss": seed + level + shift, **scores}
            for seed in range(3)
            for level in (10.0, 20.0)
        ]
        return load.SweepTables("", {}, {}, runs, 0, [])

    rows = sensitivity.precision(sweep(0.5), sweep(0.0))
    assert [row[0] for row in rows] == ["loss", *sensitivity.SCORES]
    for _, mean, half, seeds in rows:
        assert mean == pytest.approx(0.5)
        assert half == pytest.approx(0.0)
        assert seeds == 3


def test_a_sweep_is_stored_under_its_name(tmp_path):
    workdir = tmp_path / "mine"
    workdir.mkdir()
    for name in load.KEPT:
        (workdir / name).write_text(name)
    copy = load.keep(workdir, tmp_path / "kept")
    assert {path.name for path in copy.iterdir()} == set(load.KEPT)
    assert copy.name == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keep", "nowhere"], "nowhere has no config.json"),
        (["--kept"], "unrecognized arguments: --kept"),
    ],
)
def test_a_wrong_command_ends_in_one_line(arguments, words, capsys):
    assert command.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_findings_of_a_sweep_are_those_that_its_settings_allow():
    tc, plane = load.read("tc"), load.read("pinwheel")
    assert [f.name for f in claims.of(load.read("betas"))] == ["R1"]
    assert [f.name for f in claims.of(tc)] == ["R13"]
    assert [f.name for f in claims.of(plane)] == ["R6", "R7", "R8", "R9"]
    by_alpha = [run for run in plane.runs if run["beta"] == 0]
    assert [f.name for f in claims.of(plane._replace(runs=by_alpha))] == ["R8", "R9"]
    single = [run for run in plane.runs if run["seed"] == 0]
    assert claims.of(plane._replace(runs=single)) == []
    unscored = [{**run, "mig": None} for run in tc.runs]
    assert claims.of(tc._replace(runs=unscored)) == []
    assert claims.of(tc._replace(runs=[])) == []


def test_a_variant_without_a_prior_is_corrected_for_its_own_comparisons():
    lines = list(sensitivity.lines(["correlated"]))
    assert [line.score for line in lines] == list(map(columns.name, sensitivity.SCORES))
    compared = {"R1: isotropic, β = 4 − 1", "R3: learned, β = 1", "R3: learned, β = 4"}
    for line in lines:
        pairs = zip(sensitivity.COMPARED, line.effects, strict=True)
        assert {name for name, effect in pairs if effect} == compared
    sweep = load.read("correlated")
    sides = sensitivity.COMPARED["R3: learned, β = 1"]
    gaps = effects.gap(sweep, "kim_mnih_pruned", *sides)
    half = stats.t.ppf(1 - 0.025 / 3, 49) * gaps.std(ddof=1) / 50**0.5
    effect = lines[0].effects[3]
    np.testing.assert_allclose(effect, [gaps.mean(), half], rtol=1e-9)


def test_two_objectives_are_compared_by_seed_at_each_beta():
    sweep = load.read("heads")
    rows = sensitivity.objectives(sweep, "beta_tcvae", "beta_vae")
    assert [beta for beta, _ in rows] == [1.0, 4.0, 8.0]
    mig = [
        [
            run["mig"]
            for run in sorted(sweep.runs, key=lambda run: run["seed"])
            if (run["objective"], run["beta"]) == (name, 8.0)
        ]
        for name in ("beta_tcvae", "beta_vae")
    ]
    gaps = np.subtract(*mig)
    half = stats.t.ppf(1 - 0.025 / 3, 9) * gaps.std(ddof=1) / 10**0.5
    place = sensitivity.SCORES.index("mig")
    np.testing.assert_allclose(rows[2][1][place], [gaps.mean(), half], rtol=1e-9)
