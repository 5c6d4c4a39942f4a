import jax
import jax.numpy as jnp
import pytest
from jax.lax import DotAlgorithmPreset

from decomp.networks.dense import BernoulliDecoder, DenseEncoder
from decomp.networks.dsprites import ConvDecoder, ConvEncoder

# XLA computes it in float32 on CPUs: what can be tested is that all products have it.
BFLOAT16 = DotAlgorithmPreset.BF16_BF16_F32


@pytest.mark.parametrize(
    ("module", "inputs", "products"),
    [
        (ConvEncoder(precision=BFLOAT16), 4096, 6),
        (ConvDecoder(precision=BFLOAT16), 10, 6),
        (DenseEncoder(3, (4, 4), precision=BFLOAT16), 5, 3),
        (BernoulliDecoder(5, (4, 4), precision=BFLOAT16), 3, 3),
    ],
)
def test_networks_hand_their_precision_to_every_product(module, inputs, products):
    x = jnp.ones((2, inputs))
    params = module.init(jax.random.key(0), x)

    def total(params):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(module.apply(params, x)))

    forward = str(jax.make_jaxpr(total)(params))
    assert forward.count("dot_general[") == forward.count("BF16_BF16_F32") == products
    backward = str(jax.make_jaxpr(jax.grad(total))(params))
    count = backward.count("dot_general[")
    assert count == backward.count("BF16_BF16_F32") >= 3 * products - 1
