"""Softmax regression against scikit-learn with a tolerance far below its default."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import LogisticRegression

from decomp.metrics.solvers import multinomial

RNG = np.random.default_rng(0)
N, V = 400, 5
LABEL = RNG.choice(V, N, p=[0.4, 0.3, 0.15, 0.1, 0.05])
X = np.stack([LABEL, LABEL == 2, np.zeros(N)], axis=1) + RNG.normal(size=(N, 3))
X = np.float32((X - X.mean(axis=0)) / X.std(axis=0))
EVEN = np.full(N, 1 / N, np.float32)
BALANCED = np.float32(1 / (V * np.bincount(LABEL)[LABEL]))


def _fit(x, label, weight=EVEN, size=V, penalty=0.0, steps=40):
    penalty = jnp.broadcast_to(jnp.float32(penalty), x.shape[1:])
    arrays = jnp.float32(x), jnp.asarray(label), jnp.float32(weight)
    return multinomial.fit(*arrays, size=size, penalty=penalty, steps=steps)


def _loss(scores, label, weight):
    scores = np.float64(scores) - np.max(scores, axis=0)
    of_label = scores[label, np.arange(len(label))]
    return np.sum(weight * (np.log(np.sum(np.exp(scores), axis=0)) - of_label))


def test_the_minimum_is_that_of_scikit_learn():
    for weight, balance in ((EVEN, None), (BALANCED, "balanced")):
        for inverse in (np.inf, 1e-2):  # per data point
            out = _fit(X, LABEL, weight, penalty=1 / (inverse * N))
            exact = LogisticRegression(
                C=inverse, class_weight=balance, tol=1e-10, max_iter=10**4
            ).fit(np.float64(X), LABEL)
            expected = exact.decision_function(np.float64(X)).T
            scores = np.asarray(multinomial.scores(out, X))
            centred = scores - scores.mean(axis=0)
            np.testing.assert_allclose(
                centred,
                expected - expected.mean(axis=0),
                atol=0.02 if inverse > 1 else 2e-3,
            )
            loss = _loss(expected, LABEL, weight)
            np.testing.assert_allclose(_loss(scores, LABEL, weight), loss, atol=1e-5)
            np.testing.assert_allclose(out.loss, loss, atol=1e-5)  # fitted so well
            assert out.converged


def test_many_classes_on_a_line_need_few_steps():
    # First-order methods need hundreds of steps, as each class is between two others.
    label = np.arange(2000) % 20
    line = label + RNG.normal(scale=0.5, size=2000)
    x = np.c_[(line - line.mean()) / line.std(), RNG.normal(size=(2000, 2))]
    out = _fit(x, label, np.full(2000, 1 / 2000), size=20)
    exact = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-10, max_iter=1000)
    expected = exact.fit(np.float64(x), label).decision_function(x).T
    loss = _loss(expected, label, np.full(2000, 1 / 2000))
    np.testing.assert_allclose(out.loss, loss, atol=1e-5)
    assert out.converged
    assert out.steps <= 6


def test_separable_classes_have_no_loss():
    out = _fit(np.eye(V)[LABEL][:, :3], np.minimum(LABEL, 3))
    assert 0 <= out.loss < 1e-5
    assert out.converged


def test_the_loss_is_that_of_the_points_that_are_not_certain():
    # The points at x = 0 have classes 3 and 0; all other points are certain.
    label = LABEL % 4
    shares = [np.mean(LABEL == v) for v in (3, 4)]
    exact = -sum(p * np.log(p / sum(shares)) for p in shares)
    out = _fit(np.eye(V)[LABEL][:, :3], label)
    np.testing.assert_allclose(out.loss, exact, atol=1e-5)
    assert out.converged


def test_a_class_without_an_example_is_never_predicted_and_does_not_change_the_loss():
    label = np.where(LABEL == 3, 4, LABEL)
    out = _fit(X, label)
    assert jnp.isneginf(multinomial.scores(out, X)[3]).all()
    packed = _fit(X, np.where(label == 4, 3, label), size=4)
    np.testing.assert_allclose(out.loss, packed.loss, atol=2e-6)


def test_constant_columns_and_constant_labels_have_finite_fits():
    padded = np.c_[X, np.zeros(N)]
    out = _fit(padded[:, [0, 1, 3]], LABEL)
    assert np.isfinite(out.weights).all()
    np.testing.assert_array_equal(out.weights[:, 2], 0)
    assert abs(_fit(X, np.zeros(N, int)).loss) < 1e-6


def test_an_unfinished_fit_is_reported():
    assert not _fit(X, LABEL, steps=1).converged


def test_runs_under_vmap_equal_each_run_alone():
    runs = jnp.stack([X, X[::-1]])
    fit = lambda x: multinomial.fit(x, jnp.asarray(LABEL), EVEN, size=V)  # noqa: E731
    batch = jax.vmap(fit)(runs)
    for r in range(2):
        np.testing.assert_allclose(batch.loss[r], fit(runs[r]).loss, atol=1e-5)
