"""Divergences under jit, vmap and grad, at extreme scales and coincident points."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions.gaussian import Gaussian
from decomp.divergences import (
    adversarial,
    kl_aggregate_prior,
    mmd,
    moments,
    sliced_wasserstein,
)

MEANS = np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0], [3.0, 2.0]])  # two are equal
SCALES = (1e-6, 1.0, 1e6)
DRAWS = np.array([[0.0, 0.0], [1.0, -1.0], [2.0, 0.5], [0.0, 0.0]])
RBF = partial(mmd.rbf, bandwidths=mmd.rbf_bandwidths(2))


def divergences(key, q):
    z, y = q.loc + q.scale, jnp.float32(DRAWS)
    logits_q, logits_p = jnp.sum(z, axis=1), jnp.sum(z * y, axis=1)
    covariance, eye = moments.covariance_of_aggregate(q), jnp.eye(2)
    return {
        "exclusive": kl_aggregate_prior.kl_aggregate_prior(logits_q, logits_p).value,
        "mmd.v": mmd.v_statistic(z, y, RBF),
        "mmd.u_dims": mmd.u_statistic_dims(z, y, mmd.imq),
        "sliced": sliced_wasserstein.squared(key, z, y, projections=3),
        "moments.penalty": moments.penalty(
            covariance, eye, off_diagonal=2.0, diagonal=3.0
        ),
        "moments.kl": moments.kl_of_moments(
            jnp.mean(q.loc, axis=0), covariance, jnp.ones(2), 2 * eye
        ),
        "jensen_shannon": adversarial.jensen_shannon(logits_q, logits_p),
        "kl_from_logits": adversarial.kl_from_logits(logits_q),
        "generator_loss": adversarial.generator_loss(logits_q),
    }


@jax.jit
@jax.vmap
def derivatives(q):
    def total(q):
        values = divergences(jax.random.key(0), q)
        return sum(values.values()), values

    return jax.grad(total, has_aux=True)(q)


def test_values_and_gradients_are_finite_and_do_not_depend_on_neighbours():
    q = Gaussian(
        np.stack([np.float32(MEANS)] * len(SCALES)),
        np.stack([np.full(MEANS.shape, scale, np.float32) for scale in SCALES]),
    )
    gradients, values = derivatives(q)
    for name, value in values.items():
        assert np.isfinite(value).all(), name
    for leaf in gradients:
        assert np.isfinite(leaf).all()
    reversed_q = jax.tree.map(lambda leaf: leaf[::-1], q)
    others = jax.tree.map(lambda leaf: leaf[::-1], derivatives(reversed_q))
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-6), (gradients, values), others
    )
