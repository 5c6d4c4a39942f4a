"""The networks that a config may name, one entry each, and those of a config.

A network of your own is registered in a config file, see `configs/your_own.py`:

    networks.register(networks.Network("mine", "my network", "", make))
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.lax import DotAlgorithmPreset, Precision
from ml_collections import ConfigDict

from decomp.networks import conv_vae, convolution, dense, products
from decomp.networks.discriminator import Discriminator
from decomp.networks.shared_scale import SharedScale
from decomp.own_functions import shapes
from experiments.results import labels
from experiments.system import registry

# Of the products of the networks; parameters, sums and all else are float32, but for
# the activations that the last one rounds.
PRECISIONS = {
    "float32": Precision.HIGHEST,  # else accelerators may round to fewer bits
    "tf32": DotAlgorithmPreset.TF32_TF32_F32,
    "bfloat16": products.BFLOAT16,
    "bfloat16_activations": products.ACTIVATIONS,
}


class Common(NamedTuple):
    """What all networks of a config are made with."""

    shape: tuple[int, ...]  # of an x: (H, W, C) of an image, or (X,)
    latents: int
    precision: Any  # of the products
    initialiser: str  # of the weights, a key of decomp.networks.initialisers
    backend: str  # for which they are compiled: cpu, gpu or tpu

    @property
    def outputs(self) -> int:
        """X, the values of an x."""
        return math.prod(self.shape)


class Network(NamedTuple):
    """All that is known of a network."""

    name: str  # in `config.model.network`
    label: str  # in reports
    source: str
    # (config.model, common) to two Flax modules: an encoder, x [B, X] to a Gaussian
    # over z [B, D], and a decoder, z [B, D] to logits of x, or its means, [B, X].
    make: Callable[[ConfigDict, Common], tuple[nn.Module, nn.Module]]
    refusal: Callable[[tuple[int, ...]], str] = lambda shape: ""  # of an x, or ""


AUTO = "auto"  # conv where it fits the images, else dense
NETWORKS: dict[str, Network] = {}


def register(network: Network) -> None:
    """Makes a network known to configs by its name.

    Raises:
        ValueError: One line, for a name that is taken.
    """
    if network.name == AUTO:
        raise ValueError(f"a network expects another name than {AUTO}.")
    labels.add_entry(NETWORKS, network, "network")


def names() -> tuple[str, ...]:
    """What `config.model.network` may say."""
    return (*NETWORKS, AUTO)


def make(
    model: ConfigDict, shape: tuple[int, ...], *, backend: str = ""
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of `config.model`.

    Args:
        model: The section of the config.
        shape: Of an x: (H, W, C) of an image, or (X,).
        backend: The backend for which they are compiled: cpu, gpu or tpu; the one that
            JAX uses by default if empty.

    Raises:
        ValueError: For a precision that the device has not, images that the network
            cannot take, or one whose outputs have other shapes.
    """
    backend = backend or jax.default_backend()
    if model.precision == "tf32" and backend != "gpu":
        raise ValueError(
            f"model.precision=tf32 expects an NVIDIA GPU; this is a {backend}, choices "
            "are float32 and bfloat16."
        )
    common = Common(
        shape, model.latents, PRECISIONS[model.precision], model.init, backend
    )
    name = model.network
    if name == AUTO:
        name = "dense" if NETWORKS["conv"].refusal(shape) else "conv"
    if reason := NETWORKS[name].refusal(shape):
        raise ValueError(f"model.network = {name} {reason}")
    encoder, decoder = NETWORKS[name].make(model, common)
    if model.likelihood == "bernoulli":
        return _checked(name, encoder, decoder, common)
    if len(shape) > 1:  # images
        return encoder, SharedScale(decoder, model.likelihood_floor)
    if name != "dense":
        raise ValueError(
            f"model.network = {name} expects images; points have dense networks."
        )
    return encoder, dense.GaussianDecoder(
        common.outputs,
        model.hidden,
        scale_floor=model.likelihood_floor,
        initialiser=common.initialiser,
        precision=common.precision,
    )


def _checked(
    name: str, encoder: nn.Module, decoder: nn.Module, common: Common
) -> tuple[nn.Module, nn.Module]:
    """The two, if they have the shapes that a VAE needs."""
    if name in registry.published(NETWORKS):
        return encoder, decoder

    def outputs(key: jax.Array, x: jax.Array, z: jax.Array) -> Any:
        encoder_key, decoder_key = jax.random.split(key)
        q: Any = encoder.apply(encoder.init(encoder_key, x), x)
        return q.loc, q.scale, decoder.apply(decoder.init(decoder_key, z), z)

    x, z = jnp.zeros((2, common.outputs)), jnp.zeros((2, common.latents))
    key, what = jax.random.key(0), f"model.network = {name}"
    out = shapes(what, outputs, key, x, z, verb="built")
    found = tuple(getattr(leaf, "shape", ()) for leaf in out)
    wanted = ((2, common.latents), (2, common.latents), (2, common.outputs))
    if found != wanted:
        raise ValueError(
            f"{what} expects an encoder to a Gaussian of shape "
            f"{wanted[0]} and a decoder to {wanted[2]} from batches of 2; got "
            f"{found[0]}, {found[1]} and {found[2]}."
        )
    return encoder, decoder


def _only_squares(shape: tuple[int, ...]) -> str:
    if shape[:-1] == (conv_vae.SIDE, conv_vae.SIDE):
        return ""
    size = "×".join(map(str, shape[:-1]))
    return f"expects images of 64×64 pixels; got {size}, which dense takes."


def _conv(model: ConfigDict, common: Common) -> tuple[nn.Module, nn.Module]:
    options: dict[str, Any] = {
        "initialiser": common.initialiser,
        "precision": common.precision,
        "colours": common.shape[-1],
        "form": convolution.form_for(model.form, common.backend),
    }
    encoder = conv_vae.ConvEncoder(
        latents=common.latents,
        scale_floor=model.scale_floor,
        channels=conv_vae.CHANNELS[model.channels],
        **options,
    )
    return encoder, conv_vae.ConvDecoder(common.latents, **options)


def _dense(model: ConfigDict, common: Common) -> tuple[nn.Module, nn.Module]:
    options: dict[str, Any] = {
        "initialiser": common.initialiser,
        "precision": common.precision,
    }
    encoder = dense.DenseEncoder(
        latents=common.latents,
        scale_floor=model.scale_floor,
        hidden=model.hidden,
        scale_link=model.scale,
        **options,
    )
    return encoder, dense.BernoulliDecoder(common.outputs, model.hidden, **options)


register(
    Network(
        "conv",
        "convolutions of Table 1a",
        "Mathieu et al. 2018, arXiv:1812.02833, Table 1a",
        _conv,
        _only_squares,
    )
)
register(
    Network(
        "dense",
        "dense layers",
        "Mathieu et al. 2018, arXiv:1812.02833, Table 1b",
        _dense,
    )
)
registry.close(NETWORKS)


def critic(options: ConfigDict, model: ConfigDict) -> nn.Module:
    """The critic of `config.critic`: one logit for each z."""
    precision = PRECISIONS[model.precision]
    return Discriminator(tuple(options.hidden), model.init, precision)
