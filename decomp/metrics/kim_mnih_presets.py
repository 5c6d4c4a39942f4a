"""Kim & Mnih's score of plain arrays, in the variants that were published.

A vote fixes factor k at one value, draws L points that have it and names

    d* = argmin over active d of Var[z_d | the L points]/Var[z_d];

the majority table c(d) = argmax_k #{votes (d, k)} is fitted on the votes, and

    score = share of votes with c(d*) = k.

The variants differ in the dimensions that may win, in the votes that are scored and in
the sizes. `kim_mnih` has the functions beneath, for votes shared by many runs.

Source: Kim & Mnih 2018, arXiv:1802.05983, Sec. 4.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, kim_mnih
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


class Score(NamedTuple):
    """A score with its parts and its variant."""

    score: jax.Array  # [], NaN if a code is not finite, 0 if no dimension is active
    vote_matrix: jax.Array  # [D, F] int32, training votes won
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32
    variant: Preset


def score(
    key: jax.Array,
    codes: jax.Array,
    factors: jax.Array,
    *,
    preset: str = "locatello",
    votes: int | None = None,
    held_out: int | None = None,
    samples: int | None = None,
    threshold: float | None = None,
    active: jax.Array | None = None,
    block: int = 16,
) -> Score:
    """The score of a variant; jit-able, and vmap-able over the runs of the codes.

    Map it over `codes` alone, `jax.vmap(..., (None, 0, None))`: the votes are then
    drawn once. All data points normalise the variances, where Locatello et al. draw
    10,000 of them. The standard error of the score over votes is below
    0.5/√(votes scored).

    Args:
        key: Consumed.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Discrete labels `[N, F]`; they need not be a full grid.
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
    chex.assert_equal_shape_prefix([codes, factors], 1)
    given = {"votes": votes, "held_out": held_out, "samples": samples}
    rule = {"threshold": threshold, "active": active}
    settings, variant = resolve(PRESETS, preset, **given, **rule)
    train_key, test_key = jax.random.split(key)
    drawn = kim_mnih.draw_votes(
        train_key, factors, votes=settings["votes"], samples=settings["samples"]
    )
    spread = jnp.std(codes - codes[:1], axis=0, ddof=1)
    wide = spread >= settings["threshold"] if active is None else active
    allowed = wide & (jnp.ptp(codes, axis=0) != 0)
    train = kim_mnih.normalised_variances(codes, drawn, block=block)
    test, test_factor = train, drawn.factor
    if settings["held_out"]:
        others = kim_mnih.draw_votes(
            test_key, factors, votes=settings["held_out"], samples=settings["samples"]
        )
        test = kim_mnih.normalised_variances(codes, others, block=block)
        test_factor = others.factor
    out = kim_mnih.score_held_out(
        train, drawn.factor, test, test_factor, allowed, num_factors=factors.shape[1]
    )
    value = jnp.where(discrete.broken(codes), jnp.nan, out.score)
    return Score(value, out.vote_matrix, out.active, out.num_active, variant)
