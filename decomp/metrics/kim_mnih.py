"""Kim & Mnih's score: does fixing one factor fix one latent dimension?

A vote fixes factor k at one value, draws L points with this value, and selects

    d* = argmin over active d of Var[z_d | the L points]/Var[z_d].

The majority table c(d) = argmax_k #{votes (d, k)} is fitted on the votes, and

    score = share of votes with c(d*) = k.

`score` computes each published variant from plain arrays. The variants differ in the
dimensions that may win, in the votes that are scored, and in the numbers of votes and
points. `enumerated` is their limit for many large votes, computed without any draws.
The other functions score many runs with the same votes: votes only depend on the
factors, so they can be drawn once, and the score mapped over the codes.

Source: Kim & Mnih 2018, arXiv:1802.05983, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import subsets

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: held-out votes; dimensions whose codes
    # have a standard deviation below 0.05 cannot win. This is the setting of their
    # study; the default of their code prunes nothing.
    "locatello": {
        "votes": 10_000,
        "held_out": 5_000,
        "samples": 64,
        "threshold": 0.05,
    },
    # Mathieu et al.'s released code: training votes, nothing pruned.
    "authors": {"votes": 20_000, "held_out": 0, "samples": 1_000, "threshold": 0.0},
    # The text of the paper: training votes, and collapsed dimensions cannot win. As it
    # does not define collapsed, the threshold is Locatello et al.'s; the numbers of
    # votes and points are ours.
    "kim_mnih": {"votes": 10_000, "held_out": 0, "samples": 200, "threshold": 0.05},
}


class Votes(NamedTuple):
    """M votes of L data points each."""

    factor: jax.Array  # [M] int32, the factor that is fixed
    rows: jax.Array  # [M, L] int32, data points that share its value


class VoteScore(NamedTuple):
    """The score of `authors` or `pruned`, with its parts."""

    score: jax.Array  # [], share of votes classified correctly
    vote_matrix: jax.Array  # [D, F] int32, votes won by dimension d under factor f
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32


class KimMnih(NamedTuple):
    """The score, with its parts and its variant."""

    # [], 0 if no dimension is active; NaN if a code is not finite, or every factor is
    # constant. With a single factor, every vote is classified correctly.
    score: jax.Array
    # [D, F] int32, votes won by dimension d under factor f: of the training votes, or
    # of all N · F votes of `enumerated`
    vote_matrix: jax.Array
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32
    variant: Preset


def draw_votes(key: jax.Array, factors: Any, *, votes: int, samples: int) -> Votes:
    """Draws the votes, which do not depend on the codes.

    The factor is uniform among those that are not constant, its value is that of a
    uniformly drawn data point, and the points are uniform, with replacement, among
    those with this value.

    Args:
        key: A random key, which is used up.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit. They
            need not be a full grid.
        votes: Number of votes M.
        samples: Points per vote L.

    Returns:
        Votes; if all factors are constant, all votes fix the first.

    >>> import numpy as np
    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> votes = draw_votes(jax.random.key(0), factors, votes=50, samples=32)
    >>> values = factors[votes.rows, votes.factor[:, None]]  # [50, 32]
    >>> bool((values == values[:, :1]).all())
    True
    """
    factors = inputs.labels(factors)
    factor_key, value_key, point_key = jax.random.split(key, 3)
    num_points = len(factors)
    used = inputs.varying(factors)
    number = jnp.sum(used, dtype=jnp.int32)
    factor = jax.random.randint(factor_key, (votes,), 0, number, jnp.int32)
    factor = jnp.argsort(~used)[factor]  # used factors come first, in their order
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

    A collapsed dimension may win, unless it is exactly constant.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        votes: The votes to which the majority table is fitted, and which are scored.
        num_factors: F.
        block: Votes that are computed at once; memory is `block · L · D`.

    Returns:
        VoteScore.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> votes = draw_votes(jax.random.key(0), factors, votes=50, samples=32)
    >>> print(authors(factors, votes, num_factors=2).score)  # perfect codes
    1.0
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
        codes: One code per data point, such as the posterior means `[N, D]`.
        train_votes: The votes to which the majority table is fitted.
        eval_votes: The votes that are scored.
        active: Dimensions that may win `[D]` bool, for example from
            `active_dimensions`. Exactly constant dimensions never win.
        num_factors: F.
        block: Votes that are computed at once; memory is `block · L · D`.

    Returns:
        VoteScore.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> keys, sizes = jax.random.split(jax.random.key(0)), {"votes": 50, "samples": 32}
    >>> train, test = (draw_votes(key, factors, **sizes) for key in keys)
    >>> print(pruned(factors, train, test, jnp.ones(2, bool), num_factors=2).score)
    1.0
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
    """Dimensions whose posterior means have a share of the spread of q(z_d).

    A dimension is active if √(Var μ_d/(Var μ_d + mean σ_d²)) ≥ threshold, which is the
    standard deviation of the posterior means over that of q(z_d). If q(z_d) has unit
    variance, this is Locatello et al.'s rule, which prunes dimensions whose means have
    a standard deviation below 0.05. Unlike theirs, it does not depend on the scale of
    the latent space.

    Args:
        loc: Posterior means `[N, D]`.
        scale: Posterior standard deviations `[N, D]`.
        threshold: The least ratio of an active dimension.

    Returns:
        `[D]` bool; False for constant means.

    >>> loc = jnp.array([[0.0, 0.0], [2.0, 0.01]])  # standard deviations 1 and 0.005
    >>> active_dimensions(loc, jnp.full((2, 2), 0.5)).tolist()
    [True, False]
    """
    loc, scale = inputs.posteriors(Gaussian(loc, scale))
    # The shift makes the variance of a constant exactly 0.
    variance = jnp.var(loc - loc[:1], axis=0)
    least = threshold**2 * (variance + jnp.mean(scale**2, axis=0))
    return (variance > 0) & (variance >= least)


def normalised_variances(codes: Any, votes: Votes, *, block: int = 16) -> jax.Array:
    """Var[z_d | points of the vote]/Var[z_d | all points], both with ddof 1.

    Args:
        codes: `[N, D]`.
        votes: M votes, L ≥ 2.
        block: Votes that are computed at once; memory is `block · L · D`.

    Returns:
        `[M, D]`; +inf for a dimension that is exactly constant over the data, NaN for
        one with a NaN.

    >>> votes = Votes(jnp.array([0]), jnp.array([[0, 1]]))
    >>> normalised_variances([[0.0], [0.0], [1.0]], votes).tolist()
    [[0.0]]
    """
    unit = inputs.codes(codes).unit
    span = jnp.ptp(unit, axis=0)
    # After the shift by a row and the division by the range, constants are exactly 0.
    codes = (unit - unit[:1]) / jnp.where(span == 0, 1, span)[None, :]
    count = len(unit)
    total = jnp.var(codes, axis=0) * (count / max(count - 1, 1))

    within = subsets.variances(codes, votes.rows, block=block)
    ratio = within / jnp.where(span == 0, 1, total)[None, :]
    return jnp.where((span == 0)[None, :], jnp.inf, ratio)


def score_training(
    variances: jax.Array, factor: jax.Array, active: jax.Array, *, num_factors: int
) -> VoteScore:
    """The accuracy of the majority table on the votes to which it was fitted.

    Args:
        variances: Normalised variances `[M, D]`.
        factor: The factor of each vote `[M]`.
        active: Dimensions that may win `[D]` bool.
        num_factors: F.

    Returns:
        VoteScore, as from `score_held_out` with the same votes twice.

    >>> variances = jnp.array([[0.1, 1.0], [1.0, 0.1]])
    >>> factor, active = jnp.array([1, 0]), jnp.ones(2, bool)
    >>> score_training(variances, factor, active, num_factors=2).vote_matrix.tolist()
    [[0, 1], [1, 0]]
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
    """The accuracy on held-out votes of the majority table of the training votes.

    A dimension predicts the factor under which it won most training votes. Ties between
    factors go to the lowest factor, and ties between dimensions to the lowest
    dimension. If variances are equal up to rounding, rounding decides, as in all
    released code.

    Args:
        train_variances: Normalised variances `[M, D]`.
        train_factor: The factor of each training vote `[M]`.
        eval_variances: Normalised variances `[M', D]`.
        eval_factor: The factor of each held-out vote `[M']`.
        active: Dimensions that may win `[D]` bool.
        num_factors: F.

    Returns:
        VoteScore; the score is 0.0 if no dimension is active, as in Locatello et al.'s
        code. It is NaN if a variance is NaN, so that a diverged run cannot pass for a
        bad one.
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
    """The active dimension with the least variance in each vote, `[M]`."""
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
    """The score of a published variant; it works under jit and vmap.

    Map it over `codes` only, `jax.vmap(..., (None, 0, None))`, so that the votes are
    drawn once. All data points normalise the variances, whereas Locatello et al. draw
    10,000 of them. The standard error of the score over votes is below 0.5/√(votes
    scored). A score on the training votes is too large on average.

    Args:
        key: A random key, which is used up.
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit. They
            need not be a full grid.
        preset: `locatello`, `authors` or `kim_mnih`; the keywords below replace its
            settings.
        votes: Number of training votes, to which the majority table is fitted.
        held_out: Number of held-out votes, which are scored; with 0, the training votes
            are scored.
        samples: Points per vote L.
        threshold: The least standard deviation of the codes of an active dimension, in
            the unit of the codes. It presumes that q(z) has a variance of about 1.
        active: A mask of active dimensions `[D]` bool instead of the threshold, such as
            from `active_dimensions`.
        block: Votes that are computed at once; memory is `block · L · D`.

    Returns:
        KimMnih.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(score(jax.random.key(0), factors, factors).score)  # perfect codes
    1.0
    """
    z, factors = inputs.codes(codes), inputs.labels(factors)
    containers.check_rows(z.unit, factors)
    numbers = {"votes": votes, "held_out": held_out, "samples": samples}
    rule = {"threshold": threshold, "active": active}
    settings, variant = resolve(PRESETS, preset, **numbers, **rule)
    train_key, test_key = jax.random.split(key)
    train_votes = draw_votes(
        train_key, factors, votes=settings["votes"], samples=settings["samples"]
    )
    mask = may_win(z, settings["threshold"], active)
    train = normalised_variances(z, train_votes, block=block)
    test, test_factor = train, train_votes.factor
    if settings["held_out"]:
        test_votes = draw_votes(
            test_key, factors, votes=settings["held_out"], samples=settings["samples"]
        )
        test = normalised_variances(z, test_votes, block=block)
        test_factor = test_votes.factor
    out = score_held_out(
        *(train, train_votes.factor, test, test_factor, mask),
        num_factors=factors.shape[1],
    )
    defined = jnp.any(inputs.varying(factors)) & ~units.broken(z)
    value = jnp.where(defined, out.score, jnp.nan)
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
    """The score over all possible votes, each with all points that share its value.

    The score is exact on the given points. Each of the N points and F factors gives one
    vote (n, f); `draw_votes` draws them with equal probability, so that a value counts
    in proportion to its points. With Var over all points that share n's value of f,

        d*(n, f) = argmin over active d of Var[z_d | v_f(n)]/Var[z_d],
        score = Σ_d max_f #{n: d*(n, f) = d}/(N F).

    Sampled votes converge to this score as L and their number grow, and training and
    held-out votes then agree, unless dimensions tie. For tied dimensions, the noise of
    L points decides, more often in favour of heavier tails; here the lowest dimension
    wins. On a full grid, a factor that no dimension encodes gives tied variances. Here
    it counts as an error; with sampled votes, an unused dimension wins some of them.
    Any difference in variance decides all votes of a value: without pruning, the noise
    of a collapsed dimension wins every vote of a factor that is not encoded.

    The function works under jit and vmap if `sizes` is given.

    Args:
        codes: One code per data point `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: The preset whose threshold is used; its other settings have no effect.
        threshold: As in `score`.
        active: As in `score`.
        tolerance: Ratios of variances that differ by less than this are ties.

    Returns:
        KimMnih.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(enumerated([[0.0], [2], [0], [2]], factors).score)  # no code of the first
    0.5
    """
    z = inputs.codes(codes)
    rule = {"threshold": threshold, "active": active}
    settings, variant = resolve(PRESETS, preset, **rule)
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(z.unit, labels)
    mask = may_win(z, settings["threshold"], active)
    x = numerics.standardise(z.unit)

    def votes_won(label: jax.Array) -> jax.Array:
        ratio = _within(x, label, max(sizes))  # [V, D]
        ratio = jnp.where(mask[None, :], ratio, jnp.inf)
        least = jnp.min(ratio, axis=1, keepdims=True)
        winner = jnp.argmax(ratio <= least + tolerance, axis=1)  # [V]
        return jnp.bincount(winner[label], length=x.shape[1])

    num_active = jnp.sum(mask.astype(jnp.int32))
    used = inputs.varying(labels)
    counted = (num_active > 0) & used[None, :]
    matrix = jnp.where(counted, jax.vmap(votes_won, 1, 1)(labels), 0)
    correct = jnp.sum(jnp.max(matrix, axis=1)).astype(jnp.float32)
    value = correct / (len(labels) * jnp.maximum(jnp.sum(used), 1))
    value = jnp.where(jnp.any(used) & ~units.broken(z), value, jnp.nan)
    variant = Preset(f"{variant}, enumerated")
    return KimMnih(value, matrix, mask, num_active, variant)


def may_win(z: units.Codes, threshold: float, active: jax.Array | None) -> jax.Array:
    """The dimensions that may win votes, `[D]` bool.

    Args:
        z: Codes.
        threshold: The least standard deviation (ddof 1), in the unit of the codes.
        active: A mask `[D]` instead of the threshold, or None.

    Returns:
        The mask or the rule, without the constant dimensions.
    """
    count = len(z.unit)
    scale = jnp.std(z.unit - z.unit[:1], axis=0) * (count / max(count - 1, 1)) ** 0.5
    least = units.times_power(jnp.full_like(scale, threshold), -z.exponent)
    wide = scale >= least if active is None else inputs.real(active) != 0
    return wide & units.active(z)


def _within(codes: Any, label: jax.Array, size: int) -> jax.Array:
    """The variance of each class `[size, D]`, ddof 0; 0 for a class without points."""
    number = jnp.maximum(jnp.bincount(label, length=size), 1)[:, None]

    def mean(values: jax.Array) -> jax.Array:
        # The sum is bucketed, as one long sum would lose the digits that decide a tie.
        return jax.ops.segment_sum(values, label, size, bucket_size=1024) / number

    return mean((codes - mean(codes)[label]) ** 2)
