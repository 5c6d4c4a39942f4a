import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import runs as axis
from experiments.system import parallel

OPTIONS = {"bytes_per_run": 10, "memory": 1000}


def test_runs_are_enumerated_seed_by_seed():
    runs = parallel.enumerate_runs(3, seeds=2, first_seed=7)
    assert runs.number.tolist() == [0, 1, 2, 3, 4, 5]
    assert runs.seed.tolist() == [7, 7, 7, 8, 8, 8]
    assert runs.setting.tolist() == [0, 1, 2, 0, 1, 2]


def test_blocks_contain_every_run_once_in_order():
    runs = parallel.enumerate_runs(3, seeds=3, first_seed=0)
    parts = list(parallel.blocks(runs, 4))
    assert [part.number.tolist() for part in parts] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8],
    ]
    assert [part.setting.tolist() for part in parts][1] == [1, 2, 0, 1]


def test_a_block_is_padded_with_its_last_run():
    last = list(parallel.blocks(parallel.enumerate_runs(3, seeds=3, first_seed=0), 4))[
        -1
    ]
    block = parallel.padded(last, 4)
    assert block.number.tolist() == [8] * 4
    assert block.seed.tolist() == [2] * 4
    assert parallel.padded(block, 4).number.tolist() == block.number.tolist()


@pytest.mark.parametrize(
    ("num_runs", "options", "block", "devices"),
    [
        (1000, {}, 100, 2),  # at most 100 on a CPU
        (1000, {"memory": 70}, 6, 2),  # what fits, a multiple of the devices
        (1000, {"memory": 1}, 2, 2),  # at least one run per device
        (1000, {"block": 8}, 8, 2),
        (1000, {"block": 7}, 6, 2),
        (1000, {"block": 7, "devices": 1}, 7, 1),
        (3, {}, 4, 2),  # padded, so that all runs are trained at once
        (1, {}, 1, 1),
        (5, {"block": 80}, 6, 2),
        (5, {"block": 5}, 4, 2),  # never more than asked for
        (101, {}, 52, 2),  # two blocks of about the same size
    ],
)
def test_a_plan_fits_the_memory_and_the_devices(num_runs, options, block, devices):
    options = options.copy()
    number = options.pop("devices", 0)
    plan = axis.plan(
        num_runs, devices=parallel.devices(num_runs, number), **(OPTIONS | options)
    )
    assert (plan.block, plan.mesh.size) == (block, devices)
    assert not plan.vmapped


def test_more_devices_than_exist_are_refused():
    with pytest.raises(ValueError, match="runs.devices must be at most 2 here; got 3"):
        parallel.devices(10, 3)


def test_mapped_and_vmapped_runs_agree():
    plan = axis.plan(6, devices=jax.devices(), block=6)

    def function(key, weights, shared):
        noise = jax.random.normal(jax.random.fold_in(key, 1), shared.shape)
        return {"y": jnp.tanh(shared @ weights) + noise[:, :1], "norm": weights.sum()}

    root = jax.random.key(0)
    keys = jax.vmap(lambda i: jax.random.fold_in(root, i))(jnp.arange(6))
    weights = jax.random.normal(jax.random.key(1), (6, 4, 1))
    shared = parallel.share(plan, jax.random.normal(jax.random.key(2), (5, 4)))
    one_by_one, under_vmap = (
        parallel.over_runs(function, plan, mapped=2, shared=1, vmapped=vmapped)(
            keys, weights, shared
        )
        for vmapped in (False, True)
    )
    assert one_by_one["y"].shape == (6, 5, 1)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
        one_by_one,
        under_vmap,
    )
    alone = function(keys[4], weights[4], jax.device_get(shared))
    np.testing.assert_allclose(one_by_one["y"][4], alone["y"], rtol=1e-6, atol=1e-6)
    assert one_by_one["norm"].sharding.spec == jax.sharding.PartitionSpec("run")


def test_a_step_does_not_communicate(small):
    init, advance = small.compiled(devices=2, block=6)
    keys, points = small.keys(range(6)), jnp.asarray(small.sweep.data.points)
    state = init(keys, small.settings)
    program = advance.lower(state, keys, small.settings, points, jnp.int32(1))
    text = program.compile().as_text()
    assert "while" in text
    collectives = ("all-reduce", "all-gather", "all-to-all", "collective-permute")
    assert not [name for name in collectives if name in text]


def test_runs_are_placed_and_collected_in_order():
    plan = axis.plan(6, devices=jax.devices(), block=6)
    tree = {"x": np.arange(12.0).reshape(6, 2), "n": np.arange(6)}
    placed = parallel.scatter(plan, tree)
    assert placed["x"].sharding.shard_shape((6, 2)) == (3, 2)
    jax.tree.map(np.testing.assert_array_equal, parallel.collect(placed), tree)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(1), i))(jnp.arange(6))
    back = parallel.scatter(plan, keys)
    assert jnp.array_equal(jax.random.key_data(back), jax.random.key_data(keys))
    assert parallel.is_first()
    assert parallel.maximum(2.5) == 2.5
    assert parallel.from_first(np.array([True, False])).tolist() == [True, False]


def test_a_layout_may_be_chosen():
    assert axis.plan(4, devices=jax.devices(), layout="vmapped").vmapped
    assert not axis.plan(4, devices=jax.devices(), layout="mapped").vmapped


def test_options_that_a_version_of_xla_lacks_are_left_out(monkeypatch):
    options = {"xla_cpu_multi_thread_eigen": False}
    assert axis.compiler_options(options | {"xla_no_such_option": False}) == options
    assert axis.compiler_options({"xla_no_such_option": False}) is None
    monkeypatch.setattr(axis, "_exists", lambda *_: False)
    mesh = axis.over(jax.devices())
    doubled = axis.over_runs(
        lambda x: 2 * x, mesh, mapped=1, shared=0, vmapped=True, brief=True
    )
    np.testing.assert_array_equal(doubled(jnp.arange(2.0)), [0.0, 2.0])
