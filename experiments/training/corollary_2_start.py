"""Runs of L_{H,β} that start, and step, as their β-VAE does with codes × √β.

Corollary 2: with p(x|z/√β) for p(x|z) and (√β μ, βS) for (μ, S), L_{H,β} has the
gradient of the β-VAE. Plain gradient steps differ in the scaled weights; those of Adam,
whose size does not depend on the gradient's, match when each is scaled as its weight.

Dense networks whose scale is exp(½·) only. Source: Mathieu et al. 2018, App. A.
"""

from typing import Any

import jax
import jax.numpy as jnp

Params = dict[str, Any]


def start(params: Params, scale: jax.Array, *, latents: int) -> Params:
    """Parameters whose codes are `scale` times those of `params`, of the same x."""
    params = steps(params, scale, latents=latents)
    last = _last(params["encoder"])
    head = params["encoder"][last]
    raw = jnp.arange(head["bias"].shape[0]) >= latents
    bias = head["bias"] + jnp.where(raw, 2 * jnp.log(scale), 0.0)
    encoder = params["encoder"] | {last: head | {"bias": bias}}
    return params | {"encoder": encoder}


def steps(updates: Params, scale: jax.Array, *, latents: int) -> Params:
    """Scales what belongs to the means by `scale`, and what reads z by its inverse.

    Args:
        updates: Parameters or their updates.
        scale: Factor of the codes `[]`.
        latents: D, the first half of the encoder's outputs.
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
    """Name of the encoder's last layer."""
    return f"Dense_{len(encoder) - 1}"
