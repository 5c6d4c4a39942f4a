"""The networks of a config."""

import math

import jax
from flax import linen as nn
from jax.lax import DotAlgorithmPreset, Precision
from ml_collections import ConfigDict

from decomp.networks import conv_vae, dense, products
from decomp.networks.discriminator import Discriminator
from decomp.networks.shared_scale import SharedScale

# Of the products of the networks; parameters, sums and all else are float32.
PRECISIONS = {
    "float32": Precision.HIGHEST,  # else accelerators may round to fewer bits
    "tf32": DotAlgorithmPreset.TF32_TF32_F32,
    "bfloat16": products.BFLOAT16,
}


def make(model: ConfigDict, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of `config.model`.

    Args:
        model: The section of the config.
        shape: Of an x: (H, W, C) of an image, or (X,).

    Raises:
        ValueError: For a precision that the device has not, or images that the network
            cannot take.
    """
    backend = jax.default_backend()
    if model.precision == "tf32" and backend != "gpu":
        raise ValueError(
            f"model.precision=tf32 expects an NVIDIA GPU; this is a {backend}, choices "
            "are float32 and bfloat16."
        )
    common = {"initialiser": model.init, "precision": PRECISIONS[model.precision]}
    encoder_options = {
        "latents": model.latents,
        "scale_floor": model.scale_floor,
        **common,
    }
    square = shape[:-1] == (conv_vae.SIDE, conv_vae.SIDE)
    if model.network == "conv" and not square:
        size = "×".join(map(str, shape[:-1]))
        raise ValueError(
            f"model.network = conv expects images of 64×64 pixels; got {size}, which "
            "dense takes."
        )
    outputs, floor = math.prod(shape), model.likelihood_floor
    decoder: nn.Module
    if model.network == "conv" or (model.network == "auto" and square):
        common["colours"] = encoder_options["colours"] = shape[-1]
        channels = conv_vae.CHANNELS[model.channels]
        encoder = conv_vae.ConvEncoder(channels=channels, **encoder_options)
        decoder = conv_vae.ConvDecoder(model.latents, **common)
    else:
        encoder = dense.DenseEncoder(
            hidden=model.hidden, scale_link=model.scale, **encoder_options
        )
        decoder = dense.BernoulliDecoder(outputs, model.hidden, **common)
    if model.likelihood == "bernoulli":
        return encoder, decoder
    if len(shape) > 1:  # images
        return encoder, SharedScale(decoder, floor)
    return encoder, dense.GaussianDecoder(
        outputs, model.hidden, scale_floor=floor, **common
    )


def critic(options: ConfigDict, model: ConfigDict) -> nn.Module:
    """The critic of `config.critic`: one logit for each z."""
    precision = PRECISIONS[model.precision]
    return Discriminator(tuple(options.hidden), model.init, precision)
