"""The time of Kim & Mnih's score of many runs against that of one run in plain NumPy.

    python -m experiments.benchmarks.votes --runs=100 --points=737280

Both compute the released definition of Mathieu et al. (no pruning, training votes) from
the same codes and votes. Each repetition times NumPy on a share of the votes of one run
and then ours on a share of the runs. NumPy's time is scaled up to all votes; ours is
the sum over all runs and the drawing of the votes.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import decomp.runs
from decomp.metrics import kim_mnih
from decomp.metrics.kim_mnih import Votes
from experiments import benchmarks
from experiments.system import devices, parallel
from experiments.system.terminal import say

SIZES = (3, 6, 40, 32, 32)
REPETITIONS = 5
DIMS = 10


class Seconds(NamedTuple):
    """Times of one repetition, and the winners of NumPy's votes."""

    finding: float  # seconds of NumPy, including the search for the rows of each vote
    given: float  # seconds of NumPy if the rows are given
    ours: float
    winners: np.ndarray  # [m]
    scores: np.ndarray  # [runs that were scored]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 1 if the scores disagree."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(0)
    factors = grid(rng, options.points)
    part = -(-options.runs // REPETITIONS)
    codes = make(rng, factors, part * REPETITIONS)
    share = options.numpy_votes or max(1, options.votes // 20)
    votes, drawing = _draw(factors, options.votes, options.samples)
    plan = decomp.runs.plan(part, devices=parallel.devices(part), block=part)
    score = _scorer(plan)
    pieces = codes.reshape(REPETITIONS, part, *codes.shape[1:])
    _run(score, plan, pieces[0], votes)  # compiles
    times = []
    for repetition in range(REPETITIONS):
        numbers = (np.arange(share) + repetition * share) % options.votes
        times.append(
            _repeat(score, plan, pieces[repetition], codes[0], factors, votes, numbers)
        )
    say(report(times, drawing, share / options.votes, part))
    return _agree(times, codes[0], votes, share)


def grid(rng: np.random.Generator, points: int) -> np.ndarray:
    """The factors of dSprites, of all or of random points, int64 `[N, 5]`."""
    if points == np.prod(SIZES):
        return np.indices(SIZES).reshape(len(SIZES), -1).T.copy()
    return rng.integers(0, SIZES, (points, len(SIZES)))


def make(rng: np.random.Generator, factors: np.ndarray, count: int) -> np.ndarray:
    """Codes of the runs `[R, N, D]`: mixtures of the factors and noise."""
    unit = np.float32(factors / factors.max(axis=0) - 0.5)
    noise = rng.normal(scale=0.1, size=(len(factors), 5)).astype(np.float32)
    parts = np.concatenate([unit, noise], axis=1)
    mixing = rng.normal(size=(count, 10, DIMS)) + 2 * np.eye(10, DIMS)
    return np.stack([parts @ np.float32(m) for m in mixing])


def numpy_winners(
    codes: np.ndarray, variance: np.ndarray, rows: Sequence[np.ndarray]
) -> np.ndarray:
    """The dimension that wins each vote `[m]`, from the rows of each vote."""
    return np.array(
        [np.argmin(np.var(codes[r], axis=0, ddof=1) / variance) for r in rows]
    )


def numpy_finding(
    codes: np.ndarray,
    variance: np.ndarray,
    factors: np.ndarray,
    cells: Sequence[tuple[int, int]],
    ranks: Sequence[np.ndarray],
) -> np.ndarray:
    """The same from the factor and the value of each vote, whose points are looked up.

    Among the points with the value, those of given ranks are taken instead of random
    ones, so that the votes are the same.
    """
    winners = []
    for (factor, value), rank in zip(cells, ranks, strict=True):
        rows = np.flatnonzero(factors[:, factor] == value)[rank]
        winners.append(np.argmin(np.var(codes[rows], axis=0, ddof=1) / variance))
    return np.array(winners)


def numpy_table(winners: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Votes won by each dimension under each factor `[D, F]`."""
    table = np.zeros((DIMS, len(SIZES)), int)
    np.add.at(table, (winners, factor), 1)
    return table


def report(times: Sequence[Seconds], drawing: float, share: float, part: int) -> str:
    """Median, minimum and maximum over the repetitions, and the ratios."""
    count = part * len(times)
    finding, given, ours = (
        np.array([getattr(t, name) for t in times])
        for name in ("finding", "given", "ours")
    )
    total = drawing + ours.sum()
    rows = [("", "s, one run", "least … largest", f"s, {count} runs", "ratio")]
    for name, seconds, all_runs in (
        ("NumPy, finds its rows", finding / share, count * np.median(finding) / share),
        ("NumPy, given the rows", given / share, count * np.median(given) / share),
        ("decomp", ours / part, total),
    ):
        ratio = all_runs / total
        low, high = seconds.min(), seconds.max()
        middle = f"{np.median(seconds):.3g}"
        spread = f"{low:.3g} … {high:.3g}"
        rows.append((name, middle, spread, f"{all_runs:.4g}", f"{ratio:.3g}"))
    verdict = "less" if total < np.median(finding) / share else "more"
    return "\n".join(
        [
            benchmarks.table(rows),
            "",
            f"NumPy on {share:.1%} of its votes, scaled up; decomp on all of its runs, "
            f"with {drawing:.2f} s to draw the votes, on {len(jax.local_devices())} "
            f"devices; {len(times)} repetitions in turn.",
            f"{count} runs cost {verdict} than one run in NumPy: {total:.1f} s and "
            f"{np.median(finding) / share:.1f} s.",
        ]
    )


def _draw(factors: np.ndarray, count: int, samples: int) -> tuple[Votes, float]:
    """Draws the votes; also returns the seconds that it took."""
    draw = jax.jit(kim_mnih.draw_votes, static_argnames=("votes", "samples"))
    labels = jnp.asarray(factors, jnp.int32)
    seconds, votes = 0.0, None
    for _ in range(2):  # the first call compiles
        seconds, votes = _time(
            lambda: draw(jax.random.key(0), labels, votes=count, samples=samples)
        )
    return votes, seconds


def _scorer(plan: parallel.Plan) -> Callable[..., Any]:
    """The scores of some of the runs."""
    return parallel.over_runs(
        lambda codes, votes: (
            kim_mnih.authors(codes, votes, num_factors=len(SIZES)).score
        ),
        plan,
        mapped=1,
        shared=1,
        vmapped=True,
    )


def _run(
    score: Callable[..., Any], plan: parallel.Plan, codes: np.ndarray, votes: Votes
) -> np.ndarray:
    filled = np.minimum(np.arange(plan.block), len(codes) - 1)
    return np.asarray(score(codes[filled], votes))[: len(codes)]


def _time(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    out = jax.block_until_ready(function())
    return time.perf_counter() - start, out


def _repeat(
    score: Callable[..., Any],
    plan: parallel.Plan,
    piece: np.ndarray,
    codes: np.ndarray,
    factors: np.ndarray,
    votes: Votes,
    numbers: np.ndarray,
) -> Seconds:
    """Times NumPy on some votes, then ours on some runs."""
    rows = list(np.asarray(votes.rows[numbers]))
    factor = np.asarray(votes.factor[numbers])
    cells = [(k, factors[r[0], k]) for k, r in zip(factor, rows, strict=True)]
    ranks = [
        np.searchsorted(np.flatnonzero(factors[:, k] == v), r)
        for (k, v), r in zip(cells, rows, strict=True)
    ]
    variance = np.var(codes, axis=0, ddof=1)
    finding, winners = _time(
        lambda: numpy_finding(codes, variance, factors, cells, ranks)
    )
    given, again = _time(lambda: numpy_winners(codes, variance, rows))
    np.testing.assert_array_equal(winners, again)
    ours, scores = _time(lambda: _run(score, plan, piece, votes))
    return Seconds(finding, given, ours, winners, scores)


def _agree(
    times: Sequence[Seconds], codes: np.ndarray, votes: Votes, share: int
) -> int:
    """Compares the tables of NumPy's votes; 0 if they agree."""
    numbers = np.arange(share * len(times)) % len(votes.factor)
    same = Votes(votes.factor[numbers], votes.rows[numbers])
    ours = kim_mnih.authors(codes, same, num_factors=len(SIZES))
    winners = np.concatenate([t.winners for t in times])
    table = numpy_table(winners, np.asarray(same.factor))
    theirs = table.max(axis=1).sum() / table.sum()
    moved = np.abs(table - ours.vote_matrix).sum() // 2
    scores = np.concatenate([t.scores for t in times])
    say(
        f"On NumPy's {len(numbers):,} votes of the first run: NumPy {theirs:.6f}, "
        f"decomp {ours.score:.6f}, {moved} votes differ. Of all runs and votes: "
        f"{scores.min():.3f} … {scores.max():.3f}."
    )
    return int(moved > len(numbers) / 1000)  # float32 has a few ties


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="experiments.benchmarks.votes",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=737_280)
    parser.add_argument("--votes", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument(
        "--numpy-votes", type=int, help="votes per repetition; default 1/20"
    )
    return parser


if __name__ == "__main__":
    devices.use_cores()
    sys.exit(main())
