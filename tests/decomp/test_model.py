"""The loss of a minibatch of a model whose loss is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import distributions, losses, model, priors
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences.estimates import MARGINALS, PRIOR

SCALE = 0.5  # p(x|z) = N(z, SCALE²) and p(z) = N(0, 1)
X = np.float32([[-1.5], [0], [0.7], [2]])


def encode(params, x):
    """The true posterior, if both parameters are 1."""
    total = 1 + SCALE**2
    scale = jnp.full_like(x, SCALE / np.sqrt(total))
    return Gaussian(params["loc"] * x / total, params["scale"] * scale)


def model_of(**changes):
    """A model whose setting is β; `changes` replaces fields."""
    fields = {
        "encode": encode,
        "log_px_z": lambda params, x, z: jax.vmap(gaussian.log_prob)(
            Gaussian(z, jnp.full_like(z, SCALE)), x
        ),
        "prior": lambda params, setting: priors.isotropic(1),
        "family": distributions.family,
        "kl": lambda p: lambda q: gaussian.kl(q, p),
        "weights": lambda setting, progress: {"beta": setting * progress},
        "objective": lambda terms, w, setting: losses.beta_vae(terms, w["beta"]),
        "divergence": None,
        "estimator": "batch_mean",
        "size": len(X),
    }
    return model.Model(**fields | changes)


loss = jax.jit(model.loss, static_argnums=2)
critic_loss = jax.jit(model.critic_loss, static_argnums=1)
TRUE = {"loc": np.float32(1), "scale": np.float32(1)}
ONE = np.float32(1)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_importance_weighted_bound_at_the_true_posterior_is_log_p(samples):
    bound_model = model_of(samples=samples)

    @jax.jit
    def bound(key, params, x):
        return model.value(key, bound_model, params, ONE, x, {})[0]

    values = bound(jax.random.key(0), TRUE, X)
    variance = 1 + SCALE**2
    log_px = -0.5 * X[:, 0] ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    np.testing.assert_allclose(values, log_px, rtol=1e-5, atol=1e-6)


@jax.jit
def exact_kl(params, x):
    q = encode(params, x)
    return jnp.mean(jax.vmap(gaussian.kl, (0, None))(q, priors.isotropic(1)))


def test_the_weight_of_the_kl_depends_on_the_setting_and_the_progress():
    weights = np.float32(8), np.float32(0.25)
    value, measures = loss(TRUE, jax.random.key(0), model_of(), *weights, X, X)
    kl = exact_kl(TRUE, X)
    assert measures[2] == pytest.approx(float(kl), rel=1e-6)
    assert value == pytest.approx(float(measures[1] + 2 * kl), rel=1e-6)
    assert measures[0] == value
    assert measures[3] == 0


@pytest.mark.parametrize("against", [PRIOR, MARGINALS])
def test_the_loss_of_a_critic_with_logits_of_zero_is_log_2(against):
    blind = model_of(
        critic=lambda params, z: params["critic"] * z[:, 0], against=(against,)
    )
    params = TRUE | {"critic": jnp.zeros(())}
    arguments = jax.random.key(0), blind, params, jnp.ones(()), X, X
    assert critic_loss(*arguments) == pytest.approx(np.log(2), rel=1e-6)


def test_the_loss_includes_that_of_the_critic_and_the_measures_do_not():
    critic = {"critic": lambda params, z: params["critic"] * z[:, 0]}
    with_critic = model_of(**critic, against=(PRIOR,))
    params = TRUE | {"critic": jnp.zeros(())}
    arguments = jnp.ones(()), jnp.ones(()), X, X
    value, measures = loss(params, jax.random.key(0), with_critic, *arguments)
    assert value - measures[0] == pytest.approx(np.log(2), rel=1e-5)


def test_one_branch_is_used_without_an_index():
    assert model.switch(None, [lambda x: x + 1], 2) == 3
    branches = [lambda x: x + 1, lambda x: x + 2]
    assert model.switch(jnp.asarray(1.0), branches, 2) == 4
