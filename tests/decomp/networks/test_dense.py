import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.networks import convolution, dense, initialisers

KEY = jax.random.key(0)
PINWHEEL = {"latents": 2, "hidden": (100,)}
DECODER = {"outputs": 2, "hidden": (100,)}


def init(module, width):
    return jax.jit(module.init)(KEY, jnp.zeros((1, width)))


def count(module, width):
    x = jax.ShapeDtypeStruct((1, width), jnp.float32)
    leaves = jax.tree.leaves(jax.eval_shape(module.init, KEY, x))
    return sum(leaf.size for leaf in leaves)


def test_the_networks_of_the_pinwheel_have_the_parameters_of_table_1b():
    assert count(dense.DenseEncoder(**PINWHEEL), 2) == 704
    assert count(dense.GaussianDecoder(**DECODER), 2) == 704


def test_the_networks_of_small_images_have_the_expected_parameters():
    encoder = dense.DenseEncoder(latents=10, hidden=(128, 128), scale_link="exp")
    decoder = dense.BernoulliDecoder(outputs=256, hidden=(128, 128))
    assert count(encoder, 256) == 257 * 128 + 129 * 128 + 129 * 20
    assert count(decoder, 10) == 11 * 128 + 129 * 128 + 129 * 256


def by_hand(params, x):
    layers = [params["params"][f"Dense_{i}"] for i in range(len(params["params"]))]
    for i, layer in enumerate(layers):
        x = np.maximum(x, 0.0) if i else x
        x = x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
    return x


@pytest.mark.parametrize("link", dense.SCALE_LINKS)
def test_a_posterior_has_loc_first_and_then_the_link_of_the_raw_scale(link):
    encoder = dense.DenseEncoder(latents=3, hidden=(7, 5), scale_link=link)
    params = init(encoder, 4)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    loc, raw = np.split(by_hand(params, x), 2, axis=-1)
    scale = {"exp": np.exp(raw / 2), "softplus": np.log1p(np.exp(raw))}[link] + 1e-6
    q = encoder.apply(params, x)
    np.testing.assert_allclose(q.loc, loc, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(q.scale, scale, rtol=1e-5)


def test_logits_are_the_outputs_of_the_last_layer():
    decoder = dense.BernoulliDecoder(outputs=4, hidden=(7,))
    params = init(decoder, 3)
    z = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    np.testing.assert_allclose(
        decoder.apply(params, z), by_hand(params, z), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("floor", [0.0, 1e-6, 0.5])
def test_a_scale_is_not_below_its_floor(floor):
    raw = jnp.array([[0.0, -200.0]])
    for link in dense.SCALE_LINKS:
        assert dense.gaussian_head(raw, link, floor).scale == np.float32(floor)


def test_the_floor_of_the_decoder_is_a_field():
    z = np.ones((3, 2), np.float32)
    params = init(dense.GaussianDecoder(**DECODER), 2)
    bare = dense.GaussianDecoder(**DECODER, scale_floor=0.0).apply(params, z)
    raised = dense.GaussianDecoder(**DECODER, scale_floor=0.25).apply(params, z)
    np.testing.assert_allclose(raised.scale, bare.scale + 0.25, rtol=1e-6)
    np.testing.assert_array_equal(raised.loc, bare.loc)


def test_a_run_does_not_depend_on_the_others_under_vmap():
    encoder = dense.DenseEncoder(**PINWHEEL)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)

    def run(r, x):
        params = encoder.init(jax.random.fold_in(KEY, r), x)
        return params, encoder.apply(params, x)

    batch = jax.jit(jax.vmap(run))(jnp.arange(3), x)
    params, q = jax.tree.map(lambda leaf: leaf[1], batch)
    single_params, single_q = jax.jit(run)(1, x[1])
    jax.tree.map(np.testing.assert_array_equal, params, single_params)
    np.testing.assert_allclose(q.loc, single_q.loc, atol=1e-5)
    np.testing.assert_allclose(q.scale, single_q.scale, rtol=1e-5)


LAYERS = {
    "Dense": (dense.BernoulliDecoder(64, ()), (1, 50), 50),
    "Conv": (convolution.Conv(32), (8, 4, 4, 1), 16 * 8),
    "ConvTranspose": (convolution.ConvTranspose(8), (32, 4, 4, 1), 16 * 8),
}


def weights(name, initialiser):
    module, shape, fan_in = LAYERS[name]
    module = module.clone(initialiser=initialiser)
    params = jax.jit(module.init)(KEY, jnp.zeros(shape))["params"]
    params = params.get("Dense_0", params)
    return np.ravel(params["kernel"]), params["bias"], fan_in


@pytest.mark.parametrize("name", LAYERS)
def test_torch_has_uniform_weights_and_biases_within_one_over_root_fan_in(name):
    kernel, bias, fan_in = weights(name, "torch")
    bound = fan_in**-0.5
    for sample in (kernel, bias):
        assert np.max(np.abs(sample)) <= bound * (1 + 1e-6)
        fit = stats.kstest(sample, stats.uniform(-bound, 2 * bound).cdf)
        assert fit.pvalue > 1e-3


@pytest.mark.parametrize("name", LAYERS)
def test_flax_has_truncated_normal_weights_and_zero_biases(name):
    kernel, bias, fan_in = weights(name, "flax")
    assert not np.any(bias)
    untruncated = fan_in**-0.5 / stats.truncnorm(-2, 2).std()
    law = stats.truncnorm(-2, 2, scale=untruncated)
    assert stats.kstest(kernel, law.cdf).pvalue > 1e-3


CHOICES = [
    (lambda: initialisers.kernel_init("lecun"), "'lecun'; choices are torch, flax"),
    (lambda: initialisers.bias_init("zero", 3), "'zero'; choices are torch, flax"),
    (
        lambda: dense.gaussian_head(jnp.ones((1, 2)), "log", 0.0),
        "'log'; choices are exp, softplus",
    ),
]


@pytest.mark.parametrize(("call", "message"), CHOICES)
def test_an_unknown_name_is_refused_with_the_choices(call, message):
    with pytest.raises(ValueError, match=message):
        call()
