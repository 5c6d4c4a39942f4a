"""Gradient descent on a divergence alone moves q(z) of 64 posteriors to the prior."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import kl_aggregate_prior, mmd, moments, sliced_wasserstein

COUNT, STEPS = 64, 200
PRIOR = Gaussian(np.zeros(2, np.float32), np.ones(2, np.float32))


def log_pz(z):
    return gaussian.log_prob(PRIOR, z)


@jax.jit
def exact(q):
    return kl_aggregate_prior.kl_aggregate_prior_quadrature(
        log_pz, q, low=-8.0, high=8.0, points_per_axis=80
    ).value


def imq(i, q, z, y):
    del i, q
    return mmd.u_statistic(z, y, partial(mmd.imq, latents=2))


def sliced(i, q, z, y):
    del q
    key = jax.random.fold_in(jax.random.key(0), i)
    return sliced_wasserstein.squared(key, z, y, projections=10)


def gaussians(i, q, z, y):
    del i, z, y
    mean, covariance = jnp.mean(q.loc, axis=0), moments.covariance_of_aggregate(q)
    return moments.kl_of_moments(mean, covariance, jnp.zeros(2), jnp.eye(2))


@pytest.mark.parametrize(
    ("divergence", "step"), [(imq, 0.3), (sliced, 0.5), (gaussians, 0.05)]
)
def test_descent_on_a_divergence_reduces_the_kl(divergence, step):
    rng = np.random.default_rng(0)
    start = [
        np.float32(rng.normal([1.5, -1.0], 0.3, size=(COUNT, 2))),
        np.full((COUNT, 2), np.log(0.3), np.float32),
    ]
    noise = np.float32(rng.normal(size=(STEPS, 2, COUNT, 2)))

    def posteriors(parameters):
        loc, log_scale = parameters
        return Gaussian(loc, jnp.exp(log_scale))

    def loss(parameters, i, noise):
        q = posteriors(parameters)
        return divergence(i, q, q.loc + q.scale * noise[0], noise[1])

    @jax.jit
    def descend(parameters, noise):
        def update(parameters, inputs):
            grads = jax.grad(loss)(parameters, *inputs)
            return [
                leaf - step * COUNT * g
                for leaf, g in zip(parameters, grads, strict=True)
            ], None

        return jax.lax.scan(update, parameters, (jnp.arange(STEPS), noise))[0]

    before = exact(posteriors(start))
    after = exact(posteriors(descend(start, noise)))
    assert before > 1
    assert 0 <= after < before / 4
