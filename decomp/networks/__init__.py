"""Flax modules for encoders and decoders; batched: x `[B, X]`, z `[B, D]`."""

from decomp import extras

extras.require("flax")

__all__ = [
    "blocks",
    "conv_vae",
    "convolution",
    "dense",
    "discriminator",
    "form",
    "initialisers",
    "patch_products",
    "products",
    "shared_scale",
    "strided",
]
