import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import shapes_anisotropic
from decomp import runs
from experiments.config import settings
from experiments.data.arrays import Dataset, shares
from experiments.models import autoencoder
from experiments.models.autoencoder import Hyperparameters
from experiments.plots import style
from experiments.sweep import layout
from experiments.sweep.layout import Sweep
from experiments.system import parallel
from tests.experiments import untrained

POINTS, STEPS = 50, 4
style.DPI = 40  # a picture of few pixels is drawn in half of the time


keys_of = jax.jit(jax.vmap(jax.random.fold_in, (None, 0)))


class Small(NamedTuple):
    """A sweep of six settings on random 8×8 images, in milliseconds."""

    sweep: Sweep
    settings: Hyperparameters  # leaves [settings]

    def keys(self, members, *, root=3):
        """Fresh keys, one per run."""
        return keys_of(jax.random.key(root), np.asarray(members))

    def compiled(self, *, devices, block):
        """`init` and `advance` of a block of runs."""
        plan = runs.plan(6, devices=parallel.devices(6, devices), block=block)
        init, advance, _ = layout.functions(self.sweep)
        return (
            parallel.over_runs(init, plan, mapped=2, shared=0, vmapped=False),
            parallel.over_runs(advance, plan, mapped=3, shared=2, vmapped=False),
        )

    def train(self, functions, members, *, calls=(STEPS,), root=3, **changes):
        """Trains some of the runs; `changes` replaces weights."""
        init, advance = functions
        members = np.asarray(members)
        setting = self.settings
        setting = setting._replace(weights=setting.weights | changes)
        setting = jax.tree.map(lambda leaf: leaf[members], setting)
        keys, points = (
            self.keys(members, root=root),
            jnp.asarray(self.sweep.data.points),
        )
        state = init(keys, setting)
        for steps in calls:
            state = advance(state, keys, setting, points, jnp.int32(steps))
        return jax.device_get(state)


@pytest.fixture(scope="session")
def small():
    config = shapes_anisotropic.get_config("laptop,smoke")
    with config.unlocked():
        config.data.side = 8
        config.model.hidden = (6,)
        config.model.latents = 3
        config.evaluate.batch_size = 16
    config, programs = settings.validate(config)
    rng = np.random.default_rng(0)
    points = rng.integers(0, 65, (POINTS, 64), np.uint8)
    factors = rng.integers(0, 3, (POINTS, 5), np.uint8)
    data = Dataset(points, factors, (8, 8, 1), shares(64), 64)
    rows = settings.rows(programs)
    vae = autoencoder.make(config, settings.rows(programs), data)
    table = autoencoder.setting_arrays(config, data, rows, vae)
    sweep = Sweep(config, vae, table, STEPS, data, data, pathlib.Path())
    return Small(sweep, jax.device_get(table))


@pytest.fixture(scope="session")
def functions(small):
    """`init` and `advance` of all six runs as one block on two devices."""
    return small.compiled(devices=2, block=6)


@pytest.fixture(scope="session")
def block(small, functions):
    """The final state of the six runs trained as one block."""
    return small.train(functions, range(6))


@pytest.fixture(scope="session")
def image_results(tmp_path_factory):
    """Results of two settings of four seeds on images, without training."""
    workdir = tmp_path_factory.mktemp("untrained") / "images"
    return untrained.write(workdir, untrained.shapes_config(), diverged=(5,))


@pytest.fixture(scope="session")
def plane_results(tmp_path_factory):
    """Results of two settings of two seeds in the plane, without training."""
    workdir = tmp_path_factory.mktemp("untrained") / "plane"
    return untrained.write(workdir, untrained.plane_config(), diverged=(1,))
