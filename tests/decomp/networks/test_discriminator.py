import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.divergences import adversarial
from decomp.networks.discriminator import Discriminator

SMALL = Discriminator(hidden=(7, 5))


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def parameters():
    """Parameters of `SMALL` for three latents."""
    shapes = jax.eval_shape(SMALL.init, jax.random.key(0), np.zeros((1, 3)))
    return jax.tree.map(lambda leaf: normal(*leaf.shape), shapes)


def test_the_network_of_kim_and_mnih_has_the_parameters_of_its_layers():
    z = jax.ShapeDtypeStruct((1, 10), jnp.float32)
    params = jax.eval_shape(
        Discriminator(hidden=(1000,) * 6).init, jax.random.key(0), z
    )
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert count == 11 * 1000 + 5 * 1001 * 1000 + 1001


def test_a_logit_is_the_last_layer_of_leaky_layers():
    params, x = parameters(), normal(6, 3)
    output = jax.jit(SMALL.apply)(params, x)
    for i in range(3):
        layer = params["params"][f"Dense_{i}"]
        x = np.where(x > 0, x, 0.2 * x) if i else x
        x = x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
    assert output.shape == (6,)
    np.testing.assert_allclose(output, x[:, 0], rtol=1e-4, atol=1e-6)


def test_the_initialiser_is_a_field_and_an_unknown_one_is_refused():
    other = Discriminator(hidden=(7,), initialiser="flax")
    params = jax.jit(other.init)(jax.random.key(0), np.zeros((1, 3)))["params"]
    assert not np.any(params["Dense_0"]["bias"])
    with pytest.raises(ValueError, match="'lecun'; choices are torch, flax"):
        Discriminator(hidden=(), initialiser="lecun").init(
            jax.random.key(0), jnp.zeros((1, 3))
        )


def logits(params, z):
    return SMALL.apply(params["discriminator"], z)


def discriminator_loss(params, first, second):
    """The loss of FactorVAE: codes of one minibatch, permuted codes of another."""
    z, other = (jax.lax.stop_gradient(x @ params["encoder"]) for x in (first, second))
    permuted = adversarial.permute_dims(jax.random.key(1), other)
    return adversarial.discriminator_loss(logits(params, z), logits(params, permuted))


def encoder_loss(params, first, second):
    del second
    frozen = jax.lax.stop_gradient(params["discriminator"])
    z = first @ params["encoder"]
    return adversarial.kl_from_logits(SMALL.apply(frozen, z))


def test_neither_loss_has_a_gradient_in_the_network_of_the_other():
    params = {"encoder": normal(5, 3), "discriminator": parameters()}

    @jax.jit
    def gradients(params, first, second):
        return [
            jax.grad(loss)(params, first, second)
            for loss in (discriminator_loss, encoder_loss)
        ]

    of_discriminator, of_encoder = gradients(params, *normal(2, 8, 5))
    for zero in (of_discriminator["encoder"], of_encoder["discriminator"]):
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(zero))
    for nonzero in (of_discriminator["discriminator"], of_encoder["encoder"]):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(nonzero))


def test_a_trained_linear_discriminator_is_the_log_ratio_of_two_gaussians():
    # q = N(a, I) and p = N(0, I): log q/p = a·z − ½|a|²
    count, shift = 2000, np.float32([1.0, -0.5])
    y, z = normal(2, count, 2)
    z += shift
    linear = Discriminator(hidden=())

    def loss(params, z, y):
        return adversarial.discriminator_loss(
            linear.apply(params, z), linear.apply(params, y)
        )

    @jax.jit
    def train(z, y):
        def step(params, _):
            grads = jax.grad(loss)(params, z, y)
            return jax.tree.map(lambda leaf, g: leaf - 2 * g, params, grads), None

        start = linear.init(jax.random.key(4), z)
        return jax.lax.scan(step, start, length=300)[0]

    layer = train(z, y)["params"]["Dense_0"]
    weights = np.append(layer["kernel"], layer["bias"])
    exact = np.array([1.0, -0.5, -0.5 * 1.25])
    design = np.column_stack([np.concatenate([z, y]), np.ones(2 * count)])
    probability = 1 / (1 + np.exp(-design @ exact))
    fisher = design.T @ (design * (probability * (1 - probability))[:, None])
    error = np.sqrt(np.diag(np.linalg.inv(fisher)))
    assert np.all(np.abs(weights - exact) < 4 * error)
