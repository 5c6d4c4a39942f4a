import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import importance, priors
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian

# x = z + noise with z ~ N(0, I), so x ~ N(0, (1 + s²) I). The encoder is not exact.
NOISE = 0.7
X = jnp.asarray([[1.0, -2.0], [0.3, 0.0]])
EXACT = -0.5 * np.sum(
    np.asarray(X) ** 2 / (1 + NOISE**2) + np.log(2 * np.pi * (1 + NOISE**2)), axis=1
)
PIECES = {
    "encode": lambda x: Gaussian(0.5 * x, jnp.full_like(x, 0.6)),
    "log_px_z": lambda x, z: jax.vmap(gaussian.log_prob)(
        Gaussian(z, jnp.full_like(z, NOISE)), x
    ),
    "log_pz": lambda z: gaussian.log_prob(priors.isotropic(2), z),
}
iwae = jax.jit(
    functools.partial(importance.iwae, **PIECES), static_argnames="num_samples"
)
log_likelihood = jax.jit(
    functools.partial(importance.log_likelihood, **PIECES),
    static_argnames=("num_samples", "block"),
)


def test_with_five_thousand_samples_the_bound_is_log_p_of_x():
    nearly_exact = PIECES | {
        "encode": lambda x: Gaussian(0.66 * x, jnp.full_like(x, 0.58))
    }
    tight = functools.partial(importance.iwae, num_samples=5_000, **nearly_exact)
    bound = jax.jit(tight)(jax.random.key(0), X)
    np.testing.assert_allclose(bound, EXACT, atol=1e-3)
    estimate = log_likelihood(jax.random.key(1), X, num_samples=5_000)
    assert np.all(np.abs(estimate.value - EXACT) < 4 * estimate.stderr)
    assert np.all(estimate.stderr < 0.02)


def test_the_bound_grows_with_the_samples_and_starts_at_the_elbo():
    x = jnp.repeat(X[:1], 20_000, axis=0)
    bounds = [iwae(jax.random.key(2), x, num_samples=k) for k in (1, 2, 8)]
    means = np.asarray([np.mean(b) for b in bounds])
    errors = np.asarray([np.std(b) for b in bounds]) / np.sqrt(len(x))
    assert np.all(np.diff(means) > 4 * errors[:-1])
    assert np.all(means < EXACT[0])
    q = Gaussian(X[0] / 2, jnp.full(2, 0.6))
    squares = np.asarray((X[0] - q.loc) ** 2 + q.scale**2)
    likelihood = np.sum(-0.5 * np.log(2 * np.pi * NOISE**2) - squares / 2 / NOISE**2)
    elbo = likelihood - gaussian.kl(q, priors.isotropic(2))
    assert abs(means[0] - elbo) < 4 * errors[0]


def test_the_exact_posterior_needs_one_sample():
    shrink = 1 / (1 + NOISE**2)
    exact_posterior = PIECES | {
        "encode": lambda x: Gaussian(shrink * x, jnp.full_like(x, NOISE * shrink**0.5))
    }
    single = functools.partial(importance.iwae, num_samples=1, **exact_posterior)
    bound = jax.jit(single)(jax.random.key(3), X)
    np.testing.assert_allclose(bound, EXACT, rtol=1e-5)


def test_a_standard_error_needs_two_samples():
    with pytest.raises(ValueError, match="at least 2; got 1"):
        log_likelihood(jax.random.key(0), X, num_samples=1)


@pytest.mark.parametrize("bound", [importance.iwae, importance.log_likelihood])
def test_a_density_per_dimension_is_refused_and_does_not_broadcast(bound):
    x, p = jnp.array([[0.0], [1.0]]), Gaussian(jnp.zeros(1), jnp.ones(1))
    with pytest.raises(ValueError, match=r"log_pz must give .* shape \[\]; got \[1\]"):
        bound(
            jax.random.key(0),
            x,
            num_samples=3,
            encode=lambda x: Gaussian(x, jnp.ones_like(x)),
            log_px_z=lambda x, z: -0.5 * jnp.sum((x - z) ** 2, axis=1),
            log_pz=lambda z: gaussian.log_prob_dims(p, z),
        )
