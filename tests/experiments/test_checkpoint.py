import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sweep import checkpoint
from experiments.sweep.checkpoint import Checkpoint
from experiments.system import parallel

NUMBERS = np.arange(6)
CURVES = [np.arange(30.0).reshape(6, 5), np.arange(30.0, 60.0).reshape(6, 5)]


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


def save(folder, state, curves, done, *, numbers=NUMBERS):
    one = Checkpoint(folder, numbers, 0)
    one.save(state, curves, done)
    one.wait()


def saved(folder):
    return sorted(int(path.name) for path in folder.glob("checkpoints/*/*"))


def test_a_resumed_block_equals_the_uninterrupted_one(
    small, together, company, state, other, tmp_path
):
    _, advance = together
    points = jnp.asarray(small.sweep.data.points)
    rest = (small.keys(range(6)), small.settings, points)
    half = advance(state, *rest, jnp.int32(2))
    save(tmp_path, half, CURVES, 2)

    found, curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert done == 2
    assert_same(curves, CURVES)
    assert_same(jax.device_get(found), jax.device_get(half))
    assert jax.tree.map(lambda x: (x.dtype, x.sharding), found) == jax.tree.map(
        lambda x: (x.dtype, x.sharding), half
    )
    end = advance(found, *rest, jnp.int32(2))
    assert_same(jax.device_get(end), company)


def test_a_checkpoint_before_the_first_record_has_no_curves(state, other, tmp_path):
    save(tmp_path, state, [], 1)
    _, curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert (curves, done) == ([], 1)


def test_the_checkpoint_of_other_runs_is_not_used(state, other, tmp_path):
    save(tmp_path, state, CURVES, 3)
    found, curves, done = Checkpoint(tmp_path, NUMBERS + 3, 0).restore(other)
    assert found is other
    assert (curves, done) == ([], 0)


def test_a_part_of_a_block_goes_on_on_another_number_of_devices(small, state, tmp_path):
    # A block of six on two devices goes on as blocks of three on one.
    save(tmp_path, state, CURVES, 3)
    init, _ = small.compiled(devices=1, block=3)
    blank = init(
        small.keys(range(3)), jax.tree.map(lambda leaf: leaf[:3], small.settings)
    )
    late = np.array([5, 1, 3])
    found, curves, done = Checkpoint(tmp_path, late, 0).restore(blank)
    assert done == 3
    assert_same(
        jax.device_get(found), jax.tree.map(lambda x: x[late], jax.device_get(state))
    )
    assert_same(curves, [curve[late] for curve in CURVES])


def test_a_block_filled_up_keeps_its_runs_alone_and_is_filled_up_again(
    state, other, tmp_path
):
    save(tmp_path, state, CURVES, 3, numbers=NUMBERS[:5])
    found, _, _ = Checkpoint(tmp_path, NUMBERS[:5], 0).restore(other)
    full = [0, 1, 2, 3, 4, 4]
    assert_same(
        jax.device_get(found), jax.tree.map(lambda x: x[full], jax.device_get(state))
    )


def test_nothing_is_restored_from_an_empty_folder(state, tmp_path):
    found, curves, done = Checkpoint(tmp_path, NUMBERS, 0).restore(state)
    assert found is state
    assert (curves, done) == ([], 0)


def test_saves_are_as_far_apart_as_asked_unless_it_must_be_now(state, tmp_path):
    slow = Checkpoint(tmp_path, NUMBERS, 10)
    slow.save(state, [], 1)
    slow.wait()
    assert list(tmp_path.iterdir()) == []
    slow.save(state, [], 2, now=True)
    slow.wait()
    assert saved(tmp_path) == [2]
    often = Checkpoint(tmp_path, NUMBERS, 1e-4)
    time.sleep(0.01)
    often.save(state, [], 3)
    often.wait()
    assert saved(tmp_path) == [2, 3]


def test_the_last_two_are_kept(state, tmp_path):
    one = Checkpoint(tmp_path, NUMBERS, 0)
    for done in (1, 2, 3):
        one.save(state, [], done)
    one.save(state, [], 3)
    one.wait()
    assert saved(tmp_path) == [2, 3]


def damage(folder, *, how):
    """Truncates, flips a bit of or deletes every large file of a checkpoint."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        content = bytearray(path.read_bytes())
        if how == "deleted":
            path.unlink()
        elif how == "truncated":
            path.write_bytes(content[: len(content) // 2])
        elif content:
            content[len(content) // 2] ^= 1
            path.write_bytes(content)


@pytest.mark.parametrize("how", ["deleted", "truncated", "flipped"])
@pytest.mark.parametrize("part", ["about", "state", "state/d"])
def test_a_damaged_checkpoint_is_passed_over_and_said(
    state, other, tmp_path, capsys, how, part
):
    one = Checkpoint(tmp_path, NUMBERS, 0)
    one.save(state, [], 1)
    one.save(other, [], 2)
    one.wait()
    (last,) = tmp_path.glob("checkpoints/*/2")
    damage(last / part, how=how)
    found, _, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert done == 1
    assert_same(jax.device_get(found), jax.device_get(state))
    assert "damaged" in capsys.readouterr().out
    save(tmp_path, other, [], 2)  # and can be saved again
    assert saved(tmp_path) == [1, 2]


def test_what_was_begun_comes_first_and_stays_together(state, tmp_path):
    pending = parallel.enumerate_runs(1, seeds=14, first_seed=0)
    save(tmp_path, state, [], 1, numbers=np.arange(4, 10))
    save(tmp_path, state, [], 2, numbers=np.arange(10, 13))
    parts = [part.number.tolist() for part in checkpoint.blocks(tmp_path, pending, 4)]
    assert parts == [[10, 11, 12], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3], [13]]


def test_a_checkpoint_goes_once_all_its_runs_have_finished(state, tmp_path):
    save(tmp_path, state, [], 1)
    checkpoint.forget(tmp_path, np.arange(5))
    assert saved(tmp_path) == [1]
    checkpoint.forget(tmp_path, np.arange(6))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(state, tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(OSError, match="cannot write a checkpoint") as refused:
        save(tmp_path, state, [], 1)
    assert "\n" not in str(refused.value)


def test_what_is_left_of_a_save_that_was_killed_is_ignored(state, other, tmp_path):
    save(tmp_path, state, [], 1)
    (whole,) = tmp_path.glob("checkpoints/*/1")
    shutil.copytree(whole, whole.with_name("2.orbax-checkpoint-tmp"))
    _, _, done = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert done == 1
    save(tmp_path, other, [], 3)
    assert [path.name for path in sorted(whole.parent.iterdir())] == ["1", "3"]
