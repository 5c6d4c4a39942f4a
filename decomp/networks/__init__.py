"""Flax modules for encoders and decoders; batched: x `[B, X]`, z `[B, D]`."""

from decomp import extras

extras.require("flax")
