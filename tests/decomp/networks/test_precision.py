import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from decomp.networks import products
from decomp.networks.conv_vae import ConvDecoder, ConvEncoder
from decomp.networks.dense import BernoulliDecoder, DenseEncoder
from decomp.networks.products import BFLOAT16


@pytest.mark.parametrize(
    ("module", "inputs", "count"),
    [
        (ConvEncoder(precision=BFLOAT16), 4096, 6),
        (ConvDecoder(precision=BFLOAT16), 10, 6),
        (DenseEncoder(3, (4, 4), precision=BFLOAT16), 5, 3),
        (BernoulliDecoder(5, (4, 4), precision=BFLOAT16), 3, 3),
    ],
)
def test_every_product_of_a_network_takes_bfloat16(module, inputs, count):
    x = jnp.ones((2, inputs))
    params = jax.eval_shape(module.init, jax.random.key(0), x)

    def total(params):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(module.apply(params, x)))

    def operands(function):
        """Types of both sides of each product in what a function computes."""
        return list(_operands(jax.make_jaxpr(function)(params).jaxpr))

    assert operands(total) == ["bfloat16"] * (2 * count)
    both = operands(jax.grad(total))
    assert set(both) == {"bfloat16"}
    assert len(both) >= 2 * (3 * count - 1)


def _operands(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield from (str(side.aval.dtype) for side in equation.invars)
        for inner in core.jaxprs_in_params(equation.params):
            yield from _operands(inner)


def rounded(x):
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16), np.float64)


def test_products_of_bfloat16_round_operands_and_nothing_else_derivatives_too():
    x_key, kernel_key, dy_key = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(x_key, (5, 70))
    kernel = jax.random.normal(kernel_key, (70, 4))
    dy = jax.random.normal(dy_key, (5, 4))
    numbers = (((1,), (0,)), ((), ()))

    def product(x, kernel):
        return products.dot_general(x, kernel, numbers, precision=BFLOAT16)

    y, pull_back = jax.vjp(product, x, kernel)
    dx, dkernel = pull_back(dy)
    for found, exact in (
        (y, rounded(x) @ rounded(kernel)),
        (dx, rounded(dy) @ rounded(kernel).T),
        (dkernel, rounded(x).T @ rounded(dy)),
    ):
        assert found.dtype == jnp.float32
        # Sums of at most 70 products of float32, each at most 1e1 in size.
        np.testing.assert_allclose(found, exact, rtol=0, atol=70 * 10 * 2**-23)
    assert np.abs(y - np.asarray(x, np.float64) @ np.asarray(kernel)).max() > 1e-3
