from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import kim_mnih
from tests.decomp.metrics import cases

# Four equal factors; the votes fix the first three.
FACTORS = cases.grid(4, 4, 4, 4)
COUNTED = FACTORS[:, :3]
BLOCK = {"num_factors": 3, "block": 100}

variances = jax.jit(kim_mnih.normalised_variances, static_argnames="block")
authors = jax.jit(partial(kim_mnih.authors, **BLOCK))
pruned = jax.jit(partial(kim_mnih.pruned, **BLOCK))
draw_votes = jax.jit(kim_mnih.draw_votes, static_argnames=("votes", "samples"))
score_held_out = jax.jit(partial(kim_mnih.score_held_out, num_factors=3))


def _votes(seed=0, factors=COUNTED):
    return draw_votes(jax.random.key(seed), factors, votes=1000, samples=40)


def _padded(codes):
    """The codes padded to four dimensions with constants, which cannot win."""
    return np.pad(np.float32(codes), ((0, 0), (0, 4 - codes.shape[1])))


def _mixed(seed=0):
    return cases.mixed(COUNTED, seed, noise=3.0)


def _slow_authors(codes, votes, num_factors):
    """The score and the table of votes by loops in float64."""
    codes = np.asarray(codes, np.float64)
    total = codes.var(axis=0, ddof=1)
    table = np.zeros((codes.shape[1], num_factors), int)
    for factor, rows in zip(*map(np.asarray, votes), strict=True):
        ratios = [
            codes[rows, d].var(ddof=1) / total[d] if np.ptp(codes[:, d]) else np.inf
            for d in range(codes.shape[1])
        ]
        table[int(np.argmin(ratios)), factor] += 1
    return sum(max(row) for row in table) / len(votes.factor), table


def test_the_points_of_a_vote_share_the_value_of_its_factor():
    rng = np.random.default_rng(0)
    factors = rng.choice([-3, 2, 7, 100], size=(256, 3)).astype(np.int32)  # not a grid
    votes = _votes(factors=factors)
    for factor, rows in zip(*map(np.asarray, votes), strict=True):
        assert len(set(factors[rows, factor])) == 1


def test_factors_values_and_points_have_the_documented_distribution():
    factors = np.array([[0, 0], [0, 1], [0, 2], [1, 3]], np.int32)
    votes = draw_votes(jax.random.key(0), factors, votes=20_000, samples=2)
    first, second = np.asarray(votes.rows).T
    # Any row is the first point of a vote with probability 1/4, for each factor.
    for factor in range(2):
        votes_of_factor = np.asarray(votes.factor) == factor
        assert abs(votes_of_factor.mean() - 0.5) < 4 * np.sqrt(0.25 / 20_000)
        for row in range(4):
            share = np.mean(first[votes_of_factor] == row)
            assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / votes_of_factor.sum())
    # Points are drawn with replacement: the only point with a value comes twice.
    single = (np.asarray(votes.factor) == 1) | (first == 3)
    np.testing.assert_array_equal(second[single], first[single])


@pytest.mark.parametrize("block", [70, 1000])
def test_normalised_variances_agree_with_numpy(block):
    codes, votes = _mixed(), _votes()
    exact = np.float64(codes)[np.asarray(votes.rows)].var(axis=1, ddof=1)
    exact /= np.float64(codes).var(axis=0, ddof=1)
    value = variances(codes, votes, block=block)
    np.testing.assert_allclose(value, exact, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_authors_agrees_with_a_slow_implementation(seed):
    codes, votes = _mixed(seed), _votes(seed)
    out = authors(codes, votes)
    score, table = _slow_authors(codes, votes, 3)
    assert 1 / 3 < score < 1
    np.testing.assert_array_equal(out.vote_matrix, table)
    np.testing.assert_allclose(out.score, score, rtol=1e-6)


def test_the_factors_themselves_score_one():
    codes = _padded(COUNTED)
    train, evaluation = _votes(0), _votes(1)
    assert authors(codes, train).score == 1
    out = pruned(codes, train, evaluation, np.ones(4, bool))
    assert out.score == 1
    assert out.num_active == 3


@pytest.mark.parametrize("scale", [2.0, -1.0, 1e-25, 1e15])
def test_order_scale_and_sign_of_the_dimensions_do_not_matter(scale):
    codes, votes = _mixed(), _votes()
    before = authors(codes, votes)
    after = authors(np.float32(scale) * codes[:, ::-1], votes)
    assert after.score == before.score
    np.testing.assert_array_equal(after.vote_matrix[::-1], before.vote_matrix)


def test_a_factor_without_a_dimension_wins_no_vote():
    votes = _votes()
    out = authors(_padded(FACTORS[:, :2]), votes)
    exact = np.mean(np.asarray(votes.factor) < 2)
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)


def test_a_missing_factor_scores_by_chance_through_a_spare_dimension():
    # The codes encode factors 0, 1 and 3, and the votes fix 0, 1 and 2. In votes for 2,
    # the dimensions are exchangeable, so the spare one wins 1/3.
    codes = _padded(np.exp(FACTORS[:, [0, 1, 3]] / 3))  # no ties between variances
    out = pruned(codes, _votes(0), _votes(1), np.ones(4, bool))
    exact = 2 / 3 + 1 / 3 * 1 / 3
    assert abs(out.score - exact) < 4 * np.sqrt(exact * (1 - exact) / 1000)


def test_factors_that_share_a_dimension_or_are_rotated_and_noise_score_by_chance():
    a, b, c, spare = np.float32(FACTORS.T)
    table = {
        "two factors in one dimension": (2 / 3, a + b, c),
        "rotated by 45°": (2 / 3, a + b, a - b, c),  # each halves the variance of both
        "noise": (1 / 3, spare, np.exp(spare)),
    }
    for name, (exact, *codes) in table.items():
        codes = _padded(np.stack(codes, axis=1))
        out = pruned(codes, _votes(0), _votes(1), np.ones(4, bool))
        error = 4 * np.sqrt(exact * (1 - exact) / 1000)
        np.testing.assert_allclose(out.score, exact, atol=error, err_msg=name)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30])
def test_a_constant_dimension_is_neither_nan_nor_a_winner(constant):
    # With 0/0, argmin takes NaN as the smallest, and the score was 0.2 instead of 1.
    votes = _votes()
    column = np.full((256, 1), constant, np.float32)
    padded = np.concatenate([column, np.float32(COUNTED)], axis=1)
    out = authors(padded, votes)
    assert out.score == 1
    assert out.num_active == 3
    np.testing.assert_array_equal(out.active, [False, True, True, True])
    assert jnp.all(jnp.isposinf(variances(padded, votes, block=1000)[:, 0]))


def test_a_collapsed_dimension_that_leaks_a_factor_wins_only_unpruned():
    codes = _padded(COUNTED * [1, 1, 1e-3])
    votes = _votes()
    active = kim_mnih.active_dimensions(codes, np.ones_like(codes))
    np.testing.assert_array_equal(active, [True, True, False, False])
    assert authors(codes, votes).score == 1
    out = pruned(codes, votes, votes, active)
    exact = np.mean(np.asarray(votes.factor) < 2)
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)
    assert jnp.all(out.vote_matrix[2] == 0)
    assert out.num_active == 2


def test_entirely_collapsed_codes_score_zero():
    votes, codes = _votes(), np.full((256, 4), 0.3, np.float32)
    all_active = np.ones(4, bool)
    for out in (
        authors(codes, votes),
        pruned(codes, votes, votes, all_active),
        pruned(_mixed(), votes, votes, ~all_active),
    ):
        assert out.score == 0
        assert out.num_active == 0
        assert jnp.all(out.vote_matrix == 0)


def test_a_diverged_run_scores_nan():
    codes = _mixed()
    codes[3, 1] = np.nan
    assert jnp.isnan(authors(codes, _votes()).score)


def test_ties_go_to_the_lowest_dimension_and_the_lowest_factor():
    equal = np.full((4, 2), 0.5, np.float32)
    train, test = np.array([2, 1, 2, 1]), np.array([1, 1, 1, 1])
    out = score_held_out(equal, train, equal, test, np.ones(2, bool))
    np.testing.assert_array_equal(out.vote_matrix, [[0, 2, 2], [0, 0, 0]])
    assert out.score == 1


def test_held_out_votes_are_scored_with_the_table_of_the_training_votes():
    first, second = [0.1, 0.9], [0.9, 0.1]
    out = score_held_out(
        np.float32([first, second, first, second]),
        np.array([0, 1, 0, 1]),
        np.float32([first, first, second, second]),
        np.array([0, 1, 1, 1]),
        np.ones(2, bool),
    )
    assert out.score == 0.75
    np.testing.assert_array_equal(out.vote_matrix, [[2, 0, 0], [0, 2, 0]])


def test_active_dimensions_follow_the_ratio_of_the_spreads_at_any_scale():
    # Means ±s have variance s², so the ratio to the unit aggregate posterior is s.
    spread = np.array([0.0, 0.049, 0.051, 1.0])
    loc = np.float32(np.stack([spread, -spread]) + 3.0)
    scale = np.float32(np.tile(np.sqrt(1 - spread**2), (2, 1)))
    expected = [False, False, True, True]
    for unit in np.float32([1e-4, 1.0, 1e4]):
        active = kim_mnih.active_dimensions(unit * loc, unit * scale)
        np.testing.assert_array_equal(active, expected)
    active = kim_mnih.active_dimensions(loc, scale, threshold=0.5)
    np.testing.assert_array_equal(active, [False, False, False, True])
    none = kim_mnih.active_dimensions(np.full((2, 4), np.float32(0.1)), 0 * scale)
    assert not none.any()  # without any spread


def test_runs_under_vmap_share_the_votes_and_equal_each_run_alone():
    votes = _votes()
    codes = np.stack([_mixed(seed) for seed in range(3)])
    batch = jax.jit(jax.vmap(authors, (0, None)))(codes, votes)
    for r in range(3):
        alone = authors(codes[r], votes)
        np.testing.assert_array_equal(batch.vote_matrix[r], alone.vote_matrix)
        assert batch.score[r] == alone.score
