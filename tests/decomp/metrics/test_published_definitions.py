"""Scores that the published definitions give to one representation.

The factors are the grid of dSprites. x, y and the scale are encoded perfectly and
standardised, x and y rotated by θ; the orientation is encoded as cos and sin of 2πk/40;
the shape is not encoded. Five more dimensions collapsed: to noise, to a thousandth of a
factor, or to a constant.

The reference numbers come from an independent simulation that does not state its sizes.
Its MIG values are those of 10,000 points of the grid with noise. Its Kim–Mnih scores
have standard errors: where all votes go to one dimension, it has training scores of
0.213 and 0.225, and the expected largest of five equal shares of M votes is
1/5 + 1.16 · 0.4/√M, so M ≈ 600.
"""

import functools
from functools import partial

import jax
import numpy as np
import pytest

from decomp.metrics import kim_mnih, mig

SIZES = (3, 6, 40, 32, 32)  # shape, scale, orientation, x, y
ANGLES = {"0": 0.0, "π/4": np.pi / 4}
VOTES, THEIRS = 1000, 600
NUM_FACTORS = len(SIZES)

# These programs run for longer than they compile.
_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 3})
_mig = _jit(partial(mig.score, sizes=SIZES), static_argnames=("preset", "bins"))
_authors = _jit(partial(kim_mnih.authors, num_factors=NUM_FACTORS))
_pruned = _jit(partial(kim_mnih.pruned, num_factors=NUM_FACTORS))
_enumerated = _jit(partial(kim_mnih.enumerated, sizes=SIZES))


def _codes(factors, angle):
    def unit(f):
        values = np.arange(SIZES[f]) - (SIZES[f] - 1) / 2
        return (values / values.std())[factors[:, f]]

    turn = 2 * np.pi / 40 * np.arange(40)
    x, y, (cos, sin) = unit(3), unit(4), (np.cos(angle), np.sin(angle))
    columns = [cos * x - sin * y, sin * x + cos * y, unit(1)]
    columns += [np.cos(turn)[factors[:, 2]], np.sin(turn)[factors[:, 2]]]
    return np.stack(columns, axis=1).astype(np.float32)


@functools.cache
def _grid():
    rows = np.arange(np.prod(SIZES))
    return np.stack(np.unravel_index(rows, SIZES), axis=1).astype(np.int32)


@functools.cache
def _representation(theta, spare):
    factors, rng = _grid(), np.random.default_rng(0)
    collapsed = {
        "noise": lambda: rng.standard_normal((len(factors), 5), np.float32) / 1000,
        "leak": lambda: np.float32(factors) / 1000,
        "constant": lambda: np.full((len(factors), 5), 0.3, np.float32),
    }[spare]()
    return np.concatenate([_codes(factors, ANGLES[theta]), collapsed], axis=1)


@functools.cache
def _votes():
    """Votes of 1,000 points; votes of 64 points are their first 64."""
    rng = np.random.default_rng(1)
    factor = rng.integers(0, NUM_FACTORS, 2 * VOTES).astype(np.int32)
    rows = np.zeros((2 * VOTES, 1000), np.int32)
    for f, size in enumerate(SIZES):
        value = rng.integers(0, size, rows.shape, np.int32)
        value = np.where((factor == f)[:, None], value[:, :1], value)
        rows = rows * size + value
    return kim_mnih.Votes(factor, rows)


def _subset(start, samples):
    factor, rows = _votes()
    end = start + VOTES
    return kim_mnih.Votes(factor[start:end], rows[start:end, :samples])


@pytest.mark.parametrize(
    ("theta", "spare", "authors", "unpruned", "pruned"),
    [
        ("0", "noise", 0.973, 0.933, 0.826),
        ("0", "leak", 1.0, 1.0, 0.813),
        ("π/4", "noise", 0.735, 0.771, 0.603),
        ("π/4", "leak", 1.0, 1.0, 0.649),
        # There, NaN wins 0/0 and gives 0.213, 0.197 and 0.225, 0.191; not here.
        ("0", "constant", None, None, 0.794),
        ("π/4", "constant", None, None, 0.624),
    ],
)
def test_kim_mnih_scores_for_collapsed_dimensions(
    theta, spare, authors, unpruned, pruned
):
    codes = _representation(theta, spare)
    train, test = _subset(0, 64), _subset(VOTES, 64)
    active = codes.std(axis=0) >= 0.05
    np.testing.assert_array_equal(active, np.arange(10) < 5)
    scores = {
        "authors": (authors, _authors(codes, _subset(0, 1000))),
        "unpruned": (unpruned, _pruned(codes, train, test, active | True)),
        "pruned": (pruned, _pruned(codes, train, test, active)),
    }
    for name, (expected, out) in scores.items():
        expected = pruned if expected is None else expected
        variance = expected * (1 - expected)
        error = 4 * np.sqrt(variance / THEIRS + variance / VOTES)
        np.testing.assert_allclose(out.score, expected, atol=error + 5e-4, err_msg=name)
        constant = spare == "constant" or name == "pruned"
        assert out.num_active == (5 if constant else 10)


@pytest.mark.parametrize(("theta", "exact"), [("0", 0.8), ("π/4", 0.6)])
@pytest.mark.parametrize("spare", ["noise", "leak", "constant"])
def test_the_enumerated_score_counts_the_factors_that_dimensions_identify(
    theta, spare, exact
):
    # In the rotation, x and y fix the same dimension, which identifies one of them.
    out = _enumerated(_representation(theta, spare), _grid())
    np.testing.assert_allclose(out.score, exact, rtol=1e-6)
    assert out.num_active == 5


@functools.cache
def _sample(theta, noise):
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, size, 10_000) for size in SIZES], axis=1)
    codes = _codes(factors, ANGLES[theta])
    spare = rng.standard_normal((10_000, 5), np.float32) / 1000
    codes = np.concatenate([codes, spare], axis=1)
    noise = noise * rng.standard_normal(codes.shape, np.float32)
    return codes + noise, np.int32(factors)


@pytest.mark.parametrize(
    ("theta", "noise", "settings", "expected", "without_shape"),
    [
        ("0", 0.0, {"bins": 10}, 0.463, 0.579),
        ("0", 0.0, {"bins": 20}, 0.538, 0.672),
        ("0", 0.0, {"bins": 50}, 0.592, 0.739),
        ("0", 0.0, {"preset": "dsprites_no_shape"}, 0.672, 0.672),
        ("0", 0.0, {"preset": "binned_factors"}, 0.599, None),
        ("0", 0.3, {"bins": 20}, 0.260, None),
        ("π/4", 0.0, {"bins": 10}, 0.20, None),
        ("π/4", 0.0, {"bins": 20}, 0.20, None),
        ("π/4", 0.0, {"bins": 50}, 0.20, None),
        ("π/4", 0.0, {"preset": "binned_factors"}, 0.20, None),
        ("π/4", 0.3, {"bins": 20}, 0.128, None),
    ],
)
def test_the_gap_of_ten_thousand_points(
    theta, noise, settings, expected, without_shape
):
    # The standard deviation over 16 samples of 10,000 points is at most 0.0007 at θ = 0
    # and 0.0012 elsewhere; both numbers are of one sample and rounded.
    out = _mig(*_sample(theta, noise), **settings)
    deviation = 0.0007 if theta == "0" and not noise else 0.0012
    error = 4 * np.sqrt(2) * deviation + (0.005 if expected == 0.20 else 0.0005)
    np.testing.assert_allclose(out.score, expected, atol=error)
    if without_shape is not None:
        value = np.mean(out.per_factor[1:])
        np.testing.assert_allclose(value, without_shape, atol=error)
