import jax
import numpy as np
import pytest

from configs import images
from decomp import runs
from experiments.config import settings
from experiments.sweep import layout


def test_memory_of_a_run_follows_the_compiled_program(small):
    init, advance, _ = layout.functions(small.sweep)
    few, many = (
        runs.vmapped_bytes(
            advance, layout.training_shapes(small.sweep, count), jax.devices()[0]
        )
        for count in (8, 64)
    )
    assert few == pytest.approx(many, rel=0.25)
    # The program holds the old and the new state; the rest is activations of a batch.
    assert 2 * layout.state_bytes(small.sweep) < many
    one = jax.tree.map(lambda leaf: leaf[0], small.settings)
    state = jax.eval_shape(init, jax.random.key(0), one)
    assert layout.state_bytes(small.sweep) == sum(
        4 * np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(state)
    )


def test_a_data_set_of_one_point_is_refused(tmp_path):
    config = images.get_config("smoke")
    np.savez(tmp_path / "one.npz", images=np.zeros((1, 8, 8), np.uint8))
    with config.unlocked():
        config.data.name, config.data.path = "images", str(tmp_path / "one.npz")
        config.data.points = config.evaluate.points = config.data.side = 0
        config.train.batch_size = 1
    config, programs = settings.validate(config)
    with pytest.raises(ValueError, match="at least 2 points; got 1"):
        layout.sweeps(programs, tmp_path)[0]
