"""The bias of minibatch estimators, by enumeration and at three degrees of overlap."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp import aggregate, minibatch, numerics
from decomp.distributions.gaussian import Gaussian

N, B, D = 7, 4, 5
UNBIASED = ("stratified", "symmetrised")


def _posteriors():
    """Overlapping posteriors, and one draw from each."""
    rng = np.random.default_rng(0)
    loc, scale = 0.6 * rng.normal(size=(N, D)), rng.uniform(0.4, 1.2, (N, D))
    return Gaussian(loc, scale), loc + scale * rng.normal(size=(N, D))


def _density_table(q, z):
    """q(z_n|x_j) as [n, j]."""
    return stats.norm.pdf(z[:, None], q.loc, q.scale).prod(axis=2)


@functools.cache
def _enumerated(name):
    """q̂(z_b) of the first point of every ordered batch `[N, batches]`, and q(z_b)."""
    q, z = _posteriors()
    batches = np.array(
        [
            [(n, *rest) for rest in itertools.permutations({*range(N)} - {n}, B - 1)]
            for n in range(N)
        ]
    )  # [N, batches, B]
    log_weights = minibatch.ESTIMATORS[name](B, N)
    first_log_qz = jax.vmap(
        jax.vmap(lambda q, z: minibatch.log_densities(q, z, log_weights).log_qz[0])
    )
    q_batches = Gaussian(q.loc[batches], q.scale[batches])
    density = _density_table(q, z)
    return np.exp(jax.jit(first_log_qz)(q_batches, z[batches])), density.mean(
        1, keepdims=True
    )


@pytest.mark.parametrize("name", UNBIASED)
def test_averaged_over_all_batches_the_density_is_unbiased_and_the_entropy_too_large(
    name,
):
    with jax.enable_x64(True):
        estimates, density = _enumerated(name)
    np.testing.assert_allclose(
        estimates.mean(axis=1, keepdims=True), density, rtol=1e-12
    )
    assert np.all(-np.log(estimates).mean(axis=1) >= -np.log(density[:, 0]))


def test_symmetrised_weights_have_a_lower_variance_than_stratified_ones():
    with jax.enable_x64(True):
        variances = {name: _enumerated(name)[0].var(axis=1) for name in UNBIASED}
    assert np.all(variances["symmetrised"] < variances["stratified"])


def test_weighted_sampling_expects_too_much_of_the_own_density_over_n():
    with jax.enable_x64(True):
        estimates, density = _enumerated("weighted")
    own_density = np.diag(_density_table(*_posteriors()))[:, None]
    others = (N * density - own_density) / (N - 1)  # mean density of the other points
    exact = (own_density + (B - 1) * others) / (N * B)
    np.testing.assert_allclose(estimates.mean(axis=1, keepdims=True), exact, rtol=1e-12)


def test_the_batch_mean_counts_the_own_posterior_n_over_b_times():
    with jax.enable_x64(True):
        estimates, density = _enumerated("batch_mean")
    own_density = np.diag(_density_table(*_posteriors()))[:, None]
    others = (N * density - own_density) / (N - 1)
    exact = density + (1 / B - 1 / N) * (own_density - others)
    np.testing.assert_allclose(estimates.mean(axis=1, keepdims=True), exact, rtol=1e-12)


def _regime(scale, n=2000):
    """Posteriors of correlated means; q(z) has unit variances at every scale."""
    rng = np.random.default_rng(2)
    covariance = 0.7 ** np.abs(np.subtract.outer(np.arange(D), np.arange(D)))
    loc = rng.normal(size=(n, D)) @ np.linalg.cholesky(covariance).T
    loc *= np.sqrt(1 - scale**2)
    return Gaussian(jnp.float32(loc), jnp.full((n, D), jnp.float32(scale)))


@jax.jit
def _batches(q, index, noise):
    """Exact H, I and TC of batches of 64 [60, 3], and those of MSS [60, 3]."""
    weights = minibatch.stratified(64, len(q.loc))

    def means_of_parts(log_qz_x, log_qz, log_prod_qz):
        parts = (-log_qz, log_qz_x - log_qz, log_qz - log_prod_qz)
        return jnp.stack([jnp.mean(part) for part in parts])

    def of_batch(batch):
        index, noise = batch
        part = jax.tree.map(lambda leaf: leaf[index], q)
        z = part.loc + part.scale * noise
        terms = minibatch.log_densities(part, z, weights)
        log_qz, log_qz_dims = aggregate.log_densities(q, z)
        return (
            means_of_parts(terms.log_qz_x, log_qz, jnp.sum(log_qz_dims, axis=1)),
            means_of_parts(terms.log_qz_x, terms.log_qz, terms.log_prod_qz),
        )

    return jax.lax.map(of_batch, (index, noise))


@pytest.mark.parametrize("scale", [0.02, 0.3, 0.9])
def test_the_bias_is_largest_between_no_overlap_and_full_overlap(scale):
    rng = np.random.default_rng(4)
    index = np.stack([rng.choice(2000, 64, replace=False) for _ in range(60)])
    noise = np.float32(rng.normal(size=(60, 64, D)))
    exact, estimates = map(np.asarray, _batches(_regime(scale), index, noise))
    entropy, _, correlation = (estimates - exact).mean(axis=0)
    stderr = exact.std(axis=0, ddof=1) / np.sqrt(60)
    if scale == 0.02:
        assert abs(entropy) < 4 * stderr[0]
        np.testing.assert_allclose(exact[:, 1].mean(), np.log(2000), rtol=1e-3)
    elif scale == 0.3:
        assert entropy > 0.5
        assert correlation < -0.3
    else:
        assert 0 < entropy < 4 * stderr[0]


@pytest.mark.parametrize(("terms", "draws"), [(10, 40_000), (100, 40_000)])
def test_the_log_of_a_mean_is_smaller_by_half_its_relative_variance(terms, draws):
    """Eq. 9 with lognormals: E[log Ẑ] ≈ log E[Ẑ] − Var[Ẑ]/(2 E[Ẑ]²)."""
    rng = np.random.default_rng(3)
    x = np.float32(0.8 * rng.normal(size=(terms, draws)))
    error = np.asarray(jax.jit(numerics.log_mean_exp)(x)) - 0.8**2 / 2
    predicted = -np.expm1(0.8**2) / (2 * terms)
    stderr = error.std(ddof=1) / np.sqrt(draws)
    higher = (predicted * 2) ** 2  # the order of the terms that Eq. 9 omits
    assert abs(error.mean() - predicted) < 4 * stderr + higher
    assert error.mean() < -4 * stderr
