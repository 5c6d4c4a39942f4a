"""A Gaussian likelihood of images: the mean from a decoder, and one learned scale."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from decomp.distributions.gaussian import Gaussian
from decomp.networks.dense import SCALE_FLOOR

START = 1 / math.sqrt(12)  # the standard deviation of a uniform variable on [0, 1]


class SharedScale(nn.Module):
    """p(x|z) = N(x; μ(z), σ² I), with σ = exp(s) + floor and s learned, from σ = 1/√12.

    The output of the decoder is μ(z), which is not confined to an interval. The
    parameters are those of the decoder and `log_scale`, which is s.

    Source: Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, Sec. 3.2.
    """

    decoder: nn.Module  # maps codes [B, D] to [B, X]
    scale_floor: float = SCALE_FLOOR

    def setup(self):
        """Creates s beside the parameters of the decoder."""
        nn.share_scope(self, self.decoder)
        start = nn.initializers.constant(math.log(START))
        self.log_scale = self.param("log_scale", start, ())

    def __call__(self, z: jax.Array) -> Gaussian:
        """Maps codes `[B, D]` to likelihoods with leaves `[B, X]`."""
        loc = self.decoder(z)
        scale = jnp.exp(self.log_scale) + self.scale_floor
        return Gaussian(loc, jnp.full_like(loc, scale))
