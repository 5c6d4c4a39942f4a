"""The discriminator of a density ratio between latents."""

from typing import Any

import jax
from flax import linen as nn

from decomp.networks.dense import hidden_layer, linear

LEAK = 0.2


class Discriminator(nn.Module):
    """t(z) ≈ log q(z) − log p(z): hidden layers with leaky ReLU, then one logit.

    Kim & Mnih's is `Discriminator(hidden=(1000,) * 6)` with two logits, whose
    difference is this one.

    Source: Kim & Mnih 2018, arXiv:1802.05983, App. A.
    """

    hidden: tuple[int, ...]
    initialiser: str = "torch"
    precision: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps z `[B, D]` to logits `[B]`."""
        for features in self.hidden:
            layer = hidden_layer(z, features, self.initialiser, self.precision)
            z = jax.nn.leaky_relu(layer, LEAK)
        return linear(z, 1, self.initialiser, self.precision)[:, 0]
