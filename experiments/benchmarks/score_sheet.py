"""Seconds that the sheet of scores takes, per metric, for many runs at once.

    python -m experiments.benchmarks.score_sheet --runs=100 --points=10000

Codes are noisy mixtures of factors with the sizes of dSprites, D = 10, different in
each run. Each metric is compiled first and then timed; DCI is timed without its trees.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import jax
import numpy as np

from decomp.metrics import sheet
from experiments import benchmarks
from experiments.system import devices
from experiments.system.terminal import say

SIZES = (3, 6, 40, 32, 32)
TARGET = 120.0  # seconds, for 100 runs of 10,000 codes on two cores


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 0."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SIZES, (options.points, len(SIZES)))
    codes = np.stack([make(rng, factors) for _ in range(options.runs)])
    metrics = options.metrics or sheet.FAST
    seconds = {name: measure(codes, factors, name) for name in metrics}
    say(report(seconds, runs=options.runs, points=options.points))
    return 0


def make(
    rng: np.random.Generator, factors: np.ndarray, *, dims: int = 10
) -> np.ndarray:
    """Codes of one run: a factor per dimension, a little of all others, and noise."""
    unit = 3.4 * (factors / factors.max(axis=0) - 0.5)
    turned = np.concatenate([unit, np.cos(2 * unit[:, 2:3]), np.sin(2 * unit)], axis=1)
    codes = turned @ rng.normal(scale=0.3, size=(turned.shape[1], dims))
    codes[:, : unit.shape[1]] += 1.5 * unit
    codes[:, unit.shape[1] + 2 :] *= 0.02
    noise = 0.2 * rng.normal(size=codes.shape)
    return np.float32(codes + noise)


def measure(codes: np.ndarray, factors: np.ndarray, metric: str) -> tuple[float, float]:
    """Seconds of the first call, which compiles, and of the second."""
    key, seconds = jax.random.key(0), []
    for _ in range(2):
        start = time.perf_counter()
        sheet.many(key, codes, factors, metrics=[metric])
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1]


def report(seconds: dict[str, tuple[float, float]], *, runs: int, points: int) -> str:
    """The table, its total, and the target."""
    rows = [("metric", "s, all runs", "s, one run", "s, to compile")]
    parts = seconds | {
        "total": tuple(np.sum(list(seconds.values()), axis=0)),
    }
    for name, (first, second) in parts.items():
        cells = second, second / runs, max(first - second, 0)
        rows.append((name, f"{cells[0]:.2f}", f"{cells[1]:.4f}", f"{cells[2]:.1f}"))
    total = parts["total"][1]
    return "\n".join(
        [
            benchmarks.table(rows),
            "",
            f"{runs} runs of {points:,} codes on {len(jax.local_devices())} devices: "
            f"{total:.1f} s; for 100 runs {100 * total / runs:.0f} s. Target for 100 "
            f"runs of 10,000 codes on 2 cores: {TARGET:.0f} s.",
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="experiments.benchmarks.score_sheet",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument(
        "--metrics", nargs="*", help="metrics; by default all but the trees of DCI"
    )
    return parser


if __name__ == "__main__":
    devices.use_cores()
    sys.exit(main())
