import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import kim_mnih

SIZES = (5, 6, 7)
BLOCK = {"num_factors": 3, "block": 100}

variances = partial(kim_mnih.normalised_variances, block=100)
authors = jax.jit(partial(kim_mnih.authors, **BLOCK))
pruned = jax.jit(partial(kim_mnih.pruned, **BLOCK))
draw_votes = jax.jit(kim_mnih.draw_votes, static_argnames=("votes", "samples"))


def _grid(sizes=SIZES):
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def _votes(seed=0, factors=None, votes=300, samples=40):
    factors = _grid() if factors is None else factors
    return draw_votes(
        jax.random.key(seed), jnp.array(factors), votes=votes, samples=samples
    )


def _slow_authors(codes, votes, num_factors):
    """The score and the table of votes as float64 loops."""
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


def _mixed_codes(seed=0):
    rng = np.random.default_rng(seed)
    codes = _grid() @ rng.normal(size=(3, 4)) + 3 * rng.normal(size=(210, 4))
    return jnp.float32(codes)


def test_the_points_of_a_vote_share_the_value_of_its_factor():
    rng = np.random.default_rng(0)
    factors = rng.choice([-3, 2, 7, 100], size=(50, 3)).astype(np.int32)  # no grid
    votes = _votes(factors=factors)
    for factor, rows in zip(*map(np.asarray, votes), strict=True):
        assert len(set(factors[rows, factor])) == 1


def test_factors_values_and_points_are_drawn_as_documented():
    factors = np.array([[0, 0], [0, 1], [0, 2], [1, 3]], np.int32)
    votes = _votes(factors=factors, votes=20_000, samples=2)
    first = np.asarray(votes.rows[:, 0])
    # Any row is the first point of a vote with probability 1/4, whatever the factor.
    for factor in range(2):
        chosen = np.asarray(votes.factor) == factor
        assert abs(chosen.mean() - 0.5) < 4 * np.sqrt(0.25 / 20_000)
        for row in range(4):
            share = np.mean(first[chosen] == row)
            assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / chosen.sum())


def test_points_of_a_vote_are_drawn_with_replacement():
    votes = _votes(factors=np.array([[0], [1]], np.int32), votes=10, samples=5)
    rows = np.asarray(votes.rows)
    assert np.all(rows == rows[:, :1])


def test_normalised_variances_agree_with_numpy():
    codes, votes = _mixed_codes(), _votes()
    exact = np.float64(codes)[np.asarray(votes.rows)].var(axis=1, ddof=1)
    exact /= np.float64(codes).var(axis=0, ddof=1)
    for block in (70, 100):
        value = kim_mnih.normalised_variances(codes, votes, block=block)
        np.testing.assert_allclose(value, exact, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_authors_agrees_with_a_slow_implementation(seed):
    codes, votes = _mixed_codes(seed), _votes(seed)
    out = authors(codes, votes)
    score, table = _slow_authors(codes, votes, 3)
    assert 1 / 3 < score < 1
    np.testing.assert_array_equal(out.vote_matrix, table)
    np.testing.assert_allclose(out.score, score, rtol=1e-6)


def test_the_factors_themselves_score_one():
    codes = jnp.float32(_grid())
    train, evaluation = _votes(0), _votes(1)
    assert authors(codes, train).score == 1
    active = jnp.ones(3, bool)
    out = pruned(codes, train, evaluation, active)
    assert out.score == 1
    assert out.num_active == 3


@pytest.mark.parametrize("scale", [2.0, -1.0, 1e-25, 1e15])
def test_order_scale_and_sign_of_the_dimensions_do_not_matter(scale):
    codes, votes = _mixed_codes(), _votes()
    before = authors(codes, votes)
    turned = scale * codes[:, ::-1]
    after = authors(turned, votes)
    assert after.score == before.score
    np.testing.assert_array_equal(after.vote_matrix[::-1], before.vote_matrix)


def test_without_a_dimension_for_it_a_factor_wins_no_vote():
    votes = _votes()
    codes = jnp.float32(_grid()[:, :2])
    out = authors(codes, votes)
    known = np.mean(np.asarray(votes.factor) < 2)
    np.testing.assert_allclose(out.score, known, rtol=1e-6)


def test_a_missing_factor_is_found_by_chance_through_a_spare_dimension():
    # Of four equal factors the codes hold 0, 1 and 3, and the votes fix 0, 1 and 2.
    # Under votes for 2 the dimensions are exchangeable, so the spare one wins 1/3.
    factors = _grid((6, 6, 6, 6))
    codes = jnp.exp(jnp.float32(factors[:, [0, 1, 3]]) / 3)  # no ties between variances
    train = _votes(0, factors[:, :3], votes=2000, samples=64)
    evaluation = _votes(1, factors[:, :3], votes=2000, samples=64)
    out = pruned(codes, train, evaluation, jnp.ones(3, bool))
    exact = 2 / 3 + 1 / 3 * 1 / 3
    assert abs(out.score - exact) < 4 * np.sqrt(exact * (1 - exact) / 2000)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30])
def test_a_constant_dimension_is_neither_nan_nor_a_winner(constant):
    votes = _votes()
    codes = jnp.float32(_grid())
    padded = jnp.concatenate([jnp.full((210, 1), constant), codes], axis=1)
    out = authors(padded, votes)
    assert out.score == 1
    assert out.num_active == 3
    np.testing.assert_array_equal(out.active, [False, True, True, True])
    assert jnp.all(jnp.isposinf(variances(padded, votes)[:, 0]))


def test_a_collapsed_dimension_that_leaks_a_factor_wins_only_unpruned():
    factors = _grid()
    held, leaked = factors[:, [0, 1]], 1e-3 * factors[:, [2]]
    codes = jnp.float32(np.concatenate([held, leaked], axis=1))
    votes = _votes()
    active = kim_mnih.active_dimensions(codes, jnp.ones_like(codes))
    np.testing.assert_array_equal(active, [True, True, False])
    assert authors(codes, votes).score == 1
    out = pruned(codes, votes, votes, active)
    known = np.mean(np.asarray(votes.factor) < 2)
    np.testing.assert_allclose(out.score, known, rtol=1e-6)
    assert jnp.all(out.vote_matrix[2] == 0)
    assert out.num_active == 2


def test_codes_that_collapsed_altogether_score_zero():
    votes, codes = _votes(), jnp.full((210, 4), 0.3)
    all_on = jnp.ones(4, bool)
    for out in (
        authors(codes, votes),
        pruned(codes, votes, votes, all_on),
        pruned(_mixed_codes(), votes, votes, ~all_on),
    ):
        assert out.score == 0
        assert out.num_active == 0
        assert jnp.all(out.vote_matrix == 0)


def test_a_diverged_run_scores_nan():
    codes = _mixed_codes().at[3, 1].set(jnp.nan)
    assert jnp.isnan(authors(codes, _votes()).score)


def test_ties_go_to_the_lowest_dimension_and_the_lowest_factor():
    variances = jnp.array([[0.5, 0.5], [0.5, 0.5]])
    out = kim_mnih.score_held_out(
        variances,
        jnp.array([2, 1]),
        variances,
        jnp.array([1, 1]),
        jnp.ones(2, bool),
        num_factors=3,
    )
    np.testing.assert_array_equal(out.vote_matrix, [[0, 1, 1], [0, 0, 0]])
    assert out.score == 1


def test_held_out_votes_are_scored_with_the_table_of_the_training_votes():
    out = kim_mnih.score_held_out(
        jnp.array([[0.1, 0.9], [0.9, 0.1]]),
        jnp.array([0, 1]),
        jnp.array([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.9, 0.1]]),
        jnp.array([0, 1, 1, 1]),
        jnp.ones(2, bool),
        num_factors=2,
    )
    assert out.score == 0.75
    np.testing.assert_array_equal(out.vote_matrix, [[1, 0], [0, 1]])


def test_active_dimensions_follow_the_ratio_of_the_spreads_at_any_scale():
    # Means ±s have variance s²: the ratio to the unit aggregate posterior is s itself.
    spread = np.array([0.0, 0.049, 0.051, 1.0])
    loc = jnp.float32(np.stack([spread, -spread]) + 3.0)
    scale = jnp.float32(np.tile(np.sqrt(1 - spread**2), (2, 1)))
    expected = [False, False, True, True]
    for unit in (1e-4, 1.0, 1e4):
        active = kim_mnih.active_dimensions(unit * loc, unit * scale)
        np.testing.assert_array_equal(active, expected)
    active = kim_mnih.active_dimensions(loc, scale, threshold=0.5)
    np.testing.assert_array_equal(active, [False, False, False, True])


def test_a_dimension_without_any_spread_is_inactive():
    active = kim_mnih.active_dimensions(jnp.full((4, 2), 0.1), jnp.zeros((4, 2)))
    assert not active.any()


def test_many_runs_share_the_votes_and_equal_each_run_alone():
    votes = _votes()
    codes = jnp.stack([_mixed_codes(seed) for seed in range(3)])

    together = jax.jit(jax.vmap(authors, (0, None)))(codes, votes)
    for r in range(3):
        alone = authors(codes[r], votes)
        np.testing.assert_array_equal(together.vote_matrix[r], alone.vote_matrix)
        assert together.score[r] == alone.score
