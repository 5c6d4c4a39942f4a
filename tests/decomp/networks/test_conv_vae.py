import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from decomp.networks import conv_vae, convolution

KEY = jax.random.key(0)


@functools.cache
def shapes(module, width):
    x = jax.ShapeDtypeStruct((1, width), jnp.float32)
    return jax.eval_shape(module.init, KEY, x)["params"]


def counts(module, width):
    layers = shapes(module, width).items()
    return {name: sum(p.size for p in layer.values()) for name, layer in layers}


def random_params(module, width, *lead):
    """Random weights of the right shapes, so that no test compiles `init`."""
    rng = np.random.default_rng(0)

    def draw(leaf):
        fan_in = max(leaf.size // leaf.shape[-1], 1)
        values = rng.normal(size=(*lead, *leaf.shape)) / np.sqrt(fan_in)
        return values.astype(np.float32)

    return {"params": jax.tree.map(draw, shapes(module, width))}


ENCODERS = [("text", 16_416, 32_832, 199_988), ("kim_mnih", 32_832, 65_600, 249_172)]


@pytest.mark.parametrize(("channels", "third", "fourth", "total"), ENCODERS)
def test_the_encoder_has_the_parameters_of_table_1a(channels, third, fourth, total):
    encoder = conv_vae.ConvEncoder(channels=conv_vae.CHANNELS[channels])
    sizes = counts(encoder, 4096)
    assert sizes == {
        "Conv_0": 544,
        "Conv_1": 16_416,
        "Conv_2": third,
        "Conv_3": fourth,
        "Dense_0": 131_200,
        "Dense_1": 2_580,
    }
    assert sum(sizes.values()) == total


def test_the_decoder_has_the_parameters_of_table_1a():
    sizes = counts(conv_vae.ConvDecoder(), 10)
    assert sizes == {
        "Dense_0": 1_408,
        "Dense_1": 132_096,
        "ConvTranspose_0": 65_600,
        "ConvTranspose_1": 65_600,
        "ConvTranspose_2": 32_800,
        "ConvTranspose_3": 513,
    }
    assert sum(sizes.values()) == 298_017


def test_the_default_encoder_is_that_of_the_text():
    assert conv_vae.ConvEncoder().channels == conv_vae.CHANNELS["text"]


def reference_encoder(params, x):
    """Table 1a with Flax's own layers, in their layout [B, H, W, C]."""
    colours, count = params["Conv_0"]["kernel"].shape[2], len(params) - 2
    side = 4 * 2**count
    hidden = x.reshape(len(x), side, side, colours)
    for i, features in enumerate((32, 32, 32, 64)[-count:]):
        layer = nn.Conv(features, (4, 4), 2, padding=1)
        hidden = nn.relu(layer.apply({"params": params[f"Conv_{i}"]}, hidden))
    hidden = hidden.transpose(0, 3, 1, 2).reshape(-1, 1024)
    hidden = nn.Dense(128).apply({"params": params["Dense_0"]}, hidden)
    raw = nn.Dense(20).apply({"params": params["Dense_1"]}, hidden)
    return raw[:, :10], jnp.exp(raw[:, 10:] / 2) + 1e-6


def reference_decoder(params, z):
    hidden = nn.relu(nn.Dense(128).apply({"params": params["Dense_0"]}, z))
    hidden = nn.relu(nn.Dense(1024).apply({"params": params["Dense_1"]}, hidden))
    hidden = hidden.reshape(-1, 64, 4, 4).transpose(0, 2, 3, 1)
    last = len(params) - 3
    colours = params[f"ConvTranspose_{last}"]["bias"].size
    for i, features in enumerate((*(64, 64, 32)[:last], colours)):
        hidden = nn.relu(hidden) if i else hidden
        layer = nn.ConvTranspose(features, (4, 4), (2, 2), transpose_kernel=True)
        hidden = layer.apply({"params": params[f"ConvTranspose_{i}"]}, hidden)
    return hidden.reshape(len(hidden), -1)


NETWORKS = {
    "encoder": (conv_vae.ConvEncoder(), reference_encoder, 4096),
    "decoder": (conv_vae.ConvDecoder(), reference_decoder, 10),
    "encoder, colour": (conv_vae.ConvEncoder(colours=3), reference_encoder, 3 * 4096),
    "decoder, colour": (conv_vae.ConvDecoder(colours=3), reference_decoder, 10),
    "encoder, 32×32": (conv_vae.ConvEncoder(side=32), reference_encoder, 1024),
    "decoder, 32×32": (conv_vae.ConvDecoder(side=32), reference_decoder, 10),
    "encoder, 8×8": (conv_vae.ConvEncoder(side=8), reference_encoder, 64),
}
NETWORKS |= {
    f"{name}, {form}": (kind(colours=3, form=form), reference, width)
    for name, (kind, reference, width) in {
        "encoder, colour": (conv_vae.ConvEncoder, reference_encoder, 3 * 4096),
        "decoder, colour": (conv_vae.ConvDecoder, reference_decoder, 10),
    }.items()
    for form in convolution.FORMS
    if form != convolution.form_for()
}


@functools.cache
def outputs(name):
    """Outputs of one run of three, of Flax's layers for it, and of all three runs."""
    module, reference, width = NETWORKS[name]
    params = random_params(module, width, 3)
    x = np.random.default_rng(1).normal(size=(3, 2, width)).astype(np.float32)

    @jax.jit
    def compute(params, x):
        one, its_x = jax.tree.map(lambda leaf: leaf[1], (params, x))
        return (
            module.apply(one, its_x),
            reference(one["params"], its_x),
            jax.vmap(module.apply)(params, x),
        )

    return [list(map(np.asarray, jax.tree.leaves(out))) for out in compute(params, x)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_equal_table_1a_in_flax_s_own_layers(name):
    alone, expected, _ = outputs(name)
    module, _, _ = NETWORKS[name]
    pixels = module.side**2 * module.colours
    assert alone[0].shape == ((2, 10) if "encoder" in name else (2, pixels))
    for a, b in zip(alone, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.max(np.abs(b)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_does_not_depend_on_the_others_under_vmap(name):
    alone, _, batch = outputs(name)
    for a, b in zip(batch, alone, strict=True):
        np.testing.assert_allclose(a[1], b, atol=1e-5 * np.max(np.abs(b)))


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_parameters_of_many_runs_have_a_leading_axis(name):
    module, _, width = NETWORKS[name]
    keys = jax.eval_shape(lambda: jax.random.split(KEY, 3))
    x = jax.ShapeDtypeStruct((1, width), jnp.float32)
    runs = jax.eval_shape(jax.vmap(module.init, in_axes=(0, None)), keys, x)["params"]
    run_shapes = jax.tree.map(lambda leaf: leaf.shape, runs)
    single_shapes = shapes(module, width)
    assert run_shapes == jax.tree.map(lambda leaf: (3, *leaf.shape), single_shapes)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "products" in name])
def test_training_products_under_vmap_contains_no_convolution(name):
    module, _, width = NETWORKS[name]
    params = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((3, *leaf.shape), leaf.dtype),
        {"params": shapes(module, width)},
    )
    x = jax.ShapeDtypeStruct((3, 2, width), jnp.float32)

    def loss(params, x):
        return sum(
            jnp.sum(leaf**2) for leaf in jax.tree.leaves(module.apply(params, x))
        )

    step = jax.vmap(jax.grad(loss, (0, 1)))
    lowered = jax.jit(step).lower(params, x).as_text()
    assert "stablehlo.dot_general" in lowered
    assert "stablehlo.convolution" not in lowered


def test_inputs_of_another_width_are_refused():
    for module, width in ((conv_vae.ConvEncoder(), 1024), (conv_vae.ConvDecoder(), 9)):
        with pytest.raises(AssertionError):
            shapes(module, width)


def test_a_side_that_does_not_halve_down_to_four_pixels_is_refused():
    message = "images must have a side of 8, 16, 32, 64 pixels; got 28"
    with pytest.raises(ValueError, match=message):
        shapes(conv_vae.ConvEncoder(side=28), 784)


def test_a_form_that_does_not_exist_is_refused():
    with pytest.raises(
        ValueError, match="unknown form 'fft'; choices are auto, blocks"
    ):
        shapes(conv_vae.ConvEncoder(form="fft"), 4096)
