"""Sets of posteriors for tests of estimators: synthetic, or of a trained run."""

import functools
import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp.datasets.readers import npz
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import sheet
from experiments.config import settings
from experiments.data import arrays
from experiments.models import autoencoder, priors
from experiments.models.autoencoder import VAE, Hyperparameters, Params
from experiments.plots import style
from experiments.results import run_tables
from experiments.sweep import layout, workdirs
from experiments.sweep.layout import Sweep

_SCALES = {"little": 0.02, "some": 0.3, "much": 0.9}  # of q(z|x); q(z_d) has about 1
_LATENTS = 5
_CORRELATION = 0.7  # between the means of neighbouring dimensions


class Posteriors(NamedTuple):
    """All q(z|x_n), and the prior."""

    name: str
    q: Gaussian  # leaves [N, D]
    log_pz: Callable[[jax.Array], jax.Array]  # [D] to []


class TrainedRuns(NamedTuple):
    """Some runs of a sweep, and their codes of the same points."""

    number: np.ndarray  # [R]
    seed: np.ndarray  # [R]
    setting: np.ndarray  # [R] index of `rows`
    rows: list[dict[str, Any]]  # the settings of the sweep
    codes: list[np.ndarray]  # R times [N, D], posterior means
    factors: np.ndarray  # [N, F] classes


class Finished(NamedTuple):
    """A sweep with finished runs."""

    works: list[Sweep]  # its programs
    rows: list[dict[str, Any]]  # its settings
    tables: dict[str, np.ndarray]  # tables of its runs, see `run_tables.finished`


def synthetic(*, points: int, seed: int) -> Iterator[Posteriors]:
    """Three sets with different overlap: a common scale around correlated means.

    Raises:
        ValueError: For fewer than two points.
    """
    if points < 2:
        raise ValueError(f"--points must be at least 2; got {points}.")
    order = np.arange(_LATENTS)
    covariance = _CORRELATION ** np.abs(order[:, None] - order[None, :])
    means = np.random.default_rng(seed).normal(size=(points, _LATENTS))
    means = means @ np.linalg.cholesky(covariance).T
    prior = Gaussian(jnp.zeros(_LATENTS), jnp.ones(_LATENTS))
    log_pz = functools.partial(gaussian.log_prob, prior)
    for name, scale in _SCALES.items():
        loc = jnp.asarray(math.sqrt(1 - scale**2) * means, jnp.float32)
        q = Gaussian(loc, jnp.full_like(loc, scale))
        yield Posteriors(f"{name} overlap, σ = {scale}", q, log_pz)


def finished(workdir: pathlib.Path) -> Finished:
    """The sweep of a folder with finished runs.

    Raises:
        ValueError: One line, for a folder that cannot be used.
    """
    _, programs = workdirs.validated(workdir)
    rows = settings.rows(programs)
    tables = workdirs.finished(workdir, rows)
    return Finished(layout.sweeps(programs, workdir), rows, tables)


def program(sweep: Finished, place: int) -> int:
    """The program that trained the run at an index of the tables."""
    firsts = [work.first for work in sweep.works]
    return int(np.searchsorted(firsts, sweep.tables["setting"][place], "right")) - 1


def parameters(sweep: Finished, place: int) -> tuple[Params, Hyperparameters]:
    """Final parameters and setting of the run at an index of the tables."""
    tables, work = sweep.tables, sweep.works[program(sweep, place)]
    first, index = int(tables["block"][place]), int(tables["index"][place])
    row = int(tables["setting"][place]) - work.first
    setting = jax.tree.map(lambda leaf: leaf[row], work.settings)
    params = jax.tree.map(lambda leaf: leaf[index], _params(work, first))
    return params, setting


def trained(
    workdir: pathlib.Path, run: int | None, report: sheet.Report = sheet.nowhere
) -> Posteriors:
    """Posteriors of a finished run, by default the first, over all its data.

    `report` is called with the number of points that are encoded.

    Raises:
        ValueError: One line, for a folder or a run that cannot be used.
    """
    sweep = finished(workdir)
    _, rows, tables = sweep
    numbers, fine = tables["number"].tolist(), tables["diverged"] < 0
    if run is None and not fine.any():
        raise ValueError(f"{workdir}: every run that has finished diverged.")
    run = numbers[int(np.argmax(fine))] if run is None else run
    if run not in numbers:
        raise ValueError(
            f"{workdir}: run {run} has not finished; expected one of the "
            f"{len(numbers)} from {numbers[0]} to {numbers[-1]}."
        )
    place = numbers.index(run)
    if tables["diverged"][place] >= 0:
        raise ValueError(f"{workdir}: run {run} diverged; choose another.")
    work = sweep.works[program(sweep, place)]
    params, setting = parameters(sweep, place)
    p = autoencoder.prior(work.vae, params, setting)
    names = style.varying(rows) or ["prior", "beta"]
    return Posteriors(
        f"run {run}: {style.describe(rows[tables['setting'][place]], names)}",
        encode(work, params, report),
        priors.log_prob(work.vae.prior, p),
    )


def runs(
    workdir: pathlib.Path,
    *,
    per_setting: int,
    points: int,
    report: sheet.Report = sheet.nowhere,
) -> TrainedRuns:
    """Posterior means of the first finished runs of every setting, at the same points.

    Args:
        workdir: Folder of a sweep on data with factors.
        per_setting: The largest number of runs per setting.
        points: Size of a random subset of the data; at most all are taken.
        report: Is called with the number of runs whose points are encoded.

    Raises:
        ValueError: One line, for a folder that cannot be used.
    """
    sweep = finished(workdir)
    rows, tables = sweep.rows, sweep.tables
    if any(work.data.points is not sweep.works[0].data.points for work in sweep.works):
        raise ValueError(
            f"{workdir}: expected runs on the same data; got several data sets."
        )
    factors = len(sweep.works[0].vae.factor_sizes)
    if factors < 2:
        kind = "a class alone" if factors else "none"
        raise ValueError(f"{workdir}: expected data with factors; got {kind}.")
    works = [on_some(work, points) for work in sweep.works]
    ok = (tables["diverged"] < 0) & np.isfinite(tables["scores/loss"])
    if not ok.any():
        raise ValueError(f"{workdir}: every run that has finished diverged.")
    places = np.concatenate(
        [
            np.flatnonzero((tables["setting"] == row) & ok)[:per_setting]
            for row in range(len(rows))
        ]
    )
    places = places[np.argsort(tables["block"][places], kind="stable")]
    codes, block = [], None
    for done, place in enumerate(places, start=1):
        if block is None or block[0] != tables["block"][place]:
            first, work = int(tables["block"][place]), works[program(sweep, place)]
            block = first, _params(work, first)
        index = tables["index"][place]
        params = jax.tree.map(lambda leaf, i=index: leaf[i], block[1])
        codes.append(np.asarray(encode(work, params).loc))
        report("runs encoded", done, len(places))
    columns = (tables[name][places] for name in ("number", "seed", "setting"))
    return TrainedRuns(*columns, rows, codes, works[0].data.factors)


def on_some(work: Sweep, points: int) -> Sweep:
    """The sweep with a random subset of its data.

    If images are scored that were not trained on, it is a subset of these.
    """
    key = jax.random.fold_in(jax.random.key(work.config.rng), 3)
    trained = work.config.evaluate.images == "trained"
    data = work.data if trained else work.scored
    data = arrays.subset(data, key, min(points, len(data.points)))
    return work._replace(data=data)


def encode(
    work: Sweep, params: Params, report: sheet.Report = sheet.nowhere
) -> Gaussian:
    """Posteriors of all data, in blocks of one size; leaves `[N, D]`."""
    points, block_of = work.data.points, _encoder(work.vae)
    size = len(points)
    block = min(work.config.evaluate.batch_size, size)
    starts = np.minimum(np.arange(0, size, block), size - block)
    leaves = [np.empty((size, work.vae.latents), np.float32) for _ in range(2)]
    for start in starts.tolist():
        part = slice(start, start + block)
        for whole, values in zip(leaves, block_of(params, points[part]), strict=True):
            whole[part] = values
        report("points encoded", part.stop, size)
    return Gaussian(*map(jnp.asarray, leaves))


@functools.cache
def _encoder(vae: VAE) -> Callable[[Params, jax.Array], Gaussian]:
    """The compiled encoder, which all runs of a sweep share."""

    def encoder(params: Params, points: jax.Array) -> Gaussian:
        return autoencoder.encode(vae, params, autoencoder.data_values(vae, points))

    return jax.jit(encoder)


def _params(work: Sweep, first: int) -> Params:
    """The parameters of a block, which must fit the networks; leaves `[R, ...]`."""
    path = run_tables.block_path(work.workdir, first)
    try:
        params = run_tables.read_block(work.workdir, first)
    except npz.BAD_FILE as error:
        raise ValueError(f"{path}: {npz.problem(error)}.") from error
    setting = jax.tree.map(lambda leaf: leaf[0], work.settings)
    init = functools.partial(autoencoder.init, vae=work.vae, setting=setting)
    expected = jax.tree.map(jnp.shape, jax.eval_shape(init, jax.random.key(0)))
    shapes = jax.tree.map(lambda leaf: leaf.shape[1:], params)
    if shapes != expected:
        raise ValueError(
            f"{path}: its parameters do not fit the networks of config.json."
        )
    return params
