"""Folders of results without training: networks as they start, scores by chance."""

import jax
import matplotlib.image
import numpy as np

from experiments import files, results, runs, settings, sweep, train

SCORES = ("loss", "reconstruction", "mig", "kl_prior_aggregate")


def write(workdir, config, *, diverged=()):
    """Writes the files of a finished sweep; the runs in `diverged` did so at step 3."""
    config = settings.validate(config)
    rows = settings.rows(config)
    results.open_workdir(workdir, config.to_dict())
    files.write_json(workdir / "settings.json", rows)
    work = sweep.make(config, rows, workdir)
    every = runs.enumerate_runs(len(rows), config.seeds, config.first_seed)
    init, _, _ = sweep.functions(work)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), every.number)
    chosen = jax.tree.map(lambda leaf: leaf[every.setting], work.settings)
    params = jax.device_get(jax.jit(jax.vmap(init))(keys, chosen).params)
    rng, count = np.random.default_rng(0), len(every.number)
    results.write_block(
        workdir,
        every,
        params,
        np.where(np.isin(every.number, diverged), 3, -1),
        {name: rng.normal(size=count) + every.setting for name in SCORES},
        np.zeros((count, 1, 1 + len(train.MEASURES))),
    )
    results.write_tables(workdir, rows, order=SCORES, measures=train.MEASURES)
    (workdir / "figures").mkdir()
    picture = rng.integers(0, 256, (30, 60, 3), np.uint8)
    matplotlib.image.imsave(workdir / "figures" / "traversals.png", picture)
    return workdir
