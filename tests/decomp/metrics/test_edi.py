"""EDI against loops in float64, and against exact information."""

import functools

import jax
import numpy as np
import pytest
from scipy.special import digamma

from decomp.metrics import edi, inputs
from decomp.metrics.solvers import neighbours
from tests.decomp.metrics import cases

FACTORS, SIZES = cases.grid(3, 4, 2), (3, 4, 2)
SCORE = jax.jit(
    functools.partial(edi.score, sizes=SIZES), static_argnames=("whole", "bins")
)


def exclusivity(shares):
    first, *others = sorted(shares, reverse=True)
    return first - np.sqrt(sum(x**2 for x in others) / len(others))


def slow(information, whole, entropy):
    """The three scores from a table of information, by loops."""
    shares = information / whole
    credit = np.zeros(len(whole))
    for row in shares:
        credit[row.argmax()] += exclusivity(row)
    modularity = np.mean([min(1, c) for c in credit])
    compactness = np.mean([exclusivity(column) for column in shares.T])
    explicitness = [min(1, i / h) for i, h in zip(whole, entropy, strict=True)]
    return [modularity, compactness, np.mean(explicitness)]


def three(out):
    return [out.score, out.compactness, out.explicitness]


def mixed(seed=3):
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(0, size, 400) for size in SIZES], axis=1)
    return cases.mixed(factors, seed=seed, dims=4, noise=0.4), factors


@pytest.mark.parametrize("whole", ["max", "sum"])
@pytest.mark.parametrize("bins", [10, 30])
def test_scores_agree_with_slow_loops(bins, whole):
    codes, factors = mixed()
    information = np.array(
        [
            [cases.binned_information(column, label, bins) for label in factors.T]
            for column in codes.T
        ]
    )
    entropy = [cases.entropy(column) for column in factors.T]
    captured = information.max(axis=0) if whole == "max" else information.sum(axis=0)
    exact = slow(information, captured, entropy)
    assert 0.02 < min(exact) < 0.8
    out = SCORE(codes, factors, bins=bins, whole=whole)
    np.testing.assert_allclose(three(out), exact, atol=5e-6)


def test_a_factor_in_two_dimensions_has_full_modularity_and_less_compactness():
    # The four values of the second factor are two bits, one in each dimension.
    high, low = np.divmod(FACTORS[:, 1], 2)
    codes = np.float32(np.stack([FACTORS[:, 0], high, low, FACTORS[:, 2]], axis=1))
    out = SCORE(codes, FACTORS, whole="sum")
    np.testing.assert_allclose(out.score, 1, atol=1e-6)
    compactness = (1 + (1 / 2 - np.sqrt(1 / 4 / 3)) + 1) / 3
    np.testing.assert_allclose(out.compactness, compactness, atol=1e-6)
    np.testing.assert_allclose(out.explicitness, 1, atol=1e-6)
    largest = SCORE(codes, FACTORS)  # either bit is half of the information
    np.testing.assert_allclose(largest.score, 1, atol=1e-6)
    np.testing.assert_allclose(largest.explicitness, 5 / 6, atol=1e-6)


def test_degenerate_codes_and_factors():
    constant = np.full((24, 2), 0.3, np.float32)
    np.testing.assert_array_equal(three(SCORE(constant, FACTORS)), 0)
    codes = np.float32(FACTORS)
    assert np.isnan(three(SCORE(codes, 0 * FACTORS))).all()
    padded = FACTORS * np.array([1, 1, 0])  # a constant factor does not count
    np.testing.assert_allclose(three(SCORE(codes[:, :2], padded)), 1, atol=1e-6)
    codes[2, 0] = np.nan
    assert np.isnan(three(SCORE(codes, FACTORS))).all()
    single = jax.jit(functools.partial(edi.score, sizes=(3,)))
    one = single(np.float32(FACTORS[:, :1]), FACTORS[:, :1])
    np.testing.assert_allclose(three(one), 1, atol=1e-6)
    with pytest.raises(ValueError, match="unknown whole 'mean'; choices: max, sum"):
        edi.score(constant, FACTORS, whole="mean")


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([np.float32(FACTORS), np.float32(FACTORS[:, ::-1] + 1)])
    batch = jax.vmap(SCORE, (0, None))(codes, FACTORS)
    np.testing.assert_allclose(three(batch), 1, atol=1e-6)
    np.testing.assert_array_equal(batch.best, [[0, 1, 2], [2, 1, 0]])


def gaps(columns):
    """The largest distance in a dimension, in deviations, with inf on the diagonal."""
    unit = columns / columns.std(axis=0)
    largest = np.abs(unit[:, None] - unit[None, :]).max(axis=2)
    return largest + np.diag(np.full(len(columns), np.inf))


def test_information_of_whole_codes_agrees_with_a_slow_implementation():
    rng = np.random.default_rng(1)
    z, v, k = rng.normal(size=(80, 3)), rng.integers(0, 3, 80), 3
    y = z[:, :1] - z[:, 1:2] + 0.3 * rng.normal(size=(80, 1))
    z[:, 2] += v
    both = np.sort(np.maximum(gaps(z), gaps(y)), axis=1)[:, k - 1]
    of_z, of_y = ((gaps(a) < both[:, None]).sum(axis=1) + 1 for a in (z, y))
    numeric = digamma(80) + digamma(k) - np.mean(digamma(of_z) + digamma(of_y))
    same = np.where(v[:, None] == v[None, :], gaps(z), np.inf)
    inside = (gaps(z) < np.sort(same, axis=1)[:, k - 1, None]).sum(axis=1)
    size = np.bincount(v)[v]
    of_classes = digamma(80) + digamma(k) - np.mean(digamma(size) + digamma(inside + 1))
    assert min(numeric, of_classes) > 0.1
    table = inputs.factors(np.concatenate([y, v[:, None]], axis=1), continuous=[0])
    out = neighbours.of_whole_codes(z, table.table, neighbours=k)
    np.testing.assert_allclose(out, [numeric, of_classes], atol=1e-6)
    alone = neighbours.of_whole_codes(z[:, :1], table.table, neighbours=k)
    single = neighbours.information(z[:, :1], table.table, neighbours=k)[0]
    np.testing.assert_allclose(alone, single, atol=1e-4)


def test_whole_codes_have_more_information_than_their_dimensions():
    # For y = x₁ + x₂ + e of equal variances, I(z; y) = ½ log 3, and half of the
    # squared correlation is in each dimension: I(z_d; y) = ½ log 1.5.
    rng = np.random.default_rng(0)
    z, e = rng.normal(size=(2000, 2)), rng.normal(size=2000)
    y = z[:, 0] + z[:, 1] + e
    table = inputs.factors(y[:, None]).table
    parts = neighbours.information(z, table)[:, 0]
    np.testing.assert_allclose(parts, np.log(1.5) / 2, atol=0.08)
    whole = neighbours.of_whole_codes(z, table)
    np.testing.assert_allclose(whole, np.log(3) / 2, atol=0.08)


def test_scores_of_neighbours_accept_numbers_and_classes():
    rng = np.random.default_rng(0)
    number, label = rng.normal(size=500), rng.integers(0, 3, 500)
    factors = np.stack([number, label], axis=1)
    codes = np.stack([np.exp(number), label + 0.1 * rng.normal(size=500)], axis=1)
    out = edi.score_neighbours(codes, factors)
    np.testing.assert_array_equal(out.best, [0, 1])
    assert min(three(out)[:2]) > 0.95
    np.testing.assert_allclose(out.entropy[0], digamma(500) - digamma(3), rtol=1e-6)
    np.testing.assert_allclose(out.entropy[1], cases.entropy(label), rtol=1e-6)
    np.testing.assert_allclose(out.whole[1], out.entropy[1], atol=0.05)
    # Each dimension has some of both factors; together they still have all of them.
    rotated = np.stack([number + label, number - label], axis=1)
    less = edi.score_neighbours(rotated, factors)
    assert less.compactness < 0.5
    np.testing.assert_allclose(less.whole[1], less.entropy[1], atol=0.05)
    assert np.isnan(three(edi.score_neighbours(codes * np.nan, factors))).all()
