from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import mig
from tests.decomp.metrics import cases

SIZES = (5, 6, 7)
FACTORS = cases.grid(*SIZES)
run = jax.jit(
    mig.score, static_argnames=("sizes", "preset", "bins", "counted", "factor_bins")
)
score = partial(run, sizes=SIZES)


def _mixed(seed):
    return cases.mixed(FACTORS, seed, noise=0.5)


def _perfect():
    """The factors in another order, and a constant dimension."""
    return np.pad(np.float32(FACTORS[:, [2, 0, 1]]), ((0, 0), (0, 1)))


def _slow_score(codes, bins, columns):
    """The gap by loops in float64."""
    gaps = []
    for label in FACTORS[:, columns].T:
        per_code = [cases.binned_information(z, label, bins) for z in codes.T]
        second, first = sorted(per_code)[-2:]
        gaps.append((first - second) / cases.entropy(label))
    return np.mean(gaps)


@pytest.mark.parametrize(("bins", "columns"), [(20, (0, 1, 2)), (50, (1, 2))])
def test_the_gap_agrees_with_a_slow_implementation(bins, columns):
    codes = _mixed(bins)
    options = {} if bins == 20 else {"bins": bins, "counted": columns}
    exact = _slow_score(codes, bins, columns)
    assert 0.01 < exact < 0.9
    np.testing.assert_allclose(score(codes, FACTORS, **options).score, exact, atol=2e-6)


@pytest.mark.parametrize("scale", [1.0, -3.0, 1e-20, 1e15])
def test_order_scale_and_sign_of_the_dimensions_do_not_matter(scale):
    out = score(_perfect() * np.float32(scale), FACTORS)
    assert out.score == 1
    np.testing.assert_array_equal(out.per_factor, 1)
    np.testing.assert_array_equal(out.best, [1, 2, 0])
    np.testing.assert_allclose(out.entropy, np.log(SIZES), rtol=1e-6)


def test_a_factor_encoded_twice_has_no_gap():
    codes = np.float32(FACTORS[:, [0, 1, 2, 2]])
    np.testing.assert_allclose(score(codes, FACTORS).per_factor, [1, 1, 0], atol=1e-6)


def test_one_dimension_may_lead_on_two_factors():
    # One dimension encodes two factors as a coarse and a fine part; no other does.
    both = np.float32(FACTORS[:, 0] * 7 + FACTORS[:, 2])
    codes = np.stack([both, FACTORS[:, 1], 0 * both, 0 * both], axis=1)
    out = score(codes, FACTORS, bins=35)
    np.testing.assert_allclose(out.score, 1, rtol=1e-6)
    np.testing.assert_array_equal(out.best, [0, 1, 0])


def test_noise_scores_within_the_bias_of_counting():
    # The bias is 2(bins − 1)(V − 1)/(2n); the gap of two biased values is smaller.
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SIZES, size=(20_000, 3))
    codes = jnp.float32(rng.uniform(size=(20_000, 4)))
    out = score(codes, jnp.array(factors))
    bound = 19 * (np.array(SIZES) - 1) / 20_000
    assert jnp.all(out.information.max(axis=0) < bound)
    assert jnp.all(out.per_factor * out.entropy < bound)


def test_collapsed_codes_score_zero_and_broken_ones_nan():
    out = score(np.full((210, 4), 0.1, np.float32), FACTORS)
    assert out.score == 0
    np.testing.assert_array_equal(out.information, 0)
    for bad in (np.nan, np.inf):
        codes = _perfect()
        codes[3, 1] = bad
        assert jnp.isnan(score(codes, FACTORS).score)


def test_a_factor_of_one_value_is_excluded():
    out = score(_perfect(), FACTORS * np.array([1, 1, 0]))
    assert out.score == 1
    np.testing.assert_array_equal(out.used, [True, True, False])
    assert jnp.isnan(score(_perfect(), 0 * FACTORS).score)


def test_a_single_dimension_leads_by_all_its_information():
    information = jnp.array([[np.log(5), 0.0, 0.7]])
    out = jax.jit(mig.from_information)(
        information, jnp.log(jnp.float32(jnp.array(SIZES))), jnp.array([1, 1, 0]) > 0
    )
    np.testing.assert_allclose(out.per_factor, [1, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(out.best, 0)


def test_factors_keep_their_values_except_in_the_preset_that_bins_them():
    # A released version bins 40 values into 20, which merges pairs and changes H.
    factors = cases.grid(40, 3)
    score_of = partial(run, np.float32(factors), factors, sizes=(40, 3))
    out = score_of()  # pairs of the 40 values share a bin of the codes
    np.testing.assert_allclose(out.entropy[0], np.log(40), rtol=1e-6)
    exact = (np.log(20) / np.log(40) + 1) / 2
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)
    defect = score_of(preset="binned_factors")
    np.testing.assert_allclose(defect.entropy[0], np.log(20), rtol=1e-6)
    assert defect.score == 1
    assert defect.variant == "binned_factors"


def test_unknown_presets_and_columns_are_refused():
    with pytest.raises(ValueError, match="unknown preset"):
        score(_perfect(), FACTORS, preset="x")
    with pytest.raises(ValueError, match="must be columns from 0 to 2"):
        score(_perfect(), FACTORS, counted=(3,))


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([_mixed(seed) for seed in range(3)])
    batch = jax.vmap(score, (0, None))(codes, FACTORS)
    for r in range(3):
        alone = score(codes[r], FACTORS)
        np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-5)
