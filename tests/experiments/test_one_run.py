import jax
import jax.numpy as jnp
import numpy as np
import optax

from decomp import priors
from experiments.training import one_run

ISOTROPIC, PCA, LEARNED = (0, 1), (2, 3), (4, 5)


def run(state, place):
    return jax.tree.map(lambda leaf: np.asarray(leaf[place]), state)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_run_trained_alone_equals_the_run_in_a_block(small, block):
    # A block of one run is padded with its copy, to one run per device.
    alone = small.compiled(devices=2, block=2)
    for number in (1, 4):
        assert_same(run(small.train(alone, [number] * 2), 0), run(block, number))


def test_a_run_is_the_same_on_one_device_up_to_rounding(small, block):
    # XLA compiles a program for one device with other passes, which round differently.
    one_device = small.compiled(devices=1, block=6)
    state = small.train(one_device, range(6))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        (state.params, state.sums),
        (block.params, block.sums),
    )


def test_a_run_does_not_depend_on_its_place(small, functions, block):
    order = [5, 3, 0, 1, 4, 2]
    shuffled = small.train(functions, order)
    for place, number in enumerate(order):
        assert_same(run(shuffled, place), run(block, number))


def test_steps_may_be_taken_in_any_number_of_calls(small, functions, block):
    assert_same(small.train(functions, range(6), calls=(1, 3)), block)
    assert_same(small.train(functions, range(6), calls=(1, 1, 1, 1)), block)


def test_runs_of_other_seeds_differ(small, functions, block):
    other = small.train(functions, range(6), root=4)
    for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(block), strict=True):
        if a.ndim > 2:
            assert not np.any(np.all(a == b, axis=tuple(range(1, a.ndim))))


def test_training_changes_every_weight_matrix_and_counts_its_steps(
    small, functions, block
):
    start = small.train(functions, range(6), calls=())
    assert np.all(block.step == 4)
    assert np.all(block.diverged == -1)
    for name in ("encoder", "decoder"):
        changed = jax.tree.map(
            lambda a, b: np.any(a != b),
            start.params[name],
            block.params[name],
        )
        assert all(jax.tree.leaves(changed))


def test_fixed_priors_stay_and_learned_ones_change_at_constant_trace(
    small, functions, block
):
    start = small.train(functions, range(6), calls=()).params["prior"]["log_variances"]
    end = block.params["prior"]["log_variances"]
    np.testing.assert_array_equal(start, small.settings.prior.log_variances)
    for number in (*ISOTROPIC, *PCA):
        np.testing.assert_array_equal(end[number], start[number])
    for number in LEARNED:
        assert np.all(end[number] != start[number])
        scale = priors.anisotropic(jnp.asarray(end[number])).scale
        np.testing.assert_allclose(np.sum(scale**2), 3, rtol=1e-6)


def test_a_diverged_run_is_frozen_and_the_others_do_not_change(small, functions, block):
    weight = small.settings.weights["beta"]
    beta = np.where(np.arange(6) == 3, np.inf, weight).astype(np.float32)
    state = small.train(functions, range(6), beta=beta)
    start = small.train(functions, range(6), calls=())
    assert state.diverged.tolist() == [-1, -1, -1, 0, -1, -1]
    # With an infinite weight of the KL, the terms are finite but the loss is not.
    assert one_run.TERMS[state.term[3]] == "loss"
    assert np.delete(state.term, 3).tolist() == [-1] * 5
    assert_same(run(state.params, 3), run(start.params, 3))
    for moment in jax.tree.leaves(run(state.opt_state, 3)):
        assert np.isfinite(moment).all()
    for number in (0, 1, 2, 4, 5):
        assert_same(run(state, number), run(block, number))


def test_the_first_term_that_is_not_finite_is_named(small, functions):
    init, advance = functions
    keys, points = small.keys(range(6)), jnp.asarray(small.sweep.data.points)
    state = init(keys, small.settings)

    def with_bias(part, layer, value, run):
        """The state after setting the first bias of a layer of one run."""
        bias = np.array(state.params[part][layer]["bias"])
        bias[run, 0] = value
        return state._replace(
            params=state.params
            | {
                part: state.params[part]
                | {layer: state.params[part][layer] | {"bias": bias}}
            }
        )

    state = with_bias("decoder", "Dense_1", jnp.nan, 1)
    state = with_bias("encoder", "Dense_1", 1e20, 2)  # its square overflows in the KL
    end = advance(state, keys, small.settings, points, jnp.int32(1))
    names = [one_run.TERMS[term] if term >= 0 else "" for term in end.term]
    assert names == ["", "reconstruction", "kl", "", "", ""]


def test_a_learning_rate_too_large_for_some_runs_marks_only_those(small):
    # The gradients of this run are multiplied by 1e30 and overflow at the second step.
    sweep = small.sweep
    init, advance = one_run.make(
        sweep.vae, optax.sgd(1.0), batch_size=16, record_every=1, total_steps=4
    )
    keys, points = small.keys(range(6)), jnp.asarray(sweep.data.points)
    rates = np.where(np.arange(6) == 4, 1e30, 1e-3).astype(np.float32)

    def trained(key, setting):
        return advance(init(key, setting), key, setting, points, jnp.int32(4))

    setting_of_rates = small.settings._replace(learning_rate=rates)
    end = jax.jit(jax.vmap(trained))(keys, setting_of_rates)
    assert end.diverged.tolist() == [-1, -1, -1, -1, 1, -1]
    for leaf in jax.tree.leaves(end.params):
        assert np.isfinite(leaf).all()


def test_a_run_that_diverges_later_keeps_the_parameters_of_that_step(small, functions):
    init, advance = functions
    points = jnp.asarray(small.sweep.data.points)
    keys = small.keys(range(6))
    state = init(keys, small.settings)
    state = advance(state, keys, small.settings, points, jnp.int32(2))
    weights = small.settings.weights
    beta = np.where(np.arange(6) == 0, np.nan, weights["beta"]).astype(np.float32)
    bad = small.settings._replace(weights=weights | {"beta": beta})
    params_before = jax.device_get(state.params)
    end = advance(state, keys, bad, points, jnp.int32(2))
    # A loss that recovers does not revive the run.
    end = advance(end, keys, small.settings, points, jnp.int32(1))
    assert end.diverged.tolist() == [2, -1, -1, -1, -1, -1]
    assert end.term.tolist() == [one_run.TERMS.index("loss"), -1, -1, -1, -1, -1]
    assert end.step.tolist() == [5] * 6
    assert_same(run(end.params, 0), run(params_before, 0))


def test_sums_cover_the_steps_since_the_last_record(small, functions):
    # `small` records every second step.
    sums = [small.train(functions, range(6), calls=(n,)).sums for n in (1, 2, 3, 4)]
    assert np.all(sums[0][:, 1] > 0)
    np.testing.assert_array_less(1.9 * sums[0][:, 1], sums[1][:, 1])
    np.testing.assert_array_less(sums[2][:, 1], 0.6 * sums[1][:, 1])
    np.testing.assert_allclose(
        sums[3][:, 0],
        sums[3][:, 1] + small.settings.weights["beta"] * sums[3][:, 2],
        rtol=1e-6,
    )


def test_every_epoch_is_a_permutation_of_the_points(small):
    # Point i lights only pixel i and the networks are zero, so the gradient of the last
    # bias of the decoder counts how often each point was seen.
    size, batch, weight = 48, 16, 64
    counting = optax.GradientTransformation(
        init=lambda params: jax.tree.map(jnp.zeros_like, params),
        update=lambda g, counts, params: (
            jax.tree.map(jnp.zeros_like, g),
            jax.tree.map(jnp.add, counts, g),
        ),
    )
    init, advance = one_run.make(
        small.sweep.vae, counting, batch_size=batch, record_every=1, total_steps=9
    )
    setting = jax.tree.map(lambda leaf: leaf[0], small.settings)
    points = jnp.asarray(64 * np.eye(64, dtype=np.uint8)[:size])
    key = jax.random.key(1)
    state = jax.tree.map(jnp.zeros_like, jax.jit(init)(key, setting))
    state = state._replace(diverged=jnp.int32(-1), term=jnp.int32(-1))
    advance = jax.jit(advance)

    def visits(steps):
        end = advance(state, key, setting, points, jnp.int32(steps))
        gradient = np.asarray(end.opt_state["decoder"]["Dense_1"]["bias"])
        counts = steps * batch / 2 - gradient * batch / weight
        return np.round(counts, 3)[:size]

    steps = [visits(n) for n in range(7)]
    visits_of_steps = np.diff(steps, axis=0)
    assert all(sorted(set(counts)) == [0, 1] for counts in visits_of_steps)
    assert all(counts.sum() == batch for counts in visits_of_steps)
    assert steps[3].tolist() == [1] * size
    assert steps[6].tolist() == [2] * size
    assert np.any(visits_of_steps[0] != visits_of_steps[3])
