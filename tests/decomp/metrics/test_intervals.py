"""Intervals of scores against exact variances over all half samples."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp import metrics
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import (
    comparison,
    definitions,
    inputs,
    intervals,
    jemmig,
    rmig,
    units,
)

POINTS = np.random.default_rng(0).normal(size=13)
KEY = jax.random.key(0)


def entry(measure, **options):
    """A metric of codes alone, under the name `mine, own`."""
    options = {"of_factors": False} | options
    return definitions.Entry("mine", "own", measure, "what it is", "us", **options)


@pytest.fixture
def register():
    """Registers metrics for the duration of a test."""
    old_entries = dict(definitions.ENTRIES)
    yield definitions.register
    definitions.ENTRIES.clear()
    definitions.ENTRIES.update(old_entries)


def of_all_subsets(statistic, points, size):
    """The statistic of every subset of `size` points."""
    return np.array([statistic(c) for c in itertools.combinations(points, size)])


@pytest.mark.parametrize("number", [8, 9, 12, 13])
def test_the_standard_error_of_a_mean_is_exact_over_all_half_samples(number):
    points = POINTS[:number]
    halves = of_all_subsets(np.mean, points, number // 2)
    result = intervals.interval(entry(None), points.mean(), halves, number)
    correction = len(halves) / (len(halves) - 1)  # the halves count as a sample
    exact = np.var(points, ddof=1) / number * correction
    np.testing.assert_allclose(result.stderr**2, exact, rtol=1e-10)
    np.testing.assert_allclose(result.bias, 0, atol=1e-12)
    reach = stats.t.ppf(0.975, len(halves) - 1) * exact**0.5
    ends = [points.mean() - reach, points.mean() + reach]
    np.testing.assert_allclose(result[:2], ends, rtol=1e-4)


@pytest.mark.parametrize("number", [8, 9, 12, 13])
def test_the_bias_of_a_variance_is_exact_and_subtracted(number):
    points = POINTS[:number]
    halves = of_all_subsets(np.var, points, number // 2)
    result = intervals.interval(entry(None), np.var(points), halves, number)
    unbiased = np.var(points, ddof=1)
    np.testing.assert_allclose(result.bias, -unbiased / number, rtol=1e-10)
    np.testing.assert_allclose((result.low + result.high) / 2, unbiased, rtol=1e-10)
    random_entry = entry(None, draws=True)
    uncorrected = intervals.interval(random_entry, np.var(points), halves, number)
    assert uncorrected.bias == 0
    np.testing.assert_allclose(
        (uncorrected.low + uncorrected.high) / 2, np.var(points), rtol=1e-10
    )


@pytest.mark.parametrize(("counted", "total"), [(1, 3), (2, 3), (1, 1)])
def test_the_standard_error_of_a_mean_of_held_out_points_is_exact(counted, total):
    # Of a half sample of 12 points, `counted` of each `total` points are scored.
    whole = counted * 12 // total
    halves = of_all_subsets(np.mean, POINTS[:12], whole // 2)
    held_out = entry(None, draws=True, counted=(10**6 * counted, 10**6 * total))
    result = intervals.interval(held_out, 0.0, halves, 12)
    correction = len(halves) / (len(halves) - 1)
    exact = np.var(POINTS[:12], ddof=1) / whole * correction
    np.testing.assert_allclose(result.stderr**2, exact, rtol=1e-10)


def test_only_the_points_that_are_used_count():
    # 4 of 12 points are used and scored, both for all of them and for half of them.
    halves = of_all_subsets(np.mean, POINTS[:12], 4)
    result = intervals.interval(entry(None, counted=(4, 4)), 0.0, halves, 12)
    correction = len(halves) / (len(halves) - 1)
    exact = np.var(POINTS[:12], ddof=1) / 4 * correction
    np.testing.assert_allclose(result.stderr**2, exact, rtol=1e-10)


def test_the_quantile_is_that_of_student_s_t():
    for degrees in (4, 5, 10, 19, 99, 1000):
        exact = stats.t.ppf(0.975, degrees)
        np.testing.assert_allclose(intervals.quantile(degrees), exact, atol=1e-3)


def test_an_interval_stays_inside_the_bounds_of_its_score():
    unit = entry(None, bounds=(0.0, 1.0))
    near, spread = np.array([0.9, 1.0] * 10), 2.1 * 0.0514
    result = intervals.interval(unit, 0.95, near, 20)
    np.testing.assert_allclose(result[:2], [0.95 - spread, 1], atol=1e-3)
    beyond = intervals.interval(unit, 0.9, near - 0.4, 20)  # the bias is −0.35
    assert beyond[:2] == (0.9, 1.0)
    below = intervals.interval(unit, 0.1, near - 0.5, 20)  # the bias is 0.35
    assert below[:2] == (0.0, 0.1)
    free = intervals.interval(unit, 0.95, near, 20, difference=True)
    assert free.bias == 0
    np.testing.assert_allclose(free[:2], [0.95 - spread, 0.95 + spread], atol=1e-3)


def rows_of(number, *, halves, codes=None, draws=False, most=None, compiled=True):
    """The sum of 2ⁿ over the rows n of each half sample, which identifies them."""

    def measure(key, z, v, s):
        noise = jax.random.uniform(key) if draws else 0
        return jnp.sum(2.0 ** units.values(z)[:, 0]) + noise

    row_entry = entry(measure, draws=draws, halves=most, compiled=compiled)
    definitions.register(row_entry)
    codes = np.arange(number)[:, None] if codes is None else codes
    labels = jnp.zeros((number, 1), jnp.int32)
    sums, problems = intervals.measure(
        KEY, inputs.codes(codes), labels, (1,), [row_entry.name], halves=halves
    )
    assert problems == {}
    return sums[row_entry.name]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_half_sample_is_half_of_the_points_without_repetition(register, compiled):
    for number in (8, 9):
        rows = rows_of(number, halves=41, compiled=compiled)
        bits = [bin(int(row))[2:].count("1") for row in rows]
        assert bits == [number // 2] * 41
        assert rows.max() < 2**number
        assert len(set(rows.tolist())) > 20
        fewer = rows_of(number, halves=6, compiled=compiled)
        np.testing.assert_array_equal(fewer, rows[:6])
    few = rows_of(9, halves=41, compiled=compiled, most=5)
    np.testing.assert_array_equal(few, rows[:5])


def test_half_samples_have_the_bins_of_all_points(register):
    def measure(key, z, v, s):
        return jnp.sum(units.equal_width(z, bins=10) != units.values(z))

    whole_entry = entry(measure)
    register(whole_entry)
    codes, labels = np.arange(10.0)[:, None], jnp.zeros((10, 1), jnp.int32)
    wrong, problems = intervals.measure(
        KEY, inputs.codes(codes), labels, (1,), [whole_entry.name], halves=41
    )
    assert problems == {}
    # In ten bins of 0 … 9, each number is in the bin of its own index.
    np.testing.assert_array_equal(wrong[whole_entry.name], np.zeros(41))


def test_two_representations_have_the_same_half_samples_and_the_same_draws(register):
    codes = np.arange(9)[:, None]
    wide = np.concatenate([codes, codes % 2], axis=1)
    plain = rows_of(9, halves=5)
    np.testing.assert_array_equal(plain, rows_of(9, halves=5, codes=wide))
    random_rows = rows_of(9, halves=5, draws=True)
    np.testing.assert_array_equal(
        random_rows, rows_of(9, halves=5, codes=wide, draws=True)
    )
    assert len(set(np.round(random_rows - plain, 4))) == 5  # one draw per half sample


RNG = np.random.default_rng(1)
FACTORS = RNG.integers(0, 3, (60, 2))
CODES = FACTORS + 0.4 * RNG.normal(size=(60, 2))
SOME = ("mig, locatello", "mine, own", "hoyer")  # compiled once for all tests


def of_random_points(key, z, v, s):
    """The mean norm of thirty random points, as a share of the largest."""
    rows = jax.random.randint(key, (30,), 0, len(v))
    norms = jnp.linalg.norm(units.values(z), axis=1)
    return jnp.mean(norms[rows]) / jnp.max(norms)


@pytest.fixture
def random_metric(register):
    """A metric with draws of its own, `mine, own`."""
    register(entry(of_random_points, draws=True))


def test_every_line_has_an_interval_or_a_reason(register):
    def fails(key, z, v, s):
        raise RuntimeError("out of\nmemory" if len(v) < 60 else "")

    def sometimes(key, z, v, s):
        return jnp.where(jnp.max(units.values(z)) < CODES.max(), jnp.nan, 1.0)

    for measure, name in ((sometimes, "sometimes"), (lambda *a: 1.0, "sound")):
        register(entry(measure)._replace(metric=name))
    register(entry(lambda k, z, v, s: 1.0 if len(v) == 60 else fails(k, z, v, s)))
    names = ("mine", "sometimes", "sound", "mig, locatello", "sap, r_squared")
    words = np.array(["a", "b", "c"])[FACTORS]
    table = metrics.score(CODES, words, metrics=names, intervals=20)
    lines = {line.metric: line for line in table}
    assert lines["mine"].note == "no interval: out of memory"
    assert lines["sometimes"].note.startswith("no interval: ")
    assert lines["sometimes"].note.endswith("of 20 half samples have no score")
    assert lines["sap"].note.startswith("it needs numbers")
    for name in ("mine", "sometimes", "sap"):
        assert lines[name].low is None
        assert lines[name].high is None
    assert lines["sound"][6:] == (1.0, 1.0, 0.0, "20 half samples, bias removed", 60)
    mig = lines["mig"]
    assert mig.low < mig.value - mig.bias < mig.high
    assert f"its bias, about {mig.bias:+.4f}" in mig.note
    assert table.notes[-2].startswith("A 95 % interval, estimated from half samples")
    assert f"{mig.low:.4f} … {mig.high:.4f}" in str(table)


def test_intervals_change_no_value_and_0_half_samples_give_none(random_metric):
    plain = metrics.score(CODES, FACTORS, metrics=SOME)
    with_intervals = metrics.score(CODES, FACTORS, metrics=SOME, intervals=6)
    assert with_intervals.values == plain.values
    assert {line.low for line in plain} == {None}
    assert {line.resampling for line in plain} == {""}
    assert with_intervals.notes[: len(plain.notes)] == plain.notes
    for number in (4, 1, -1):
        with pytest.raises(ValueError, match="5 half samples or more, or 0 for none"):
            metrics.score(CODES, FACTORS, metrics=SOME, intervals=number)


@pytest.mark.parametrize(("count", "is_sparse"), [(119, True), (120, False)])
def test_a_sheet_says_whose_intervals_have_fewer_than_two_points_per_cell(
    count, is_sparse
):
    factors = np.arange(count)[:, None] % 3  # 3 values and 20 bins are 60 cells
    codes = factors + np.random.default_rng(0).uniform(size=(count, 2))
    names = ["mig, locatello", "irs, suter"]
    notes = metrics.score(codes, factors, metrics=names, intervals=5).notes
    assert notes[-1].endswith(": mig, locatello.") == is_sparse
    assert notes[-1].startswith("119 points are fewer than two per cell") == is_sparse


def test_few_points_have_no_interval():
    table = metrics.score(CODES[:7], FACTORS[:7], metrics=["hoyer"], intervals=10)
    assert table[0].low is None
    assert table.notes[-1] == "Intervals need 8 points or more."


def test_intervals_of_several_runs_equal_those_of_each_alone():
    both = np.stack([CODES, CODES[:, ::-1] ** 3])
    options = {"metrics": ["mig, locatello", "hoyer"], "intervals": 6}
    several = metrics.score(both, FACTORS, **options)
    alone = metrics.score(both[1], FACTORS, **options)
    for line, line_alone in zip(several[1], alone, strict=True):
        np.testing.assert_allclose(line[6:9], line_alone[6:9], atol=1e-6)


@pytest.mark.slow
def test_metrics_of_posteriors_have_intervals_from_half_of_them():
    names = ["mig, exact", "mig, rmig", "jemmig, do_tran"]
    options = {"metrics": names, "scales": np.full_like(CODES, 0.5)}
    exact, robust, joint = metrics.score(CODES, FACTORS, intervals=5, **options)
    assert exact.resampling == "5 half samples, new draws"
    assert 0 <= exact.low < exact.value < exact.high <= 1
    q, sizes = Gaussian(CODES, options["scales"]), (3, 3)
    values = jax.jit(
        lambda q, v: (
            rmig.score(q, v, sizes=sizes),
            jemmig.of_posteriors(q, v, sizes=sizes),
        )
    )(q, FACTORS)
    for line, expected in zip((robust, joint), values, strict=True):
        assert line.resampling == "5 half samples, bias removed"
        np.testing.assert_allclose(line.value, expected.score, atol=1e-5)
        assert 0 <= line.low < line.high <= 1


def test_codes_do_not_differ_from_themselves_for_random_scores_either(random_metric):
    table = metrics.compare(CODES, 5 * CODES, FACTORS, metrics=SOME, intervals=6)
    for line in table:
        np.testing.assert_allclose(line.difference, 0, atol=1e-6)
        np.testing.assert_allclose([line.low, line.high], 0, atol=1e-6)


def test_a_difference_has_the_interval_of_the_paired_half_samples(random_metric):
    noisy = CODES + [0, 2] * RNG.normal(size=(60, 2))
    options = {"metrics": SOME, "intervals": 6}
    first, second = (
        metrics.score(codes, FACTORS, **options) for codes in (CODES, noisy)
    )
    table = comparison.compare(first, second)
    assert str(table) == str(metrics.compare(CODES, noisy, FACTORS, **options))
    for line, a, b in zip(table, first, second, strict=True):
        halves = second.halves[line[:2]] - first.halves[line[:2]]
        middle = b.value - a.value  # no bias is subtracted
        reach = stats.t.ppf(0.975, 5) * halves.std(ddof=1)
        ends = [middle - reach, middle + reach]
        np.testing.assert_allclose([line.low, line.high], ends, rtol=1e-3)
        assert line.differs == (ends[0] > 0 or ends[1] < 0)
        assert line.resampling == a.resampling.removesuffix(", bias removed")


def test_sheets_that_do_not_match_are_not_compared(tmp_path):
    def table_of(codes=CODES, factors=FACTORS, **options):
        options = {"metrics": ["hoyer"], "intervals": 6} | options
        return metrics.score(codes, factors, **options)

    first = table_of()
    for other in (
        table_of(metrics=["active units"]),
        table_of(CODES[:50], FACTORS[:50]),
    ):
        with pytest.raises(ValueError, match="two sheets must have the same metrics"):
            comparison.compare(first, other)
    with pytest.raises(ValueError, match="the same half samples; got 6 and 5 of them"):
        comparison.compare(first, table_of(intervals=5))
    (line,) = comparison.compare(first, table_of(np.c_[CODES, CODES[:, :1]]))
    assert line.low < line.difference < line.high  # the numbers of latents may differ
    (line,) = comparison.compare(first, table_of(intervals=0))
    assert (line.low, line.note) == (None, "no interval: the sheets have none")
    assert not line.differs
    comparison.compare(first, first).to_csv(tmp_path / "differences.csv")
    header, row = (tmp_path / "differences.csv").read_text().splitlines()
    assert header.startswith("metric,variant,first,second,difference,low,high")
    assert row.startswith("hoyer,scaled,")
