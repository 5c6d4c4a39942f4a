import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.distributions import hierarchical
from decomp.distributions.hierarchical import SWING, Hierarchical
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

LOG_PROBS = quick.jit(jax.vmap(hierarchical.log_prob, (None, 0)))


def _random(seed, lower=3, upper=2):
    rng = np.random.default_rng(seed)
    return Hierarchical(
        jnp.asarray(rng.normal(size=(lower, upper))),
        jnp.asarray(rng.uniform(0.5, 1.5, lower)),
        jnp.asarray(rng.normal(size=(lower, upper))),
    )


def _scale(p, top):
    """The standard deviations of the lower level, from their definition."""
    weights, base = np.asarray(p.log_scale_weights, float), np.asarray(p.scale, float)
    return base * np.sqrt(1 + SWING * np.tanh(2 * weights @ top))


def test_log_prob_is_that_of_the_two_levels():
    with jax.enable_x64(True):
        p, z = _random(0), np.random.default_rng(1).normal(size=5)
        top, bottom = z[:2], z[2:]
        exact = [
            stats.norm.logpdf(top).sum(),
            stats.norm.logpdf(bottom, p.weights @ top, _scale(p, top)).sum(),
        ]
        log_prob = hierarchical.log_prob_levels(p, z)
        np.testing.assert_allclose(log_prob, exact, rtol=1e-12)
        np.testing.assert_allclose(hierarchical.log_prob(p, z), sum(exact), rtol=1e-12)


def test_with_a_constant_scale_it_is_the_gaussian_of_its_covariance():
    with jax.enable_x64(True):
        p = _random(2)
        p = p._replace(log_scale_weights=jnp.zeros((3, 2)))
        z = np.random.default_rng(3).normal(size=(1, 5))
        exact = stats.multivariate_normal(np.zeros(5), hierarchical.covariance(p))
        np.testing.assert_allclose(LOG_PROBS(p, z)[0], exact.logpdf(z[0]), rtol=1e-12)


def test_the_density_integrates_to_one_and_has_the_closed_form_covariance():
    with jax.enable_x64(True):
        p = Hierarchical(*map(jnp.array, ([[0.7]], [0.9], [[-1.3]])))
        axis = np.linspace(-12, 12, 401)
        grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        mass = np.exp(LOG_PROBS(p, grid)) * (axis[1] - axis[0]) ** 2
        assert mass.sum() == pytest.approx(1, abs=1e-10)
        second = (mass[:, None] * grid).T @ grid
        np.testing.assert_allclose(hierarchical.covariance(p), second, atol=1e-9)


def test_samples_standardise_to_independent_normals():
    p, count = _random(4), 4000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(quick.jit(jax.vmap(hierarchical.sample, (0, None)))(keys, p))
    top, bottom = draws[:, :2], draws[:, 2:]
    scale = np.stack([_scale(p, t) for t in top.astype(float)])
    noise = (bottom - top @ np.asarray(p.weights).T) / scale
    standard = np.concatenate([top, noise], axis=1)
    for d in range(5):
        assert stats.kstest(standard[:, d], "norm").pvalue > 0.01
    correlation = np.corrcoef(standard.T)[np.triu_indices(5, 1)]
    assert np.all(np.abs(correlation) < 4 / count**0.5)


def test_the_scale_of_the_lower_level_is_bounded_for_any_upper_level():
    p = _random(5)
    for far in (-1e4, 1e4):
        scale = hierarchical.conditional(p, jnp.full(2, far)).scale / p.scale
        assert np.all(scale > 0.99 * (1 - SWING) ** 0.5)
        assert np.all(scale < 1.01 * (1 + SWING) ** 0.5)


def test_gradients_are_finite_at_every_scale_and_distance():
    slopes = quick.jit(jax.vmap(jax.grad(hierarchical.log_prob, argnums=(0, 1))))
    table = [(s, w, z) for s in (1e-6, 1.0, 1e6) for w in (0, 1e3) for z in (0, -1e4)]
    scale, weight, point = jnp.asarray(np.array(table).T, float)
    weights = jnp.broadcast_to(weight[:, None, None], (len(table), 2, 1))
    p = Hierarchical(weights, jnp.stack([scale, scale], 1), weights)
    points = jnp.stack([point, point, -point], 1)
    for leaf in jax.tree.leaves(slopes(p, points)):
        assert np.isfinite(leaf).all()


def test_derivatives_agree_with_finite_differences():
    with jax.enable_x64(True):
        z = jnp.array([0.5, -0.7, 1.0, 0.2, 0.1])
        assert_derivatives_agree(hierarchical.log_prob, _random(6), z)


def test_a_point_of_another_size_is_refused():
    with pytest.raises(AssertionError, match="shape"):
        hierarchical.log_prob(_random(7), jnp.zeros(4))
