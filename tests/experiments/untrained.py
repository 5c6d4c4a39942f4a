"""Workdirs without training: initial networks and random scores."""

import jax
import matplotlib.image
import numpy as np

from configs import pinwheel, shapes_anisotropic
from experiments.config import settings
from experiments.results import run_tables
from experiments.sweep import layout, opened, workdirs
from experiments.system import atomic_files, parallel
from experiments.training import one_run

SCORES = ("loss", "reconstruction", "mig", "kl_prior_aggregate")


def shapes_config():
    """Two settings of four seeds on 64 images of 8×8."""
    config = shapes_anisotropic.get_config("laptop,smoke")
    with config.unlocked():
        config.data.side = 8
        config.data.points = 64
        config.evaluate.points = 64
        config.model.hidden = (6,)
        config.model.latents = 3
        config.prior.name = ("isotropic",)
        config.seeds = 4
    return config


def plane_config():
    """Two settings of two seeds on 60 points."""
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.data.points = 60
        config.train.batch_size = 60
        config.model.hidden = (6,)
        config.objective.beta = (1.0, 0.0)
        config.objective.alpha = (0.0, 2.0)
    return config


def write(workdir, config, *, diverged=()):
    """Writes the files of a finished sweep; runs in `diverged` diverged at step 3."""
    config, programs = settings.validate(config)
    rows = settings.rows(programs)
    workdirs.start(workdir, config.to_dict(), [workdirs.Training(4, 2)], [])
    atomic_files.write_json(workdir / "settings.json", rows)
    work = layout.sweeps(programs, workdir)[0]
    opened.write_shapes(workdir, [work])
    runs = parallel.enumerate_runs(len(rows), config.seeds, config.first_seed)
    init, _, _ = layout.functions(work)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), runs.number)
    settings_of_runs = jax.tree.map(lambda leaf: leaf[runs.setting], work.settings)
    params = jax.device_get(jax.jit(jax.vmap(init))(keys, settings_of_runs).params)
    rng, count = np.random.default_rng(0), len(runs.number)
    run_tables.write_block(
        workdir,
        runs,
        params,
        {
            "diverged": np.where(np.isin(runs.number, diverged), 3, -1),
            "term": np.where(np.isin(runs.number, diverged), 1, -1),
        },
        {name: rng.normal(size=count) + runs.setting for name in SCORES},
        np.zeros((count, 1, 1 + len(one_run.MEASURES))),
    )
    run_tables.write_tables(
        workdir, rows, order=SCORES, measures=one_run.MEASURES, terms=one_run.TERMS
    )
    (workdir / "figures").mkdir()
    picture = rng.integers(0, 256, (30, 60, 3), np.uint8)
    matplotlib.image.imsave(workdir / "figures" / "traversals.png", picture)
    return workdir
