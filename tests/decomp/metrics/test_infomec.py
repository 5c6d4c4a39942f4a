from functools import partial

import jax
import numpy as np
import pytest
from scipy.special import digamma

from decomp.metrics import infomec
from tests.decomp.metrics import cases

SIZES = (5, 6, 7)
FACTORS = cases.grid(*SIZES)
run = jax.jit(
    infomec.score, static_argnames=("sizes", "preset", "rule", "share", "bins")
)
score = partial(run, sizes=SIZES)
from_information = jax.jit(infomec.from_information)


def _mixed(seed):
    return cases.mixed(FACTORS, seed, noise=0.5)


def _slow_neighbours(column, factor, k):
    """Ross 2014: ψ(N) + ⟨ψ(k)⟩ − ⟨ψ(N_v)⟩ − ⟨ψ(m)⟩, by loops."""
    terms = []
    for n in range(len(column)):
        same = np.sum(factor == factor[n])
        distances = np.sort(np.abs(column[factor == factor[n]] - column[n]))
        radius = distances[min(k, same - 1)]
        m = np.sum(np.abs(column - column[n]) < radius)
        terms.append(digamma(k) - digamma(same) - digamma(m))
    return max(digamma(len(column)) + np.mean(terms), 0)


def _slow_ratios(codes, active, estimate):
    """InfoM and InfoC by loops over the active dimensions and the factors."""
    table = [
        [estimate(np.float64(codes[:, d]), f) / cases.entropy(f) for f in FACTORS.T]
        for d in np.flatnonzero(active)
    ]
    a, b = len(table), len(table[0])
    modular = np.mean([max(row) / sum(row) for row in table])
    compact = np.mean([max(col) / sum(col) for col in zip(*table, strict=True)])
    return (modular - 1 / b) / (1 - 1 / b), (compact - 1 / a) / (1 - 1 / a)


def test_the_ratios_agree_with_a_slow_implementation():
    codes = _mixed(20)
    out = score(codes, FACTORS)
    exact = _slow_ratios(codes, out.active, partial(cases.binned_information, bins=20))
    assert min(exact) > 0.05
    assert max(exact) < 0.95
    np.testing.assert_allclose([out.score, out.compactness], exact, rtol=1e-4)


def test_the_published_estimator_agrees_with_a_slow_implementation():
    codes = _mixed(3)
    out = infomec.score_neighbours(codes, FACTORS, sizes=SIZES)
    exact = _slow_ratios(codes, out.active, partial(_slow_neighbours, k=10))
    np.testing.assert_allclose([out.score, out.compactness], exact, rtol=1e-4)


def test_every_preset_can_be_used():
    # A released version called a function with a keyword that it does not have.
    codes = _mixed(0)
    scores = {
        name: infomec.score_neighbours(codes, FACTORS, sizes=SIZES, preset=name)
        for name in infomec.PRESETS
    }
    assert all(0 < out.score < 1 and out.variant == n for n, out in scores.items())


def test_the_three_published_rules_find_different_active_dimensions():
    # One metric has three rules of activity, so presets name the rule. Ranges are 1,
    # 1/10 and 1/30 of the largest; the fourth dimension is rarely off its centre.
    base = np.linspace(-1, 1, 210)
    spike = np.where(np.arange(210) % 42 == 0, np.sign(base), 0)
    codes = np.float32(np.stack([base, base / 10, base / 30, spike, base * 0], axis=1))

    @jax.jit
    def active_dimensions(codes):
        return {
            name: infomec.active_dimensions(
                codes, rule=options["rule"], share=options["share"]
            )
            for name, options in infomec.PRESETS.items()
        }

    active = {name: a.tolist() for name, a in active_dimensions(codes).items()}
    assert active == {
        "latent_quantization": [True, True, False, True, False],
        "latent_quantization_eighth": [True, False, False, True, False],
        "tripod": [True, False, False, False, False],
    }


def test_a_preset_gives_its_rule_and_keywords_override_it():
    # The ranges are 1, 1/8.3 and 1/25 of the first; the fourth dimension is constant.
    scales = np.float32([1 / 4, 1 / (5 * 8.3), 1 / (6 * 25)])
    codes = np.pad(np.float32(FACTORS) * scales, ((0, 0), (0, 1)))
    assert score(codes, FACTORS).num_active == 2
    out = score(codes, FACTORS, preset="latent_quantization_eighth")
    assert out.num_active == 1
    assert out.variant == "latent_quantization_eighth"
    out = score(codes, FACTORS, preset="tripod", rule="range", share=0.0)
    assert out.num_active == 3
    assert out.variant == "tripod, rule=range, share=0.0"
    with pytest.raises(ValueError, match="unknown rule 'x'"):
        score(codes, FACTORS, rule="x")


@pytest.mark.parametrize("scale", [-3.0, 1e-20, 1e15])
def test_order_scale_and_sign_of_the_dimensions_do_not_matter(scale):
    codes = np.pad(np.float32(FACTORS[:, [2, 0, 1]]), ((0, 0), (0, 1)))
    out = score(codes * np.float32(scale), FACTORS)
    np.testing.assert_allclose([out.score, out.compactness], 1, rtol=1e-6)


def test_degenerate_tables_have_defined_scores():
    # InfoC of one dimension and InfoM of one factor are 0/0; both are 0 without any.
    one, table = np.array([True, False]), np.float32([[0.5, 0.0], [0.2, 0.3]])
    single = from_information(table, np.float32([1.0, 1.0]), one)
    assert (single.score, single.compactness, single.num_active) == (1, 0, 1)
    factor = from_information(table, np.float32([1.0, 0.0]), one | True)
    assert factor.score == 0
    np.testing.assert_allclose(factor.compactness, (5 / 7 - 0.5) / 0.5, rtol=1e-6)
    empty = from_information(table, np.float32([1.0, 1.0]), one & False)
    assert (empty.score, empty.compactness) == (0, 0)


def test_collapsed_codes_score_zero_and_broken_ones_nan():
    constant = np.full((210, 4), 0.1, np.float32)
    out = score(constant, FACTORS)
    assert (out.score, out.compactness, out.num_active) == (0, 0, 0)
    assert infomec.score_neighbours(constant, FACTORS, sizes=SIZES).score == 0
    bad = _mixed(0)
    bad[0, 0] = np.nan
    assert np.isnan(score(bad, FACTORS).score)
    assert np.isnan(infomec.score_neighbours(bad, FACTORS, sizes=SIZES).score)


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.stack([_mixed(seed) for seed in range(3)])
    batch = jax.device_get(jax.vmap(score, (0, None))(codes, FACTORS))
    for r in range(3):
        alone = score(codes[r], FACTORS)
        np.testing.assert_allclose(batch.score[r], alone.score, rtol=1e-5)
        np.testing.assert_allclose(batch.compactness[r], alone.compactness, rtol=1e-5)
