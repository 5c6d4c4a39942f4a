"""The networks of a config."""

from flax import linen as nn
from ml_collections import ConfigDict

from decomp.networks import dense
from decomp.networks import dsprites as conv
from decomp.networks.discriminator import Discriminator


def make(model: ConfigDict, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of `config.model` for x of size X = `outputs`."""
    encoder_options = {
        "latents": model.latents,
        "scale_floor": model.scale_floor,
        "initialiser": model.init,
    }
    if model.network == "conv":
        channels = conv.CHANNELS[model.channels]
        encoder = conv.ConvEncoder(channels=channels, **encoder_options)
        return encoder, conv.ConvDecoder(model.latents, model.init)
    encoder = dense.DenseEncoder(
        hidden=model.hidden, scale_link=model.scale, **encoder_options
    )
    if model.likelihood == "bernoulli":
        return encoder, dense.BernoulliDecoder(outputs, model.hidden, model.init)
    decoder = dense.GaussianDecoder(
        outputs,
        model.hidden,
        scale_floor=model.likelihood_floor,
        initialiser=model.init,
    )
    return encoder, decoder


def critic(options: ConfigDict, initialiser: str) -> nn.Module:
    """The critic of `config.critic`: one logit for each z."""
    return Discriminator(tuple(options.hidden), initialiser)
