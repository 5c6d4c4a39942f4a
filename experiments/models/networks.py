"""The networks that a config may name, one entry each, and those of a config.

A network of your own is registered in a config file, see `configs/your_own.py`:

    networks.register(networks.Network("mine", "my network", "", make))
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.lax import DotAlgorithmPreset, Precision
from ml_collections import ConfigDict

from configs.base import Field
from decomp.networks import conv_vae, convolution, dense, products
from decomp.networks.discriminator import Discriminator
from decomp.networks.shared_scale import SharedScale
from decomp.own_functions import shapes
from experiments.results import labels
from experiments.system import declarations, registry

# Precisions of the networks' products. Parameters, sums and everything else are
# float32, except the activations, which the last one rounds.
PRECISIONS = {
    "float32": Precision.HIGHEST,  # otherwise accelerators may round to fewer bits
    "tf32": DotAlgorithmPreset.TF32_TF32_F32,
    "bfloat16": products.BFLOAT16,
    "bfloat16_activations": products.ACTIVATIONS,
}


class Common(NamedTuple):
    """The options that all networks of a config share."""

    shape: tuple[int, ...]  # shape of an x: (H, W, C) of an image, or (X,)
    latents: int
    precision: Any  # precision of the products
    initialiser: str  # initial weights, a key of decomp.networks.initialisers
    backend: str  # the backend for which they are compiled: cpu, gpu or tpu

    @property
    def outputs(self) -> int:
        """The number of values X of an x."""
        return math.prod(self.shape)


class Network(NamedTuple):
    """A network that configs can name."""

    name: str  # in `config.model.network`
    label: str  # in reports
    source: str
    # Maps (config.model, common) to two Flax modules: an encoder from x [B, X] to a
    # Gaussian over z [B, D], and a decoder from z [B, D] to logits or means [B, X].
    make: Callable[[ConfigDict, Common], tuple[nn.Module, nn.Module]]
    # Why an x of a shape does not fit, such as "needs images", or "".
    refusal: Callable[[tuple[int, ...]], str] = lambda shape: ""
    # Maps the same to a decoder from z [B, D] to a Gaussian over points of the plane
    # [B, X], if there is one.
    plane_decoder: Callable[[ConfigDict, Common], nn.Module] | None = None
    # Whether both are layers Dense_0, Dense_1, ..., of which the encoder's last gives
    # means and scales, as `objective.matched` needs.
    dense_layers: bool = False
    shown: tuple[str, ...] = ()  # fields of `config.model` that reports show beside it
    # Fields `model.NAME` that it reads, of those that not all networks read.
    fields: Mapping[str, Field] = {}


AUTO = "auto"  # the first network that takes the data: conv, otherwise dense
NETWORKS: dict[str, Network] = {}


def register(network: Network) -> None:
    """Registers a network under its name, for configs.

    Raises:
        ValueError: One line, for a name that is taken, or fields that
            `declarations.check` refuses.
    """
    if network.name == AUTO:
        raise ValueError(f"the name {AUTO} of a network is taken; choose another.")
    declarations.check(f"network {network.name}", "model", network.fields, declared())
    labels.add_entry(NETWORKS, network, "network", shown=network.shown)


def declared() -> declarations.Declarations:
    """The fields of `config.model` that each network declares."""
    return {name: network.fields for name, network in NETWORKS.items()}


def names() -> tuple[str, ...]:
    """The choices of `config.model.network`."""
    return (*NETWORKS, AUTO)


def make(
    model: ConfigDict, shape: tuple[int, ...], *, backend: str = ""
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of `config.model`.

    Args:
        model: The section of the config.
        shape: Shape of an x: (H, W, C) of an image, or (X,).
        backend: The backend for which they are compiled: cpu, gpu or tpu; if empty,
            JAX's default backend.

    Raises:
        ValueError: For a precision that the device lacks, images that the network
            cannot take, or a network whose outputs have other shapes.
    """
    backend = backend or jax.default_backend()
    if model.precision == "tf32" and backend != "gpu":
        raise ValueError(
            f"model.precision = tf32 needs an NVIDIA GPU; this is a {backend}, "
            "which takes float32 and bfloat16."
        )
    common = Common(
        shape, model.latents, PRECISIONS[model.precision], model.init, backend
    )
    name = taking(shape)[0] if model.network == AUTO else model.network
    if reason := refusal(name, shape):
        raise ValueError(f"model.network = {name} {reason}.")
    encoder, decoder = NETWORKS[name].make(model, common)
    if model.likelihood == "bernoulli":
        return _checked(name, encoder, decoder, common)
    of_points = NETWORKS[name].plane_decoder if _is_point(shape) else None
    if of_points is not None:
        return encoder, of_points(model, common)
    return encoder, SharedScale(decoder, model.likelihood_floor)


def refusal(name: str, shape: tuple[int, ...], data: str = "") -> str:
    """Why a network cannot take the data, what they are and which can; or "".

    Args:
        name: The name of the network, other than `AUTO`.
        shape: Shape of an x: (H, W, C) of an image, or (X,).
        data: Words for the data, such as "data.name = heads of ".
    """
    reason = _reason(NETWORKS[name], shape)
    size = "×".join(map(str, shape[:2])) if not _is_point(shape) else ""
    words = f"{data or 'images of '}{size}" if size else f"{data}points of the plane"
    choices = ", ".join(taking(shape))
    return f"{reason}; got {words}, choices: {choices}" if reason else ""


def taking(shape: tuple[int, ...]) -> list[str]:
    """The names of the networks that take an x of a shape, from `Network.refusal`."""
    return [name for name, entry in NETWORKS.items() if not _reason(entry, shape)]


def _reason(network: Network, shape: tuple[int, ...]) -> str:
    of_images = _is_point(shape) and network.plane_decoder is None
    return network.refusal(shape) or ("needs images" if of_images else "")


def _is_point(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1


def _checked(
    name: str, encoder: nn.Module, decoder: nn.Module, common: Common
) -> tuple[nn.Module, nn.Module]:
    """Checks the shapes of encoder and decoder, and returns the two."""
    if name in registry.published(NETWORKS):
        return encoder, decoder

    def outputs(key: jax.Array, x: jax.Array, z: jax.Array) -> Any:
        encoder_key, decoder_key = jax.random.split(key)
        q: Any = encoder.apply(encoder.init(encoder_key, x), x)
        return q.loc, q.scale, decoder.apply(decoder.init(decoder_key, z), z)

    x, z = jnp.zeros((2, common.outputs)), jnp.zeros((2, common.latents))
    key, what = jax.random.key(0), f"model.network = {name}"
    out = shapes(what, outputs, key, x, z, verb="built")
    leaf_shapes = tuple(getattr(leaf, "shape", ()) for leaf in out)
    required_shapes = ((2, common.latents), (2, common.latents), (2, common.outputs))
    if leaf_shapes != required_shapes:
        raise ValueError(
            f"{what} must give an encoder to a Gaussian of shape {required_shapes[0]} "
            f"and a decoder to {required_shapes[2]} for batches of 2; got "
            f"{leaf_shapes[0]}, {leaf_shapes[1]} and {leaf_shapes[2]}."
        )
    return encoder, decoder


def _only_squares(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] == shape[1] and shape[0] in conv_vae.SIDES:
        return ""
    *sizes, last = (f"{side}×{side}" for side in conv_vae.SIDES)
    return f"needs images of {', '.join(sizes)} or {last} pixels"


def _conv(model: ConfigDict, common: Common) -> tuple[nn.Module, nn.Module]:
    options: dict[str, Any] = {
        "initialiser": common.initialiser,
        "precision": common.precision,
        "colours": common.shape[-1],
        "form": convolution.form_for(model.form, common.backend),
        "side": common.shape[0],
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


def _dense_to_the_plane(model: ConfigDict, common: Common) -> nn.Module:
    return dense.GaussianDecoder(
        common.outputs,
        model.hidden,
        scale_floor=model.likelihood_floor,
        initialiser=common.initialiser,
        precision=common.precision,
    )


register(
    Network(
        "conv",
        "convolutions of Table 1a",
        "Mathieu et al. 2018, arXiv:1812.02833, Table 1a",
        _conv,
        _only_squares,
        fields=declarations.of_package("model", "channels", "form"),
    )
)
register(
    Network(
        "dense",
        "dense layers",
        "Mathieu et al. 2018, arXiv:1812.02833, Table 1b",
        _dense,
        plane_decoder=_dense_to_the_plane,
        dense_layers=True,
        shown=("hidden",),
        fields=declarations.of_package("model", "hidden", "scale"),
    )
)
registry.close(NETWORKS)


def critic(options: ConfigDict, model: ConfigDict) -> nn.Module:
    """The critic of `config.critic`: one logit for each z."""
    precision = PRECISIONS[model.precision]
    return Discriminator(tuple(options.hidden), model.init, precision)
