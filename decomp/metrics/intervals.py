"""Intervals of scores, and of differences of scores, from half samples of the points.

A score T of N data points is an estimate, as other points from the same source would
give another number. T_b, b = 1 … B, is the score of m = ⌊N/2⌋ of the points, drawn
without replacement and independently for each b. With h = N/m − 1, which is 1 for
even N,

    s² = Σ_b (T_b − T̄)²/((B − 1) h),   bias = (T̄ − T)/h,
    interval = T − bias ± t s,   t the 97.5 % quantile of Student's t of B − 1.

If the score is a mean over the points, s² is an unbiased estimate of its variance. If
the bias of the score is a/N, as for plug-in information, the estimate of the bias is
unbiased, and the interval is one for the score of infinitely many points, which need
not contain T itself. Bins of equal width are those of all N points in every half
sample, so that the infinitely many points are cut at the same edges. (If codes are not
bounded, their range grows with N, and a score in bins of the range has no limit.) A
bootstrap draws some points twice. So it doubles the plug-in bias, and scores points
that were fitted.

Some entries of `definitions` have random draws of their own (votes, pairs, the choice
of the points to fit). They draw anew for every half sample, and their bias is not
removed, as the noise of the draws would count twice. Their interval is one for the
expected score of N points. If the score is a mean over a share φ of the points, such
as the third that is held out, h in s² is N/m − φ. Classifiers and regressors are fitted
anew to each half sample, of which there are at most `Entry.halves`.

The bias of a difference between two scores of the same points is not removed either.
For similar codes the two biases cancel, and their estimate would only add noise. The
interval is one for the expected difference at N points. For two codes with equal noise,
it excludes 0 in 5 % of draws for SAP and Hoyer's sparsity, and in 1 to 3 % for MIG,
InfoM and modularity.

The coverage was measured with B = 100 on 400 draws of 500 points whose exact score is
known. The interval contains the exact score in 93 to 97 % of draws for every compiled
entry without draws of its own, with these exceptions. If the score has a corner, no
such interval has the right coverage: it is 92 % for a MIG of 0.06 with two latents that
nearly tie, and 92 % for the IRS, or 80 % if the largest deviations to both sides are
equal in every latent, at 500 and at 2,000 points. JEMMIG jumps if another dimension
takes the lead: the coverage is 80 % with 10 bins and 98 % with 20. For the modularity
of EDI, which has corners too, it is 98 %. A bias of five standard errors, as of 20 × 20
bins filled by 500 points, is removed except for a seventh, so that the coverage is 85
to 97 % for pairwise information. A score that is equal in all samples (4 active units,
a perfect code) has an interval of width 0.

For few points the intervals are worse, as the bias is then not a/N. In 100 draws from
two factors of 3 values, that for MIG in 20 bins contained the score in 99 draws of 200
points, 57 of 60 and 1 of 20; for pairwise information, whose cells are 20 × 20, it was
0 of 200. So a sheet with fewer than two points per cell says so. The coverage at 20 and
at 8 points is 88 and 61 % for the IRS, and 92 and 90 % for Hoyer's sparsity.

For fitted scores, the coverage was measured with B = 20 on 200 draws, against the mean
score of 600 other draws: it is 95 % for explicitness and 96 % for InfoE. For DCI with
the lasso, the interval contained the score in all of the first 50 draws; it is too
wide, as the chosen penalty varies more with half as many points. The same holds for
forests, in all of 40 draws, as a fit to half as many points varies more. Boosted trees
have 6 half samples: the interval contains the mean of as many other draws in 37 of 40
draws for disentanglement, 36 for completeness and 40 for informativeness. For the SVMs
of SAP the coverage is 96 % in 100 draws, for the pairs of Higgins et al. 92 % and for
Z-max variance 99 %, both with scores of 0.6. For votes of Kim & Mnih, whose exact score
is known, it is 94 % in 150 draws. So few draws have a standard error of 2 to 5 %.

Source: Shao & Wu 1989, Annals of Statistics 17(3), the delete-d jackknife, which with
d = N/2 gives random half samples; Politis & Romano 1994, Annals of Statistics 22(4),
the conditions under which such subsampling is valid.
"""

import functools
import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import inputs, over_runs, units
from decomp.metrics.definitions import ENTRIES
from decomp.metrics.entry import Entry, scores
from decomp.metrics.over_runs import Name

LEVEL = 0.95
DEFAULT = 100  # number of half samples
LEAST = 5  # the least number of half samples for intervals
LEAST_POINTS = 8  # the least number of points for intervals


class Interval(NamedTuple):
    """A 95 % interval of a score, or of a difference of scores."""

    low: float
    high: float
    bias: float  # bias of the score, removed in the interval; 0 if it is not estimated
    stderr: float  # s


def measure(
    key: jax.Array,
    codes: Any,
    factors: Any,
    sizes: tuple[int, ...],
    names: Sequence[Name],
    *,
    halves: int,
    report: over_runs.Report = lambda count: None,
) -> tuple[dict[Name, np.ndarray], dict[Name, str]]:
    """The scores of half samples of the points; an entry that fails affects no other.

    The half samples and the draws of an entry depend only on the key, so that the
    scores of two representations of the same points are paired. Each device computes
    one half sample after another, and needs the memory of one, and of the row numbers
    of all.

    Args:
        key: As in `over_runs.measure`.
        codes: `units.Codes` or `sheet.GivenPosteriors` of one run, leaves `[N, D]` or
            `[D]`.
        factors: Classes `[N, F]`, or an `inputs.FactorTable`.
        sizes: Number of classes of each factor.
        names: Names of the entries.
        halves: Number of half samples B.
        report: As in `over_runs.measure`.

    Returns:
        Scores `[B]` by name, and the error messages of entries that failed by name.
    """
    if isinstance(codes, units.Codes):
        codes = codes._replace(ends=units.ends(codes))  # half samples keep these bins
    points = codes, inputs.table(factors)
    entries = [ENTRIES[name] for name in names]
    most = max(entry.num_halves(halves) for entry in entries)
    rows = np.asarray(_rows(key, most, len(points[1].classes)))
    streams = [("draws of half samples", *entry.stream) for entry in entries]
    keys = dict(
        zip(names, over_runs.keys(key, streams, count=most), strict=True)
    )  # [B, K] each
    groups = [
        tuple(entry for entry in group if entry.num_halves(halves) == number)
        for group in over_runs.groups(entries)
        for number in sorted({entry.num_halves(halves) for entry in group})
    ]

    def call(members: tuple[Entry, ...]) -> over_runs.Call:
        number = members[0].num_halves(halves)
        own = np.stack([keys[e.name][:number] for e in members], axis=1)
        items = rows[:number], own
        arguments = (_half_scores, key, items, points, sizes, members)
        return functools.partial(over_runs.each, *arguments, block=number)

    scores: dict[Name, np.ndarray] = {}
    problems: dict[Name, str] = {}
    for members, result in over_runs.computed(groups, call):
        if isinstance(result, Exception):
            problems |= {entry.name: over_runs.reason(result) for entry in members}
        else:
            scores |= result
        report(len(members))
    return scores, problems


def interval(
    entry: Entry,
    value: float,
    scores: np.ndarray,
    num_points: int,
    *,
    difference: bool = False,
) -> Interval:
    """The 95 % interval of a score, by the formulas of this module.

    Args:
        entry: The entry of the score.
        value: The score T of all points.
        scores: The scores of the half samples `[B]`, all finite, B ≥ `LEAST`.
        num_points: N.
        difference: Whether the values are differences between two scores. Then the
            bias is not removed, and the bounds of the score do not apply.

    Returns:
        Interval, inside the bounds of the score. An interval that would lie entirely
        beyond a bound, because the bias is large, extends from the score to that bound.
        Its width is 0 if all half samples have the same score, as for a perfect code.

    >>> from decomp.metrics.entry import Entry
    >>> entry = Entry("mine", "own", lambda *inputs: 0.0, "", "")
    >>> ends = interval(entry, 2.0, np.array([1.0, 2.0, 3.0, 2.0, 2.0]), 100)
    >>> round(ends.low, 3), round(ends.high, 3), ends.bias  # 2 ± 2.776 √(2/4)
    (0.037, 3.963, 0.0)
    """
    half = num_points // 2
    size, size_of_half = _used(entry, num_points), _used(entry, half)
    shrink = size / size_of_half * (1 - size_of_half / num_points)
    stderr = float(np.std(scores, ddof=1)) / math.sqrt(shrink)
    bias = 0.0
    if not (entry.draws or difference):
        bias = (float(np.mean(scores)) - value) / (num_points / half - 1)
    half_width = quantile(len(scores) - 1) * stderr
    low, high = value - bias - half_width, value - bias + half_width
    if not difference:
        least, most = entry.bounds
        low = max(low, least) if low < most else min(value, most)
        high = min(high, most) if high > least else max(value, least)
    return Interval(low, high, bias, stderr)


def quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t; its error is below 0.001 from 4 degrees on.

    Source: Abramowitz & Stegun 1964, Eq. 26.7.5.

    >>> round(quantile(19), 3)  # tables have 2.093
    2.093
    """
    z = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**n for n, term in enumerate(terms, 1))


def _used(entry: Entry, num_points: int) -> float:
    """The number of points, of N, over which a score is a mean."""
    if entry.counted is None:
        return num_points
    counted, total = entry.counted
    return counted * min(1.0, num_points / total)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _rows(key: jax.Array, halves: int, num_points: int) -> jax.Array:
    """The rows of each half sample, `[B, ⌊N/2⌋]`."""
    stream = over_runs.stream(key, ("half samples",))

    def of_half(number: jax.Array) -> jax.Array:
        half_key = jax.random.fold_in(stream, number)
        return jax.random.permutation(half_key, num_points)[: num_points // 2]

    return jax.lax.map(of_half, jnp.arange(halves))


def _subset(codes: Any, rows: jax.Array) -> Any:
    """Some data points of Codes, or of leaves `[N, D]`."""
    if isinstance(codes, units.Codes):
        return units.rows(codes, rows)
    return jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=0), codes)


def _half_scores(
    entries: tuple[Entry, ...],
    key: jax.Array,
    half: tuple[Any, Any],
    points: Any,
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The scores of a half sample, which has rows and keys, by several entries."""
    rows, data = half
    half_codes, half_table = (_subset(leaves, rows) for leaves in points)
    stream = over_runs.keys_of(entries, data, key)
    return scores(entries, stream, half_codes, half_table, sizes)
