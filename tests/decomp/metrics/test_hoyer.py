import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import hoyer

score = jax.jit(hoyer.score)
unscaled = jax.jit(hoyer.score_unscaled)
sparsity = jax.jit(hoyer.hoyer)
SIGNS = np.float32([[1, 1], [1, -1], [-1, 1], [-1, -1]])


def _codes(seed=0):
    rng = np.random.default_rng(seed)
    return np.float32(rng.normal(size=(48, 4)) ** 3 * [1, 10, 0.1, 3])


def _repeated(points):
    return np.tile(np.float32(points), (48 // len(points), 1))


def _slow(codes, *, scaled):
    codes, total = np.asarray(codes, np.float64), 0.0
    spread = codes.std(axis=0, ddof=1) if scaled else np.ones(codes.shape[1])
    for row in codes / spread:
        norms = sum(abs(x) for x in row) / sum(x * x for x in row) ** 0.5
        total += (len(row) ** 0.5 - norms) / (len(row) ** 0.5 - 1)
    return total / len(codes)


def test_the_scores_agree_with_slow_loops():
    np.testing.assert_allclose(
        score(_codes()).score, _slow(_codes(), scaled=True), rtol=1e-5
    )
    np.testing.assert_allclose(
        unscaled(_codes()).score, _slow(_codes(), scaled=False), rtol=1e-5
    )


@pytest.mark.parametrize("size", [1.0, -1e-30, 1e30])
def test_one_entry_scores_one_and_equal_entries_and_zeros_score_zero(size):
    all_active = np.ones(5, bool)
    assert sparsity(np.float32(size) * np.eye(5, dtype=np.float32)[2], all_active) == 1
    signs = np.float32([1, -1, 1, 1, -1])
    np.testing.assert_allclose(
        sparsity(np.float32(size) * signs, all_active), 0, atol=1e-6
    )
    assert sparsity(0 * signs, all_active) == 0
    half = (np.sqrt(5) - np.sqrt(2)) / (np.sqrt(5) - 1)
    two = np.float32(size) * np.float32([1, 1, 0, 0, 0])
    np.testing.assert_allclose(sparsity(two, all_active), half, rtol=1e-5)


def test_one_dimension_at_a_time_scores_one_at_any_scale():
    codes = np.concatenate([np.eye(4), -np.eye(4)]) * [1, 9, 1e-4, 1e4]
    np.testing.assert_allclose(score(_repeated(codes)).score, 1, rtol=1e-6)


@pytest.mark.parametrize("scale", [-2.0, 1e-12, 1e12])
def test_order_scale_and_sign_do_not_matter(scale):
    after = score(np.float32(scale) * _codes()[:, ::-1])
    np.testing.assert_allclose(after.score, score(_codes()).score, rtol=1e-5)


def test_collapsed_dimensions_are_sparse_only_without_scaling():
    # Two dimensions of equal moduli, and two that collapsed to a small spread.
    codes = _repeated(np.concatenate([SIGNS, 1e-4 * SIGNS[:, ::-1]], axis=1))
    np.testing.assert_allclose(score(codes).score, 0, atol=1e-6)
    exact = (2 - np.sqrt(2)) / (2 - 1)
    np.testing.assert_allclose(unscaled(codes).score, exact, rtol=1e-3)
    constant = np.pad(SIGNS, ((0, 0), (0, 2)), constant_values=0.3)
    out = score(_repeated(constant))
    np.testing.assert_allclose(out.score, 0, atol=1e-6)
    assert out.num_active == 2


def test_all_collapsed_codes_score_zero_and_broken_ones_nan():
    assert score(np.full((48, 4), 0.1, np.float32)).score == 0
    one_dimension = _codes() * np.float32([1, 0, 0, 0])
    assert score(one_dimension).score == 0  # sparsity needs two dimensions
    bad = _codes()
    bad[1, 1] = np.nan
    assert jnp.isnan(score(bad).score)
    assert jnp.isnan(unscaled(bad).score)


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([_codes(seed) for seed in range(3)])
    batch = jax.vmap(score)(codes)
    for r in range(3):
        np.testing.assert_allclose(batch.score[r], score(codes[r]).score, rtol=1e-5)
