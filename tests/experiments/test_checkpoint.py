import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.checkpoint import Checkpoint

NUMBERS = np.arange(6)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture
def state(small, together):
    init, _ = together
    return init(small.keys(range(6)), small.settings)


@pytest.fixture
def other(small, together):
    init, _ = together
    return init(small.keys(range(6, 12)), small.settings)


def test_a_resumed_block_equals_the_uninterrupted_one(
    small, together, company, state, other, tmp_path
):
    _, advance = together
    points = jnp.asarray(small.sweep.data.points)
    rest = (small.keys(range(6)), small.settings, points)
    half = advance(state, *rest, jnp.int32(2))
    curves = [np.full((6, 5), 0.5)]
    Checkpoint(tmp_path, NUMBERS, 0).save(half, curves, 2)

    found, found_curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert done == 2
    assert_same(found_curves, curves)
    assert_same(jax.device_get(found), jax.device_get(half))
    assert jax.tree.map(lambda x: x.dtype, found) == jax.tree.map(
        lambda x: x.dtype, half
    )
    end = advance(found, *rest, jnp.int32(2))
    assert_same(jax.device_get(end), company)


def test_a_checkpoint_before_the_first_record_has_no_curves(state, other, tmp_path):
    Checkpoint(tmp_path, NUMBERS, 0).save(state, [], 1)
    _, curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert (curves, done) == ([], 1)


def test_the_checkpoint_of_another_block_is_not_used(state, other, tmp_path):
    Checkpoint(tmp_path, NUMBERS, 0).save(state, [], 3)
    found, curves, done = Checkpoint(tmp_path, NUMBERS + 6, 0).restore(other)
    assert found is other
    assert (curves, done) == ([], 0)


def test_the_checkpoint_of_a_block_filled_up_otherwise_is_not_used(
    state, other, tmp_path
):
    # One run is a block of two on two devices, and of one on one device.
    Checkpoint(tmp_path, NUMBERS[:1], 0).save(
        jax.tree.map(lambda leaf: leaf[:2], state), [], 3
    )
    one = jax.tree.map(lambda leaf: leaf[:1], other)
    found, curves, done = Checkpoint(tmp_path, NUMBERS[:1], 0).restore(one)
    assert found is one
    assert (curves, done) == ([], 0)


def test_nothing_is_restored_from_an_empty_folder(state, tmp_path):
    found, curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(state)
    assert found is state
    assert (curves, done) == ([], 0)


def test_saves_are_as_far_apart_as_asked(state, tmp_path):
    Checkpoint(tmp_path, NUMBERS, 10).save(state, [], 1)
    assert list(tmp_path.iterdir()) == []
    often = Checkpoint(tmp_path, NUMBERS, 1e-4)
    time.sleep(0.01)
    often.save(state, [], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_finished_block_leaves_no_checkpoint(state, tmp_path):
    checkpoint = Checkpoint(tmp_path, NUMBERS, 0)
    checkpoint.remove()
    checkpoint.save(state, [], 1)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []
