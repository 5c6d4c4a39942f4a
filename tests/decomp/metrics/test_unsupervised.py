import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from decomp.metrics import unsupervised

score = jax.jit(unsupervised.score, static_argnames=("preset", "bins"))


def _codes(seed=0, dims=4):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(500, dims)) @ rng.normal(size=(dims, dims))
    return np.float32(mixed + rng.normal(size=dims))


def _padded(codes):
    """The codes padded to four dimensions with constants, which contribute nothing."""
    return np.pad(np.float32(codes), ((0, 0), (0, 4 - codes.shape[1])))


def _exact(seed, correlation):
    """Points with exactly the given sample covariance."""
    points = np.random.default_rng(seed).normal(size=(500, len(correlation)))
    points -= points.mean(axis=0)
    white = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T)).T)
    return white @ np.linalg.cholesky(correlation).T


def _slow(codes):
    """Total correlation, Wasserstein distance, the same over the trace, information."""
    wide = np.float64(codes)
    cov = np.cov(wide.T)
    correlation = 0.5 * np.log(np.prod(np.diag(cov)) / np.linalg.det(cov))
    root = np.diag(np.sqrt(np.diag(cov)))
    cross = scipy.linalg.sqrtm(root @ cov @ root)
    distance = 2 * np.trace(cov) - 2 * np.trace(cross)
    total = 0
    for a, b in itertools.permutations(range(codes.shape[1]), 2):
        table = np.histogram2d(wide[:, a], wide[:, b], 20)[0] / len(codes)
        free = np.outer(table.sum(axis=1), table.sum(axis=0))
        full = table > 0
        total += np.sum(table[full] * np.log(table[full] / free[full]))
    return correlation, distance, distance / np.trace(cov), total


@pytest.mark.parametrize("dims", [4, 2])
def test_the_scores_agree_with_slow_implementations(dims):
    # Constant pairs have no information and stay in the mean over 12 pairs.
    codes = _codes(dims=dims)
    out = score(_padded(codes))
    *expected, information = _slow(codes)
    np.testing.assert_allclose(out[:3], expected, rtol=1e-4)
    np.testing.assert_allclose(out.mutual_information, information / 12, rtol=1e-5)
    np.testing.assert_array_equal(out.active, np.arange(4) < dims)


@pytest.mark.parametrize("rho", [0.3, -0.9])
def test_two_correlated_dimensions_have_the_closed_forms(rho):
    # TC = −½ log(1 − ρ²); W/tr = 2 − (√(1 + ρ) + √(1 − ρ)) for equal variances.
    cov = 9 * np.array([[1, rho], [rho, 1]])
    out = score(_padded(_exact(1, cov)))
    np.testing.assert_allclose(out.score, -0.5 * np.log(1 - rho**2), rtol=1e-4)
    exact = 2 - np.sqrt(1 + rho) - np.sqrt(1 - rho)
    np.testing.assert_allclose(out.wasserstein_normalised, exact, rtol=1e-4)
    np.testing.assert_allclose(out.wasserstein, 18 * exact, rtol=1e-4)


def test_the_rotation_by_45_degrees_of_unequal_spreads_has_its_closed_form():
    # Variances 1 and 9 rotate into 5, 5 with covariance 4: ρ = 0.8.
    rotation = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    points = _exact(0, np.diag([1.0, 9.0]))
    np.testing.assert_allclose(score(_padded(points)).score, 0, atol=1e-5)
    out = score(_padded(points @ rotation))
    np.testing.assert_allclose(out.score, -0.5 * np.log(1 - 0.64), rtol=1e-4)


@pytest.mark.parametrize("scale", [-2.0, 1e-12, 1e12])
def test_order_scale_and_sign_do_not_matter(scale):
    before, after = score(_codes()), score(np.float32(scale) * _codes()[:, ::-1])
    np.testing.assert_allclose(after.score, before.score, rtol=1e-4)
    np.testing.assert_allclose(
        after.wasserstein_normalised, before.wasserstein_normalised, rtol=1e-4
    )
    np.testing.assert_allclose(
        after.mutual_information, before.mutual_information, rtol=1e-2
    )


def test_codes_that_collapsed_are_independent_and_reported():
    collapsed = score(np.full((500, 4), 0.1, np.float32))
    values = (collapsed.score, collapsed.wasserstein, collapsed.wasserstein_normalised)
    assert values == (0, 0, 0)
    assert collapsed.mutual_information == 0
    assert not collapsed.active.any()


def test_a_dimension_encoded_twice_has_infinite_total_correlation():
    codes = _codes(dims=3)
    out = score(np.concatenate([codes, -3 * codes[:, :1]], axis=1))
    assert jnp.isposinf(out.score)
    assert jnp.isfinite(out.wasserstein)


@pytest.mark.parametrize("dims", [2, 10])
def test_equal_dimensions_have_the_wasserstein_correlation_of_their_number(dims):
    # S Σ S = 11ᵀ has the root 11ᵀ/√D, so that W₂²/tr Σ = 2 − 2 √D/D.
    codes = np.repeat(np.random.default_rng(4).normal(size=(500, 1)), dims, axis=1)
    normalised = score(codes).wasserstein_normalised
    np.testing.assert_allclose(normalised, 2 - 2 / dims**0.5, rtol=2e-6)


@pytest.mark.parametrize("seed", range(8))
def test_a_single_wide_dimension_is_at_no_distance_from_independence(seed):
    codes = 1e30 * np.random.default_rng(seed).normal(size=(37, 1))
    for table in (codes, np.pad(codes, ((0, 0), (0, 1)))):
        assert score(table).wasserstein == 0


def test_broken_codes_give_nan_and_a_single_dimension_zero():
    codes = _codes()
    codes[2, 1] = np.nan
    assert all(map(jnp.isnan, score(codes)[:4]))
    single = score(_codes(dims=1))
    assert (single.score, single.wasserstein, single.mutual_information) == (0, 0, 0)


def test_float32_is_accurate_where_dimensions_are_nearly_dependent():
    codes = _codes(2)
    correlation = np.corrcoef(np.float64(codes).T)
    assert np.linalg.cond(correlation) > 1e3
    exact = -0.5 * np.linalg.slogdet(correlation)[1]
    np.testing.assert_allclose(score(codes).score, exact, rtol=2e-6)


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([_codes(seed) for seed in range(3)])
    batch = jax.vmap(score)(codes)
    for r in range(3):
        alone = score(codes[r])
        np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-5)
        np.testing.assert_allclose(
            batch.mutual_information[r], alone.mutual_information, rtol=1e-5
        )
