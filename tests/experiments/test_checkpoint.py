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
def state(small, functions):
    init, _ = functions
    return init(small.keys(range(6)), small.settings)


@pytest.fixture
def other(small, functions):
    init, _ = functions
    return init(small.keys(range(6, 12)), small.settings)


def save(folder, state, curves, step, *, numbers=NUMBERS):
    checkpoints = Checkpoint(folder, numbers, 0)
    checkpoints.save(state, curves, step)
    checkpoints.wait()


def saved_steps(folder):
    return sorted(int(path.name) for path in folder.glob("checkpoints/*/*"))


def test_a_resumed_block_equals_the_uninterrupted_one(
    small, functions, block, state, other, tmp_path
):
    _, advance = functions
    points = jnp.asarray(small.sweep.data.points)
    rest = (small.keys(range(6)), small.settings, points)
    half = advance(state, *rest, jnp.int32(2))
    save(tmp_path, half, CURVES, 2)

    restored, curves, step = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert step == 2
    assert_same(curves, CURVES)
    assert_same(jax.device_get(restored), jax.device_get(half))
    assert jax.tree.map(lambda x: (x.dtype, x.sharding), restored) == jax.tree.map(
        lambda x: (x.dtype, x.sharding), half
    )
    end = advance(restored, *rest, jnp.int32(2))
    assert_same(jax.device_get(end), block)


def test_a_checkpoint_before_the_first_record_has_no_curves(state, other, tmp_path):
    save(tmp_path, state, [], 1)
    _, curves, step = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert (curves, step) == ([], 1)


def test_the_checkpoint_of_other_runs_is_not_used(state, other, tmp_path):
    save(tmp_path, state, CURVES, 3)
    restored, curves, step = Checkpoint(tmp_path, NUMBERS + 3, 0).restore(other)
    assert restored is other
    assert (curves, step) == ([], 0)


def test_a_part_of_a_block_continues_on_another_number_of_devices(
    small, state, tmp_path
):
    # A block of six on two devices is continued as blocks of three on one.
    save(tmp_path, state, CURVES, 3)
    init, _ = small.compiled(devices=1, block=3)
    blank = init(
        small.keys(range(3)), jax.tree.map(lambda leaf: leaf[:3], small.settings)
    )
    members = np.array([5, 1, 3])
    restored, curves, step = Checkpoint(tmp_path, members, 0).restore(blank)
    assert step == 3
    assert_same(
        jax.device_get(restored),
        jax.tree.map(lambda x: x[members], jax.device_get(state)),
    )
    assert_same(curves, [curve[members] for curve in CURVES])


def test_a_padded_block_keeps_its_runs_alone_and_is_padded_again(
    state, other, tmp_path
):
    save(tmp_path, state, CURVES, 3, numbers=NUMBERS[:5])
    restored, _, _ = Checkpoint(tmp_path, NUMBERS[:5], 0).restore(other)
    padded = [0, 1, 2, 3, 4, 4]
    assert_same(
        jax.device_get(restored),
        jax.tree.map(lambda x: x[padded], jax.device_get(state)),
    )


def test_nothing_is_restored_from_an_empty_folder(state, tmp_path):
    restored, curves, step = Checkpoint(tmp_path, NUMBERS, 0).restore(state)
    assert restored is state
    assert (curves, step) == ([], 0)


def test_saves_are_as_far_apart_as_requested_unless_forced(state, tmp_path):
    rare = Checkpoint(tmp_path, NUMBERS, 10)
    rare.save(state, [], 1)
    rare.wait()
    assert list(tmp_path.iterdir()) == []
    rare.save(state, [], 2, now=True)
    rare.wait()
    assert saved_steps(tmp_path) == [2]
    frequent = Checkpoint(tmp_path, NUMBERS, 1e-4)
    time.sleep(0.01)
    frequent.save(state, [], 3)
    frequent.wait()
    assert saved_steps(tmp_path) == [2, 3]


def test_the_last_two_are_kept(state, tmp_path):
    checkpoints = Checkpoint(tmp_path, NUMBERS, 0)
    for step in (1, 2, 3):
        checkpoints.save(state, [], step)
    checkpoints.save(state, [], 3)
    checkpoints.wait()
    assert saved_steps(tmp_path) == [2, 3]


def damage(folder, *, how):
    """Truncates, deletes or flips a bit of every file in a folder of a checkpoint."""
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
def test_a_damaged_checkpoint_is_reported_and_skipped(
    state, other, tmp_path, capsys, how, part
):
    checkpoints = Checkpoint(tmp_path, NUMBERS, 0)
    checkpoints.save(state, [], 1)
    checkpoints.save(other, [], 2)
    checkpoints.wait()
    (last,) = tmp_path.glob("checkpoints/*/2")
    damage(last / part, how=how)
    restored, _, step = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert step == 1
    assert_same(jax.device_get(restored), jax.device_get(state))
    assert "damaged" in capsys.readouterr().out
    save(tmp_path, other, [], 2)  # the step can be saved again
    assert saved_steps(tmp_path) == [1, 2]


def test_blocks_with_a_checkpoint_come_first_and_stay_together(state, tmp_path):
    pending = parallel.enumerate_runs(1, seeds=14, first_seed=0)
    save(tmp_path, state, [], 1, numbers=np.arange(4, 10))
    save(tmp_path, state, [], 2, numbers=np.arange(10, 13))
    parts = [part.number.tolist() for part in checkpoint.blocks(tmp_path, pending, 4)]
    assert parts == [[10, 11, 12], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3], [13]]


def test_a_checkpoint_is_deleted_once_all_its_runs_have_finished(state, tmp_path):
    save(tmp_path, state, [], 1)
    checkpoint.forget(tmp_path, np.arange(5))
    assert saved_steps(tmp_path) == [1]
    checkpoint.forget(tmp_path, np.arange(6))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_in_one_line(state, tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(OSError, match="cannot write a checkpoint") as error:
        save(tmp_path, state, [], 1)
    assert "\n" not in str(error.value)


def test_the_remains_of_an_interrupted_save_are_ignored(state, other, tmp_path):
    save(tmp_path, state, [], 1)
    (whole,) = tmp_path.glob("checkpoints/*/1")
    shutil.copytree(whole, whole.with_name("2.orbax-checkpoint-tmp"))
    _, _, step = Checkpoint(tmp_path, NUMBERS, 0).restore(other)
    assert step == 1
    save(tmp_path, other, [], 3)
    assert [path.name for path in sorted(whole.parent.iterdir())] == ["1", "3"]
