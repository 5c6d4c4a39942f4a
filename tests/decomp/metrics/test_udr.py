import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Lasso

from decomp.metrics import udr
from tests.decomp.metrics import cases

run = jax.jit(udr.score, static_argnames=("preset", "sweeps"))


def score(codes, kl=1.0, *, preset):
    """The score with KL terms, always, because other arguments compile again."""
    return run(codes, np.broadcast_to(np.float32(kl), (3, 4)), preset=preset)


def _runs(num_runs=3):
    factors = cases.grid(3, 4, 5)
    return np.stack([cases.mixed(factors, seed) for seed in range(num_runs)])


def _slow_relation(x, y, preset):
    x, y = np.float64(x), np.float64(y)
    if "spearman" in preset:
        dims = x.shape[1]
        return np.array(
            [
                [abs(stats.spearmanr(x[:, a], y[:, b])[0]) for b in range(dims)]
                for a in range(dims)
            ]
        )
    x, y = ((z - z.mean(axis=0)) / z.std(axis=0) for z in (x, y))
    return np.abs(Lasso(alpha=0.1, tol=1e-12, max_iter=10_000).fit(x, y).coef_.T)


def _slow(codes, informative, preset):
    num_runs = len(codes)
    pairwise = np.zeros((num_runs, num_runs))
    for i in range(num_runs):
        for j in range(num_runs):
            if i == j:
                continue
            x, y = codes[i][:, informative[i]], codes[j][:, informative[j]]
            relation = _square(x, y, preset)
            s_a = [max(row) ** 2 / sum(row) if sum(row) else 0 for row in relation]
            s_b = [max(row) ** 2 / sum(row) if sum(row) else 0 for row in relation.T]
            if preset.startswith("paper"):
                pairwise[i, j] = (sum(s_a) + sum(s_b)) / (len(s_a) + len(s_b))
            else:
                pairwise[i, j] = (np.mean(s_a) + np.mean(s_b)) / 2
    scores = [np.median(np.delete(pairwise[:, j], j)) for j in range(num_runs)]
    return np.array(scores), pairwise


def _square(x, y, preset):
    """The relation of codes that differ in their numbers of dimensions."""
    if "spearman" not in preset:
        return _slow_relation(x, y, preset)
    wide = max(x.shape[1], y.shape[1])
    padded = [np.c_[z, np.repeat(z[:, :1], wide - z.shape[1], axis=1)] for z in (x, y)]
    return _slow_relation(*padded, preset)[: x.shape[1], : y.shape[1]]


@pytest.mark.parametrize("preset", udr.PRESETS)
def test_the_scores_agree_with_a_slow_implementation(preset):
    codes = _runs()
    kl = np.array([[1, 1, 0.5, 0.02], [1, 0.009, 1, 1], [2, 1, 1, 0]])
    out = score(codes, kl, preset=preset)
    exact, pairwise = _slow(codes, kl > 0.01, preset)
    np.testing.assert_allclose(out.pairwise, pairwise, atol=1e-4)
    np.testing.assert_allclose(out.score, exact, atol=1e-4)
    np.testing.assert_array_equal(out.num_informative, [4, 3, 3])
    assert out.variant == preset


def test_ranks_share_ties():
    x = np.float32([[3, 0], [1, 0], [3, -1], [2, 5], [3, 0]])
    np.testing.assert_array_equal(udr.ranks(jnp.array(x)), stats.rankdata(x, axis=0))


def _padded(*runs):
    """Runs padded to four dimensions with constants."""
    wide = [np.pad(z, ((0, 0), (0, 4 - z.shape[1])), constant_values=0.3) for z in runs]
    return np.float32(np.stack(wide))


def test_runs_that_agree_up_to_order_scale_and_sign_score_one():
    factors = cases.grid(3, 4, 5)
    codes = _padded(factors, cases.perfect(factors), -factors[:, [1, 2, 0]])
    np.testing.assert_allclose(score(codes, preset="spearman").score, 1, rtol=1e-5)
    # The lasso subtracts its penalty from the only coefficient: 0.9²/0.9.
    for preset in ("lasso", "paper_lasso"):
        np.testing.assert_allclose(score(codes, preset=preset).score, 0.9, rtol=1e-4)


def test_a_rotation_by_45_degrees_loses_more_than_half():
    # Each dimension has four equal relations c: c²/2c, with c = 1/√2 minus the penalty.
    factors = cases.grid(2, 2, 15)[:, :2]
    out = score(_padded(factors, cases.rotated(factors), factors), preset="lasso")
    np.testing.assert_allclose(out.pairwise[0, 1], (np.sqrt(0.5) - 0.1) / 2, rtol=1e-4)


def test_a_dimension_that_other_runs_lack_counts_as_zero():
    # Run 0 has three informative dimensions, of which run 1 has two.
    factors = cases.grid(3, 4, 5)
    codes = _padded(factors, factors[:, :2], factors)
    sides = score(codes, preset="spearman")
    np.testing.assert_allclose(sides.pairwise[0, 1], (2 / 3 + 1) / 2, rtol=1e-5)
    paper = score(codes, preset="paper_spearman")
    np.testing.assert_allclose(paper.pairwise[0, 1], 4 / 5, rtol=1e-5)
    np.testing.assert_array_equal(paper.num_informative, [3, 2, 3])


def test_noise_scores_no_more_than_its_largest_correlation():
    codes = np.random.default_rng(0).normal(size=(3, 60, 4)).astype(np.float32)
    assert score(codes, preset="spearman").score.max() < 4 / np.sqrt(60)


@pytest.mark.parametrize("preset", ["lasso", "spearman"])
def test_collapsed_runs_score_zero(preset):
    codes = np.full((3, 60, 4), 0.3, np.float32)
    out = score(codes, preset=preset)
    np.testing.assert_array_equal(out.score, 0)
    np.testing.assert_array_equal(out.pairwise, 0)
    np.testing.assert_array_equal(out.num_informative, 0)


@pytest.mark.parametrize("preset", ["lasso", "spearman"])
def test_a_diverged_run_is_excluded_from_the_others(preset):
    codes = _runs()
    healthy = score(codes, preset=preset)
    codes[1, 3, 2] = np.nan
    out = score(codes, preset=preset)
    expected = [healthy.pairwise[2, 0], np.nan, healthy.pairwise[0, 2]]
    np.testing.assert_allclose(out.score, expected, rtol=1e-6)


def test_without_kl_terms_the_dimensions_that_vary_are_informative():
    out = run(_padded(*_runs()[:, :, :2]), preset="spearman")
    np.testing.assert_array_equal(out.num_informative, 2)


def test_one_run_is_refused():
    with pytest.raises(ValueError, match="two runs"):
        udr.score(jnp.zeros((1, 5, 2)))
