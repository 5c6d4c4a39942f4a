"""Linear classifiers against scikit-learn with a tolerance far below its default."""

import jax
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from decomp.metrics.solvers import classifiers

areas = jax.jit(classifiers.areas)
machines = jax.jit(classifiers.machines)
logistic = jax.jit(classifiers.logistic)

RNG = np.random.default_rng(0)
LABEL = RNG.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
KNOWN = LABEL == np.arange(4)[:, None]
CODES = {
    "mixed": LABEL + RNG.normal(size=300),
    "ties": np.round(RNG.normal(size=300) + LABEL / 3),
    "large and far": 1e3 * RNG.normal(size=300) + 3e3 * LABEL + 1e4,
    "small": 1e-3 * (LABEL == 1) + 1e-4 * RNG.normal(size=300) + 2,
    "constant": np.full(300, 0.7),
}
COSTS = 0.01 * np.stack([np.ones(4), 300 / (4 * KNOWN.sum(axis=1))], axis=1)


def _machine(code, label, weight):
    """Slope and offset at the minimum that liblinear finds."""
    model = LinearSVC(C=0.01, class_weight=weight, tol=1e-10, max_iter=10**6)
    model.fit(code[:, None], label)
    return model.coef_[:, 0], model.intercept_


def test_machines_are_those_of_liblinear():
    for name, code in CODES.items():
        code = np.float32(code)
        out = machines(code, KNOWN, np.float32(COSTS))
        slope, offset = _machine(np.float64(code), LABEL, "balanced")
        scores = classifiers.scores(out, code[:, None])
        exact = slope[:, None] * np.float64(code) + offset[:, None]
        np.testing.assert_allclose(scores, exact, atol=2e-5, err_msg=name)
        assert out.converged.all(), name


def test_logistic_regressions_are_those_of_scikit_learn():
    x = np.float32(np.stack([CODES["mixed"], CODES["ties"], RNG.normal(size=300)], 1))
    for inverse_penalty in (1.0, 1e-2):
        out = jax.device_get(logistic(x, KNOWN, inverse_penalty=inverse_penalty))
        assert out.converged.all()
        for v in range(4):
            exact = LogisticRegression(C=inverse_penalty, tol=1e-10, max_iter=10**4)
            exact.fit(np.float64(x), KNOWN[v])
            np.testing.assert_allclose(out.slope[v], exact.coef_[0], atol=2e-4)
            np.testing.assert_allclose(out.offset[v], exact.intercept_[0], atol=2e-4)


def test_separable_classes_have_a_minimum_under_the_penalty():
    x = np.float32(LABEL[:, None] == np.arange(3))
    out = jax.device_get(logistic(x, KNOWN, inverse_penalty=1.0))
    assert out.converged.all()
    exact = LogisticRegression(C=1.0, tol=1e-10, max_iter=10**4).fit(x, KNOWN[0])
    np.testing.assert_allclose(out.slope[0], exact.coef_[0], atol=1e-3)


def test_areas_are_those_of_scikit_learn_also_with_ties():
    scores = np.stack([CODES["mixed"], CODES["ties"], CODES["constant"]])
    target = KNOWN[:3]
    pairs = list(zip(target, scores, strict=True))
    exact = np.array([roc_auc_score(t, s) for t, s in pairs])
    values = areas(np.float32(scores), target)
    # A nearly equal pair changes the area by at most half a pair.
    near_ties = [
        np.mean((difference > 0) & (difference < 2.0**-12 * np.abs(s).max()))
        for t, s in pairs
        for difference in [np.abs(s[t][:, None] - s[~t][None, :])]
    ]
    assert (np.abs(values - exact) <= np.array(near_ties) / 2 + 1e-6).all()
    np.testing.assert_allclose(values[2], 0.5, rtol=1e-6)


def test_rounding_does_not_decide_between_equal_scores():
    noise = np.float32(1 + 1e-7 * RNG.normal(size=(1, 300)))
    np.testing.assert_allclose(areas(noise, KNOWN[:1]), 0.5, rtol=1e-6)


def test_equal_scores_stay_equal_at_any_value():
    # A fit that is off by 1e-6 does not separate equal scores at any of 2,000 values.
    places = np.linspace(0.1, 0.9, 2000)[:, None]
    scores = np.float32(places + [0, 1e-6, 2e-6, 0.1]) / places.max()
    target = np.broadcast_to([True, False, True, False], scores.shape)
    # Each wins half against the equal one and none against the last: 1 of 4 pairs.
    np.testing.assert_array_equal(areas(scores, target), 0.25)


def _slow_area(scores, target):
    """The definition in float64, pair by pair."""
    difference = scores[target][:, None] - scores[~target][None, :]
    size = np.abs(difference) / np.abs(scores).max()
    share = np.clip((size - 2.0**-16) / (2.0**-12 - 2.0**-16), 0, 1)
    return np.mean(0.5 + 0.5 * np.sign(difference) * share)


def test_pairs_that_are_nearly_equal_count_in_proportion():
    rng = np.random.default_rng(3)
    scores = np.float32(rng.normal(size=(3, 400)) * [[1], [2e-4], [3e-5]] + 1)
    target = scores + rng.normal(size=scores.shape) * np.ptp(scores, 1)[:, None] > 1
    exact = [_slow_area(np.float64(s), t) for s, t in zip(scores, target, strict=True)]
    np.testing.assert_allclose(areas(scores, target), exact, atol=1e-6)
    # A fit that is off by 1e-6 changes the areas in proportion.
    perturbed = np.float32(scores * (1 + 1e-6 * rng.uniform(-1, 1, scores.shape)))
    change = np.subtract(areas(perturbed, target), areas(scores, target))
    assert np.abs(change).max() < 2e-6 * 2**12


def test_many_points_close_to_each_other_are_not_treated_as_equal():
    scores = np.random.default_rng(1).normal(size=(1, 10**5))
    target = scores + np.random.default_rng(2).normal(size=scores.shape) > 0
    exact = roc_auc_score(target[0], scores[0])
    np.testing.assert_allclose(areas(scores, target), exact, atol=2e-6)


def test_a_class_of_all_points_or_none_has_no_area():
    target = np.stack([np.ones(300, bool), np.zeros(300, bool)])
    scores = np.float32(np.stack([CODES["mixed"]] * 2))
    assert np.isnan(areas(scores, target)).all()


def test_indicators_list_the_classes_of_all_factors():
    labels = np.array([[0, 1], [2, 0]])
    exact = [[1, 0], [0, 0], [0, 1], [0, 1], [1, 0]]
    indicators = jax.jit(lambda labels: classifiers.indicators(labels, (3, 2)))
    np.testing.assert_array_equal(indicators(labels), exact)


def test_runs_under_vmap_equal_each_run_alone():
    codes = np.float32(np.stack([CODES["mixed"], CODES["ties"]]))
    batch = jax.jit(jax.vmap(classifiers.machines, (0, None, None)))
    slopes = np.asarray(batch(codes, KNOWN, np.float32(COSTS)).slope)
    for r in range(2):
        alone = machines(codes[r], KNOWN, np.float32(COSTS))
        np.testing.assert_allclose(slopes[r], alone.slope, atol=1e-5)
