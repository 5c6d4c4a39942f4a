from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import kim_mnih
from tests.decomp.metrics import cases

SIZES = (3, 4, 5)
run = jax.jit(partial(kim_mnih.enumerated, sizes=SIZES), static_argnames="preset")
locatello = partial(run, preset="locatello")


def _table(seed=0):
    """Factors of unequal frequencies: some combinations occur twice, some never."""
    rng = np.random.default_rng(seed)
    return np.int32(np.stack([rng.binomial(v - 1, 0.4, 240) for v in SIZES], axis=1))


def _slow(codes, factors, dims):
    """The score and its table of votes, one per point and factor, by loops."""
    codes = np.float64(codes)
    table = np.zeros((codes.shape[1], factors.shape[1]), int)
    for n in range(len(codes)):
        for f in range(factors.shape[1]):
            same = codes[factors[:, f] == factors[n, f]]
            table[
                dims[np.argmin(same.var(axis=0)[dims] / codes.var(axis=0)[dims])], f
            ] += 1
    return table.max(axis=1).sum() / table.sum(), table


@pytest.mark.parametrize("seed", range(3))
def test_the_score_agrees_with_a_slow_implementation(seed):
    factors = _table(seed)
    codes = cases.mixed(factors, seed, noise=2.0)
    codes[:, 2] *= 1e-3
    for preset, dims in (("locatello", [0, 1, 3]), ("authors", [0, 1, 2, 3])):
        out = run(codes, factors, preset=preset)
        exact, table = _slow(codes, factors, dims)
        np.testing.assert_array_equal(out.vote_matrix, table)
        np.testing.assert_allclose(out.score, exact, rtol=1e-6)
        assert out.num_active == len(dims)
        assert out.variant == f"{preset}, enumerated"
    assert 1 / 3 < exact < 1


def test_sampled_votes_of_many_points_agree_with_the_enumeration():
    # Ratios of L points keep their order if they differ by more than 4 √(2/L) of their
    # size, which holds here.
    factors, votes, samples = _table(10), 500, 8000
    codes = cases.mixed(factors, 10, noise=0.5)
    for label, size in zip(factors.T, SIZES, strict=True):
        for v in range(size):
            ratios = codes[label == v].var(axis=0) / codes.var(axis=0)
            least, second = np.sort(ratios)[:2]
            assert second - least > 4 * second * np.sqrt(2 / samples)
    sample = jax.jit(partial(kim_mnih.draw_votes, votes=votes, samples=samples))(
        jax.random.key(0), factors
    )
    sampled = jax.jit(partial(kim_mnih.authors, num_factors=3))(codes, sample)
    out = run(codes, factors, preset="authors")
    share = out.vote_matrix / np.sum(out.vote_matrix)
    error = 4 * np.sqrt(share * (1 - share) / votes)
    assert np.all(np.abs(sampled.vote_matrix / votes - share) <= error)
    assert 1 / 3 < out.score < 0.8
    assert abs(sampled.score - out.score) < 4 * np.sqrt(0.25 / votes)


def test_a_value_is_weighted_by_the_number_of_its_points():
    # At a quarter of the points, factor 0 is 0 and dimension 0 is constant; elsewhere
    # dimension 1 is constant.
    first = np.arange(240) % 4 > 0
    signs = np.float32(np.where(np.arange(240) // 4 % 2, 1, -1))
    factors = np.int32(np.stack([first, np.arange(240) // 8 % 2, 0 * first], axis=1))
    codes = np.stack([signs * first, signs * ~first, 0 * signs, 0 * signs], axis=1)
    out = locatello(codes, factors)
    np.testing.assert_array_equal(out.vote_matrix[:2, 0], [60, 180])


def test_ties_go_to_the_first_dimension_despite_rounding():
    # Cosine and sine are both constant, and the missing factor fixes none of the three.
    factors = np.repeat(cases.grid(3, 4, 5), 4, axis=0)
    angle = 2 * np.pi * factors[:, 1] / 4 + 0.1
    codes = np.stack([factors[:, 0] / 7, np.cos(angle), np.sin(angle), 0 * angle], 1)
    for scale in (1.0, 1e-3, 1e4):
        out = run(np.float32(scale * codes), factors, preset="authors")
        expected = [[240, 0, 240], [0, 240, 0], [0, 0, 0], [0, 0, 0]]
        np.testing.assert_array_equal(out.vote_matrix, expected)
        np.testing.assert_allclose(out.score, 2 / 3, rtol=1e-6)


def test_collapsed_codes_score_zero_and_diverged_ones_nan():
    codes = np.full((240, 4), 0.3, np.float32)
    out = locatello(codes, _table())
    assert out.score == 0
    assert out.num_active == 0
    assert jnp.all(out.vote_matrix == 0)
    codes[7, 2] = np.nan
    assert jnp.isnan(locatello(codes, _table()).score)


def test_a_mask_replaces_the_threshold():
    codes, mask = cases.mixed(_table()), np.array([True, False, True, True])
    out = locatello(codes, _table(), active=mask)
    _, table = _slow(codes, _table(), [0, 2, 3])
    np.testing.assert_array_equal(out.vote_matrix, table)
    assert out.variant == "locatello, active=given, enumerated"


def test_runs_under_vmap_equal_each_run_alone():
    factors = _table()
    codes = np.stack([cases.mixed(factors, seed) for seed in range(3)])
    batch = jax.vmap(locatello, (0, None))(codes, factors)
    for r in range(3):
        alone = locatello(codes[r], factors)
        np.testing.assert_array_equal(batch.vote_matrix[r], alone.vote_matrix)
        np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-6)
