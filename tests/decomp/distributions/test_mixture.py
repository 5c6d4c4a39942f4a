import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp.distributions import gaussian, mixture
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.mixture import Mixture
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

gaussian, mixture = quick.compiled(gaussian), quick.compiled(mixture)


def _random(seed, parts=3, dim=2):
    rng = np.random.default_rng(seed)
    return Mixture(
        jnp.asarray(rng.normal(size=parts)),
        Gaussian(
            jnp.asarray(rng.normal(size=(parts, dim))),
            jnp.asarray(rng.uniform(0.3, 1.0, (parts, dim))),
        ),
    )


def _pinwheel_prior():
    """Four clusters of variance 0.03 at distance 1 from the origin."""
    loc = jnp.array([[0.0, -1.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    return Mixture(jnp.zeros(4), Gaussian(loc, jnp.full((4, 2), 0.03**0.5)))


def _grid(half_width, count):
    axis = np.linspace(-half_width, half_width, count)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return grid, (axis[1] - axis[0]) ** 2


def _log_joint(p, z):
    weights = special.log_softmax(np.asarray(p.log_weights))
    parts = stats.norm.logpdf(z, p.components.loc, p.components.scale).sum(-1)
    return weights + parts


def test_log_prob_and_responsibilities_are_those_of_scipy():
    with jax.enable_x64(True):
        p, z = _random(0), np.array([0.4, -0.2])
        joint = _log_joint(p, z)
        log_prob = mixture.log_prob(p, jnp.asarray(z))
        np.testing.assert_allclose(log_prob, special.logsumexp(joint), rtol=1e-12)
        shares = mixture.responsibilities(p, jnp.asarray(z))
        np.testing.assert_allclose(shares, special.softmax(joint), rtol=1e-12)


def test_the_density_integrates_to_one_for_any_offset_of_the_logits():
    with jax.enable_x64(True):
        p = _random(1)
        p = p._replace(log_weights=p.log_weights + 5.0)
        grid, cell = _grid(8.0, 321)
        density = np.exp(jax.vmap(mixture.log_prob, (None, 0))(p, grid))
        assert density.sum() * cell == pytest.approx(1, abs=1e-10)


def test_the_log_density_is_one_number_per_point():
    # If it were broadcast over D dimensions, E_q[log q − log p] would count it D times.
    p = _pinwheel_prior()
    points = jnp.zeros((7, 2))
    assert mixture.log_prob(p, points[0]).shape == ()
    assert jax.vmap(mixture.log_prob, (None, 0))(p, points).shape == (7,)


def test_the_kl_to_the_prior_counts_the_mixture_once():
    # KL(q‖p) = −H[q] − E_q[log p] with one log p(z) per point, on a grid. The bug that
    # this test guards against adds E_q[log p] a second time, as if p(z) were squared.
    with jax.enable_x64(True):
        p, q = _pinwheel_prior(), Gaussian(jnp.array([0.3, 0.1]), jnp.array([0.2, 0.3]))
        grid, cell = _grid(4.0, 161)
        qz = np.exp(stats.norm.logpdf(grid, q.loc, q.scale).sum(-1))
        joint = _log_joint(p, grid[:, None])
        exact = cell * qz @ (np.log(qz) - special.logsumexp(joint, axis=1))
        log_pz = jax.vmap(mixture.log_prob, (None, 0))(p, grid)
        kl = -gaussian.entropy(q) - cell * (qz @ log_pz)
        np.testing.assert_allclose(kl, exact, rtol=1e-10)


def test_entropy_is_within_its_standard_error_of_the_exact_value():
    # The exact value, by quadrature, is near that of clusters without overlap.
    p = _pinwheel_prior()
    with jax.enable_x64(True):
        grid, cell = _grid(2.5, 201)
        log_pz = np.asarray(jax.vmap(mixture.log_prob, (None, 0))(p, grid))
        exact = -(np.exp(log_pz) * log_pz).sum() * cell
        variance = (np.exp(log_pz) * (log_pz + exact) ** 2).sum() * cell
    assert exact == pytest.approx(np.log(4) + np.log(2 * np.pi * np.e * 0.03), abs=2e-3)
    entropy = mixture.entropy(jax.random.key(0), p, num_samples=4000)
    assert abs(entropy.value - exact) < 4 * entropy.stderr
    # log p falls by an exponential variable, of kurtosis 9: s has a variance of 2/N.
    stderr = np.sqrt(variance / 4000)
    np.testing.assert_allclose(entropy.stderr, stderr, rtol=4 * np.sqrt(2 / 4000))


def test_samples_have_the_weights_and_the_moments_of_the_mixture():
    p, count = _random(2), 8000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(jax.vmap(mixture.sample, (0, None))(keys, p), float)
    weights = special.softmax(np.asarray(p.log_weights, float))
    loc, scale = (np.asarray(leaf, float) for leaf in p.components)
    for d in range(2):

        def cdf(z, d=d):
            return stats.norm.cdf(z[:, None], loc[:, d], scale[:, d]) @ weights

        assert stats.kstest(draws[:, d], cdf).pvalue > 0.01
    mean = weights @ loc
    variance = weights @ (scale**2 + loc**2) - mean**2
    assert np.all(np.abs(draws.mean(0) - mean) < 4 * np.sqrt(variance / count))
    squares = (draws - mean) ** 2
    stderr = squares.std(0) / count**0.5
    assert np.all(np.abs(squares.mean(0) - variance) < 4 * stderr)


def test_components_of_weight_zero_do_not_contribute_and_gradients_are_finite():
    p, z = _random(3), jnp.array([0.4, -0.2])
    p = p._replace(log_weights=jnp.array([-jnp.inf, 0.0, -jnp.inf]))
    value, gradients = jax.value_and_grad(mixture.log_prob, argnums=(0, 1))(p, z)
    component = Gaussian(p.components.loc[1], p.components.scale[1])
    np.testing.assert_allclose(value, gaussian.log_prob(component, z), rtol=1e-6)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))
    np.testing.assert_array_equal(mixture.responsibilities(p, z), [0.0, 1.0, 0.0])
    draw = mixture.sample(jax.random.key(0), p)
    assert np.all(np.isfinite(draw))


def test_the_log_density_and_its_gradient_are_finite_far_from_every_component():
    p, z = _pinwheel_prior(), jnp.array([1e4, -1e4])
    value, gradient = jax.value_and_grad(mixture.log_prob, argnums=1)(p, z)
    exact = special.logsumexp(_log_joint(p, np.asarray(z, float)))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert np.all(np.isfinite(gradient))


def test_derivatives_agree_with_finite_differences():
    def values(p, z):
        return mixture.log_prob(p, z), mixture.responsibilities(p, z)

    with jax.enable_x64(True):
        assert_derivatives_agree(values, _random(4), jnp.array([0.4, -0.2]))


def test_moments_combine_those_within_and_between_the_components():
    with jax.enable_x64(True):
        p = _random(5, parts=4, dim=3)
        weights, (loc, scale) = special.softmax(p.log_weights), p.components
        mean, second = np.zeros(3), np.zeros((3, 3))
        for k in range(4):
            mean += weights[k] * loc[k]
            within = np.diag(np.asarray(scale[k]) ** 2)
            second += weights[k] * (within + np.outer(loc[k], loc[k]))
        np.testing.assert_allclose(mixture.mean(p), mean, rtol=1e-13)
        exact = second - np.outer(mean, mean)
        np.testing.assert_allclose(mixture.covariance(p), exact, rtol=1e-12)


def test_the_covariance_does_not_cancel_far_from_the_origin():
    p = _pinwheel_prior()
    far = p._replace(components=Gaussian(p.components.loc + 1e3, p.components.scale))
    exact = (0.03 + 0.5) * np.eye(2)  # E[z²] − E[z]² would be off by 0.06
    np.testing.assert_allclose(mixture.covariance(far), exact, atol=1e-4)
