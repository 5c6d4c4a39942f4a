"""Initialisation and steps of L_{H,β} that match those of the β-VAE with codes × √β.

Corollary 2: with p(x|z/√β) instead of p(x|z) and (√β μ, βS) instead of (μ, S), L_{H,β}
has the gradient of the β-VAE. Plain gradient steps differ in the scaled weights. Adam's
steps, whose size does not depend on that of the gradient, match if each is scaled like
its weight.

This works only for dense networks with the scale exp(½·). Source: Mathieu et al. 2018,
App. A.
"""

from typing import Any

import jax
import jax.numpy as jnp

Params = dict[str, Any]


def start(params: Params, scale: jax.Array, *, latents: int) -> Params:
    """Parameters that encode x as `scale` times the code of `params`."""
    params = steps(params, scale, latents=latents)
    last = _last(params["encoder"])
    head = params["encoder"][last]
    raw = jnp.arange(head["bias"].shape[0]) >= latents
    bias = head["bias"] + jnp.where(raw, 2 * jnp.log(scale), 0.0)
    encoder = params["encoder"] | {last: head | {"bias": bias}}
    return params | {"encoder": encoder}


def steps(updates: Params, scale: jax.Array, *, latents: int) -> Params:
    """Scales the encoder's weights for the means, and inversely the decoder's for z.

    Args:
        updates: Parameters or their updates.
        scale: Factor of the codes `[]`.
        latents: Number of latents D; the first D outputs of the encoder are the means.
    """
    last = _last(updates["encoder"])
    head = updates["encoder"][last]
    means = jnp.arange(head["bias"].shape[0]) < latents
    factor = jnp.where(means, scale, 1.0)
    scaled = {"kernel": head["kernel"] * factor[None, :], "bias": head["bias"] * factor}
    first = updates["decoder"]["Dense_0"]
    return updates | {
        "encoder": updates["encoder"] | {last: scaled},
        "decoder": updates["decoder"]
        | {"Dense_0": first | {"kernel": first["kernel"] / scale}},
    }


def _last(encoder: Params) -> str:
    """The name of the encoder's last layer."""
    return f"Dense_{len(encoder) - 1}"
