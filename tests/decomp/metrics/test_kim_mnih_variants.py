from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import kim_mnih
from decomp.metrics.preset import resolve
from tests.decomp.metrics import cases

FACTORS = cases.grid(5, 6, 7)
FEW = {"votes": 200, "samples": 40, "block": 200}
STATIC = ("preset", "votes", "held_out", "samples", "block")
_score = jax.jit(kim_mnih.score, static_argnames=STATIC)
_many = partial(kim_mnih.score, preset="authors", **FEW)
_many = jax.jit(jax.vmap(_many, (None, 0, None)))
_votes = jax.jit(partial(kim_mnih.draw_votes, votes=200, samples=40))


def _padded(codes):
    """The codes with constant dimensions, four in all."""
    return np.pad(np.float32(codes), ((0, 0), (0, 4 - codes.shape[1])))


def locatello(codes):
    options = {"preset": "locatello", "held_out": 200}
    return _score(jax.random.key(0), _padded(codes), FACTORS, **options, **FEW)


def authors(codes):
    """The score in a batch with another run, which has the same votes."""
    runs = np.stack([cases.mixed(FACTORS, 7), _padded(codes)])
    return jax.tree.map(lambda x: x[1], _many(jax.random.key(0), runs, FACTORS))


def _slow(codes, active, part):
    """The score from the same votes, by loops; part 1 has the held-out votes."""
    codes = np.float64(codes)
    dims = np.flatnonzero(active)

    def winners(votes):
        for factor, rows in zip(*map(np.asarray, votes), strict=True):
            ratios = codes[rows].var(axis=0, ddof=1)[dims] / codes.var(axis=0)[dims]
            yield dims[int(np.argmin(ratios))], factor

    keys = jax.random.split(jax.random.key(0))
    votes = [list(winners(_votes(key, FACTORS))) for key in keys]
    table = np.zeros((4, 3), int)
    for d, k in votes[0]:
        table[d, k] += 1
    return np.mean([np.argmax(table[d]) == k for d, k in votes[part]])


@pytest.mark.parametrize(("variant", "held_out"), [(locatello, 1), (authors, 0)])
def test_a_variant_agrees_with_a_slow_implementation(variant, held_out):
    codes = cases.mixed(FACTORS)
    codes[:, 0] *= 1e-3
    out = variant(codes)
    exact = _slow(codes, out.active, held_out)
    assert 1 / 3 < exact < 1
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)


@pytest.mark.parametrize("variant", [locatello, authors])
def test_a_perfect_code_scores_one(variant):
    out = variant(-FACTORS[:, ::-1])
    assert out.score == 1
    assert out.variant.startswith(f"{variant.__name__}, votes=200, ")
    assert "samples=40" in out.variant


def test_inactive_dimensions_are_pruned_and_the_others_are_counted():
    # A released version compares with a threshold of 0 by ≥, which prunes nothing, and
    # always reports D active dimensions.
    spread = np.array([1, 0.051, 0.049, 0])
    codes = np.random.default_rng(0).normal(size=(210, 4))
    codes = codes / codes.std(axis=0, ddof=1) * spread + 3
    out = locatello(codes)
    np.testing.assert_array_equal(out.active, [True, True, False, False])
    assert out.num_active == 2
    assert jnp.all(out.vote_matrix[2:] == 0)
    all_varying = authors(codes)
    np.testing.assert_array_equal(all_varying.active, [True, True, True, False])
    assert all_varying.num_active == 3


def test_one_representation_has_different_scores_by_variant():
    # A collapsed dimension that encodes the third factor wins unless it is pruned.
    codes = FACTORS * [1, 1, 1e-3]
    assert authors(codes).score == 1
    held_out = _votes(jax.random.split(jax.random.key(0))[1], FACTORS)
    exact = np.mean(np.asarray(held_out.factor) < 2)
    np.testing.assert_allclose(locatello(codes).score, exact, rtol=1e-6)


def test_a_mask_replaces_the_threshold_and_is_recorded():
    mask = np.array([True, False, True, True])
    options = {"preset": "kim_mnih", "active": mask}
    out = _score(jax.random.key(0), _padded(FACTORS), FACTORS, **options, **FEW)
    np.testing.assert_array_equal(out.active, [True, False, True, False])
    assert out.variant == "kim_mnih, votes=200, samples=40, active=given"


def test_collapsed_codes_score_zero_and_diverged_ones_nan():
    out = locatello(np.full((210, 4), 0.3))
    assert out.score == 0
    assert out.num_active == 0
    bad = np.ones((210, 4))
    bad[3, 1] = np.inf
    assert jnp.isnan(locatello(bad).score)


def test_keywords_override_those_of_a_preset_and_are_recorded():
    presets = {"a": {"bins": 20, "rule": (1, 2)}}
    assert resolve(presets, "a") == ({"bins": 20, "rule": (1, 2)}, "a")
    settings, variant = resolve(presets, "a", bins=20, rule=(3,))
    assert settings == {"bins": 20, "rule": (3,)}
    assert variant == "a, rule=(3,)"
    with pytest.raises(ValueError, match=r"unknown preset 'b'; choices: a"):
        resolve(presets, "b")
