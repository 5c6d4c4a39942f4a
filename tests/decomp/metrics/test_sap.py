import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from decomp.metrics import sap
from decomp.metrics.solvers import classifiers, fitted
from tests.decomp.metrics import cases

linear = jax.jit(sap.r_squared)
score = jax.jit(sap.score, static_argnames=("sizes", "preset"))


def _slow_gap(matrix):
    gaps = []
    for column in np.asarray(matrix, np.float64).T:
        ordered = sorted([*column, 0.0])
        gaps.append(ordered[-1] - ordered[-2])
    return np.mean(gaps)


def test_r_squared_agrees_with_a_slow_implementation():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(200, 3)).astype(np.float32)
    codes = cases.mixed(factors)
    out = linear(codes, factors)
    for d in range(4):
        for f in range(3):
            exact = np.corrcoef(np.float64(codes[:, d]), factors[:, f])[0, 1] ** 2
            np.testing.assert_allclose(out.matrix[d, f], exact, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(out.score, _slow_gap(out.matrix), rtol=1e-5)
    np.testing.assert_allclose(out.score, np.mean(out.per_factor), rtol=1e-6)


def test_exact_cases_of_r_squared():
    factors = cases.grid(4, 4, 4)
    first, rest = factors[:, :2].sum(axis=1, keepdims=True), factors[:, 2:]
    table = {
        "perfect": (cases.perfect(factors), 1),
        "one factor missing": (factors[:, :2], 2 / 3),
        "two factors in one dimension": (np.c_[first, rest], (1 / 2 + 1 / 2 + 1) / 3),
        "rotated by 45°": (np.c_[cases.rotated(factors), rest], 1 / 3),
        "twice": (np.c_[factors, factors], 0),
        "one dimension": (factors[:, :1], 1 / 3),
        "collapsed": (np.full((64, 5), 0.1), 0),
    }
    for name, (codes, exact) in table.items():
        value = linear(np.float32(codes), factors).score
        np.testing.assert_allclose(value, exact, atol=1e-5, err_msg=name)


def test_r_squared_of_noise_is_of_order_one_over_the_number_of_points():
    factors = cases.grid(4, 4, 4)
    codes = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    assert linear(codes, factors).score < 16 / 64  # a correlation of 4 standard errors


@pytest.mark.parametrize("scale", [-1.0, 1e-20, 1e15])
def test_r_squared_ignores_order_scale_and_sign(scale):
    factors = cases.grid(3, 4, 5)
    codes = cases.mixed(factors)
    before = linear(codes, factors)
    after = linear(np.float32(scale) * codes[:, ::-1], factors)
    np.testing.assert_allclose(after.score, before.score, rtol=1e-4)


def test_runs_under_vmap_equal_each_run_alone():
    factors = cases.grid(3, 4, 5)
    codes = np.stack([cases.mixed(factors, seed) for seed in range(2)])
    batch = jax.jit(jax.vmap(sap.r_squared, (0, None)))(codes, factors)
    for r in range(2):
        np.testing.assert_allclose(
            batch.score[r], linear(codes[r], factors).score, rtol=1e-5
        )


def _slow_machine(code, label, weight, penalty):
    """The minimum with squared hinge loss, class weights and a penalised intercept."""

    def loss(v):
        slack = np.maximum(0, 1 - label * (v[0] * code + v[1]))
        return 0.5 * v @ v + penalty * np.sum(weight * slack**2)

    return minimize(loss, np.zeros(2), tol=1e-12).x


def test_the_machine_minimises_the_published_objective():
    rng = np.random.default_rng(0)
    label = (rng.uniform(size=300) < 0.3).astype(int)
    code = label + rng.normal(size=300)
    weight = np.where(label == 1, 0.5 / label.mean(), 0.5 / (1 - label.mean()))
    exact = _slow_machine(code, 2 * label - 1, weight, 0.01)
    costs = 0.01 * np.array([[weight[label == 0][0], weight[label == 1][0]]])
    fit = jax.jit(classifiers.machines)(np.float32(code), label[None, :] == 1, costs)
    np.testing.assert_allclose([fit.slope[0, 0], fit.offset[0]], exact, atol=1e-5)


def test_the_machine_is_scored_on_other_points():
    # One dimension encodes a binary factor; the other encodes only a second factor.
    factors = cases.grid(2, 2, 75)[:, :2]
    codes = np.float32(2 * factors[:, ::-1] - 1)
    out = score(jax.random.key(0), codes, factors, sizes=(2, 2))
    np.testing.assert_array_equal(np.diag(out.matrix[::-1]), [1, 1])
    # Without information, each of 100 points is right with probability 1/2.
    assert abs(out.score - 0.5) < 4 * np.sqrt(0.25 / 100)
    assert out.variant == "locatello"


def test_exact_cases_of_the_machine():
    # A dimension without information about a binary factor is right for half of the
    # held-out points. Three more factors, which the metric does not get, are noise.
    factors = np.repeat(cases.grid(2, 2, 2, 2, 2, 2), 75, axis=0)
    a, b, c, *noise = np.float32(factors.T)
    one = np.full_like(a, 0.3)
    examples = {
        "permuted, scaled and flipped": ((-3 * c, a / 2, 8 * b), 1 / 2),
        "c missing": ((a, b, one), 1 / 3),
        # a + b tells a for the half of the points with a = b, so for 3/4 in all.
        "a and b in one dimension": ((a + b, c, one), (1 / 4 + 1 / 4 + 1 / 2) / 3),
        "a and b rotated by 45°": ((a + b, a - b, c), 1 / 6),
        "noise": (noise, 0),
        "collapsed": ((one, one, one), 0),
    }
    error = 4 * np.sqrt(2 * 0.25 / 1600)  # of the difference of two shares
    for name, (columns, exact) in examples.items():
        codes = np.stack(columns, axis=1)
        out = score(jax.random.key(0), codes, factors[:, :3], sizes=(2, 2, 2))
        np.testing.assert_allclose(out.score, exact, atol=error, err_msg=name)


def test_a_collapsed_representation_has_no_gap():
    factors = cases.grid(2, 3, 20)
    codes = np.full((120, 3), 0.3, np.float32)
    out = score(jax.random.key(0), codes, factors, sizes=(2, 3, 20))
    assert out.score == 0
    assert not out.active.any()


def test_diverged_codes_score_nan():
    factors = cases.grid(2, 3)
    codes = np.float32(factors)
    codes[1, 1] = np.nan
    for preset in sap.PRESETS:
        options = {"sizes": (2, 3), "preset": preset}
        out = score(jax.random.key(0), codes, factors, **options)
        assert np.isnan(out.score)
        assert out.variant == preset


def test_the_two_sets_of_points_are_disjoint_and_shrink_in_proportion():
    train, test = fitted.split(jax.random.key(0), 90, num_train=10_000, num_test=5_000)
    assert (len(train), len(test)) == (60, 30)
    assert {*train.tolist(), *test.tolist()} == set(range(90))
    train, test = fitted.split(jax.random.key(0), 90, num_train=10, num_test=5)
    assert (len(train), len(test), len({*train.tolist(), *test.tolist()})) == (
        10,
        5,
        15,
    )
