from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp import aggregate
from decomp.distributions import gaussian, mixture
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.mixture import Mixture
from decomp.divergences import kl_prior_aggregate as inclusive
from tests.decomp.distributions.derivatives import assert_derivatives_agree

kl_prior_aggregate = jax.jit(inclusive.kl_prior_aggregate, static_argnames=("block",))
quadrature = jax.jit(
    inclusive.kl_prior_aggregate_quadrature,
    static_argnums=0,
    static_argnames=("low", "high", "points_per_axis"),
)
sample = jax.jit(jax.vmap(mixture.sample, (0, None)))
log_prior = jax.jit(jax.vmap(mixture.log_prob, (None, 0)))
log_aggregate = jax.jit(jax.vmap(aggregate.log_prob, (None, 0)))
SAMPLES = 500
CENTRES = ((0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0))


def _prior():
    components = Gaussian(jnp.array(CENTRES), jnp.full((4, 2), 0.03**0.5))
    return Mixture(jnp.log(jnp.full(4, 0.25)), components)


def _draws(p, seed=0):
    keys = jax.random.split(jax.random.key(seed), SAMPLES)
    z = sample(keys, p)
    return z, log_prior(p, z)


def _posteriors(seed=0, n=7, d=2):
    loc_key, scale_key = jax.random.split(jax.random.key(seed))
    loc = jax.random.normal(loc_key, (n, d))
    return Gaussian(loc, jax.random.uniform(scale_key, (n, d), minval=0.3, maxval=1.5))


def _naive(z, log_pz, q):
    return jnp.mean(log_pz - log_aggregate(q, z))


def test_an_aggregate_equal_to_the_prior_has_no_divergence():
    p = _prior()
    z, log_pz = _draws(p)
    q = jax.tree.map(lambda leaf: jnp.repeat(leaf, 3, axis=0), p.components)
    e = kl_prior_aggregate(z, log_pz, q)
    np.testing.assert_allclose(e.value, 0, atol=1e-6)  # float32 rounding of ~1 nat


def test_an_aggregate_drawn_from_the_prior_agrees_with_quadrature():
    p = _prior()
    loc, _ = _draws(p, seed=1)
    loc = loc[:60]
    q = Gaussian(loc, jnp.full_like(loc, 0.15))
    e = kl_prior_aggregate(*_draws(p, seed=2), q)
    log_pz = partial(mixture.log_prob, p)
    exact = quadrature(log_pz, q, low=-3.0, high=3.0, points_per_axis=200)
    assert abs(e.value - exact.value) < 4 * e.stderr


def test_the_form_of_the_paper_is_s_times_kl_minus_log_n():
    p, q = _prior(), _posteriors()
    z, log_pz = _draws(p)
    log_qz_x = stats.norm.logpdf(
        np.float64(z)[:, None], np.float64(q.loc), np.float64(q.scale)
    ).sum(-1)
    of_paper = np.sum(np.float64(log_pz) - special.logsumexp(log_qz_x, axis=1))
    e = kl_prior_aggregate(z, log_pz, q)
    np.testing.assert_allclose(of_paper, SAMPLES * (e.value - np.log(7)), rtol=1e-5)


def test_the_standard_error_is_that_of_the_mean():
    z, log_pz = _draws(_prior())
    q = _posteriors()
    terms = np.float64(log_pz - log_aggregate(q, z))
    e = kl_prior_aggregate(z, log_pz, q, block=60)  # a remainder of 20
    np.testing.assert_allclose(e.stderr, stats.sem(terms), rtol=1e-4)


def test_a_minibatch_overestimates_the_divergence_to_the_data():
    z, log_pz = _draws(_prior())
    q = _posteriors(n=40)
    full = kl_prior_aggregate(z, log_pz, q).value
    halves = [jax.tree.map(lambda leaf, i=i: leaf[i::2], q) for i in range(2)]
    values = [kl_prior_aggregate(z, log_pz, half).value for half in halves]
    # This is exact: −log is convex, and the densities of the halves average to q(z).
    assert np.mean(values) > full


@pytest.mark.parametrize("block", [4, 50])
def test_value_and_gradient_agree_with_automatic_differentiation(block):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        z, log_pz = jnp.array(rng.normal(size=(10, 3))), jnp.array(rng.normal(size=10))
        q = Gaussian(
            jnp.array(rng.normal(size=(6, 3))), jnp.array(rng.uniform(0.3, 2, (6, 3)))
        )

        def ours(z, log_pz, q):
            return inclusive.kl_prior_aggregate(z, log_pz, q, block=block).value

        value, grads = jax.jit(jax.value_and_grad(ours, (0, 1, 2)))(z, log_pz, q)
        exact, exact_grads = jax.jit(jax.value_and_grad(_naive, (0, 1, 2)))(
            z, log_pz, q
        )
        np.testing.assert_allclose(value, exact, rtol=1e-13)
        chex.assert_trees_all_close(grads, exact_grads, rtol=1e-10, atol=1e-14)


def test_first_and_second_derivatives_agree_with_finite_differences():
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        z, log_pz = jnp.array(rng.normal(size=(5, 2))), jnp.array(rng.normal(size=5))

        def value(loc, scale):
            return inclusive.kl_prior_aggregate(
                z, log_pz, Gaussian(loc, scale), block=3
            ).value

        loc = jnp.array(rng.normal(size=(4, 2)))
        scale = jnp.array(rng.uniform(0.5, 2, (4, 2)))
        assert_derivatives_agree(value, loc, scale)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_gradient_is_finite_in_float32_at_extreme_scales(scale):
    z, log_pz = _draws(_prior())
    loc = jnp.concatenate([z[:3], jnp.zeros((2, 2))])

    def value(q):
        return kl_prior_aggregate(z, log_pz, q).value

    out = jax.jit(jax.value_and_grad(value))(Gaussian(loc, jnp.full((5, 2), scale)))
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(out))


def test_many_runs_under_vmap_equal_each_run_alone():
    z, log_pz = _draws(_prior())
    runs = [_posteriors(seed) for seed in range(3)]

    @jax.jit
    def grad(q):
        return jax.grad(
            lambda q: inclusive.kl_prior_aggregate(z, log_pz, q, block=100).value
        )(q)

    batch = jax.jit(jax.vmap(grad))(jax.tree.map(lambda *x: jnp.stack(x), *runs))
    for r, q in enumerate(runs):
        of_run = jax.tree.map(lambda leaf, r=r: leaf[r], batch)
        chex.assert_trees_all_close(of_run, grad(q), rtol=1e-4, atol=1e-7)


def test_quadrature_of_two_gaussians_is_their_closed_form():
    with jax.enable_x64(True):
        p = Gaussian(jnp.array([0.2, -0.1]), jnp.array([0.5, 0.8]))
        q = Gaussian(jnp.array([0.0, 0.4]), jnp.array([0.7, 0.6]))
        out = quadrature(
            partial(gaussian.log_prob, p),
            jax.tree.map(lambda leaf: leaf[None], q),
            low=-8.0,
            high=8.0,
            points_per_axis=100,
        )
        np.testing.assert_allclose(out.value, gaussian.kl(p, q), rtol=1e-10)
        np.testing.assert_allclose(out.prior_mass, 1, rtol=1e-12)


def test_quadrature_reports_the_prior_mass_outside_the_box():
    with jax.enable_x64(True):
        p = Gaussian(jnp.zeros(2), jnp.ones(2))
        out = quadrature(
            partial(gaussian.log_prob, p),
            jax.tree.map(lambda leaf: leaf[None], p),
            low=-1.0,
            high=1.0,
            points_per_axis=400,
        )
        inside = (2 * stats.norm.cdf(1) - 1) ** 2
        # The midpoint rule is off by h² Δp/24, below 1e-5 here.
        np.testing.assert_allclose(out.prior_mass, inside, atol=1e-5)
        np.testing.assert_allclose(out.value, 0, atol=1e-14)


def test_quadrature_is_finite_where_the_prior_vanishes():
    def uniform(z):
        return jnp.where(jnp.all(jnp.abs(z) < 1), -jnp.log(4.0), -jnp.inf)

    q = Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2)))
    out = quadrature(uniform, q, low=-2.0, high=2.0, points_per_axis=200)
    # −log 4 + log 2π + ½ E|z|², with E|z|² = 2/3 on the square.
    exact = -np.log(4) + np.log(2 * np.pi) + 1 / 3
    np.testing.assert_allclose(out.value, exact, atol=1e-4)
