import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import discrete, mig

SIZES = (5, 6, 7)
run = jax.jit(
    mig.score, static_argnames=("sizes", "preset", "bins", "counted", "factor_bins")
)
score = partial(run, sizes=SIZES)


def _grid(sizes=SIZES):
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def _mixed_codes(seed=0):
    rng = np.random.default_rng(seed)
    codes = _grid() @ rng.normal(size=(3, 4)) + 0.5 * rng.normal(size=(210, 4))
    return jnp.float32(codes)


def _slow_score(codes, factors, bins, columns):
    """The gap as float64 loops."""
    codes, gaps = np.asarray(codes, np.float64), []
    for f in columns:
        entropy, per_code = 0.0, []
        for v in np.unique(factors[:, f]):
            p = np.mean(factors[:, f] == v)
            entropy -= p * np.log(p)
        for d in range(codes.shape[1]):
            edges = np.linspace(codes[:, d].min(), codes[:, d].max(), bins + 1)
            cell = np.digitize(codes[:, d], edges[1:-1])
            total = 0.0
            for u in np.unique(cell):
                for v in np.unique(factors[:, f]):
                    joint = np.mean((cell == u) & (factors[:, f] == v))
                    if joint > 0:
                        both = np.mean(cell == u) * np.mean(factors[:, f] == v)
                        total += joint * np.log(joint / both)
            per_code.append(total)
        second, first = sorted(per_code)[-2:]
        gaps.append((first - second) / entropy)
    return np.mean(gaps)


@pytest.mark.parametrize(
    ("bins", "columns"), [(10, (0, 1, 2)), (20, (0, 1, 2)), (50, (1, 2))]
)
def test_the_gap_agrees_with_a_slow_implementation(bins, columns):
    codes = _mixed_codes(bins)
    out = score(codes, _grid(), bins=bins, counted=columns)
    exact_value = _slow_score(codes, _grid(), bins, columns)
    assert 0.01 < exact_value < 0.9
    np.testing.assert_allclose(out.score, exact_value, atol=2e-6)


def test_the_factors_themselves_score_exactly_one():
    out = score(jnp.float32(_grid()), _grid())
    assert out.score == 1
    np.testing.assert_array_equal(out.per_factor, 1)
    np.testing.assert_array_equal(out.best, [0, 1, 2])
    np.testing.assert_allclose(out.entropy, np.log(SIZES), rtol=1e-6)


@pytest.mark.parametrize("scale", [3.0, -1.0, 1e-20, 1e15])
def test_order_scale_and_sign_of_the_dimensions_do_not_matter(scale):
    codes = jnp.float32(_grid())[:, [2, 0, 1]] * scale
    out = score(codes, _grid())
    assert out.score == 1
    np.testing.assert_array_equal(out.best, [1, 2, 0])


def test_a_missing_factor_scores_zero_and_two_in_one_dimension_by_their_share():
    factors = _grid()
    out = score(jnp.float32(factors[:, :2]), factors)
    np.testing.assert_allclose(out.score, 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(out.per_factor, [1, 1, 0], atol=1e-6)
    # Coarse and fine part of one dimension: it holds both factors, no other does.
    both = jnp.float32(factors[:, 0] * 7 + factors[:, 2])[:, None]
    codes = jnp.concatenate([both, jnp.float32(factors[:, 1:2])], axis=1)
    np.testing.assert_allclose(score(codes, factors, bins=35).score, 1, rtol=1e-6)


def test_a_factor_held_twice_has_no_gap():
    factors = _grid()
    codes = jnp.float32(factors[:, [0, 1, 2, 2]])
    np.testing.assert_allclose(score(codes, factors).per_factor, [1, 1, 0], atol=1e-6)


def test_a_rotation_by_45_degrees_leaves_no_gap():
    # Sum and difference of two equal factors are equally informative about each:
    # I = H(sum) − H(other factor), the sum having 1, 2, …, 8, …, 1 of 64 points.
    factors = _grid((8, 8))
    codes = jnp.float32(factors @ np.array([[1, 1], [1, -1]]))
    out = run(codes, factors, sizes=(8, 8), bins=15)
    share = np.array([*range(1, 9), *range(7, 0, -1)]) / 64
    known = -np.sum(share * np.log(share)) - np.log(8)
    np.testing.assert_allclose(out.information, known, rtol=1e-5)
    np.testing.assert_allclose(out.score, 0, atol=1e-6)


def test_noise_scores_within_the_bias_of_counting():
    # 2(bins − 1)(V − 1)/(2n) relative to H: the gap of two biased numbers is less.
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SIZES, size=(20_000, 3))
    codes = jnp.float32(rng.uniform(size=(20_000, 4)))
    out = score(codes, jnp.array(factors))
    bound = 19 * (np.array(SIZES) - 1) / 20_000
    assert jnp.all(out.information.max(axis=0) < bound)
    assert jnp.all(out.per_factor * out.entropy < bound)


def test_collapsed_and_constant_codes_score_zero_and_broken_ones_nan():
    factors = _grid()
    out = score(jnp.full((210, 4), 0.1), factors)
    assert out.score == 0
    np.testing.assert_array_equal(out.information, 0)
    padded = jnp.pad(jnp.float32(factors), ((0, 0), (0, 2)), constant_values=0.1)
    assert score(padded, factors).score == 1
    for bad in (jnp.nan, jnp.inf):
        assert jnp.isnan(score(padded.at[3, 1].set(bad), factors).score)


def test_a_factor_of_one_value_is_not_used():
    factors = np.concatenate([_grid(), np.full((210, 1), 4)], axis=1)
    labels, sizes = discrete.classes(factors)
    out = run(jnp.float32(_grid()), labels, sizes=sizes)
    assert out.score == 1
    np.testing.assert_array_equal(out.used, [True, True, True, False])
    constant = np.zeros((210, 3), int)
    assert score(jnp.float32(_grid()), constant).score == 0


def test_a_single_dimension_leads_by_all_its_information():
    out = score(jnp.float32(_grid()[:, :1]), _grid())
    np.testing.assert_allclose(out.per_factor, [1, 0, 0], atol=1e-6)


def test_factors_keep_their_values_and_the_defect_that_bins_them_is_only_a_preset():
    # 40 values in 40 cells; re-binning them into 20 merges pairs and changes H.
    factors = _grid((40, 3))
    codes = jnp.float32(factors)
    defined = partial(run, codes, factors, sizes=(40, 3))
    out = defined(bins=40)
    assert out.score == 1
    np.testing.assert_allclose(out.entropy[0], np.log(40), rtol=1e-6)
    defect = defined(preset="binned_factors")
    np.testing.assert_allclose(defect.entropy[0], np.log(20), rtol=1e-6)
    assert defect.score == 1
    lost = defined().score  # pairs of the 40 values share a bin of the codes
    np.testing.assert_allclose(lost, (np.log(20) / np.log(40) + 1) / 2, rtol=1e-6)


def test_presets_are_resolved_and_columns_are_checked():
    factors = _grid((3, 2, 2, 2, 2))
    out = run(
        jnp.float32(factors), factors, sizes=(3, 2, 2, 2, 2), preset="dsprites_no_shape"
    )
    np.testing.assert_array_equal(out.used, [False, True, True, True, True])
    with pytest.raises(ValueError, match="Unknown preset"):
        score(jnp.float32(_grid()), _grid(), preset="x")
    with pytest.raises(ValueError, match=r"not columns 0 … 2"):
        score(jnp.float32(_grid()), _grid(), counted=(3,))


def test_many_runs_equal_each_run_alone():
    codes = jnp.stack([_mixed_codes(seed) for seed in range(3)])
    together = jax.vmap(score, (0, None))(codes, _grid())
    for r in range(3):
        alone = score(codes[r], _grid())
        np.testing.assert_allclose(together.score[r], alone.score, rtol=1e-5)
