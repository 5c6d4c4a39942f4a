import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from decomp.networks import convolution, products
from decomp.networks.conv_vae import ConvDecoder, ConvEncoder
from decomp.networks.dense import BernoulliDecoder, DenseEncoder
from decomp.networks.products import BFLOAT16

FORMS = sorted(convolution.FORMS)


@pytest.mark.parametrize(
    ("module", "inputs", "count"),
    [
        *((ConvEncoder(precision=BFLOAT16, form=form), 4096, 6) for form in FORMS),
        *((ConvDecoder(precision=BFLOAT16, form=form), 10, 6) for form in FORMS),
        (DenseEncoder(3, (4, 4), precision=BFLOAT16), 5, 3),
        (BernoulliDecoder(5, (4, 4), precision=BFLOAT16), 3, 3),
    ],
)
def test_every_product_of_a_network_has_bfloat16_operands(module, inputs, count):
    x = jnp.ones((2, inputs))
    params = jax.eval_shape(module.init, jax.random.key(0), x)

    def total(params):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(module.apply(params, x)))

    def operands(function):
        """Dtypes of the operands of all products in the trace of a function."""
        return list(_operands(jax.make_jaxpr(function)(params).jaxpr))

    assert operands(total) == ["bfloat16"] * (2 * count)
    both = operands(jax.grad(total))
    assert set(both) == {"bfloat16"}
    assert len(both) >= 2 * (3 * count - 1)


def _operands(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield from (str(side.aval.dtype) for side in equation.invars)
        for inner in core.jaxprs_in_params(equation.params):
            yield from _operands(inner)


def rounded(x):
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16), np.float64)


def test_products_in_bfloat16_round_only_their_operands_also_in_derivatives():
    x_key, kernel_key, dy_key = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(x_key, (5, 70))
    kernel = jax.random.normal(kernel_key, (70, 4))
    dy = jax.random.normal(dy_key, (5, 4))
    numbers = (((1,), (0,)), ((), ()))

    def product(x, kernel):
        return products.dot_general(x, kernel, numbers, precision=BFLOAT16)

    y, pull_back = jax.vjp(product, x, kernel)
    dx, dkernel = pull_back(dy)
    for value, exact in (
        (y, rounded(x) @ rounded(kernel)),
        (dx, rounded(dy) @ rounded(kernel).T),
        (dkernel, rounded(x).T @ rounded(dy)),
    ):
        assert value.dtype == jnp.float32
        # These are sums of at most 70 float32 products of size at most 10.
        np.testing.assert_allclose(value, exact, rtol=0, atol=70 * 10 * 2**-23)
    assert np.abs(y - np.asarray(x, np.float64) @ np.asarray(kernel)).max() > 1e-3


def _quarters(kernel, bias):
    """Parameters with the taps that lead to one of the four blocks of pixels."""
    for rows in (slice(0, 2), slice(2, 4)):
        for columns in (slice(0, 2), slice(2, 4)):
            part = np.zeros_like(kernel)
            part[rows, columns] = kernel[rows, columns]
            yield {"params": {"kernel": part, "bias": bias}}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layer", [convolution.Conv, convolution.ConvTranspose])
def test_bfloat16_activations_round_only_factors_and_results(layer, form):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 4, 4, 4)).astype(np.float32)
    kernel = rng.normal(size=(4, 4, 4, 4)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    params = {"params": {"kernel": kernel, "bias": bias}}
    narrow = layer(4, form=form, precision=products.ACTIVATIONS)
    output = jax.jit(narrow.apply)(params, x)
    assert output.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        wide = jax.jit(layer(4, form=form).apply)
        parts = [
            wide(jax.tree.map(np.float64, factors), rounded(x))
            for factors in _quarters(rounded(kernel), bias * 0.0)
        ]
        bias_terms = convolution.FORMS[form].bias(jnp.asarray(bias, np.float64))
        total = sum(parts)
        exact = np.asarray(total + bias_terms)
        terms = np.abs(total) + np.abs(exact)
        if form == "products":
            terms = terms + sum(map(np.abs, parts))
    # The sum and the sum with its bias are each rounded to eight bits, and so are the
    # four products that `products` adds.
    assert np.all(np.abs(np.float64(output) - exact) <= 2.0**-8 * terms)
    assert np.any(np.float64(output) != exact)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_parameters_are_sums_in_float32(form):
    # A sum of ones in bfloat16 would stop at 256, where rounding loses a one.
    layer = convolution.Conv(3, form=form, precision=products.ACTIVATIONS)
    innermost = convolution.FORMS[form].batch_innermost
    x = jnp.ones((2, 16, 16, 16) if innermost else (16, 16, 16, 2))
    params = jax.jit(layer.init)(jax.random.key(0), x)

    def total(params):
        return jnp.sum(layer.apply(params, x).astype(jnp.float32))

    gradient = jax.jit(jax.grad(total))(params)["params"]
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(gradient["bias"], 8 * 8 * 16)
    # These taps in the middle of the kernel are inside the image for every window.
    np.testing.assert_array_equal(gradient["kernel"][1:3, 1:3], 8 * 8 * 16)


@pytest.mark.parametrize(
    ("module", "width"),
    [(ConvEncoder, 4096), (ConvDecoder, 10)],
)
def test_parameters_can_be_used_in_every_form(module, width):
    x = jnp.asarray(np.random.default_rng(0).random((2, width)), jnp.float32)
    params = jax.jit(module(form="products").init)(jax.random.key(0), x)
    values = {
        form: jax.tree.leaves(jax.jit(module(form=form).apply)(params, x))
        for form in ("auto", *FORMS)
    }
    best = values.pop("auto")
    for a, b in zip(best, values[convolution.form_for()], strict=True):
        np.testing.assert_array_equal(a, b)
    for other in values.values():
        for a, b in zip(best, other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5 * np.max(np.abs(a)))
