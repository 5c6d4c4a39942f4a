"""Kim & Mnih's score of plain arrays, in the variants that were published.

A vote fixes factor k at one value, draws L points that have it and names

    d* = argmin over active d of Var[z_d | the L points]/Var[z_d];

the majority table c(d) = argmax_k #{votes (d, k)} is fitted on the votes, and

    score = share of votes with c(d*) = k.

The variants differ in the dimensions that may win, in the votes that are scored and in
the sizes. `enumerated` is what they tend to with ever more and larger votes: nothing is
drawn. `kim_mnih` has the functions beneath, for votes shared by many runs.

Source: Kim & Mnih 2018, arXiv:1802.05983, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.metrics import discrete, inputs, kim_mnih, units
from decomp.metrics.preset import Preset, resolve

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


class KimMnih(NamedTuple):
    """A score with its parts and its variant."""

    # [], 0 if no dimension is active; NaN if a code is not finite, or every factor is
    # constant. With a single factor every vote is told, and the score is 1.
    score: jax.Array
    vote_matrix: jax.Array  # [D, F] int32, votes won: the training ones, or all N · F
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32
    variant: Preset


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
        key: Consumed.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; they need not be a full grid,
            and are whole numbers under jit.
        preset: `locatello`, `authors` or `kim_mnih`; the keywords replace its parts.
        votes: Votes that fit the table.
        held_out: Votes that are scored; 0 scores those fitted.
        samples: Points L of a vote.
        threshold: Least standard deviation of the codes of an active dimension. In the
            units of the codes: it presumes an aggregate posterior of variance about 1.
        active: `[D]` bool in its place, such as `kim_mnih.active_dimensions`.
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
    drawn = kim_mnih.draw_votes(
        train_key, factors, votes=settings["votes"], samples=settings["samples"]
    )
    allowed = _allowed(z, settings["threshold"], active)
    train = kim_mnih.normalised_variances(z, drawn, block=block)
    test, test_factor = train, drawn.factor
    if settings["held_out"]:
        others = kim_mnih.draw_votes(
            test_key, factors, votes=settings["held_out"], samples=settings["samples"]
        )
        test = kim_mnih.normalised_variances(z, others, block=block)
        test_factor = others.factor
    out = kim_mnih.score_held_out(
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
    as `kim_mnih.draw_votes` draws them with equal probability: a value weighs by the
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
    allowed = _allowed(z, settings["threshold"], active)
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


def _allowed(z: units.Codes, threshold: float, active: jax.Array | None) -> jax.Array:
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
