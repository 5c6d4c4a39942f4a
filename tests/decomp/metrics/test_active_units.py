import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import active_units

score = jax.jit(active_units.score)


def test_dimensions_above_the_threshold_are_counted():
    # Means of ±s have variance s².
    spread = np.array([0.0, 0.09, 0.11, 1.0])
    loc = jnp.float32(np.stack([spread, -spread]) + 5.0)
    out = score(loc)
    assert out.score == 2
    np.testing.assert_array_equal(out.active, [False, False, True, True])
    np.testing.assert_allclose(out.variances, spread**2, rtol=1e-4, atol=1e-12)
    assert score(loc, threshold=0.005).score == 3


def test_the_variances_agree_with_slow_loops():
    loc = np.float32(np.random.default_rng(0).normal(size=(60, 3)) * [0.05, 0.1, 2])
    out = score(jnp.array(loc))
    for d in range(3):
        column = [float(x) for x in loc[:, d]]
        mean = sum(column) / 60
        exact = sum((x - mean) ** 2 for x in column) / 60
        np.testing.assert_allclose(out.variances[d], exact, rtol=1e-5)
        assert bool(out.active[d]) == (exact > 0.01)


def test_collapsed_codes_have_no_active_unit_and_broken_ones_give_nan():
    constant = jnp.full((60, 3), 1e4 / 3)
    assert score(constant).score == 0
    np.testing.assert_array_equal(score(constant).variances, 0)
    assert jnp.isnan(score(constant.at[0, 1].set(jnp.nan)).score)


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.float32(np.random.default_rng(1).normal(size=(3, 60, 3)) * 0.1)
    batch = jax.vmap(score)(codes)
    for r in range(3):
        assert batch.score[r] == score(codes[r]).score
