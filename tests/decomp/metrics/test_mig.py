import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, mig

SIZES = (5, 6, 7)
run = jax.jit(
    mig.score, static_argnames=("sizes", "preset", "bins", "counted", "factor_bins")
)
score = partial(run, sizes=SIZES)
exact = jax.jit(mig.exact, static_argnames=("sizes", "num_samples", "counted", "block"))


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
    factors = np.concatenate([_grid(), _grid()[::-1, :2]], axis=1)
    out = mig.score(jnp.float32(factors[:, 1:3]), factors, preset="dsprites_no_shape")
    np.testing.assert_array_equal(out.used, [False, True, True, True, True])
    with pytest.raises(ValueError, match="unknown preset"):
        mig.score(jnp.float32(factors), factors, preset="x")
    with pytest.raises(ValueError, match=r"not columns 0 … 4"):
        mig.score(jnp.float32(factors), factors, counted=(5,))


def test_many_runs_equal_each_run_alone():
    codes = jnp.stack([_mixed_codes(seed) for seed in range(3)])
    together = jax.vmap(score, (0, None))(codes, _grid())
    for r in range(3):
        alone = score(codes[r], _grid())
        np.testing.assert_allclose(together.score[r], alone.score, rtol=1e-5)


def _posteriors():
    """Two factors of 3 and 4 values in three dimensions, one of them without either."""
    factors = _grid((3, 4))
    loc = factors @ np.array([[1.0, 0.4, 0.0], [0.0, 1.0, 0.0]])
    scale = 0.3 + 0.1 * factors[:, :1] * np.ones(3)
    return factors, loc, scale


def _quadrature(factors, loc, scale):
    """I(z_d; v_f) by loops and the trapezoidal rule in float64, `[D, F]`."""
    z = np.linspace(-6, 10, 8001)
    out = np.zeros((loc.shape[1], factors.shape[1]))
    for d, f in itertools.product(range(loc.shape[1]), range(factors.shape[1])):
        density = np.array(
            [
                np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
                for m, s in zip(loc[:, d], scale[:, d], strict=True)
            ]
        )
        density = np.maximum(density, 1e-300)
        qz = density.mean(axis=0)
        for v in np.unique(factors[:, f]):
            rows = factors[:, f] == v
            qz_v = density[rows].mean(axis=0)
            terms = qz_v * np.log(qz_v / qz)
            out[d, f] += rows.mean() * np.trapezoid(terms, z)
    return out


def test_the_exact_information_agrees_with_quadrature_and_so_does_the_gap():
    factors, loc, scale = _posteriors()
    q = Gaussian(jnp.float32(loc), jnp.float32(scale))
    out = exact(
        jax.random.key(0), q, factors, sizes=(3, 4), num_samples=20_000, block=1000
    )
    truth = _quadrature(factors, loc, scale)
    error = np.abs(out.information - truth)
    assert np.all(error <= 4 * out.information_stderr + 1e-6)
    gaps = np.sort(truth, axis=0)[-1] - np.sort(truth, axis=0)[-2]
    value = np.mean(gaps / np.log([3, 4]))
    assert 0.1 < value < 0.9
    assert abs(out.score - value) < 4 * out.stderr
    assert out.stderr < 0.01


def test_the_latents_are_not_mixed_up_with_the_samples():
    # D4: `.view(D, S)` in place of a transpose; the gap fell to about 0.001.
    factors = _grid((6, 6))
    loc = np.concatenate([factors, np.zeros((36, 8))], axis=1)
    q = Gaussian(jnp.float32(loc), jnp.full((36, 10), 0.05))
    out = exact(jax.random.key(0), q, factors, sizes=(6, 6), num_samples=500, block=100)
    np.testing.assert_allclose(out.score, 1, atol=1e-3)
    np.testing.assert_array_equal(out.best, [0, 1])
    np.testing.assert_allclose(out.information[2:], 0, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-2, 1e-6])
def test_narrow_posteriors_at_the_factors_reach_one(scale):
    q = Gaussian(jnp.float32(_grid()), jnp.full((210, 3), scale))
    out = exact(jax.random.key(1), q, _grid(), sizes=SIZES, num_samples=300, block=100)
    np.testing.assert_allclose(out.score, 1, rtol=1e-6)
    assert out.stderr < 1e-2


def test_equal_posteriors_have_no_gap_and_broken_ones_no_number():
    q = Gaussian(jnp.full((210, 3), 0.3), jnp.full((210, 3), 0.7))
    one = partial(exact, sizes=SIZES, num_samples=300, block=100)
    np.testing.assert_allclose(one(jax.random.key(0), q, _grid()).score, 0, atol=1e-5)
    bad = q._replace(loc=q.loc.at[4, 1].set(jnp.nan))
    assert jnp.isnan(one(jax.random.key(0), bad, _grid()).score)


def test_the_block_changes_the_memory_and_not_the_value():
    factors, loc, scale = _posteriors()
    q = Gaussian(jnp.float32(loc), jnp.float32(scale))
    labels, sizes = discrete.classes(factors)
    one = partial(exact, factors=labels, sizes=sizes, num_samples=100)
    values = [one(jax.random.key(0), q, block=block).score for block in (7, 100)]
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_runs_may_be_mapped_over_the_exact_gap():
    factors, loc, scale = _posteriors()
    q = Gaussian(
        jnp.float32([loc, loc[:, ::-1], 2 * loc]), jnp.float32([scale, scale, scale])
    )
    keys = jax.random.split(jax.random.key(0), 3)
    one = partial(exact, factors=factors, sizes=(3, 4), num_samples=100, block=100)
    together = jax.vmap(one)(keys, q)
    for r in range(3):
        alone = one(keys[r], jax.tree.map(lambda x: x[r], q))
        np.testing.assert_allclose(together.score[r], alone.score, rtol=1e-4)
