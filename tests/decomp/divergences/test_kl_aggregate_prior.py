from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special, stats

from decomp.distributions import gaussian, mixture
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.mixture import Mixture
from decomp.divergences import kl_aggregate_prior

quadrature = jax.jit(
    kl_aggregate_prior.kl_aggregate_prior_quadrature,
    static_argnums=0,
    static_argnames=("low", "high", "points_per_axis"),
)
SAMPLES = 400
CENTRES = ((0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0))


def _prior():
    components = Gaussian(jnp.array(CENTRES), jnp.full((4, 2), 0.4))
    return Mixture(jnp.log(jnp.full(4, 0.25)), components)


def _posteriors():
    rng = np.random.default_rng(0)
    loc, scale = rng.normal(size=(8, 2)), rng.uniform(0.3, 1.0, size=(8, 2))
    return Gaussian(np.float32(loc), np.float32(scale))


@jax.jit
def estimates(seed, q):
    """Gradients of 40 estimates, and the estimates."""

    def once(i):
        def estimate(q):
            e = kl_aggregate_prior.kl_aggregate_prior_exact(
                jax.random.fold_in(jax.random.key(seed), i),
                q,
                partial(mixture.log_prob, _prior()),
                num_samples=SAMPLES,
                block=SAMPLES,
            )
            return e.value, e

        return jax.grad(estimate, has_aux=True)(q)

    return jax.lax.map(once, jnp.arange(40))


@jax.jit
@jax.value_and_grad
def exact(q):
    return kl_aggregate_prior.kl_aggregate_prior_quadrature(
        partial(mixture.log_prob, _prior()), q, low=-6.0, high=6.0, points_per_axis=120
    ).value


def test_estimates_agree_with_quadrature_within_their_standard_errors():
    q = _posteriors()
    _, e = estimates(1, q)
    value, _ = exact(q)
    assert abs(e.value[0] - value) < 4 * e.stderr[0]
    spread = np.std(np.float64(e.value), ddof=1)
    assert abs(np.mean(e.value) - value) < 4 * spread / np.sqrt(40)
    # The standard deviation of 40 values has a relative error below 4/√(2·39).
    np.testing.assert_allclose(spread / np.mean(e.stderr), 1, atol=4 / np.sqrt(78))


def test_the_gradients_of_estimates_agree_with_that_of_the_quadrature():
    q = _posteriors()
    gradients, _ = estimates(2, q)
    _, gradient = exact(q)
    for samples, true in zip(gradients, gradient, strict=True):
        error = np.abs(np.mean(samples, axis=0) - true)
        assert np.all(error < 4 * np.std(samples, axis=0, ddof=1) / np.sqrt(40))


def test_an_aggregate_equal_to_the_prior_has_no_divergence():
    loc, scale = np.tile(CENTRES, (2, 1)), np.full((8, 2), 0.4, np.float32)
    value, _ = exact(Gaussian(np.float32(loc), scale))
    np.testing.assert_allclose(value, 0, atol=1e-5)  # float32 rounding of ~1 nat
    loc[-1] = loc[0]  # one component is lighter, another heavier
    value, _ = exact(Gaussian(np.float32(loc), scale))
    assert value > 0.01


def test_the_estimate_from_log_densities_is_their_mean_difference():
    rng = np.random.default_rng(0)
    log_qz, log_pz = rng.normal(size=(2, 20))
    with jax.enable_x64(True):
        e = kl_aggregate_prior.kl_aggregate_prior(jnp.array(log_qz), jnp.array(log_pz))
        np.testing.assert_allclose(e.value, np.mean(log_qz - log_pz), rtol=1e-12)
        np.testing.assert_allclose(e.stderr, stats.sem(log_qz - log_pz), rtol=1e-12)


def test_unbiased_densities_of_a_minibatch_underestimate_the_divergence():
    # z_b is a draw of posterior b and q̂(z_b) = q(z_b|x_b)/n + (n − 1)/(n(B − 1)) Σ_b'
    # q(z_b|x_b'), in one dimension; the posteriors are the n quantiles of N(0, 1).
    rng, n, size = np.random.default_rng(1), 100, 4
    loc, scale = stats.norm.ppf((np.arange(n) + 0.5) / n), 0.05
    weights = np.full((size, size), (n - 1) / (n * (size - 1)))
    np.fill_diagonal(weights, 1 / n)
    values, estimate = [], jax.jit(kl_aggregate_prior.kl_aggregate_prior)
    for _ in range(200):
        means = rng.choice(loc, size, replace=False)
        z = means + scale * rng.normal(size=size)
        log_qz_x = stats.norm.logpdf(z[:, None], means, scale)
        log_qz = special.logsumexp(log_qz_x, axis=1, b=weights)
        e = estimate(np.float32(log_qz), np.float32(stats.norm.logpdf(z)))
        values.append(float(e.value))
    z = np.linspace(-6, 6, 4001)
    qz = np.mean(stats.norm.pdf(z[:, None], loc, scale), axis=1)
    true = np.trapezoid(special.rel_entr(qz, stats.norm.pdf(z)), z)
    assert 0 < true < 0.1
    assert np.mean(values) + 4 * stats.sem(values) < true
    assert np.mean(np.array(values) < 0) > 0.5


def test_quadrature_of_two_gaussians_is_their_closed_form():
    with jax.enable_x64(True):
        q = Gaussian(jnp.array([0.2, -0.1]), jnp.array([0.5, 0.8]))
        p = Gaussian(jnp.array([0.0, 0.4]), jnp.array([0.7, 0.6]))
        out = quadrature(
            partial(gaussian.log_prob, p),
            jax.tree.map(lambda leaf: leaf[None], q),
            low=-8.0,
            high=8.0,
            points_per_axis=100,
        )
        np.testing.assert_allclose(out.value, gaussian.kl(q, p), rtol=1e-10)
        np.testing.assert_allclose(out.aggregate_mass, 1, rtol=1e-12)


def coarse(log_pz, q):
    return quadrature(log_pz, q, low=-2.0, high=2.0, points_per_axis=10)


def test_quadrature_reports_the_mass_outside_the_box_and_between_grid_points():
    def flat(z):
        return 0.0 * jnp.sum(z)

    outside = Gaussian(jnp.array([[9.0, 9.0], [0.0, 0.0]]), jnp.full((2, 2), 0.3))
    np.testing.assert_allclose(coarse(flat, outside).aggregate_mass, 0.5, rtol=1e-4)
    between_points = Gaussian(jnp.zeros((2, 2)), jnp.full((2, 2), 1e-3))
    assert coarse(flat, between_points).aggregate_mass == 0


def test_quadrature_is_infinite_where_only_the_prior_vanishes():
    def uniform(z):
        return jnp.where(jnp.all(jnp.abs(z) < 1), -jnp.log(4.0), -jnp.inf)

    wide = Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    assert coarse(uniform, wide).value == jnp.inf
    # The density of a narrow q underflows where p is 0.
    narrow = Gaussian(jnp.zeros((1, 2)), jnp.full((1, 2), 0.05))
    assert np.isfinite(coarse(uniform, narrow).value)


def test_the_divergence_is_infinite_where_only_the_prior_has_no_mass():
    q = Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    estimate = quadrature(
        lambda z: jnp.where(z[0] > 0, 0.0, -jnp.inf),
        q,
        low=-5.0,
        high=5.0,
        points_per_axis=10,
    )
    assert estimate.value == np.inf
    np.testing.assert_allclose(estimate.aggregate_mass, 1, rtol=1e-4)
