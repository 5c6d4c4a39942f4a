"""Table 1a with `nn.Conv`, in the obvious way: channels last, vmapped over runs.

Parameters and values are those of `conv_vae`, so that one can replace the other.
"""

import jax
from flax import linen as nn

from decomp.distributions.gaussian import Gaussian
from decomp.networks.dense import gaussian_head, linear
from experiments.models.autoencoder import VAE

_FOUR = {"kernel_size": (4, 4), "strides": (2, 2)}


class PlainEncoder(nn.Module):
    """q(z|x) of images `[B, 4096]`."""

    latents: int = 10

    @nn.compact
    def __call__(self, x: jax.Array) -> Gaussian:
        hidden = x.reshape(-1, 64, 64, 1)
        for features in (32, 32, 32, 64):
            hidden = nn.relu(nn.Conv(features, **_FOUR, padding=1)(hidden))
        hidden = hidden.transpose(0, 3, 1, 2).reshape(len(x), -1)
        hidden = linear(hidden, 128, "torch")
        return gaussian_head(linear(hidden, 2 * self.latents, "torch"), "exp", 1e-6)


class PlainDecoder(nn.Module):
    """Logits `[B, 4096]` of codes."""

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        hidden = nn.relu(linear(z, 128, "torch"))
        hidden = nn.relu(linear(hidden, 1024, "torch")).reshape(-1, 64, 4, 4)
        hidden = hidden.transpose(0, 2, 3, 1)
        for features in (64, 64, 32):
            hidden = nn.relu(_transposed(features)(hidden))
        return _transposed(1)(hidden).reshape(len(z), -1)


def networks(vae: VAE) -> VAE:
    """The VAE with these networks in place of its own."""
    return vae._replace(encoder=PlainEncoder(vae.latents), decoder=PlainDecoder())


def _transposed(features: int) -> nn.ConvTranspose:
    return nn.ConvTranspose(features, **_FOUR, padding="SAME", transpose_kernel=True)
