"""RMIG and JEMMIG of posteriors against loops, and against points."""

import functools

import jax
import numpy as np
import pytest
from scipy import stats

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import dcimig, jemmig, mig, mig_sup, rmig
from tests.decomp.metrics import cases

FACTORS, SIZES = cases.grid(3, 4), (3, 4)
RNG = np.random.default_rng(0)
BOX = {"bins": 20, "low": -4.0, "high": 4.0}
RMIG = jax.jit(functools.partial(rmig.score, sizes=SIZES, **BOX))
MIG_SUP, DCIMIG, JEMMIG = OF_CODES = [
    jax.jit(functools.partial(metric.score, sizes=SIZES), static_argnames="bins")
    for metric in (mig_sup, dcimig, jemmig)
]
OF_POSTERIORS = jax.jit(functools.partial(jemmig.of_posteriors, sizes=SIZES, **BOX))


def posteriors(scale):
    """Posteriors whose means mix the factors; one dimension is noise."""
    loc = cases.mixed(FACTORS - 1, dims=3, noise=0.3)
    return Gaussian(loc, np.float32(scale * (0.5 + RNG.uniform(size=loc.shape))))


def slow(q):
    """Information and entropies of the dimensions by loops in float64."""
    edges = np.linspace(-4, 4, 21)
    middles = (edges[1:] + edges[:-1]) / 2
    loc, scale = np.float64(q.loc), np.float64(q.scale)
    information = np.zeros((loc.shape[1], 2))
    entropies = np.zeros(loc.shape[1])
    for d in range(loc.shape[1]):
        density = stats.norm.pdf(middles, loc[:, d, None], scale[:, d, None])
        mass = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        for n in np.flatnonzero(density.max(axis=1) < 1e-5):
            place = np.clip(np.digitize(loc[n, d], edges) - 1, 0, 19)
            mass[n] = np.arange(20) == place
        whole = mass.mean(axis=0)
        entropies[d] = stats.entropy(whole)
        for f in range(2):
            for v in range(SIZES[f]):
                rows = FACTORS[:, f] == v
                part = mass[rows].mean(axis=0)
                information[d, f] += rows.mean() * stats.entropy(part, whole)
    return information, entropies


@pytest.mark.parametrize("scale", [1e-3, 0.05, 0.5, 3.0])
def test_scores_of_posteriors_agree_with_slow_loops(scale):
    q = posteriors(scale)
    information, entropies = slow(q)
    gap, joint = RMIG(q, FACTORS), OF_POSTERIORS(q, FACTORS)
    np.testing.assert_allclose(gap.information, information, atol=2e-6)
    top = np.sort(information, axis=0)[::-1]
    of_factors = np.log(SIZES)
    exact = np.mean((top[0] - top[1]) / of_factors)
    np.testing.assert_allclose(gap.score, exact, atol=2e-6)
    best = information.argmax(axis=0)
    nats = entropies[best] + of_factors - 2 * top[0] + top[1]
    np.testing.assert_allclose(joint.nats, nats, atol=5e-6)
    exact = np.mean(1 - nats / (of_factors + np.log(20)))
    np.testing.assert_allclose(joint.score, exact, atol=2e-6)


def test_the_gap_of_narrow_posteriors_is_that_of_the_codes():
    codes = cases.mixed(FACTORS - 1, dims=3, noise=0.3)
    codes = np.clip(codes, -4, 4)
    ends = np.array([[-4.0] * 3, [4.0] * 3], np.float32)  # fix the bins
    codes, factors = (
        np.concatenate([codes, ends]),
        np.concatenate([FACTORS, [[0, 0]] * 2]),
    )
    gap = RMIG(Gaussian(codes, np.full_like(codes, 1e-4)), factors)
    expected = jax.jit(functools.partial(mig.score, sizes=SIZES, bins=20))(
        codes, factors
    )
    np.testing.assert_allclose(gap.information, expected.information, atol=1e-5)
    np.testing.assert_allclose(gap.score, expected.score, atol=1e-5)


def test_posteriors_that_diverged_score_nan_and_equal_ones_0():
    q = posteriors(0.5)
    equal = Gaussian(np.zeros((12, 3), np.float32), np.ones((12, 3), np.float32))
    np.testing.assert_allclose(RMIG(equal, FACTORS).score, 0, atol=1e-6)
    broken = q._replace(loc=np.float32(q.loc))
    broken.loc[3, 1] = np.nan
    assert np.isnan(RMIG(broken, FACTORS).score)
    assert np.isnan(OF_POSTERIORS(broken, FACTORS).score)


def test_runs_under_vmap_equal_each_run_alone():
    runs = [posteriors(0.3), posteriors(1.0)]
    both = jax.tree.map(lambda *leaves: np.stack(leaves), *runs)
    for score in (RMIG, OF_POSTERIORS):
        batch = jax.vmap(score, (0, None))(both, FACTORS)
        for r, q in enumerate(runs):
            alone = score(q, FACTORS)
            np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-5)


def tables(codes, factors, bins):
    """Information and entropies by loops in float64."""
    information = [
        [cases.binned_information(column, label, bins) for label in factors.T]
        for column in codes.T
    ]
    entropies = []
    for column in np.float64(codes.T):
        edges = np.linspace(column.min(), column.max(), bins + 1)
        entropies.append(cases.entropy(np.digitize(column, edges[1:-1])))
    return np.array(information), np.array(entropies)


@pytest.mark.parametrize("bins", [10, 20])
def test_gaps_of_codes_agree_with_slow_loops(bins):
    rng = np.random.default_rng(5)
    factors = np.stack([rng.integers(0, size, 400) for size in SIZES], axis=1)
    codes = cases.mixed(factors, seed=3, dims=4, noise=0.4)
    information, of_codes = tables(codes, factors, bins)
    of_factors = np.array([cases.entropy(column) for column in factors.T])

    share = information / of_factors
    top = np.sort(share, axis=1)[:, ::-1]
    result = jax.device_get(MIG_SUP(codes, factors, bins=bins))
    np.testing.assert_allclose(result.per_code, top[:, 0] - top[:, 1], atol=2e-6)
    np.testing.assert_allclose(result.score, np.mean(top[:, 0] - top[:, 1]), atol=2e-6)
    some = np.array([True, False, True, False])
    out = MIG_SUP(codes, factors, bins=bins, counted=some)
    np.testing.assert_allclose(out.score, result.per_code.mean(where=some), rtol=1e-6)

    total = 0.0
    for f in range(2):
        rows = information.argmax(axis=1) == f
        gaps = np.ptp(information, axis=1)[rows]  # there are two factors
        total += max(gaps, default=0)
    score = DCIMIG(codes, factors, bins=bins).score
    np.testing.assert_allclose(score, total / of_factors.sum(), atol=2e-6)

    exact = []
    for f in range(2):
        first, second = np.sort(information[:, f])[::-1][:2]
        joint = of_codes[information[:, f].argmax()] + of_factors[f] - first
        exact.append(1 - (joint - first + second) / (of_factors[f] + np.log(bins)))
    score = JEMMIG(codes, factors, bins=bins).score
    np.testing.assert_allclose(score, np.mean(exact), atol=2e-6)


@pytest.mark.slow
def test_gaps_of_degenerate_codes_and_factors():
    constant = np.full((12, 2), 0.3, np.float32)
    for score in OF_CODES[:2]:
        assert score(constant, FACTORS).score == 0
    for score in OF_CODES:
        assert np.isnan(score(np.float32(FACTORS), 0 * FACTORS).score)
        broken = np.float32(FACTORS)
        broken[2, 0] = np.nan
        assert np.isnan(score(broken, FACTORS).score)
        runs = np.stack([np.float32(FACTORS), np.float32(FACTORS[:, ::-1] + 1)])
        batch = jax.vmap(score, (0, None))(runs, FACTORS)
        np.testing.assert_allclose(batch.score, 1, atol=1e-6)
    # With one factor, all information is the gap.
    single = jax.jit(functools.partial(mig_sup.score, sizes=(3,)))
    one = single(np.float32(FACTORS[:, :1]), FACTORS[:, :1])
    np.testing.assert_allclose(one.score, 1, atol=1e-6)
