import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import priors
from decomp.datasets import shuffle

ISOTROPIC, PCA, LEARNED = (0, 1), (2, 3), (4, 5)


def run(state, place):
    return jax.tree.map(lambda leaf: np.asarray(leaf[place]), state)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def alone(small):
    return small.compiled(devices=1, block=1)


def test_a_run_alone_is_the_run_in_company(small, alone, company):
    for number in (1, 4):
        assert_same(run(small.train(alone, [number]), 0), run(company, number))


def test_a_run_does_not_depend_on_the_block_or_the_devices(small, company):
    one_device = small.compiled(devices=1, block=6)
    assert_same(small.train(one_device, range(6)), company)


def test_a_run_does_not_depend_on_its_place(small, together, company):
    order = [5, 3, 0, 1, 4, 2]
    shuffled = small.train(together, order)
    for place, number in enumerate(order):
        assert_same(run(shuffled, place), run(company, number))


def test_steps_may_be_taken_in_any_number_of_calls(small, together, company):
    assert_same(small.train(together, range(6), calls=(1, 3)), company)
    assert_same(small.train(together, range(6), calls=(1, 1, 1, 1)), company)


def test_runs_of_other_seeds_differ(small, together, company):
    other = small._replace(keys=small.keys[::-1]).train(together, range(6))
    for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(company), strict=True):
        if a.ndim > 2:
            assert not np.any(np.all(a == b, axis=tuple(range(1, a.ndim))))


def test_training_moves_every_weight_matrix_and_counts_its_steps(
    small, together, company
):
    start = small.train(together, range(6), calls=())
    assert np.all(company.step == 4)
    assert np.all(company.diverged == -1)
    for name in ("encoder", "decoder"):
        changed = jax.tree.map(
            lambda a, b: np.any(a != b),
            start.params[name],
            company.params[name],
        )
        assert all(jax.tree.leaves(changed))


def test_fixed_priors_stay_and_learned_ones_move_with_the_trace_kept(
    small, together, company
):
    start = small.train(together, range(6), calls=()).params["prior"]["log_variances"]
    end = company.params["prior"]["log_variances"]
    np.testing.assert_array_equal(start, small.settings.log_variances)
    for number in (*ISOTROPIC, *PCA):
        np.testing.assert_array_equal(end[number], start[number])
    for number in LEARNED:
        assert np.all(end[number] != start[number])
        scale = priors.anisotropic(jnp.asarray(end[number])).scale
        np.testing.assert_allclose(np.sum(scale**2), 3, rtol=1e-6)


def test_a_diverged_run_is_frozen_and_its_neighbours_do_not_notice(
    small, together, company
):
    beta = small.settings.beta.at[3].set(jnp.inf)
    state = small.train(together, range(6), beta=beta)
    start = small.train(together, range(6), calls=())
    assert state.diverged.tolist() == [-1, -1, -1, 0, -1, -1]
    assert_same(run(state.params, 3), run(start.params, 3))
    assert_same(run(state.opt_state, 3), run(start.opt_state, 3))
    for number in (0, 1, 2, 4, 5):
        assert_same(run(state, number), run(company, number))


def test_a_run_that_diverges_later_keeps_the_parameters_of_that_step(small, together):
    init, advance = together
    points = jnp.asarray(small.sweep.data.points)
    state = init(small.keys, small.settings)
    state = advance(state, small.keys, small.settings, points, jnp.int32(2))
    bad = small.settings._replace(beta=small.settings.beta.at[0].set(jnp.nan))
    end = advance(state, small.keys, bad, points, jnp.int32(2))
    # A loss that recovers does not bring the run back.
    end = advance(end, small.keys, small.settings, points, jnp.int32(1))
    assert end.diverged.tolist() == [2, -1, -1, -1, -1, -1]
    assert end.step.tolist() == [5] * 6
    assert_same(run(end.params, 0), run(state.params, 0))


def test_sums_are_those_since_the_last_record(small, together):
    # `small` records every second step.
    sums = [small.train(together, range(6), calls=(n,)).sums for n in (1, 2, 3, 4)]
    assert np.all(sums[0][:, 1] > 0)
    np.testing.assert_array_less(1.9 * sums[0][:, 1], sums[1][:, 1])
    np.testing.assert_array_less(sums[2][:, 1], 0.6 * sums[1][:, 1])
    np.testing.assert_allclose(
        sums[3][:, 0],
        sums[3][:, 1] + np.asarray(small.settings.beta) * sums[3][:, 2],
        rtol=1e-6,
    )


def test_an_epoch_is_a_permutation_and_the_next_is_another():
    keys = [jax.random.fold_in(jax.random.key(0), epoch) for epoch in range(2)]
    size, batch = 48, 16
    orders = []
    for key in keys:
        steps = [
            shuffle.permuted_index(key, start + jnp.arange(batch), size)
            for start in range(0, size, batch)
        ]
        orders.append(np.concatenate(steps))
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert np.any(orders[0] != orders[1])
