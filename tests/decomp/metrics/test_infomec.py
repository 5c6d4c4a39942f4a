import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma

from decomp.metrics import infomec

SIZES = (5, 6, 7)
run = jax.jit(
    infomec.score, static_argnames=("sizes", "preset", "rule", "share", "bins")
)
score = partial(run, sizes=SIZES)


def _grid(sizes=SIZES):
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def _mixed_codes(seed=0):
    rng = np.random.default_rng(seed)
    codes = _grid() @ rng.normal(size=(3, 4)) + 0.5 * rng.normal(size=(210, 4))
    return jnp.float32(codes)


def _slow_information(column, factor, bins):
    edges = np.linspace(column.min(), column.max(), bins + 1)
    cell, total = np.digitize(column, edges[1:-1]), 0.0
    for u, v in itertools.product(np.unique(cell), np.unique(factor)):
        joint = np.mean((cell == u) & (factor == v))
        if joint > 0:
            total += joint * np.log(joint / (np.mean(cell == u) * np.mean(factor == v)))
    return total


def _slow_neighbours(column, factor, k):
    """Ross 2014: ψ(N) + ⟨ψ(k)⟩ − ⟨ψ(N_v)⟩ − ⟨ψ(m)⟩, as loops."""
    terms = []
    for n in range(len(column)):
        same = np.sum(factor == factor[n])
        distances = np.sort(np.abs(column[factor == factor[n]] - column[n]))
        radius = distances[min(k, same - 1)]
        m = np.sum(np.abs(column - column[n]) < radius)
        terms.append(digamma(k) - digamma(same) - digamma(m))
    return max(digamma(len(column)) + np.mean(terms), 0)


def _slow_ratios(codes, factors, active, estimate):
    """InfoM and InfoC as loops over the active dimensions and the factors."""
    table = []
    for d in np.flatnonzero(active):
        row = []
        for f in factors.T:
            share = np.unique(f, return_counts=True)[1] / len(f)
            row.append(estimate(codes[:, d], f) / -np.sum(share * np.log(share)))
        table.append(row)
    a, b = len(table), len(table[0])
    modular = np.mean([max(row) / sum(row) for row in table])
    compact = np.mean([max(col) / sum(col) for col in zip(*table, strict=True)])
    return (modular - 1 / b) / (1 - 1 / b), (compact - 1 / a) / (1 - 1 / a)


@pytest.mark.parametrize("bins", [10, 20])
def test_the_ratios_agree_with_a_slow_implementation(bins):
    codes = _mixed_codes(bins)
    out = score(codes, _grid(), bins=bins)
    known = _slow_ratios(
        np.float64(codes), _grid(), out.active, partial(_slow_information, bins=bins)
    )
    assert min(known) > 0.05
    assert max(known) < 0.95
    np.testing.assert_allclose([out.score, out.compactness], known, rtol=1e-4)


def test_the_published_estimator_agrees_with_a_slow_implementation():
    codes = _mixed_codes(3)
    out = infomec.score_neighbours(codes, _grid(), sizes=SIZES)
    known = _slow_ratios(
        np.float64(codes), _grid(), out.active, partial(_slow_neighbours, k=10)
    )
    np.testing.assert_allclose([out.score, out.compactness], known, rtol=1e-4)


def test_the_three_published_rules_call_different_dimensions_active():
    # D18. Ranges 1, 1/10 and 1/30 of the largest; the first is rarely off its centre.
    base = np.linspace(-1, 1, 210)
    spike = np.where(np.arange(210) % 42 == 0, np.sign(base), 0)
    codes = jnp.float32(np.stack([base, base / 10, base / 30, spike, base * 0], axis=1))
    active = {
        name: [
            bool(a)
            for a in infomec.active_dimensions(
                codes, rule=options["rule"], share=options["share"]
            )
        ]
        for name, options in infomec.PRESETS.items()
    }
    assert active == {
        "latent_quantization": [True, True, False, True, False],
        "latent_quantization_eighth": [True, False, False, True, False],
        "tripod": [True, False, False, False, False],
    }


def test_the_presets_give_their_rules_and_explicit_keywords_win():
    factors = _grid()
    codes = jnp.float32(factors) / jnp.array([4, 5 * 10, 6 * 30])[None, :]
    for preset, number in (
        ("latent_quantization", 2),
        ("latent_quantization_eighth", 1),
        ("tripod", 2),
    ):
        assert score(codes, factors, preset=preset).num_active == number
    out = score(codes, factors, preset="tripod", rule="range", share=0.0)
    assert out.num_active == 3
    with pytest.raises(ValueError, match="unknown rule 'x'"):
        score(codes, factors, rule="x")


@pytest.mark.parametrize("scale", [3.0, -1.0, 1e-20, 1e15])
def test_permuted_scaled_and_flipped_factors_score_one(scale):
    out = score(jnp.float32(_grid()[:, [2, 0, 1]]) * scale, _grid())
    np.testing.assert_allclose([out.score, out.compactness], 1, rtol=1e-6)


def test_a_missing_factor_costs_compactness_and_not_modularity():
    # Factor 2 is nowhere: it counts as 0 of the mean of three.
    out = score(jnp.float32(_grid()[:, :2]), _grid())
    np.testing.assert_allclose(out.score, 1, rtol=1e-6)
    np.testing.assert_allclose(out.compactness, 2 / 3, rtol=1e-6)


def test_two_factors_in_one_dimension_cost_modularity_and_not_compactness():
    # n = (1, 0, 1) for one dimension: max/sum = 1/2, so (3/4 − 1/3)/(2/3) = 5/8.
    factors = _grid((5, 6, 5))
    codes = jnp.float32(
        np.stack([factors[:, 0] * 5 + factors[:, 2], 4 * factors[:, 1]], axis=1)
    )
    out = run(codes, factors, sizes=(5, 6, 5), bins=25)
    np.testing.assert_allclose(out.score, 5 / 8, rtol=1e-5)
    np.testing.assert_allclose(out.compactness, 1, rtol=1e-5)


def test_a_rotation_by_45_degrees_of_two_factors_scores_zero():
    factors = _grid((8, 8))
    codes = jnp.float32(factors @ np.array([[1, 1], [1, -1]]))
    out = run(codes, factors, sizes=(8, 8), bins=15)
    np.testing.assert_allclose([out.score, out.compactness], 0, atol=1e-5)


def test_degenerate_codes_give_zero_and_broken_ones_nan():
    out = score(jnp.full((210, 3), 0.1), _grid())
    assert (out.score, out.compactness, out.num_active) == (0, 0, 0)
    single = score(jnp.float32(_grid()) * jnp.array([[1.0, 0, 0]]), _grid())
    assert single.num_active == 1
    assert single.score == 1  # one dimension, one factor
    assert single.compactness == 0  # 0/0: there is nowhere else it could be
    bad = _mixed_codes().at[0, 0].set(jnp.nan)
    assert jnp.isnan(score(bad, _grid()).score)
    assert np.isnan(infomec.score_neighbours(bad, _grid(), sizes=SIZES).score)
    assert infomec.score_neighbours(jnp.ones((210, 4)), _grid(), sizes=SIZES).score == 0


def test_factors_of_one_value_do_not_count():
    factors = np.pad(_grid(), ((0, 0), (0, 1)))
    out = run(jnp.float32(_grid()), factors, sizes=(*SIZES, 1))
    np.testing.assert_allclose([out.score, out.compactness], 1, rtol=1e-6)


def test_many_runs_equal_each_run_alone():
    codes = jnp.stack([_mixed_codes(seed) for seed in range(3)])
    together = jax.vmap(score, (0, None))(codes, _grid())
    for r in range(3):
        alone = score(codes[r], _grid())
        np.testing.assert_allclose(together.score[r], alone.score, rtol=1e-5)
        np.testing.assert_allclose(
            together.compactness[r], alone.compactness, rtol=1e-5
        )
