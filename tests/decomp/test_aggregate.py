from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp import aggregate
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from tests.decomp.distributions import quick

aggregate, gaussian = quick.compiled(aggregate), quick.compiled(gaussian)
entropy = jax.jit(partial(aggregate.entropy, num_samples=4000, block=1000))
densities = jax.jit(partial(aggregate.log_densities, block=2, data_block=3))


def _posteriors(seed=0, n=6, d=3):
    rng = np.random.default_rng(seed)
    loc = rng.normal(size=(n, d))
    scale = rng.uniform(0.2, 1.5, size=(n, d))
    return loc, scale


def _densities(loc, scale, z):
    """q(z_d|x_n) by loops in float64, `[N, D]`."""
    return np.array(
        [
            [stats.norm.pdf(z[d], loc[n, d], scale[n, d]) for d in range(loc.shape[1])]
            for n in range(loc.shape[0])
        ]
    )


def test_log_prob_is_the_log_of_the_mean_density():
    loc, scale = _posteriors()
    z = np.array([0.3, -1.0, 0.7])
    exact = np.log(np.mean(np.prod(_densities(loc, scale, z), axis=1)))
    with jax.enable_x64(True):
        value = aggregate.log_prob(Gaussian(jnp.array(loc), jnp.array(scale)), z)
        np.testing.assert_allclose(value, exact, rtol=1e-13)


def test_marginals_are_the_logs_of_the_mean_marginal_densities():
    loc, scale = _posteriors()
    z = np.array([0.3, -1.0, 0.7])
    exact = np.log(np.mean(_densities(loc, scale, z), axis=0))
    with jax.enable_x64(True):
        value = aggregate.log_prob_dims(Gaussian(jnp.array(loc), jnp.array(scale)), z)
        np.testing.assert_allclose(value, exact, rtol=1e-13)


def test_log_prob_is_exact_in_float32_at_tiny_scales_far_from_the_origin():
    loc = np.float32([[1000.0, -1000.0], [1.0, 2.0]])
    scale = np.full((2, 2), 1e-6, np.float32)
    exact = np.log(0.5) - np.sum(np.log(np.float64(scale[0]))) - np.log(2 * np.pi)
    value = aggregate.log_prob(Gaussian(jnp.array(loc), jnp.array(scale)), loc[0])
    np.testing.assert_allclose(value, exact, rtol=1e-6)


def test_many_points_agree_with_single_points_for_any_block():
    q = Gaussian(*map(jnp.float32, _posteriors()))
    points = jax.random.normal(jax.random.key(1), (11, 3))
    many = aggregate.log_prob_many(q, points, block=4)
    single = jnp.stack([aggregate.log_prob(q, z) for z in points])
    np.testing.assert_allclose(many, single, rtol=1e-6)


@pytest.mark.parametrize(("n", "count"), [(7, 5), (6, 4), (1, 1)])
def test_blocks_of_points_and_posteriors_give_the_values_of_one_sum(n, count):
    loc, scale = _posteriors(n=n)
    points = np.random.default_rng(1).normal(size=(count, 3))
    with jax.enable_x64(True):
        q = Gaussian(jnp.array(loc), jnp.array(scale))
        log_qz, log_qz_dims = densities(q, jnp.array(points))
    for s, z in enumerate(points):
        density = _densities(loc, scale, z)
        exact = np.log(np.mean(np.prod(density, axis=1)))
        np.testing.assert_allclose(log_qz[s], exact, rtol=1e-12)
        np.testing.assert_allclose(log_qz_dims[s], np.log(density.mean(0)), rtol=1e-12)


def test_blocks_keep_float32_precision_where_most_densities_vanish():
    loc = jnp.array([[1000.0, -1000.0]] + [[0.0, 0.0]] * 6)
    q = Gaussian(loc, jnp.full((7, 2), 1e-6))
    log_qz, log_qz_dims = densities(q, loc[:1])
    exact = -np.log(np.float64(1e-6)) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_qz, 2 * exact - np.log(7), rtol=1e-6)
    np.testing.assert_allclose(log_qz_dims[0], exact - np.log(7), rtol=1e-6)


def test_the_order_of_the_data_does_not_matter():
    loc, scale = map(jnp.float32, _posteriors())
    z = jnp.zeros(3)
    reversed_q = Gaussian(loc[::-1], scale[::-1])
    a, b = (
        aggregate.log_prob(Gaussian(loc, scale), z),
        aggregate.log_prob(reversed_q, z),
    )
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_samples_have_the_moments_of_the_mixture():
    loc, scale = _posteriors(n=4, d=2)
    q = Gaussian(jnp.float32(loc), jnp.float32(scale))
    keys = jax.random.split(jax.random.key(2), 40_000)
    z = np.asarray(jax.jit(jax.vmap(aggregate.sample, (0, None)))(keys, q), np.float64)
    mean, second = loc.mean(0), np.mean(loc**2 + scale**2, axis=0)
    for sample, exact in ((z, mean), (z**2, second)):
        stderr = sample.std(axis=0, ddof=1) / np.sqrt(len(z))
        assert np.all(np.abs(sample.mean(0) - exact) < 4 * stderr)


def test_entropy_of_equal_posteriors_is_the_gaussian_entropy():
    posterior = Gaussian(jnp.array([1.0, -2.0]), jnp.array([0.5, 2.0]))
    q = jax.tree.map(lambda leaf: jnp.tile(leaf, (8, 1)), posterior)
    e = entropy(jax.random.key(3), q)
    assert abs(e.value - gaussian.entropy(posterior)) < 4 * e.stderr


def test_entropy_of_posteriors_far_apart_is_their_mean_entropy_plus_log_n():
    loc = jnp.tile(1e3 * jnp.arange(8.0)[:, None], 2)
    q = Gaussian(loc, jnp.linspace(0.1, 2.0, 16).reshape(8, 2))
    exact = jnp.mean(jax.vmap(gaussian.entropy)(q)) + jnp.log(8.0)
    e = entropy(jax.random.key(4), q)
    assert abs(e.value - exact) < 4 * e.stderr


def test_entropy_works_under_jit_and_vmap_and_does_not_depend_on_the_block():
    q = Gaussian(*map(jnp.float32, _posteriors()))
    key = jax.random.key(5)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), q)

    def run(q):
        return aggregate.entropy(key, q, num_samples=50, block=25)

    mapped = jax.jit(jax.vmap(run))(stacked)
    alone = aggregate.entropy(key, q, num_samples=50, block=50)
    np.testing.assert_allclose(mapped.value[0], alone.value, rtol=1e-5)
    # Doubling every length adds D log 2 to each term.
    np.testing.assert_allclose(
        mapped.value[1] - mapped.value[0], 3 * np.log(2.0), rtol=1e-5
    )
