import csv

import jax
import numpy as np
import pytest

from decomp import metrics
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import definitions, infomec, sheet, units

GRID = np.stack(np.meshgrid(range(3), range(4), range(5), indexing="ij"), -1)
FACTORS = np.tile(GRID.reshape(-1, 3), (4, 1))


NOISE = np.random.default_rng(0).normal(size=(24, 3))
FEW = FACTORS[::10] * 1
DEGENERATE = {
    "constant codes": (np.full((24, 3), 0.3), FEW),
    "noise": (NOISE, FEW),
    "duplicated latents": (FEW[:, [0, 1, 0]], FEW),
    "one factor": (NOISE, FEW[:, :1]),
    "one latent": (FEW[:, :1], FEW),
    "one of each": (FEW[:, :1], FEW[:, :1]),
    "two points": (np.eye(2), np.eye(2)),
    "a class for each point": (NOISE, np.arange(48).reshape(2, 24).T),
    "a name for each point": (NOISE, np.arange(24).astype(str)[:, None]),
    "constant factors": (NOISE, 0 * FEW),
}


def lines(codes, factors=FACTORS, metrics=("mig", "modularity", "active units")):
    return sheet.sheet(jax.random.key(0), codes, factors, metrics=metrics)


def test_a_perfect_code_has_the_values_known_by_hand():
    names = ("mig, locatello", "mig, 50 bins", "modularity, locatello", "active units")
    table = lines(-2.0 * FACTORS, metrics=names)
    values = {(line.metric, line.variant): line.value for line in table}
    np.testing.assert_allclose(values["mig", "locatello"], 1.0, atol=1e-6)
    np.testing.assert_allclose(values["mig", "50 bins"], 1.0, atol=1e-6)
    np.testing.assert_allclose(values["modularity", "locatello"], 1.0, atol=1e-6)
    assert values["active units", "0.01"] == 3.0


@pytest.mark.parametrize("runs", [1, 2])
def test_a_sheet_reports_how_many_values_and_intervals_it_has_computed(runs):
    calls, key = [], jax.random.key(0)
    metrics = ("mig, locatello", "hoyer", "active units")
    options = {"metrics": metrics, "intervals": 5, "maps": ["information"]}
    options["report"] = lambda *call: calls.append(call)
    if runs == 1:
        sheets = [sheet.sheet(key, FACTORS, FACTORS, **options)]
        stages = ["intervals"]
    else:
        sheets = sheet.many(key, np.stack([FACTORS] * 2), FACTORS, **options)
        stages = ["intervals of run 1 of 2", "intervals of run 2 of 2"]
    counts = [len(sheets[0]) + 1, *map(len, sheets)]  # the first has the map too
    for stage, total in zip(["values", *stages], counts, strict=True):
        numbers = [number for name, number, of in calls if (name, of) == (stage, total)]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == total
    assert [name for name, number, of in calls if number == of] == ["values", *stages]


def test_every_line_has_a_definition_and_a_source():
    for (metric, variant), entry in definitions.ENTRIES.items():
        assert entry.definition, (metric, variant)
        assert entry.source, (metric, variant)


def perfect(entry):
    """The input of an entry: codes, or posteriors."""
    codes = jax.numpy.asarray(FEW, jax.numpy.float32)
    q = Gaussian(codes, codes * 0 + 0.01)
    return sheet.GivenPosteriors(q, q) if entry.posteriors else codes


COMPILED = [e for e in definitions.ENTRIES.values() if e.compiled]
CLASSES = jax.ShapeDtypeStruct(FEW.shape, jax.numpy.int32)


@pytest.mark.parametrize("entry", COMPILED, ids=lambda entry: ", ".join(entry.name))
def test_an_entry_uses_the_key_and_the_factors_as_declared(entry):
    def trace(key, classes):
        jax.eval_shape(
            lambda v: entry.measure(key, perfect(entry), v, (3, 4, 5)), classes
        )

    trace(jax.random.key(0), CLASSES)
    for needed, key, classes in (
        (entry.draws, None, CLASSES),
        (entry.of_factors, jax.random.key(0), None),
    ):
        if needed:
            with pytest.raises(Exception):  # noqa: B017, PT011
                trace(key, classes)
        else:
            trace(key, classes)


def test_the_rules_of_infomec_are_its_presets():
    for metric in ("infom", "infoc"):
        rules = [v for m, v in definitions.ENTRIES if m == metric]
        assert rules == [*infomec.PRESETS, "miller_madow"]


@pytest.fixture
def register():
    """Registers metrics for the duration of a test."""
    old_entries = dict(definitions.ENTRIES)
    yield definitions.register
    definitions.ENTRIES.clear()
    definitions.ENTRIES.update(old_entries)


def test_a_registered_metric_is_a_line_of_the_sheet_under_its_name(register):
    def entry(factor):
        return definitions.Entry(
            *("largest", "own", lambda k, z, v, s: factor * units.values(z).max()),
            *("the largest code", "us"),
            of_factors=False,
        )

    for factor in (1, 2):  # the second registration replaces the first
        register(entry(factor))
        (line,) = lines(FACTORS + 0.5, metrics=("largest",))
        assert line[:2] == ("largest", "own")
        assert line[2:6] == (factor * 4.5, "the largest code", "us", "")
    assert "largest" not in sheet.METRICS


def test_a_variant_of_the_package_cannot_be_registered_again(register):
    entry = definitions.ENTRIES["mig", "50 bins"]
    with pytest.raises(ValueError, match="the metric mig, 50 bins is taken"):
        register(entry)


def test_the_normalised_wasserstein_correlation_can_be_chosen():
    plain = lines(NOISE, FEW, ("wasserstein_correlation", "pairwise information"))
    assert [line.variant for line in plain] == ["locatello", "locatello"]
    (line,) = lines(NOISE, FEW, ("wasserstein correlation, normalised",))
    variances = np.trace(np.cov(NOISE.T))
    np.testing.assert_allclose(line.value, plain[0].value / variances, rtol=1e-5)


def test_codes_in_their_units_are_the_codes():
    codes = np.array([[1.0, -2e10], [2.5, 0.0], [-3.0, 4e-20]], np.float32)
    z = units.Codes(*map(np.asarray, units.of_host(codes)))
    np.testing.assert_allclose(units.values(z), codes, rtol=1e-6, atol=1e-15)


def test_the_spread_is_over_variants_of_one_metric():
    two_metrics = [
        sheet.SheetLine("a", "1", 0.25, "", ""),
        sheet.SheetLine("b", "1", 9.0, "", ""),
        sheet.SheetLine("a", "2", 1.0, "", ""),
    ]
    assert sheet.spread(two_metrics) == {"a": 0.75}


def test_the_notes_describe_decisions_about_factors_and_codes():
    rng = np.random.default_rng(0)
    table = np.empty((240, 5), object)
    table[:, :3] = FACTORS
    table[:, 3], table[:, 4] = "white", np.arange(240.0)
    table[5, 0] = None
    names = ["shape", "size", "side", "colour", "age"]
    codes = np.c_[FACTORS, np.full(240, 0.3), rng.normal(size=240)]
    options = {"names": names, "metrics": ["mig, locatello"]}
    result = sheet.sheet(jax.random.key(0), codes, table, **options)
    assert result.notes == (
        "factor shape is missing in 1 of 240 points, which are left out of its scores.",
        "factor colour is constant and left out of every score.",
        "factor age is continuous, by more than 100 distinct numbers or by your "
        "choice, and cut into 20 bins of equal width.",
        "latent 3 is constant.",
    )
    assert result.missing == {"shape": 1}
    options |= {"discrete": ["age"]}
    rows = np.arange(240) != 5
    complete = sheet.sheet(jax.random.key(0), codes[rows], table[rows], **options)
    assert "factor age is discrete, with as many classes as points." in complete.notes


def test_a_metric_that_cannot_be_computed_loses_its_own_line_only(monkeypatch):
    def fails(key, z, v, s):
        raise RuntimeError("out of\nmemory")

    entry = definitions.ENTRIES["modularity", "locatello"]._replace(measure=fails)
    monkeypatch.setitem(definitions.ENTRIES, ("modularity", "locatello"), entry)
    metrics = ("higgins", "modularity", "mig, locatello", "sap, r_squared")
    words = np.array(["square", "ellipse", "heart"])[FACTORS[:, :1]]
    line_of = {line.metric: line for line in lines(FACTORS * 1.0, words, metrics)}
    assert line_of["mig"].value == 1
    notes = {name: line.note for name, line in line_of.items() if np.isnan(line.value)}
    assert notes == {
        "higgins": "it needs at least two factors that vary; one does",
        "modularity": "out of memory",
        "sap": "it needs numbers; factor 0 has labels, which have no order",
    }


def test_scores_of_constant_factors_are_nan_with_a_note():
    mig, active = lines(FACTORS, 0 * FACTORS, ("mig, locatello", "active units"))
    assert np.isnan(mig.value)
    assert mig.note == "every factor is constant"
    assert (active.value, active.note) == (3, "")


def test_metrics_are_chosen_by_names_separated_by_commas():
    assert sheet.parse("mig, 50 bins, dci,sap") == ("mig, 50 bins", "dci", "sap")
    assert sheet.parse("active_units; kim_mnih, kim_mnih") == (
        "active_units",
        "kim_mnih, kim_mnih",
    )
    for unknown in ("gap", "mig, 51 bins", "in"):
        with pytest.raises(ValueError, match="unknown metric '.*'; choices: kim_mnih"):
            sheet.parse(unknown)
    with pytest.raises(ValueError, match="'mig, exact' needs scales"):
        lines(FACTORS, metrics=("mig, exact",))


def test_a_conventional_value_has_a_note():
    (line,) = lines(FACTORS, FACTORS[:, :1], ("modularity",))
    assert line.value == 0
    assert line.note.startswith("0 by convention")


@pytest.mark.slow
@pytest.mark.parametrize("case", DEGENERATE)
def test_every_line_has_a_number_or_a_reason(case):
    codes, factors = DEGENERATE[case]
    entries = definitions.ENTRIES.values()
    unbounded = [entry.metric for entry in entries if not entry.of_factors]
    # R² of points that were not fitted is below 0 if the mean predicts them better.
    signed = ("infoe", "irs", "dci informativeness")
    for line in lines(codes, factors, sheet.METRICS):
        value, name = line.value, (case, line)
        assert np.isfinite(value) or line.note, name
        assert not value < -1e-6 or line.metric in signed, name
        assert not value > 1 + 1e-6 or line.metric in unbounded, name


@pytest.mark.parametrize(
    ("codes", "factors", "metrics", "message"),
    [
        (np.zeros(5), FACTORS, ("mig",), r"must have the shape \[N, D\]; got \(5,\)"),
        (np.zeros((240, 2)), FACTORS[:, 0], ("mig",), r"factors must have .* \[N, F\]"),
        (np.zeros((9, 2)), FACTORS, ("mig",), "got 9 codes and 240 rows"),
        (np.full((240, 2), np.nan), FACTORS, ("mig",), r"\[N, D\] must be finite"),
        (np.full((240, 2), "a"), FACTORS, ("mig",), r"\[N, D\] must be numbers"),
        (np.zeros((240, 2)), FACTORS, ("mug",), "unknown metric 'mug'; choices: kim_"),
        (np.zeros((1, 2)), FACTORS[:1], ("mig",), "at least 2; got 1 codes"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused_in_one_line(
    codes, factors, metrics, message
):
    with pytest.raises(ValueError, match=message) as error:
        lines(codes, factors, metrics)
    assert "\n" not in str(error.value)


def test_the_sheets_of_several_runs_are_shown_as_their_means(tmp_path):
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    blind = factors * [1, 0]  # MIG is 1 for the factor that it has, 0 for the other
    sheets = metrics.score([factors, blind], factors, metrics=["mig, locatello"])
    np.testing.assert_allclose(sheets.values["mig, locatello"], [1, 0.5], atol=1e-6)
    assert str(sheets) == "mig, locatello  0.7500 ± 0.3536"  # √(2 · 0.25²)
    page = sheets._repr_html_()
    assert "<th>mean of 2 runs</th>" in page
    assert "<td>0.7500</td><td>0.3536</td><td>2</td>" in page
    sheets.to_csv(tmp_path / "sheets.csv")
    with (tmp_path / "sheets.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["0", "1"]
    assert [float(row["value"]) for row in rows] == [sheet[0].value for sheet in sheets]


def test_a_comparison_is_shown_as_a_table():
    factors = np.array([[a, b] for a in range(4) for b in range(4)] * 4)
    differences = metrics.compare(
        factors * [1, 0], factors, factors, metrics=["active units"], intervals=5
    )
    page = differences._repr_html_()
    assert "<td>1.0000</td><td>2.0000</td><td>+1.0000</td>" in page
    assert page.count("<tr>") == 1 + len(differences)


def test_a_sheet_has_a_form_for_notebooks_files_and_plots(tmp_path):
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    result = metrics.score(factors, factors, metrics=["mig, locatello", "hoyer"])
    assert result.values["mig, locatello"] == pytest.approx(1, abs=1e-6)
    assert "mig, locatello" in str(result)
    page = result._repr_html_()
    assert page.count("<tr>") == len(result) + 1
    assert "<td>1.0000</td>" in page
    assert "interval" not in page  # no column is empty
    with_intervals = metrics.score(
        *[np.tile(factors, (10, 1))] * 2, metrics=["mig, locatello"], intervals=5
    )
    assert "<th>95 % interval</th>" in with_intervals._repr_html_()
    assert "<td>5 half samples, bias removed</td>" in with_intervals._repr_html_()
    result.to_csv(tmp_path / "sheet.csv")
    with (tmp_path / "sheet.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == [line.metric for line in result]
    assert [float(row["value"]) for row in rows] == [line.value for line in result]
    assert {row["low"] for row in rows} == {""}
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = result.plot()
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == list(result.values)
    assert len(axes.lines) == len(result)  # none has an interval
    pyplot.close("all")


def test_score_accepts_one_factor_and_several_runs():
    codes = np.random.default_rng(0).normal(size=(2, 30, 3))
    labels = ["a", "b", "c"] * 10
    several = metrics.score(codes, labels, metrics=["mig, locatello"])
    alone = metrics.score(codes[1], labels, metrics=["mig, locatello"])
    assert several[1].values == pytest.approx(alone.values, abs=1e-6)
    with pytest.raises(ValueError, match="must have the same number of rows"):
        metrics.score(codes[0], labels[:20], metrics=["mig"])
