"""Missing factors: each factor is scored at the points that have it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp import metrics
from decomp.metrics import dci, definitions, discrete, infoe, inputs, mig, sap
from decomp.metrics.entry import scores
from decomp.metrics.solvers import classifiers
from tests.decomp.metrics import cases

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, (3, 4), (400, 2))
CODES = np.float32(FACTORS @ RNG.normal(size=(2, 3)) + RNG.normal(size=(400, 3)))
GONE = np.stack([RNG.random(400) < 0.3, RNG.random(400) < 0.1], axis=1)
TABLE = np.where(GONE, np.nan, FACTORS)


def key():
    """A new copy of the same key."""
    return jax.random.key(0)


def points_with(f):
    """Codes and values at the points that have factor f."""
    return CODES[~GONE[:, f]], FACTORS[~GONE[:, f], f]


def test_information_is_that_of_the_points_that_have_the_factor():
    labels, sizes = discrete.classes(TABLE, incomplete=True)
    score = jax.jit(mig.score, static_argnames="sizes")
    out = jax.device_get(score(CODES, labels, sizes=sizes))
    cells = np.asarray(discrete.equal_width(CODES, bins=20))
    for f in range(2):
        present = ~GONE[:, f]
        exact = [cases.information(c[present], FACTORS[present, f]) for c in cells.T]
        np.testing.assert_allclose(out.information[:, f], exact, atol=1e-6)
        entropy = cases.entropy(FACTORS[present, f])
        np.testing.assert_allclose(out.entropy[f], entropy, rtol=1e-6)
    gaps = np.sort(np.asarray(out.information), axis=0)[::-1]
    exact = np.mean((gaps[0] - gaps[1]) / np.asarray(out.entropy))
    np.testing.assert_allclose(out.score, exact, rtol=1e-5)


def test_entropies_of_codes_are_of_the_points_that_have_the_factor():
    labels, sizes = discrete.classes(TABLE, incomplete=True)
    plug_in = jax.jit(discrete.plug_in, static_argnames=("bins", "sizes"))
    entropies = plug_in(CODES, labels, bins=10, sizes=sizes).code_entropy
    cells = np.asarray(discrete.equal_width(CODES, bins=10))
    exact = [[cases.entropy(c[~g]) for g in GONE.T] for c in cells.T]
    np.testing.assert_allclose(entropies, exact, rtol=1e-5)


def test_r_squared_is_of_the_points_that_have_the_factor():
    table = inputs.factors(TABLE, incomplete=True).table
    result = jax.jit(sap.r_squared)(CODES, table)
    for f in range(2):
        codes, factor = points_with(f)
        exact = [stats.pearsonr(c, factor).statistic ** 2 for c in codes.T]
        np.testing.assert_allclose(result.matrix[:, f], exact, atol=1e-6)


@pytest.mark.parametrize("continuous", [[], [0, 1]])
def test_infoe_is_of_the_points_that_have_the_factor(continuous):
    table = inputs.factors(TABLE, incomplete=True, continuous=continuous)
    score = jax.jit(infoe.score, static_argnames="sizes")
    out = score(CODES, table.table, sizes=table.sizes)
    for f in range(2):
        codes, factor = points_with(f)
        whole = inputs.factors(factor[:, None], continuous=[0] if continuous else [])
        exact = score(codes, whole.table, sizes=whole.sizes).score
        # Both are fitted to 1e-5 nats.
        np.testing.assert_allclose(out.per_factor[f], exact, atol=3e-5)


def test_a_classifier_is_fitted_and_scored_without_the_missing_points():
    codes, factor = points_with(0)
    present = ~GONE[:, 0]
    labels = np.where(present, FACTORS[:, 0], -1)[:, None]
    counted = np.asarray(jax.jit(lambda v: classifiers.present(v, (3,)))(labels))
    np.testing.assert_array_equal(counted, [present] * 3)
    scores = RNG.normal(size=(3, 400)).round(1)  # some are equal

    @jax.jit
    def fit(codes, labels, scores, counted):
        classes, costs = classifiers.indicators(labels, (3,)), jnp.ones((3, 2))
        options = {"counted": counted}
        model = classifiers.logistic(codes, classes, inverse_penalty=1.0, **options)
        machine = classifiers.machines(codes[:, 0], classes, costs, **options)
        return model, machine, classifiers.areas(scores, classes, **options)

    model, machine, areas = fit(CODES, labels, scores, counted)
    exact, other, alone = fit(codes, factor[:, None], scores[:, present], None)
    np.testing.assert_allclose(model.slope, exact.slope, atol=1e-4)
    np.testing.assert_allclose(model.offset, exact.offset, atol=1e-4)
    np.testing.assert_allclose(areas, alone, atol=1e-6)
    np.testing.assert_allclose(machine.slope, other.slope, atol=1e-4)


def test_a_complete_factor_scores_as_if_nothing_were_missing():
    table = np.where([True, False], TABLE, FACTORS)
    incomplete = inputs.factors(table, incomplete=True)
    whole = inputs.factors(FACTORS)
    assert incomplete.sizes == whole.sizes

    @jax.jit
    def compiled(v):
        accuracy = sap.score(key(), CODES, v.classes, sizes=whole.sizes)
        information = infoe.score(CODES, v, sizes=whole.sizes)
        return [accuracy.per_factor[1], information.per_factor[1]]

    for call in (
        lambda v: compiled(v.table),
        lambda v: dci.score(key(), CODES, v, preset="eastwood").importance[:, 1],
        lambda v: dci.score(key(), CODES, v, preset="tripod", trees=3).importance[:, 1],
    ):
        np.testing.assert_allclose(call(incomplete), call(whole), atol=1e-6)


APART = [e for e in definitions.ENTRIES.values() if e.apart and e.compiled]
QUICK = {"mig", "sap"}


def without_and_with_one_class(entries):
    """Their scores with a third factor that no point has, and with a constant one."""
    missing = inputs.factors(np.c_[FACTORS, np.full(400, np.nan)], incomplete=True)
    constant = inputs.factors(np.c_[FACTORS, np.zeros(400)])
    assert missing.constant == constant.constant == (2,)
    assert missing.sizes == constant.sizes

    @jax.jit
    def score(codes, table):
        return scores(entries, lambda _: key(), codes, table, missing.sizes)

    return [jax.device_get(score(CODES, v.table)) for v in (missing, constant)]


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_factor_that_no_point_has_is_excluded(quick):
    entries = [entry for entry in APART if (entry.metric in QUICK) == quick]
    for entry, *values in zip(
        entries, *without_and_with_one_class(entries), strict=True
    ):
        assert np.isfinite(values).all(), entry.name
        np.testing.assert_allclose(*values, atol=1e-6, err_msg=str(entry.name))


def test_the_sheet_counts_missing_values_and_names_the_points_of_each_line():
    names = ["mig, locatello", "irs, suter", "active units"]
    options = {"metrics": names, "names": ["size", "age"]}
    sheet = metrics.score(CODES, TABLE, **options)
    whole = ~GONE.any(axis=1)
    assert sheet.missing == {"size": GONE[:, 0].sum(), "age": GONE[:, 1].sum()}
    assert [line.points for line in sheet] == [400, whole.sum(), 400]
    note = f"for the {whole.sum()} points that have all factors"
    assert [line.note for line in sheet] == ["", note, ""]
    expected = metrics.score(CODES[whole], FACTORS[whole], **options)
    assert sheet[1].value == pytest.approx(expected[1].value, abs=1e-6)
    masked = metrics.score(CODES, np.ma.array(FACTORS, mask=GONE), **options)
    assert masked == sheet


def test_a_metric_of_complete_rows_gives_nan_without_any():
    table = np.where(np.arange(400)[:, None] % 2 == [0, 1], np.nan, FACTORS)
    sheet = metrics.score(CODES, table, metrics=["mig, locatello", "irs, suter"])
    assert np.isfinite(sheet[0].value)
    note = "it needs at least 2 points that have all factors; there are 0"
    assert sheet[1].note == note
    assert np.isnan(sheet[1].value)
