import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.training import optimisers

MOMENTS = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
OPTIONS = MOMENTS | {"learning_rate": 1e-2}
STEPS, SIZE = 400, 6


def gradients():
    """Noisy gradients that decay to a hundredth, so that the maxima stay."""
    draws = np.random.default_rng(0).normal(size=(STEPS, SIZE))
    return draws * np.exp(-np.linspace(0, 4.6, STEPS))[:, None]


def with_learning_rate(name):
    rate = optax.scale(OPTIONS["learning_rate"])
    return optax.chain(optimisers.make(name, **MOMENTS), rate)


def final_parameters(optimiser):
    """Parameters that start at 0, after all steps of an optimiser."""

    def step(carry, gradient):
        params, state = carry
        updates, state = optimiser.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    params = jnp.zeros(SIZE)
    start = (params, optimiser.init(params))
    steps = jnp.asarray(gradients(), jnp.float32)
    return np.asarray(jax.jit(jax.lax.scan, static_argnums=0)(step, start, steps)[0][0])


def pytorch_amsgrad(*, learning_rate, b1, b2, eps):
    """The loop of torch.optim.Adam(amsgrad=True), in float64."""
    params, mu, nu, nu_max = (np.zeros(SIZE) for _ in range(4))
    for t, g in enumerate(gradients(), start=1):
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * g * g
        nu_max = np.maximum(nu_max, nu)
        denominator = np.sqrt(nu_max) / np.sqrt(1 - b2**t) + eps
        params = params - learning_rate / (1 - b1**t) * mu / denominator
    return params


def test_amsgrad_is_that_of_pytorch_and_not_that_of_optax():
    expected = pytorch_amsgrad(**OPTIONS)
    ours = final_parameters(with_learning_rate("amsgrad_torch"))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    other = final_parameters(optax.amsgrad(**OPTIONS))
    assert np.max(np.abs(other - expected)) > 0.1 * np.max(np.abs(expected))


def test_adam_is_that_of_optax():
    ours = final_parameters(with_learning_rate("adam"))
    np.testing.assert_array_equal(ours, final_parameters(optax.adam(**OPTIONS)))


def test_the_first_step_has_the_size_of_the_learning_rate():
    for name in optimisers.NAMES:
        optimiser = with_learning_rate(name)
        gradient = jnp.asarray([3.0, -0.02])
        update, _ = optimiser.update(gradient, optimiser.init(gradient), gradient)
        np.testing.assert_allclose(update, [-1e-2, 1e-2], rtol=1e-4)


def test_an_unknown_optimiser_names_the_choices():
    with pytest.raises(ValueError, match="choices: adam, amsgrad_torch"):
        optimisers.make("sgd", **MOMENTS)
