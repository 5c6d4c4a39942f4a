"""Z-max variance: which latent dimension varies if only one factor does?

A vote leaves factor k free: it draws L points that agree in all other factors, and
selects

    d* = argmax over active d of Var[z_d | the L points]/Var[z_d].

The majority table c(d) = argmax_k #{votes (d, k)} is fitted on training votes, and

    score = share of held-out votes with c(d*) = k.

It is the counterpart of `kim_mnih`, which fixes one factor. The points must be dense:
there are no votes if no two points differ in one factor only, as with 10,000 points of
a large grid, or with continuous factors unless they are cut into few classes.

Source: Kim et al. 2019, arXiv:1902.01568; the sizes are those of Carbonneau et al.
2022, arXiv:2012.09276, released code.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import containers, inputs, kim_mnih, units
from decomp.metrics.kim_mnih import Votes
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    # Carbonneau et al. 2022, released code, before its correction for chance.
    "carbonneau": {"votes": 800, "held_out": 800, "samples": 200, "threshold": 0.05},
}


class ZMaxVariance(NamedTuple):
    """The score, with its parts and its variant."""

    # [], 0 if no dimension is active; NaN if a code is not finite, or if no factor
    # varies alone. If only one factor does, every vote is classified correctly.
    score: jax.Array
    above_chance: jax.Array  # [], (score − 1/F')/(1 − 1/F') for F' factors with votes
    vote_matrix: jax.Array  # [D, F] int32, training votes won by d with f free
    used: jax.Array  # [F] bool, factors that vary alone between some points
    active: jax.Array  # [D] bool, dimensions allowed to win
    num_active: jax.Array  # [] int32
    variant: Preset


def draw_votes(key: jax.Array, factors: Any, *, votes: int, samples: int) -> Votes:
    """Draws the votes, which do not depend on the codes; it works under jit.

    The factor is uniform among those that vary alone between some points. A point is
    then uniform among those from which another point differs in this factor only, and
    the L points are uniform, with replacement, among those that agree with it in all
    other factors.

    Args:
        key: A random key, which is used up.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit.
        votes: Number of votes M.
        samples: Points per vote L.

    Returns:
        Votes, whose `factor` is the free factor.

    >>> import numpy as np
    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> votes = draw_votes(jax.random.key(0), factors, votes=50, samples=8)
    >>> fixed = factors[votes.rows, 1 - votes.factor[:, None]]  # the other factor
    >>> bool((fixed == fixed[:, :1]).all())
    True
    """
    factors = inputs.labels(factors)
    groups, eligible = _groups(factors)  # [N, F] each
    used = jnp.any(eligible, axis=0)
    factor_key, row_key, point_key = jax.random.split(key, 3)
    number = jnp.sum(used, dtype=jnp.int32)
    factor = jax.random.randint(factor_key, (votes,), 0, number, jnp.int32)
    factor = jnp.argsort(~used)[factor]  # used factors come first
    eligible_points = jnp.sum(eligible, axis=0, dtype=jnp.int32)[factor]
    index = jax.random.randint(row_key, (votes,), 0, eligible_points, jnp.int32)
    row = jnp.argsort(~eligible, axis=0, stable=True)[index, factor]
    group = groups[row, factor]
    order = jnp.argsort(groups, axis=0).astype(jnp.int32)
    table = jnp.take_along_axis(groups, order, axis=0)

    def edge(side: str) -> jax.Array:
        search = jax.vmap(
            lambda column: jnp.searchsorted(column, group, side=side), 1, 1
        )
        return jnp.take_along_axis(search(table), factor[:, None], axis=1)

    rank = jax.random.randint(
        point_key, (votes, samples), edge("left"), edge("right"), jnp.int32
    )
    return Votes(factor.astype(jnp.int32), order[rank, factor[:, None]])


def score(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    preset: str = "carbonneau",
    votes: int | None = None,
    held_out: int | None = None,
    samples: int | None = None,
    threshold: float | None = None,
    active: jax.Array | None = None,
    block: int = 16,
) -> ZMaxVariance:
    """The held-out accuracy of the majority table; it works under jit and vmap.

    All points normalise the variances. The standard error of the score over votes is
    below 0.5/√held_out.

    Args:
        key: A random key, which is used up.
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit.
        preset: `carbonneau`, the only one; the keywords below replace its settings.
        votes: Number of training votes, to which the majority table is fitted.
        held_out: Number of held-out votes, which are scored.
        samples: Points per vote L.
        threshold: The least standard deviation of the codes of an active dimension, in
            the unit of the codes.
        active: A mask of active dimensions `[D]` bool instead of the threshold.
        block: Votes that are computed at once; memory is `block · L · D`.

    Returns:
        ZMaxVariance.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(score(jax.random.key(0), factors, factors).score)  # perfect codes
    1.0
    """
    z, factors = inputs.codes(codes), inputs.labels(factors)
    containers.check_rows(z.unit, factors)
    numbers = {"votes": votes, "held_out": held_out, "samples": samples}
    settings, variant = resolve(
        PRESETS, preset, **numbers, threshold=threshold, active=active
    )
    mask = kim_mnih.may_win(z, settings["threshold"], active)

    def variances(key: jax.Array, number: int) -> tuple[jax.Array, jax.Array]:
        new_votes = draw_votes(key, factors, votes=number, samples=settings["samples"])
        ratios = kim_mnih.normalised_variances(z, new_votes, block=block)
        return -ratios, new_votes.factor  # the least of the negative ratios wins

    train_key, test_key = jax.random.split(key)
    train = variances(train_key, settings["votes"])
    test = variances(test_key, settings["held_out"])
    out = kim_mnih.score_held_out(*train, *test, mask, num_factors=factors.shape[1])
    used = jnp.any(_groups(factors)[1], axis=0)
    defined = jnp.any(used) & ~units.broken(z)
    value = jnp.where(defined, out.score, jnp.nan)
    chance = 1 / jnp.maximum(jnp.sum(used), 2).astype(value.dtype)
    above = (value - chance) / (1 - chance)
    return ZMaxVariance(
        *(value, above, out.vote_matrix, used, out.active, out.num_active, variant)
    )


def _groups(factors: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Groups of points that agree in all factors but f, and whether f varies in them.

    Returns:
        For each point and factor f, its group `[N, F]` int32, and whether f varies in
        that group `[N, F]` bool.
    """
    columns = range(factors.shape[1])

    def of_factor(f: int) -> tuple[jax.Array, jax.Array]:
        others = [factors[:, other] for other in columns if other != f]
        own = factors[:, f]
        order = jnp.lexsort([own, *others])  # the last key is the primary one
        rows = [column[order] for column in others]
        changes = [column[1:] != column[:-1] for column in rows]
        new = jnp.zeros(len(own) - 1, bool)
        for change in changes:
            new = new | change
        rank = jnp.concatenate(
            [jnp.zeros(1, jnp.int32), jnp.cumsum(new, dtype=jnp.int32)]
        )
        differs = jnp.concatenate(
            [jnp.zeros(1, bool), (own[order][1:] != own[order][:-1]) & ~new]
        )
        varied = jax.ops.segment_max(differs.astype(jnp.int32), rank, len(own)) > 0
        back = jnp.argsort(order)
        return rank[back], varied[rank][back]

    groups, varied = zip(*map(of_factor, columns), strict=True)
    return jnp.stack(groups, axis=1), jnp.stack(varied, axis=1)
