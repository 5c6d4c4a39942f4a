"""Dense encoders and decoders: for the pinwheel and for images of 16×16 pixels.

Table 1b of the paper is `DenseEncoder(latents=2, hidden=(100,))` with
`GaussianDecoder(outputs=2, hidden=(100,))`, 704 parameters each. For images of 16×16
pixels use `DenseEncoder(latents=D, hidden=(H, H), scale_link="exp")` with
`BernoulliDecoder(outputs=256, hidden=(H, H))`.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn

from decomp import numerics
from decomp.distributions.gaussian import Gaussian
from decomp.networks import products
from decomp.networks.initialisers import bias_init, kernel_init

SCALE_FLOOR = 1e-6
SCALE_LINKS = {"exp": lambda raw: jnp.exp(raw / 2), "softplus": jax.nn.softplus}


class DenseEncoder(nn.Module):
    """q(z|x): hidden layers with ReLU, then mean and raw scale from one linear layer.

    Source: Mathieu et al. 2018, Table 1b.
    """

    latents: int
    hidden: tuple[int, ...]
    scale_link: str = "softplus"
    scale_floor: float = SCALE_FLOOR
    initialiser: str = "torch"
    precision: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> Gaussian:
        """Maps x `[B, X]` to posteriors with leaves `[B, latents]`."""
        raw = _layers(
            x, (*self.hidden, 2 * self.latents), self.initialiser, self.precision
        )
        return gaussian_head(raw, self.scale_link, self.scale_floor)


class GaussianDecoder(nn.Module):
    """p(x|z) = Π N(x; loc, scale²), with both from the network.

    The authors' released code has no lower bound of this scale: `scale_floor=0`.

    Source: Mathieu et al. 2018, Table 1b.
    """

    outputs: int
    hidden: tuple[int, ...]
    scale_link: str = "softplus"
    scale_floor: float = SCALE_FLOOR
    initialiser: str = "torch"
    precision: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> Gaussian:
        """Maps z `[B, D]` to likelihoods with leaves `[B, outputs]`."""
        raw = _layers(
            z, (*self.hidden, 2 * self.outputs), self.initialiser, self.precision
        )
        return gaussian_head(raw, self.scale_link, self.scale_floor)


class BernoulliDecoder(nn.Module):
    """p(x|z) = Π Bernoulli(x; logits)."""

    outputs: int
    hidden: tuple[int, ...]
    initialiser: str = "torch"
    precision: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps z `[B, D]` to logits `[B, outputs]`."""
        return _layers(
            z, (*self.hidden, self.outputs), self.initialiser, self.precision
        )


def linear(
    x: jax.Array,
    features: int,
    initialiser: str,
    precision: Any = None,
) -> jax.Array:
    """Applies a new `nn.Dense` of the calling module to x `[B, fan_in]`."""
    chex.assert_rank(x, 2)
    bias = bias_init(initialiser, x.shape[-1])
    kernel = kernel_init(initialiser)
    layer = nn.Dense(
        features,
        kernel_init=kernel,
        bias_init=bias,
        precision=precision,
        dot_general=products.dot_general,
    )
    return layer(x)


def hidden_layer(
    x: jax.Array, features: int, initialiser: str, precision: Any = None
) -> jax.Array:
    """`linear`, with the result in the precision of activations."""
    return products.activations(linear(x, features, initialiser, precision), precision)


def gaussian_head(raw: jax.Array, link: str, floor: float) -> Gaussian:
    """Converts raw outputs to a Gaussian: loc first, then link⁻¹(scale − floor).

    Args:
        raw: `[B, 2D]`.
        link: "exp" for scale = exp(½·raw) + floor, so that raw is a log-variance;
            "softplus" for scale = log(1 + exp(raw)) + floor.
        floor: The least scale.

    Returns:
        Leaves `[B, D]`.
    """
    if link not in SCALE_LINKS:
        choices = ", ".join(SCALE_LINKS)
        raise ValueError(f"unknown scale_link {link!r}; choices are {choices}.")
    (raw,) = numerics.floats(raw)
    loc, raw_scale = jnp.split(raw, 2, axis=-1)
    return Gaussian(loc, SCALE_LINKS[link](raw_scale) + floor)


def _layers(
    x: jax.Array,
    widths: tuple[int, ...],
    initialiser: str,
    precision: Any,
) -> jax.Array:
    """Linear layers with ReLU between them and none after the last."""
    for width in widths[:-1]:
        x = nn.relu(hidden_layer(x, width, initialiser, precision))
    return linear(x, widths[-1], initialiser, precision)
