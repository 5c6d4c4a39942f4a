from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from decomp import decomposition, overlap
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate

bhattacharyya = jax.jit(overlap.mean_bhattacharyya, static_argnames="block")
neighbours = jax.jit(
    partial(overlap.effective_neighbours, num_samples=4000, block=1000)
)


def _posteriors(n=5, d=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.uniform(0.3, 1.5, size=(n, d))


def _far_apart(n):
    return Gaussian(1e3 * jnp.arange(float(n))[:, None], jnp.ones((n, 1)))


def _equal(n):
    return Gaussian(jnp.ones((n, 1)), jnp.full((n, 1), 0.3))


def test_mean_log_det_is_that_of_the_covariance_matrices():
    loc, scale = _posteriors(d=3)
    exact = np.mean([np.linalg.slogdet(np.diag(s**2))[1] for s in scale])
    value = overlap.mean_log_det(Gaussian(jnp.float32(loc), jnp.float32(scale)))
    np.testing.assert_allclose(value, exact, rtol=1e-6)


def test_relative_information_is_the_share_of_log_n():
    information = Estimate(jnp.log(10.0), jnp.array(0.1))
    out = overlap.relative_information(information, num_points=100)
    np.testing.assert_allclose(out, (0.5, 0.1 / np.log(100)), rtol=1e-6)


def test_relative_information_of_one_point_is_refused():
    with pytest.raises(ValueError, match="at least 2 points; got 1"):
        overlap.relative_information(
            Estimate(jnp.zeros(()), jnp.zeros(())), num_points=1
        )


def test_bhattacharyya_agrees_with_quadrature_over_all_pairs():
    loc, scale = _posteriors()

    def coefficient(i, j):
        def root(z):
            return np.sqrt(np.prod(stats.norm.pdf(z, loc[[i, j], 0], scale[[i, j], 0])))

        return integrate.quad(root, -15, 15, points=[0.0])[0]

    pairs = [coefficient(i, j) for i in range(5) for j in range(5) if i != j]
    q = Gaussian(np.float32(loc), np.float32(scale))
    value = bhattacharyya(q, block=2)
    np.testing.assert_allclose(value, np.mean(pairs), rtol=1e-5)


def test_bhattacharyya_is_a_product_over_dimensions():
    loc, scale = map(np.float32, _posteriors(n=2, d=2))
    q = Gaussian(loc, scale)
    single = [
        bhattacharyya(Gaussian(loc[:, d : d + 1], scale[:, d : d + 1]))
        for d in range(2)
    ]
    value = bhattacharyya(q)
    np.testing.assert_allclose(value, np.prod(single), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e18])
def test_bhattacharyya_of_equal_posteriors_is_one_at_any_scale(scale):
    q = Gaussian(np.ones((4, 2), np.float32), np.full((4, 2), scale, np.float32))
    np.testing.assert_allclose(bhattacharyya(q), 1, rtol=1e-6)


def test_bhattacharyya_of_posteriors_far_apart_is_zero():
    assert bhattacharyya(_far_apart(4)) == 0


def test_a_point_without_overlap_has_one_effective_neighbour():
    key = jax.random.key(0)
    e = neighbours(key, _far_apart(8))
    np.testing.assert_allclose(e.value, 1, rtol=1e-6)


def test_equal_posteriors_are_all_effective_neighbours():
    key = jax.random.key(0)
    e = neighbours(key, _equal(8))
    np.testing.assert_allclose(e.value, 8, rtol=1e-5)


def test_effective_neighbours_agree_with_quadrature():
    loc, scale = _posteriors(n=8)

    def integrand(z):
        density = stats.norm.pdf(z, loc[:, 0], scale[:, 0])
        return density.mean() * np.exp(stats.entropy(density))

    exact, _ = integrate.quad(integrand, -9, 9)
    q = Gaussian(jnp.float32(loc), jnp.float32(scale))
    e = neighbours(jax.random.key(1), q)
    assert abs(e.value - exact) < 4 * e.stderr


def test_effective_neighbours_are_bounded_by_the_information():
    q = Gaussian(*map(jnp.float32, _posteriors(n=8, d=1)))
    e = neighbours(jax.random.key(2), q)
    mutual_information = jax.jit(
        decomposition.mutual_information, static_argnames=("samples_per_point", "block")
    )
    information = mutual_information(
        jax.random.key(3), q, samples_per_point=200, block=1600
    )
    bound = 8 * np.exp(-information.value)
    assert e.value > bound - 4 * (e.stderr + bound * information.stderr)


def test_one_point_has_no_pairs():
    with pytest.raises(ValueError, match="at least 2 points; got 1"):
        overlap.mean_bhattacharyya(Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2))))
