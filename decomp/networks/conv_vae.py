"""The convolutional networks of the dSprites experiment, for images of 64×64 pixels.

Images enter and leave as rows of 4096·C values in the order (height, width, channel):
C = 1 in grey, as in the paper, or 3 in colour. Between convolutions and dense layers
the features are flattened as (channel, height, width), PyTorch's order, so that weights
trained there need transposing only.

Source: Mathieu et al. 2018, Table 1a.
"""

import chex
import jax
from flax import linen as nn
from flax.typing import PrecisionLike

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.networks.convolution import Conv, ConvTranspose
from decomp.networks.dense import SCALE_FLOOR, gaussian_head, linear

SIDE = 64
PIXELS = SIDE * SIDE
CHANNELS = {
    "text": (32, 32, 32, 64),  # as Table 1a prints them
    "kim_mnih": (32, 32, 64, 64),  # Kim & Mnih 2018, and the authors' released code
}


class ConvEncoder(nn.Module):
    """q(z|x): convolutions with ReLU, a linear layer of 128, then loc and log-variance.

    Table 1a prints no activation after the layer of 128, and there is none.
    """

    latents: int = 10
    channels: tuple[int, ...] = CHANNELS["text"]
    scale_floor: float = SCALE_FLOOR
    initialiser: str = "torch"
    precision: PrecisionLike = None
    colours: int = 1  # C

    @nn.compact
    def __call__(self, x: jax.Array) -> Gaussian:
        """Maps images `[B, 4096·C]` to posteriors with leaves `[B, latents]`."""
        (x,) = numerics.floats(x)
        chex.assert_shape(x, (None, PIXELS * self.colours))
        hidden = x.T.reshape(SIDE, SIDE, self.colours, -1)
        hidden = hidden.transpose(2, 0, 1, 3)  # [C, H, W, B]
        for features in self.channels:
            hidden = nn.relu(Conv(features, self.initialiser, self.precision)(hidden))
        hidden = hidden.reshape(-1, x.shape[0]).T
        hidden = linear(hidden, 128, self.initialiser, self.precision)
        raw = linear(hidden, 2 * self.latents, self.initialiser, self.precision)
        return gaussian_head(raw, "exp", self.scale_floor)


class ConvDecoder(nn.Module):
    """p(x|z) = Π Bernoulli(x; logits): dense layers, then transposed convolutions."""

    latents: int = 10
    initialiser: str = "torch"
    precision: PrecisionLike = None
    colours: int = 1  # C

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps codes `[B, latents]` to logits `[B, 4096·C]`."""
        chex.assert_shape(z, (None, self.latents))
        hidden = nn.relu(linear(z, 128, self.initialiser, self.precision))
        hidden = nn.relu(linear(hidden, 64 * 4 * 4, self.initialiser, self.precision))
        hidden = hidden.T.reshape(64, 4, 4, -1)  # [C, H, W, B]
        for features in (64, 64, 32):
            hidden = nn.relu(
                ConvTranspose(features, self.initialiser, self.precision)(hidden)
            )
        colours = self.colours
        logits = ConvTranspose(colours, self.initialiser, self.precision)(hidden)
        return logits.transpose(1, 2, 0, 3).reshape(PIXELS * colours, -1).T
