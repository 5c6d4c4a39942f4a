import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import kim_mnih, kim_mnih_presets
from decomp.metrics.preset import resolve
from tests.decomp.metrics import cases

FEW = {"votes": 200, "samples": 40, "block": 200}
STATIC = ("preset", "votes", "held_out", "samples", "block", "threshold")
_score = jax.jit(kim_mnih_presets.score, static_argnames=STATIC)


def run(codes, factors, **options):
    return _score(jax.random.key(0), codes, factors, **options)


def _slow(codes, factors, out, *, held_out):
    """The score from the same votes, as float64 loops."""
    codes = np.float64(codes)
    train_key, test_key = jax.random.split(jax.random.key(0))
    train = kim_mnih.draw_votes(train_key, factors, votes=200, samples=40)
    test = train
    if held_out:
        test = kim_mnih.draw_votes(test_key, factors, votes=held_out, samples=40)
    dims = [d for d in range(codes.shape[1]) if out.active[d]]

    def winners(votes):
        for factor, rows in zip(*map(np.asarray, votes), strict=True):
            ratios = [codes[rows, d].var(ddof=1) / codes[:, d].var() for d in dims]
            yield dims[int(np.argmin(ratios))], factor

    table = np.zeros((codes.shape[1], factors.shape[1]), int)
    for d, k in winners(train):
        table[d, k] += 1
    return np.mean([np.argmax(table[d]) == k for d, k in winners(test)])


@pytest.mark.parametrize(("preset", "held_out"), [("locatello", 100), ("authors", 0)])
def test_a_variant_agrees_with_a_slow_implementation(preset, held_out):
    factors = cases.grid(5, 6, 7)
    codes = cases.mixed(factors)
    codes[:, 0] *= 1e-3
    out = run(codes, factors, preset=preset, held_out=held_out, **FEW)
    exact = _slow(codes, factors, out, held_out=held_out)
    assert 1 / 3 < exact < 1
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)


@pytest.mark.parametrize("preset", kim_mnih_presets.PRESETS)
def test_a_perfect_code_on_scales_of_the_prior_scores_one(preset):
    factors = cases.grid(5, 6, 7)
    out = run(-np.float32(factors[:, ::-1]), factors, preset=preset, **FEW)
    assert out.score == 1
    assert out.variant.startswith(f"{preset}, votes=200, samples=40")


def test_one_representation_has_as_many_scores_as_variants():
    # A collapsed dimension that leaks the third factor wins unless it is pruned.
    factors = cases.grid(5, 6, 7)
    codes = np.float32(factors) * np.float32([1, 1, 1e-3])
    assert run(codes, factors, preset="authors", **FEW).score == 1
    out = run(codes, factors, preset="kim_mnih", **FEW)
    votes = kim_mnih.draw_votes(
        jax.random.split(jax.random.key(0))[0], factors, votes=200, samples=40
    )
    np.testing.assert_allclose(out.score, np.mean(votes.factor < 2), rtol=1e-6)


def test_pruning_prunes_and_counts_what_is_left():
    # Released code compares with a threshold of 0 and reports D active dimensions.
    factors = cases.grid(5, 6, 7)
    spread = np.array([1, 0.051, 0.049, 0])
    codes = np.random.default_rng(0).normal(size=(210, 4))
    codes = np.float32(codes / codes.std(axis=0, ddof=1) * spread + 3)
    out = run(codes, factors, **FEW)
    np.testing.assert_array_equal(out.active, [True, True, False, False])
    assert out.num_active == 2
    assert jnp.all(out.vote_matrix[2:] == 0)
    all_varying = run(codes, factors, threshold=0.0, **FEW)
    np.testing.assert_array_equal(all_varying.active, [True, True, True, False])


def test_a_mask_replaces_the_threshold_and_is_recorded():
    factors = cases.grid(5, 6, 7)
    mask = jnp.array([True, False, True])
    out = run(np.float32(factors), factors, active=mask, **FEW)
    np.testing.assert_array_equal(out.active, mask)
    assert out.variant == "locatello, votes=200, samples=40, active=given"


def test_collapsed_codes_score_zero_and_diverged_ones_nan():
    factors = cases.grid(5, 6, 7)
    out = run(np.full((210, 4), 0.3, np.float32), factors, **FEW)
    assert out.score == 0
    assert out.num_active == 0
    bad = np.ones((210, 4), np.float32)
    bad[3, 1] = np.inf
    assert jnp.isnan(run(bad, factors, **FEW).score)


def test_many_runs_share_the_votes_and_equal_each_run_alone():
    factors = cases.grid(5, 6, 7)
    codes = np.stack([cases.mixed(factors, seed) for seed in range(2)])

    def score(key, codes, factors):
        return kim_mnih_presets.score(key, codes, factors, held_out=100, **FEW)

    together = jax.jit(jax.vmap(score, (None, 0, None)))(
        jax.random.key(0), codes, factors
    )
    for r in range(2):
        alone = run(codes[r], factors, held_out=100, **FEW)
        assert together.score[r] == alone.score
        np.testing.assert_array_equal(together.vote_matrix[r], alone.vote_matrix)


def test_settings_replace_those_of_a_preset_and_are_recorded():
    presets = {"a": {"bins": 20, "rule": (1, 2)}}
    assert resolve(presets, "a") == ({"bins": 20, "rule": (1, 2)}, "a")
    settings, variant = resolve(presets, "a", bins=20, rule=(3,))
    assert settings == {"bins": 20, "rule": (3,)}
    assert variant == "a, rule=(3,)"
    with pytest.raises(ValueError, match=r"Unknown preset 'b'. Available are \['a'\]"):
        resolve(presets, "b")
