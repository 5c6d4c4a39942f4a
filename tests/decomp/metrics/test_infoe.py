import jax
import numpy as np

from decomp.metrics import infoe
from tests.decomp.metrics import cases

score = jax.jit(
    infoe.score, static_argnames=("sizes", "continuous", "class_weight", "iterations")
)


def _noisy(num_points=400):
    rng = np.random.default_rng(0)
    factors = np.stack([rng.choice(3, num_points, p=[0.6, 0.3, 0.1])] * 2, axis=1)
    factors[:, 1] = rng.integers(0, 2, num_points)
    return factors @ rng.normal(size=(2, 3)) + rng.normal(size=(num_points, 3)), factors


def _slow_loss(codes, target, weights):
    """Mean −log p of softmax regression fitted by Newton's method, in float64."""
    design = np.concatenate([codes, np.ones((len(codes), 1))], axis=1)
    values = np.unique(target)
    hot = np.stack([target == v for v in values[1:]], axis=1).astype(float)
    width = design.shape[1]
    w = np.zeros((width, len(values) - 1))

    def shares(w):
        p = np.exp(design @ w)
        return p / (1 + p.sum(axis=1, keepdims=True))

    for _ in range(60):
        p = shares(w)
        gradient = design.T @ ((p - hot) * weights[:, None])
        hessian = np.zeros((w.size, w.size))
        for a in range(w.shape[1]):
            for b in range(w.shape[1]):
                curve = weights * p[:, a] * ((a == b) - p[:, b])
                rows = slice(a * width, (a + 1) * width)
                columns = slice(b * width, (b + 1) * width)
                hessian[rows, columns] = design.T * curve @ design
        step = np.linalg.solve(hessian, gradient.T.ravel())
        w -= step.reshape(w.shape[::-1]).T
    p = shares(w)
    p = np.concatenate([1 - p.sum(axis=1, keepdims=True), p], axis=1)
    rows = np.searchsorted(values, target)
    return -np.mean(np.log(p[np.arange(len(rows)), rows]))


def test_infoe_agrees_with_a_slow_implementation():
    codes, factors = _noisy()
    out = score(codes, factors, sizes=(3, 2))
    plain = score(codes, factors, sizes=(3, 2), class_weight=None)
    for weighting, result in (("balanced", out), (None, plain)):
        for f, size in enumerate((3, 2)):
            share = np.bincount(factors[:, f]) / len(factors)
            weights = np.ones(len(factors))
            null = -np.sum(share * np.log(share))
            if weighting == "balanced":  # the null predictor is then uniform
                weights, null = 1 / (size * share[factors[:, f]]), np.log(size)
            exact = 1 - _slow_loss(codes, factors[:, f], weights) / null
            np.testing.assert_allclose(result.per_factor[f], exact, atol=2e-4)
        np.testing.assert_allclose(result.score, result.per_factor.mean())
    assert 0.05 < out.score < 0.9
    assert out.converged.all()


def test_factors_on_their_own_dimensions_are_predicted_entirely():
    factors = np.stack(np.meshgrid(range(3), range(2), range(5)), axis=-1).reshape(
        -1, 3
    )
    codes = np.concatenate([np.eye(3)[factors[:, 0]], -7.0 * factors[:, 1:2]], axis=1)
    out = score(codes, factors, sizes=(3, 2, 5))
    np.testing.assert_allclose(out.per_factor, [1, 1, 0], atol=2e-3)
    np.testing.assert_allclose(out.score, 2 / 3, atol=2e-3)


def test_exact_cases_of_classes():
    # A regression of two classes that are separated has a loss of 0 in the limit.
    factors = cases.grid(2, 2, 2, 2, 2, 2)
    a, b, c, *noise = np.float32(factors.T)
    one = np.full_like(a, 0.3)
    examples = {
        "permuted, scaled and flipped": ((-3 * c, a / 2, 8 * b), [1, 1, 1]),
        "c missing": ((a, b, one), [1, 1, 0]),
        # a + b tells a for half of the points, and nothing for the others.
        "a and b in one dimension": ((a + b, c, one), [1 / 2, 1 / 2, 1]),
        "a and b rotated by 45°": ((a + b, a - b, c), [1, 1, 1]),
        "noise": (noise, [0, 0, 0]),
        "collapsed": ((one, one, one), [0, 0, 0]),
    }
    for name, (columns, exact) in examples.items():
        out = score(np.stack(columns, axis=1), factors[:, :3], sizes=(2, 2, 2))
        np.testing.assert_allclose(out.per_factor, exact, atol=2e-3, err_msg=name)
        np.testing.assert_allclose(out.score, np.mean(exact), atol=2e-3, err_msg=name)


def test_a_continuous_factor_is_scored_by_its_share_of_variance():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 2))
    linear = codes @ [2.0, -1.0] + 3
    noisy = linear + rng.normal(size=500)
    factors = np.stack([linear, noisy], axis=1)
    out = score(codes, factors, sizes=(0, 0), continuous=(0, 1))
    np.testing.assert_allclose(out.per_factor[0], 1, rtol=1e-6)
    design = np.concatenate([codes, np.ones((500, 1))], axis=1)
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    exact = 1 - np.sum((noisy - hat @ noisy) ** 2) / np.sum((noisy - noisy.mean()) ** 2)
    np.testing.assert_allclose(out.per_factor[1], exact, rtol=1e-6)


def test_collapsed_codes_score_zero_broken_ones_nan_and_constants_are_excluded():
    _, factors = _noisy()
    constant = np.full((400, 3), 0.3)
    factors = np.pad(factors, ((0, 0), (0, 1)))
    out = score(constant, factors, sizes=(3, 2, 1))
    np.testing.assert_allclose(out.score, 0, atol=1e-5)
    np.testing.assert_array_equal(out.used, [True, True, False])
    constant[2, 1] = np.inf
    assert np.isnan(score(constant, factors, sizes=(3, 2, 1)).score)
    none = score(np.eye(4), np.zeros((4, 2), int), sizes=(1, 1))
    assert np.isnan(none.score)
