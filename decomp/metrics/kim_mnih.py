"""Kim & Mnih's score: does fixing one factor freeze one latent dimension?

A vote fixes factor k at one value, draws L points that have it and names

    d* = argmin over active d of Var[z_d | the L points]/Var[z_d];

the majority table c(d) = argmax_k #{votes (d, k)} is fitted on the votes, and

    score = share of votes with c(d*) = k.

`score` takes plain arrays, in each variant that was published: they differ in the
dimensions that may win, in the votes that are scored and in the sizes. `enumerated` is
what they tend to with ever more and larger votes: nothing is drawn. The functions below
share the votes between many runs: votes depend on the factors only, so that they are
drawn once, and the score is mapped over the codes.

Source: Kim & Mnih 2018, arXiv:1802.05983, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import subsets

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: held-out votes; dimensions whose codes
    # have a standard deviation below 0.05 are out (of study settings, not of the code's
    # default, which prunes nothing).
    "locatello": {
        "votes": 10_000,
        "held_out": 5_000,
        "samples": 64,
        "threshold": 0.05,
    },
    # Mathieu et al.'s released code: training votes, nothing pruned.
    "authors": {"votes": 20_000, "held_out": 0, "samples": 1_000, "threshold": 0.0},
    # The paper's text: collapsed dimensions out, training votes. What collapsed means
    # it leaves open: the threshold is Locatello et al.'s; the sizes are chosen here.
    "kim_mnih": {"votes": 10_000, "held_out": 0, "samples": 200, "threshold": 0.05},
}


class Votes(NamedTuple):
    """M votes of L data points each."""

    factor: jax.Array  # [M] int32, the factor held fixed
    rows: jax.Array  # [M, L] int32, data points that share its value


class VoteScore(NamedTuple):
    """A score, with what is needed to judge it.

    The variants are these.
      `authors`: no pruning, scored on the votes it was fitted on. Mathieu et al.'s
        released code; there M = 20,000 votes of L = 1,000.
      `pruned`: inactive dimensions cannot win, fitted and scored on separate votes.
        Locatello et al. 2019, arXiv:1811.12359; there 10,000 and 5,000 votes of 64.
    """

    score: jax.Array  # [], share of votes classified correctly
    vote_matrix: jax.Array  # [D, F] int32, votes won by dimension d under factor f
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32


class KimMnih(NamedTuple):
    """A score with its parts and its variant."""

    # [], 0 if no dimension is active; NaN if a code is not finite, or every factor is
    # constant. With a single factor every vote is told, and the score is 1.
    score: jax.Array
    vote_matrix: jax.Array  # [D, F] int32, votes won: the training ones, or all N · F
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32
    variant: Preset


def draw_votes(key: jax.Array, factors: Any, *, votes: int, samples: int) -> Votes:
    """Draws the random part of the score.

    The factor is uniform among those that are not constant, its value is that of a
    uniformly drawn data point, and the points are uniform, with replacement, among
    those that have the value. Any table of discrete factors will do; it need not be a
    full grid.

    Args:
        key: A random key, which is used up.
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


def authors(
    codes: Any, votes: Votes, *, num_factors: int, block: int = 16
) -> VoteScore:
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


def score(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    preset: str = "locatello",
    votes: int | None = None,
    held_out: int | None = None,
    samples: int | None = None,
    threshold: float | None = None,
    active: jax.Array | None = None,
    block: int = 16,
) -> KimMnih:
    """The score of a variant; jit-able, and vmap-able over the runs of the codes.

    Map it over `codes` alone, `jax.vmap(..., (None, 0, None))`: the votes are then
    drawn once. All data points normalise the variances, where Locatello et al. draw
    10,000 of them. The standard error of the score over votes is below
    0.5/√(votes scored); scored on the votes that were fitted it is too large on
    average.

    Args:
        key: A random key, which is used up.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; they need not be a full grid,
            and are whole numbers under jit.
        preset: `locatello`, `authors` or `kim_mnih`; the keywords replace its parts.
        votes: Votes that fit the table.
        held_out: Votes that are scored; 0 scores those fitted.
        samples: Points L of a vote.
        threshold: Least standard deviation of the codes of an active dimension. In the
            units of the codes: it presumes an aggregate posterior of variance about 1.
        active: `[D]` bool in its place, such as `active_dimensions`.
        block: Votes gathered at once; memory is `block · L · D`.

    Returns:
        Score.
    """
    z, factors = inputs.codes(codes), inputs.labels(factors)
    chex.assert_equal_shape_prefix([z.unit, factors], 1)
    given = {"votes": votes, "held_out": held_out, "samples": samples}
    rule = {"threshold": threshold, "active": active}
    settings, variant = resolve(PRESETS, preset, **given, **rule)
    train_key, test_key = jax.random.split(key)
    drawn = draw_votes(
        train_key, factors, votes=settings["votes"], samples=settings["samples"]
    )
    allowed = may_win(z, settings["threshold"], active)
    train = normalised_variances(z, drawn, block=block)
    test, test_factor = train, drawn.factor
    if settings["held_out"]:
        others = draw_votes(
            test_key, factors, votes=settings["held_out"], samples=settings["samples"]
        )
        test = normalised_variances(z, others, block=block)
        test_factor = others.factor
    out = score_held_out(
        train, drawn.factor, test, test_factor, allowed, num_factors=factors.shape[1]
    )
    known = jnp.any(inputs.varying(factors)) & ~units.broken(z)
    value = jnp.where(known, out.score, jnp.nan)
    return KimMnih(value, out.vote_matrix, out.active, out.num_active, variant)


def enumerated(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    threshold: float | None = None,
    active: jax.Array | None = None,
    tolerance: float = 1e-4,
) -> KimMnih:
    """The score over all votes there are, each of all points that have its value.

    Exact on the given points. Each of the N points and F factors makes one vote (n, f),
    as `draw_votes` draws them with equal probability: a value weighs by the
    points that have it. With Var over all points that share n's value of f,

        d*(n, f) = argmin over active d of Var[z_d | v_f(n)]/Var[z_d],
        score = Σ_d max_f #{n: d*(n, f) = d}/(N F).

    Sampled votes tend to it as L and their number grow, and training and held-out votes
    then agree, except where dimensions tie. There the noise of L points picks sometimes
    one and sometimes another, more often one of heavier tails; here the lowest wins. On
    a full grid a factor that no dimension holds ties all: it counts as missed here, and
    a share of the sampled votes tells it by a dimension that no factor needs. And the
    least difference decides every vote: unpruned, the noise of a collapsed dimension
    wins for a missing factor each time.

    It may be jitted and mapped over runs if `sizes` is given.

    Args:
        codes: One code a data point `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: Gives the threshold, all that is left of a variant.
        threshold: As in `score`.
        active: As in `score`.
        tolerance: Ratios of variances that differ by less tie.

    Returns:
        Score.
    """
    z = inputs.codes(codes)
    rule = {"threshold": threshold, "active": active}
    settings, variant = resolve(PRESETS, preset, **rule)
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    allowed = may_win(z, settings["threshold"], active)
    x = numerics.standardise(z.unit)

    def won(label: jax.Array) -> jax.Array:
        ratio = _within(x, label, max(sizes))  # [V, D]
        ratio = jnp.where(allowed[None, :], ratio, jnp.inf)
        least = jnp.min(ratio, axis=1, keepdims=True)
        winner = jnp.argmax(ratio <= least + tolerance, axis=1)  # [V]
        return jnp.bincount(winner[label], length=x.shape[1])

    num_active = jnp.sum(allowed.astype(jnp.int32))
    used = inputs.varying(labels)
    counted = (num_active > 0) & used[None, :]
    matrix = jnp.where(counted, jax.vmap(won, 1, 1)(labels), 0)
    told = jnp.sum(jnp.max(matrix, axis=1)).astype(jnp.float32)
    value = told / (len(labels) * jnp.maximum(jnp.sum(used), 1))
    value = jnp.where(jnp.any(used) & ~units.broken(z), value, jnp.nan)
    variant = Preset(f"{variant}, enumerated")
    return KimMnih(value, matrix, allowed, num_active, variant)


def may_win(z: units.Codes, threshold: float, active: jax.Array | None) -> jax.Array:
    """The given dimensions, or those that spread enough, and no constants `[D]`."""
    count = len(z.unit)
    spread = jnp.std(z.unit - z.unit[:1], axis=0) * (count / max(count - 1, 1)) ** 0.5
    least = units.times_power(jnp.full_like(spread, threshold), -z.exponent)
    wide = spread >= least if active is None else inputs.real(active) != 0
    return wide & units.active(z)


def _within(codes: Any, label: jax.Array, size: int) -> jax.Array:
    """Variances of the points of each class `[size, D]`, ddof 0; 0 without points."""
    number = jnp.maximum(jnp.bincount(label, length=size), 1)[:, None]

    def mean(values: jax.Array) -> jax.Array:
        # In buckets, as one long sum would lose the digits that decide a tie.
        return jax.ops.segment_sum(values, label, size, bucket_size=1024) / number

    return mean((codes - mean(codes)[label]) ** 2)
