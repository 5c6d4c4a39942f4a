"""A sweep: its data, networks and settings, and the layout of its runs."""

import functools
import json
import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from decomp import runs, training
from experiments.config import fields, settings
from experiments.config.settings import ProgramSettings
from experiments.data import arrays, loaders
from experiments.data.arrays import Dataset
from experiments.evaluation import evaluate, metrics
from experiments.models import autoencoder
from experiments.models.autoencoder import VAE, Hyperparameters
from experiments.system import parallel
from experiments.system.parallel import Plan, Runs
from experiments.system.terminal import counted
from experiments.training import one_run, optimisers, own_entries

# The largest number of runs with convolutions that a TPU trains together: by XLA's
# estimates for a v5e, 8 to 16 runs at a time are a quarter faster than more runs.
_CONVOLUTIONS_OF_A_TPU = 16


class Sweep(NamedTuple):
    """Everything that the runs of one program of a sweep share."""

    config: ConfigDict
    vae: VAE
    settings: Hyperparameters  # the settings of this program, leaves [settings]
    steps: int
    data: Dataset
    scored: Dataset  # the part of the data that is scored
    workdir: pathlib.Path
    first: int = 0  # index of its first setting among those of the sweep


def sweeps(programs: Iterable[ProgramSettings], workdir: pathlib.Path) -> list[Sweep]:
    """Loads the data and builds the networks of the programs of a validated config.

    Programs on the same data share the arrays.

    Raises:
        ValueError: For data that do not fit the config.
    """
    loaded: dict[str, Dataset] = {}
    works = []
    for program in programs:
        key = json.dumps([program.config.rng, program.config.data.to_dict()])
        if key not in loaded:
            loaded[key] = loaders.load(program.config)
        works.append(_sweep(program, loaded[key], workdir))
    return works


def _sweep(program: ProgramSettings, data: Dataset, workdir: pathlib.Path) -> Sweep:
    config, rows, first = program
    steps = _steps(config, len(data.points))
    subset_key = jax.random.fold_in(jax.random.key(config.rng), 1)
    scored = loaders.scored(subset_key, config, data)
    if data.shape:
        data = arrays.with_factors(data, scored.factor_names)
        metrics.check(config.evaluate.metrics, scored, config.model.latents)
    vae = autoencoder.make(config, rows, data)
    if config.evaluate.images != "trained":
        vae = vae._replace(factor_sizes=autoencoder.factor_sizes(scored))
    table = autoencoder.setting_arrays(config, data, rows, vae)
    own_entries.check(vae, jax.tree.map(lambda leaf: leaf[0], table))
    return Sweep(
        config=config,
        vae=vae,
        settings=table,
        first=first,
        steps=steps,
        data=data,
        scored=scored,
        workdir=workdir,
    )


def outline(program: ProgramSettings, backend: str) -> Sweep:
    """A program of a sweep that is compiled but not trained, without its data.

    Args:
        program: Of a validated config.
        backend: The backend for which it is compiled: cpu, gpu or tpu.

    Raises:
        ValueError: For data that do not fit the config, or what the backend lacks.
    """
    config, rows, first = program
    data = loaders.outline(config)
    vae = autoencoder.make(config, rows, data, backend=backend)
    unknown = np.ones(config.model.latents)
    table = autoencoder.setting_arrays(config, data, rows, vae, variances=unknown)
    own_entries.check(vae, jax.tree.map(lambda leaf: leaf[0], table))
    return Sweep(
        config=config,
        vae=vae,
        settings=table,
        first=first,
        steps=_steps(config, len(data.points)),
        data=data,
        scored=data,
        workdir=pathlib.Path(),
    )


def _steps(config: ConfigDict, size: int) -> int:
    """The number of steps of a run on `size` points."""
    batch = config.train.batch_size
    if size < 2:
        raise ValueError(f"the data must have at least 2 points; got {size}.")
    if batch > size:
        raise ValueError(
            f"train.batch_size must be at most {size} points; got {batch}."
        )
    steps = config.train.steps or round(config.train.epochs * (size // batch))
    if not steps:
        raise ValueError(
            f"train.epochs must give at least one step ({size // batch} per epoch); "
            f"got {config.train.epochs}."
        )
    return steps


def record_every(sweep: Sweep) -> int:
    """Steps between two rows of a training curve."""
    return max(1, sweep.steps // sweep.config.train.records)


def functions(sweep: Sweep) -> tuple[Any, Any, Any]:
    """`init`, `advance` and `scores` of one run."""
    options = sweep.config.train
    optimiser = optimisers.make(
        options.optimiser, b1=options.b1, b2=options.b2, eps=options.eps
    )
    if sweep.vae.critic is not None:
        options_of_critic = sweep.config.critic
        critic = optimisers.make(
            "adam",
            b1=options_of_critic.b1,
            b2=options_of_critic.b2,
            eps=options.eps,
        )
        optimiser = training.with_critic(optimiser, critic)
    init, advance = one_run.make(
        sweep.vae,
        optimiser,
        batch_size=options.batch_size,
        record_every=record_every(sweep),
        total_steps=sweep.steps,
    )
    return init, advance, evaluate.make(sweep.vae, sweep.config)


def state_bytes(sweep: Sweep) -> int:
    """Bytes of the state of one run in training."""
    return runs.nbytes(training_shapes(sweep, 1)[0])


def training_shapes(sweep: Sweep, count: int) -> tuple[Any, ...]:
    """Shapes of the arguments of `advance` for a block of `count` runs."""
    init, _, _ = functions(sweep)
    setting = jax.tree.map(lambda leaf: leaf[0], sweep.settings)
    run = jax.random.key(0), setting
    return training.shapes(init, run, sweep.data.points, count)


def plan(sweep: Sweep, num_runs: int) -> Plan:
    """Lays out the runs of a program over the devices, by the memory that they take."""
    options = sweep.config.runs
    devices = parallel.devices(num_runs, options.devices)
    _, advance, _ = functions(sweep)
    return runs.lay_out(
        advance,
        functools.partial(training_shapes, sweep),
        num_runs,
        devices=devices,
        block=options.block,
        layout=options.layout,
        most=most_at_once(sweep, devices[0].platform),
    )


def most_at_once(sweep: Sweep, platform: str) -> int:
    """The largest number of runs that a device trains together; 0 if memory decides."""
    form = getattr(sweep.vae.encoder, "form", "")
    on_tpu = platform == "tpu" and form == "convolutions"
    return _CONVOLUTIONS_OF_A_TPU if on_tpu else 0


def members(sweep: Sweep, everything: Runs) -> np.ndarray:
    """Whether each run is of this program, bool `[R]`."""
    place = everything.setting - sweep.first
    return (place >= 0) & (place < len(sweep.settings.objective))


def introduction(sweep: Sweep, plan: Plan, total: int, rest: int) -> str:
    """Describes a sweep, or one of its programs, before it starts; a line per fact.

    Args:
        sweep: The program.
        plan: The layout of its runs.
        total: Number of its runs.
        rest: Number of runs that have not finished.
    """
    config = sweep.config
    rows = len(sweep.settings.objective)
    size, batch = len(sweep.data.points), config.train.batch_size
    device = plan.mesh.devices.flat[0]
    start = f"; {total - rest} are finished, {rest} left" if rest < total else ""
    layout = "vmapped" if plan.vmapped else "one after another on each device"
    megabytes = [
        sweep.data.points.nbytes / 2**20,
        plan.block * state_bytes(sweep) / 2**20,
    ]
    facts = [
        ("data", _described(sweep)),
        ("runs", f"{total:,} = {_grid(rows, config.seeds)}{start}"),
        (
            "training",
            f"{sweep.steps:,} steps of batch {batch} a run, "
            f"{sweep.steps * batch / size:.3g} epochs of {size:,} points",
        ),
        (
            "devices",
            f"{plan.mesh.size} × {device.device_kind}, jax {jax.__version__}, "
            f"blocks of {plan.block} runs, {layout}",
        ),
        (
            "memory",
            f"data {megabytes[0]:,.0f} MiB on each device, "
            f"states of a block {megabytes[1]:,.0f} MiB",
        ),
        ("results", _place(sweep.workdir)),
    ]
    if config.tensorboard:
        facts += [("live view", f"tensorboard --logdir={sweep.workdir}/tensorboard")]
    return "\n".join(f"  {name:<9} {text}" for name, text in facts)


def overview(config: ConfigDict, sweeps: list[Sweep]) -> str:
    """The number of programs of a sweep, and their differences."""
    swept = "; ".join(
        f"{field} = {' | '.join(str(fields.shown(v)) for v in values)}"
        for field, values in settings.own_programs(config).items()
    )
    rows = sum(len(sweep.settings.objective) for sweep in sweeps)
    return (
        f"  {len(sweeps)} programs, one after another, for {swept}; in all "
        f"{rows * config.seeds:,} runs = {_grid(rows, config.seeds)}"
    )


def _grid(rows: int, seeds: int) -> str:
    return f"{counted(rows, 'setting')} × {counted(seeds, 'seed')}"


def differs(config: ConfigDict, sweep: Sweep) -> str:
    """The values of a program's config that other programs do not share."""
    values = {
        field: fields.get(sweep.config, field)
        for field in settings.own_programs(config)
    }
    return ", ".join(f"{field} = {fields.shown(v)}" for field, v in values.items())


def _place(workdir: pathlib.Path) -> str:
    """The folder as typed, and its absolute path."""
    whole = workdir.absolute()
    return str(workdir) if workdir == whole else f"{workdir}, in {pathlib.Path.cwd()}"


def _described(sweep: Sweep) -> str:
    """The data set, the extents of an image, and its factors with their sizes."""
    name, shape = sweep.config.data.name, sweep.data.shape
    size = f", {'×'.join(map(str, shape))} an image" if shape else ""
    pairs = zip(sweep.scored.factor_names, sweep.vae.factor_sizes, strict=False)
    factors = ", ".join(f"{factor} {classes}" for factor, classes in pairs)
    images = sweep.config.evaluate.images.replace("_", " ")
    scored = f"; scored {len(sweep.scored.points):,}, {images}"
    return (
        f"{name}{size}; {factors or 'no factors, so only codes are scored'}"
        f"{'' if images == 'trained' else scored}"
    )
