"""The error of minibatch estimates of the aggregate posterior, against exact values.

    python -m experiments.bias --synthetic
    python -m experiments.bias --workdir=results/pinwheel_beta --run=3

For each batch size B and each estimator of `decomp.minibatch` it estimates the entropy
of q(z), the index-code mutual information, the total correlation and KL(q(z)‖p(z)) from
repeated minibatches, and compares them with the values from all N posteriors. It prints
a table and writes it as bias.md, bias.csv and bias.json, with a figure.

Source: Mathieu et al. 2018, App. C.
"""

import argparse
import functools
import itertools
import math
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.style
import numpy as np

from decomp import decomposition, estimate, minibatch
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import sheet
from experiments.config import command_line
from experiments.plots import estimator_bias, style
from experiments.plots.estimator_bias import QUANTITIES, Estimates, Regime
from experiments.sweep import trained
from experiments.sweep.trained import Posteriors
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import StageProgress, say

_BATCHES = (16, 32, 64, 256, 1024)
_LEAST = 16  # minibatches per mean at least, for its standard error
_AT_ONCE = 256  # draws of q(z) between two updates of the progress
_ROUNDING = 1e-3  # nats

_sampled = jax.jit(
    functools.partial(decomposition.sampled, num_samples=_AT_ONCE), static_argnums=2
)


@commands.command("experiments.bias")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error."""
    options = _parser().parse_args(arguments)
    devices.check_platform()
    with StageProgress() as progress:
        if options.workdir:
            sets = iter([trained.trained(options.workdir, options.run, progress)])
        else:
            sets = trained.synthetic(points=options.points, seed=options.seed)
        regimes = [regime(posteriors, options, progress) for posteriors in sets]
    folder = options.out or (options.workdir or pathlib.Path("results")) / "bias"
    folder.mkdir(parents=True, exist_ok=True)
    say(table(regimes))
    for path in write(folder, regimes):
        say(str(path))
    return 0


def regime(
    posteriors: Posteriors,
    options: argparse.Namespace,
    report: sheet.Report = sheet.nowhere,
) -> Regime:
    """Computes the exact values and the estimates for a set of posteriors."""
    q, (size, latents) = posteriors.q, posteriors.q.loc.shape
    batches = _batches(options.batches, size)
    draws = max(2048, min(options.samples, 2**31 // (size * latents)))
    key, rng = jax.random.key(options.seed), np.random.default_rng(options.seed)
    conditional = float(jnp.mean(jax.vmap(gaussian.entropy)(q)))
    say(f"{posteriors.name}: {size:,} posteriors, {draws:,} draws of q(z)")
    exact = _exact(jax.random.fold_in(key, 0), posteriors, draws, report)
    cells = []
    for done, batch in enumerate(batches, start=1):
        count = max(_LEAST, -(-options.samples // batch))
        members = [rng.choice(size, batch, replace=False) for _ in range(count)]
        values = _estimates(
            jax.random.fold_in(key, batch), q, np.stack(members), posteriors.log_pz
        )
        cells += _cells(batch, np.asarray(values, np.float64))
        report("batch sizes", done, len(batches))
    information, error = exact["mutual_information"]
    # This has a smaller error than the mean of −log q(z), which also estimates
    # `conditional`.
    exact["entropy"] = information + conditional, error
    cross, cross_error = _cross_entropy(jax.random.fold_in(key, 1), posteriors, draws)
    predicted = {
        "entropy": (math.log(size) + conditional, 0.0),  # Eq. 11
        "mutual_information": (math.log(size), 0.0),
        "kl": (cross - conditional - math.log(size), cross_error),  # Eq. 12
    }
    return Regime(posteriors.name, size, latents, exact, predicted, cells)


def table(regimes: Sequence[Regime]) -> str:
    """A Markdown table per set of posteriors."""
    return "\n\n".join(f"## {r.name}\n\n{_facts(r)}\n\n{_rows(r)}" for r in regimes)


def write(folder: pathlib.Path, regimes: Sequence[Regime]) -> list[pathlib.Path]:
    """Writes the tables and the figure; returns the paths."""
    paths = [folder / f"bias.{suffix}" for suffix in ("md", "csv", "json")]
    atomic_files.write(paths[0], (table(regimes) + "\n").encode())
    added = ["exact", "exact_stderr", "bias", "predicted", "predicted_stderr"]
    added.append("exceeds_log_n")
    atomic_files.write_csv(
        paths[1],
        ["regime", "points", "latents", *Estimates._fields, *added],
        ((*r[:3], *cell, *_beside(r, cell)) for r in regimes for cell in r.cells),
    )
    plain = [r._asdict() | {"cells": [c._asdict() for c in r.cells]} for r in regimes]
    atomic_files.write_json(paths[2], plain)
    with matplotlib.style.context(["default", style.RC]):
        title = "Minibatch estimates of the aggregate posterior, and the exact values"
        figure = estimator_bias.figure(list(regimes), title=title)
        return paths + style.save(figure, folder / "bias")


def _exact(
    key: jax.Array, posteriors: Posteriors, draws: int, report: sheet.Report
) -> dict[str, tuple[float, float]]:
    """Exact values and standard errors by quantity, from blocks of equal size."""
    parts, blocks = [], draws // _AT_ONCE
    for i in range(blocks):
        part = _sampled(jax.random.fold_in(key, i), posteriors.q, posteriors.log_pz)
        parts.append(jax.device_get(part))
        report("draws of q(z)", (i + 1) * _AT_ONCE, blocks * _AT_ONCE)
    whole = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)._asdict()
    means = {name: float(np.mean(whole[name].value)) for name in QUANTITIES}
    return {
        name: (mean, float(np.linalg.norm(whole[name].stderr)) / len(parts))
        for name, mean in means.items()
    }


def _cross_entropy(
    key: jax.Array, posteriors: Posteriors, draws: int
) -> tuple[float, float]:
    """−E log p(z) over q(z), and its standard error, in nats.

    Less the mean entropy of q(z|x_n), which is exact, it is the mean of KL(q(z|x_n) ‖
    p(z)). The draws are stratified: as many come from each q(z|x_n), at least two, so
    that the spread between the x_n is no error.
    """
    each = max(2, -(-draws // len(posteriors.q.loc)))

    def of_point(point: tuple[jax.Array, Gaussian]) -> tuple[jax.Array, jax.Array]:
        n, q = point
        keys = jax.random.split(jax.random.fold_in(key, n), each)
        z = jax.vmap(gaussian.sample, (0, None))(keys, q)
        terms = jax.vmap(posteriors.log_pz)(z)
        return jnp.mean(terms), estimate.deviation(terms)

    @jax.jit
    def of_points(q: Gaussian) -> tuple[jax.Array, jax.Array]:
        points = jnp.arange(len(q.loc)), q
        return jax.lax.map(of_point, points, batch_size=_AT_ONCE)

    means, deviations = (np.asarray(x, np.float64) for x in of_points(posteriors.q))
    error = np.linalg.norm(deviations) / (math.sqrt(each) * len(means))
    return -float(means.mean()), float(error)


@functools.partial(jax.jit, static_argnums=3)
def _estimates(
    key: jax.Array,
    q: Gaussian,
    members: jax.Array,
    log_pz: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """The four quantities by all estimators, for minibatches `[M, B]`: `[M, E, 4]`."""
    size, batch = len(q.loc), members.shape[1]
    weights = jnp.stack([of(batch, size) for of in minibatch.ESTIMATORS.values()])

    def one(i: jax.Array) -> jax.Array:
        part = jax.tree.map(lambda leaf: leaf[members[i]], q)
        z = gaussian.sample(jax.random.fold_in(key, i), part)
        log_pz_mean = jnp.mean(jax.vmap(log_pz)(z))

        def by(log_weights: jax.Array) -> jax.Array:
            terms = minibatch.log_densities(part, z, log_weights)
            log_qz_x, log_qz, _, log_prod_qz = map(jnp.mean, terms)
            parts = (log_qz_x - log_qz, log_qz - log_prod_qz, log_qz - log_pz_mean)
            return jnp.stack([-log_qz, *parts])

        return jax.lax.map(by, weights)

    return jax.lax.map(one, jnp.arange(len(members)))


def _cells(batch: int, values: np.ndarray) -> list[Estimates]:
    values = values.reshape(len(values), -1)
    stderr = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    columns = np.stack([values.mean(axis=0), stderr, (values < 0).mean(axis=0)], axis=1)
    names = itertools.product(minibatch.ESTIMATORS, QUANTITIES)
    return [
        Estimates(batch, *name, *row, len(values))
        for name, row in zip(names, columns.tolist(), strict=True)
    ]


def _beside(
    regime: Regime, cell: Estimates
) -> tuple[float, float, float, Any, Any, bool]:
    """Exact value and error, bias, prediction and error, and whether I > log n."""
    value, stderr = regime.exact[cell.quantity]
    predicted, error = regime.predicted.get(cell.quantity, ("", ""))
    exceeds = cell.mean > math.log(regime.points) + _ROUNDING
    flag = exceeds and cell.quantity == "mutual_information"
    return value, stderr, cell.mean - value, predicted, error, flag


def _facts(regime: Regime) -> str:
    (entropy, _), (kl, _) = regime.predicted["entropy"], regime.predicted["kl"]
    return (
        f"n = {regime.points:,}, D = {regime.latents}, log n = "
        f"{math.log(regime.points):.3f}. In nats: mean ± standard error (bias). If no "
        f"two posteriors of a minibatch overlap, Eq. 11 predicts {entropy:.3f} for "
        f"H[q(z)] and Eq. 12 predicts {kl:.3f} for KL(q(z) ‖ p(z))."
    )


def _rows(regime: Regime) -> str:
    head = ["B", "estimator", *QUANTITIES.values(), "KL < 0", "I > log n"]
    exact = [f"{value:.3f} ± {error:.3f}" for value, error in regime.exact.values()]
    rows = [head, ["n", "exact", *exact, "", ""]]
    for (batch, name), group in itertools.groupby(regime.cells, lambda cell: cell[:2]):
        cells = list(group)
        *_, biases, _, _, flags = zip(*(_beside(regime, c) for c in cells), strict=True)
        texts = [
            f"{cell.mean:.3f} ± {cell.stderr:.3f} ({bias:+.3f})"
            for cell, bias in zip(cells, biases, strict=True)
        ]
        last = [f"{cells[-1].negative:.0%}", "yes" if any(flags) else ""]
        rows.append([str(batch), style.number(name), *texts, *last])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|--:|---|" + "--:|" * (len(head) - 2), *lines[1:]])


def _batches(text: str | None, size: int) -> list[int]:
    """The sorted batch sizes; by default those of `_BATCHES` that the data allow."""
    if text is None:
        return [batch for batch in _BATCHES if batch <= size] or [size]
    words = text.split(",")
    if not all(word.strip().isdecimal() and 1 <= int(word) <= size for word in words):
        raise ValueError(
            f"--batches must be whole numbers from 1 to {size}, the number of points, "
            f"with commas between; got {text}."
        )
    return sorted({int(word) for word in words})


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("experiments.bias", __doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--workdir", type=commands.path, help="folder of a trained sweep"
    )
    source.add_argument(
        "--synthetic", action="store_true", help="use synthetic posteriors"
    )
    add, whole = parser.add_argument, commands.whole
    add(
        "--run",
        type=whole(0),
        help="number of the run in scores.csv; default the first",
    )
    add("--points", type=whole(2), default=2000, help="points per synthetic set; 2000")
    add("--out", type=commands.folder, help="output folder; WORKDIR/bias, results/bias")
    add("--batches", help="sizes B; by default those of 16,32,64,256,1024 up to N")
    add("--samples", type=whole(1), default=2**14, help="draws per value; 16384")
    add("--seed", type=whole(0), default=0, help="seed of draws and synthetic means; 0")
    command_line.add_config(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
