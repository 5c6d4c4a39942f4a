"""Kim & Mnih's score: does fixing one factor freeze one latent dimension?

A vote fixes one factor at one value, draws L data points that have it, and names the
dimension whose codes vary least relative to the whole data set. A majority table
dimension → factor is fitted on votes; the score is its accuracy.

The value for given codes depends on how collapsed dimensions are treated and on which
votes are scored, so each variant is a function of its own (see `VoteScore`). Votes depend
on the factors only: draw them once and share them between runs (vmap over the codes).
They are sampled; `kim_mnih_presets.enumerated` is exact on the given points.

Source: Kim & Mnih 2018, arXiv:1802.05983, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import inputs, subsets, units


class Votes(NamedTuple):
    """M votes of L data points each."""

    factor: jax.Array  # [M] int32, the factor held fixed
    rows: jax.Array  # [M, L] int32, data points that share its value


class VoteScore(NamedTuple):
    """A score, with what is needed to judge it.

    The variants:
      `authors`: no pruning, scored on the votes it was fitted on. Mathieu et al.'s
        released code; there M = 20,000 votes of L = 1,000.
      `pruned`: inactive dimensions cannot win, fitted and scored on separate votes.
        Locatello et al. 2019, arXiv:1811.12359; there 10,000 and 5,000 votes of 64.
    """

    score: jax.Array  # [], share of votes classified correctly
    vote_matrix: jax.Array  # [D, F] int32, votes won by dimension d under factor f
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32


def draw_votes(key: jax.Array, factors: Any, *, votes: int, samples: int) -> Votes:
    """Draws the random part of the score.

    The factor is uniform among those that are not constant, its value is that of a
    uniformly drawn data point, and the points are uniform, with replacement, among
    those that have the value. Any table of discrete factors will do; it need not be a
    full grid.

    Args:
        key: Consumed.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit.
        votes: Number of votes M.
        samples: Points per vote L.

    Returns:
        Votes, for the first factor if all are constant.
    """
    factors = inputs.labels(factors)
    factor_key, value_key, point_key = jax.random.split(key, 3)
    num_points = len(factors)
    used = inputs.varying(factors)
    number = jnp.sum(used, dtype=jnp.int32)
    factor = jax.random.randint(factor_key, (votes,), 0, number, jnp.int32)
    factor = jnp.argsort(~used)[factor]  # those used come first, in their order
    row = jax.random.randint(value_key, (votes,), 0, num_points, jnp.int32)
    value = factors[row]  # [M, F]
    order = jnp.argsort(factors, axis=0).astype(jnp.int32)  # [N, F]
    table = jnp.take_along_axis(factors, order, axis=0)

    def edge(side: str) -> jax.Array:
        search = jax.vmap(
            lambda column, queries: jnp.searchsorted(column, queries, side=side), 1, 1
        )
        return jnp.take_along_axis(search(table, value), factor[:, None], axis=1)

    rank = jax.random.randint(
        point_key, (votes, samples), edge("left"), edge("right"), jnp.int32
    )  # [M, L], positions in the sorted column of the vote's factor
    return Votes(factor.astype(jnp.int32), order[rank, factor[:, None]])


def authors(codes: Any, votes: Votes, *, num_factors: int, block: int = 16) -> VoteScore:
    """The score of Mathieu et al.'s released code: no pruning, training votes.

    A collapsed dimension takes part and may win, unless it is exactly constant.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        votes: Fitted and scored.
        num_factors: F.
        block: Votes gathered at once; memory is `block · L · D`.

    Returns:
        Score.
    """
    z = inputs.codes(codes)
    variances = normalised_variances(z, votes, block=block)
    return score_training(
        variances, votes.factor, units.active(z), num_factors=num_factors
    )


def pruned(
    codes: Any,
    train_votes: Votes,
    eval_votes: Votes,
    active: jax.Array,
    *,
    num_factors: int,
    block: int = 16,
) -> VoteScore:
    """The score of Locatello et al.: inactive dimensions cannot win, held-out votes.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        train_votes: Fit the majority table.
        eval_votes: Are scored with it.
        active: `[D]` bool, for instance from `active_dimensions`; exactly constant
            dimensions are dropped too.
        num_factors: F.
        block: Votes gathered at once; memory is `block · L · D`.

    Returns:
        Score.
    """
    z = inputs.codes(codes)
    return score_held_out(
        normalised_variances(z, train_votes, block=block),
        train_votes.factor,
        normalised_variances(z, eval_votes, block=block),
        eval_votes.factor,
        (inputs.real(active) != 0) & units.active(z),
        num_factors=num_factors,
    )


def active_dimensions(
    loc: jax.Array, scale: jax.Array, *, threshold: float = 0.05
) -> jax.Array:
    """Dimensions whose posterior mean carries some of the aggregate posterior's spread.

    Active if √(Var μ_d/(Var μ_d + mean σ_d²)) ≥ threshold: the standard deviation of
    the posterior means against that of q(z_d). If q(z_d) has unit variance this is
    Locatello et al.'s rule, which prunes a standard deviation of the means below 0.05.
    Unlike theirs it is invariant to the scale of the prior and so of the latent space.

    Args:
        loc: Posterior means `[N, D]`.
        scale: Posterior standard deviations `[N, D]`.
        threshold: Smallest ratio of an active dimension.

    Returns:
        `[D]` bool; False where both variances are 0.
    """
    loc, scale = inputs.posteriors(Gaussian(loc, scale))
    means = jnp.var(loc - loc[:1], axis=0)  # the shift makes a constant's variance 0
    return (means > 0) & (means >= threshold**2 * (means + jnp.mean(scale**2, axis=0)))


def normalised_variances(codes: Any, votes: Votes, *, block: int = 16) -> jax.Array:
    """Var[z_d | points of the vote]/Var[z_d | all points], both with ddof 1.

    Args:
        codes: `[N, D]`.
        votes: M votes, L ≥ 2.
        block: Votes gathered at once; memory is `block · L · D`.

    Returns:
        `[M, D]`; +inf for a dimension that is exactly constant over the data, NaN for
        one that holds a NaN.
    """
    unit = inputs.codes(codes).unit
    span = jnp.ptp(unit, axis=0)
    # Shifted by a row and divided by the span: constants are exactly 0.
    codes = (unit - unit[:1]) / jnp.where(span == 0, 1, span)[None, :]
    count = len(unit)
    total = jnp.var(codes, axis=0) * (count / max(count - 1, 1))

    within = subsets.variances(codes, votes.rows, block=block)
    ratio = within / jnp.where(span == 0, 1, total)[None, :]
    return jnp.where((span == 0)[None, :], jnp.inf, ratio)


def score_training(
    variances: jax.Array, factor: jax.Array, active: jax.Array, *, num_factors: int
) -> VoteScore:
    """The accuracy of the majority table on the votes it was fitted on.

    `score_held_out` with the same votes, `variances [M, D]` and `factor [M]`, twice.
    """
    return score_held_out(
        variances, factor, variances, factor, active, num_factors=num_factors
    )


def score_held_out(
    train_variances: jax.Array,
    train_factor: jax.Array,
    eval_variances: jax.Array,
    eval_factor: jax.Array,
    active: jax.Array,
    *,
    num_factors: int,
) -> VoteScore:
    """The accuracy, on other votes, of the majority table fitted on the training votes.

    A dimension stands for the factor under which it won most training votes; ties go to
    the lowest factor, and ties between dimensions to the lowest dimension. Rounding
    decides where variances would be equal without it, as in all released code.

    Args:
        train_variances: Normalised variances `[M, D]`.
        train_factor: The factor of each training vote `[M]`.
        eval_variances: Normalised variances `[M', D]`.
        eval_factor: The factor of each evaluation vote `[M']`.
        active: Dimensions allowed to win `[D]` bool.
        num_factors: F.

    Returns:
        Score; 0.0 if no dimension is active (as in Locatello et al.'s code), NaN if a
        variance is NaN, so that a diverged run cannot pass for a bad one.
    """
    train_variances, eval_variances = map(
        inputs.real, (train_variances, eval_variances)
    )
    train_factor, eval_factor = map(jnp.asarray, (train_factor, eval_factor))
    active = inputs.real(active) != 0
    chex.assert_equal_shape_suffix([train_variances, eval_variances, active], 1)
    num_active = jnp.sum(active.astype(jnp.int32))
    matrix = jnp.zeros((active.size, num_factors), jnp.int32)
    matrix = matrix.at[_winners(train_variances, active), train_factor].add(1)
    matrix = jnp.where(num_active > 0, matrix, 0)
    predicted = jnp.argmax(matrix, axis=1)[_winners(eval_variances, active)]
    accuracy = jnp.mean((predicted == eval_factor).astype(train_variances.dtype))
    broken = jnp.isnan(train_variances).any() | jnp.isnan(eval_variances).any()
    score = jnp.where(broken, jnp.nan, jnp.where(num_active > 0, accuracy, 0))
    return VoteScore(score, matrix, active, num_active)


def _winners(variances: jax.Array, active: jax.Array) -> jax.Array:
    """The active dimension of least variance in each vote, `[M]`."""
    return jnp.argmin(jnp.where(active[None, :], variances, jnp.inf), axis=1)
