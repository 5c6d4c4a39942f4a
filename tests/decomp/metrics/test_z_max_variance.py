import functools

import jax
import numpy as np
import pytest

from decomp.metrics import z_max_variance
from tests.decomp.metrics import cases

FACTORS = cases.grid(3, 4, 2)
FEW = {"votes": 300, "held_out": 200, "samples": 30}


def key():
    return jax.random.key(0)


SCORE = jax.jit(functools.partial(z_max_variance.score, **FEW))
DRAW = jax.jit(
    functools.partial(z_max_variance.draw_votes, samples=30), static_argnames="votes"
)


def slow(codes, train, test):
    """The score of the votes, by loops in float64."""
    codes = np.float64(codes)

    def winner(rows):
        ratios = codes[rows].var(axis=0, ddof=1) / codes.var(axis=0, ddof=1)
        return int(np.argmax(ratios))

    table = np.zeros((codes.shape[1], FACTORS.shape[1]), int)
    for factor, rows in zip(*map(np.asarray, train), strict=True):
        table[winner(rows), factor] += 1
    factor_of_dimension = table.argmax(axis=1)
    hits = [
        factor_of_dimension[winner(rows)] == factor
        for factor, rows in zip(*map(np.asarray, test), strict=True)
    ]
    return np.mean(hits)


def test_the_points_of_a_vote_differ_in_its_factor_alone():
    rng = np.random.default_rng(0)
    factors = cases.grid(3, 4, 5)[rng.permutation(60)[:25]]  # groups of one point
    factor, rows = map(np.asarray, DRAW(key(), factors, votes=300))
    assert set(factor.tolist()) == {0, 1, 2}
    for free, points in zip(factor, factors[rows], strict=True):
        others = np.delete(points, free, axis=1)
        assert (others == others[:1]).all()
        same = (np.delete(factors, free, axis=1) == others[0]).all(axis=1)
        assert len(set(factors[same, free].tolist())) > 1
    pairs = {(f, r) for f, row in zip(factor, rows, strict=True) for r in row}
    for free in range(3):  # all points with votes occur, and no others
        rest = np.delete(factors, free, axis=1)
        number = np.unique(rest, axis=0, return_counts=True)[1]
        assert len({r for f, r in pairs if f == free}) == number[number > 1].sum()


@pytest.mark.slow
def test_a_factor_that_never_varies_alone_has_no_votes():
    factors = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
    factor, _ = DRAW(key(), factors, votes=300)
    assert set(np.asarray(factor).tolist()) == {2}
    out = SCORE(key(), np.float32(factors), factors)
    np.testing.assert_array_equal(out.used, [False, False, True])
    assert out.score == 1
    pair = factors[[0, 1, 0, 1]]
    alone = SCORE(key(), np.float32(pair), pair)
    assert np.isnan(alone.score)


def test_a_perfect_code_scores_1_and_constants_score_0():
    perfect = np.pad(cases.perfect(FACTORS), ((0, 0), (0, 1)))  # and a constant
    out = SCORE(key(), 100 * perfect, FACTORS)  # all scales exceed 0.05
    assert out.score == 1
    assert out.above_chance == 1
    table = np.asarray(out.vote_matrix)
    np.testing.assert_array_equal(np.argwhere(table.T), [[0, 2], [1, 1], [2, 0]])
    constant = SCORE(key(), np.full((24, 4), 0.3, np.float32), FACTORS)
    assert constant.score == 0
    assert constant.num_active == 0
    perfect[3, 1] = np.nan
    assert np.isnan(SCORE(key(), perfect, FACTORS).score)


REPRESENTATIONS = {
    "mixed": cases.mixed(FACTORS, noise=0.5),
    "noise": np.random.default_rng(1).normal(size=(24, 4)).astype(np.float32),
    "two in one": np.float32(np.c_[2 * FACTORS[:, 0] + 0.9 * FACTORS[:, 1], FACTORS]),
    "rotated": np.tile(cases.rotated(FACTORS), 2) + 0.01 * cases.mixed(FACTORS),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_the_score_agrees_with_slow_loops_over_the_same_votes(name):
    codes = REPRESENTATIONS[name]
    train_key, test_key = jax.random.split(key())
    train = DRAW(train_key, FACTORS, votes=300)
    test = DRAW(test_key, FACTORS, votes=200)
    exact = slow(codes, train, test)
    out = SCORE(key(), codes, FACTORS)
    np.testing.assert_allclose(out.score, exact, atol=1e-6)
    np.testing.assert_allclose(out.above_chance, (exact - 1 / 3) * 1.5, atol=1e-6)


@pytest.mark.slow
def test_representations_that_are_not_perfect_score_by_chance():
    # With three factors, each has a third of 200 votes, within 4 errors. Three more
    # binary factors, which the metric does not get, are noise.
    error = 4 * np.sqrt(2 / 9 / 200)
    factors = cases.grid(3, 3, 2, 2, 2, 2)
    a, b, c, *noise = np.float32(factors.T)
    examples = {
        # If c is free, nothing varies and the first latent wins, which identifies a.
        "c missing": ((a, b, 0 * a), 2 / 3),
        "rotated by 45°": ((*cases.rotated(factors).T, c), 2 / 3),
        "a and b in one latent": ((a + b, c, 0 * a), 2 / 3),
        "noise": (noise, 1 / 3),
    }
    for name, (columns, exact) in examples.items():
        codes = np.stack(columns, axis=1)
        score = SCORE(key(), codes, factors[:, :3]).score
        np.testing.assert_allclose(score, exact, atol=error, err_msg=name)


def test_runs_under_vmap_share_their_votes():
    runs = np.stack([REPRESENTATIONS["mixed"], REPRESENTATIONS["noise"]])
    batch = jax.vmap(SCORE, (None, 0, None))(key(), runs, FACTORS)
    for r, codes in enumerate(runs):
        alone = SCORE(key(), codes, FACTORS)
        np.testing.assert_allclose(batch.score[r], alone.score, atol=1e-6)
        np.testing.assert_array_equal(batch.vote_matrix[r], alone.vote_matrix)
