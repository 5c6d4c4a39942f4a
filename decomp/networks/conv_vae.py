"""The convolutional networks of the dSprites experiment, for images of 64×64 pixels.

Smaller images of 8×8, 16×16 or 32×32 pixels pass through the same networks without the
layers that are nearest to the image: each of those halves the side, down to 4×4.

Images are rows of S²·C values in the order (height, width, channel): S = 64 and C = 1,
grey, as in the paper, or C = 3 for colour. Between convolutions and dense layers the
features are flattened as (channel, height, width), PyTorch's order, so that weights
trained there only need transposing.

Source: Mathieu et al. 2018, Table 1a.
"""

from typing import Any

import chex
import jax
from flax import linen as nn

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.networks.convolution import AUTO, FORMS, Conv, ConvTranspose, form_for
from decomp.networks.dense import SCALE_FLOOR, gaussian_head, hidden_layer, linear

SIDE = 64  # of the paper's images
SIDES = (8, 16, 32, SIDE)
CHANNELS = {
    "text": (32, 32, 32, 64),  # as printed in Table 1a
    "kim_mnih": (32, 32, 64, 64),  # Kim & Mnih 2018, and the authors' released code
}


def layers(side: int) -> int:
    """The number of layers that halve an image of S×S pixels until it is 4×4.

    Raises:
        ValueError: For a side that is not one of `SIDES`.

    >>> layers(64), layers(32)
    (4, 3)
    """
    if side not in SIDES:
        choices = ", ".join(map(str, SIDES))
        raise ValueError(f"images must have a side of {choices} pixels; got {side}.")
    return side.bit_length() - 3


class ConvEncoder(nn.Module):
    """q(z|x): convolutions with ReLU, a linear layer of 128, mean and log-variance.

    Table 1a prints no activation after the layer of 128, so there is none.
    """

    latents: int = 10
    channels: tuple[int, ...] = CHANNELS["text"]
    scale_floor: float = SCALE_FLOOR
    initialiser: str = "torch"
    precision: Any = None
    colours: int = 1  # C
    form: str = AUTO  # of the convolutions, see `convolution`
    side: int = SIDE  # S

    @nn.compact
    def __call__(self, x: jax.Array) -> Gaussian:
        """Maps images `[B, S²·C]` to posteriors with leaves `[B, latents]`."""
        (x,) = numerics.floats(x)
        chex.assert_shape(x, (None, self.side**2 * self.colours))
        form_name = form_for(self.form)
        form, options = FORMS[form_name], (self.initialiser, self.precision, form_name)
        hidden = form.from_rows(x, (self.side, self.side, self.colours))
        for features in self.channels[-layers(self.side) :]:
            hidden = nn.relu(Conv(features, *options)(hidden))
        hidden = form.to_features(hidden)
        hidden = hidden_layer(hidden, 128, self.initialiser, self.precision)
        raw = linear(hidden, 2 * self.latents, self.initialiser, self.precision)
        return gaussian_head(raw, "exp", self.scale_floor)


class ConvDecoder(nn.Module):
    """p(x|z) = Π Bernoulli(x; logits): dense layers, then transposed convolutions."""

    latents: int = 10
    initialiser: str = "torch"
    precision: Any = None
    colours: int = 1  # C
    form: str = AUTO  # of the convolutions, see `convolution`
    side: int = SIDE  # S

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps codes `[B, latents]` to logits `[B, S²·C]`."""
        chex.assert_shape(z, (None, self.latents))
        layer = self.initialiser, self.precision
        hidden = nn.relu(hidden_layer(z, 128, *layer))
        hidden = nn.relu(hidden_layer(hidden, 64 * 4 * 4, *layer))
        form_name = form_for(self.form)
        form, options = FORMS[form_name], (self.initialiser, self.precision, form_name)
        hidden = form.from_features(hidden, (64, 4, 4))
        for features in (64, 64, 32)[: layers(self.side) - 1]:
            hidden = nn.relu(ConvTranspose(features, *options)(hidden))
        logits = form.to_rows(ConvTranspose(self.colours, *options)(hidden))
        return numerics.floats(logits)[0]
