"""Corollary 2: L_β and L_{H,β} are stationary at matched networks.

    ∇_{θ,φ} L_β(x) = 0    ⇒    ∇_{θ',φ'} L_{H,β}(x) = 0

By Corollary 1, L_β(θ, φ) = L_{H,β}(T(θ, φ)) + c with T the scaling of the codes by √β.
By the chain rule ∇L_β = Jᵀ ∇L_{H,β} with J = ∂T, so that both gradients vanish together
if J is invertible. It is, if T scales the last layer of the encoder and the first layer
of the decoder.

Source: Mathieu et al. 2018, Corollary 2, Eq. 7.
"""

from collections.abc import Callable
from typing import TypeVar

import jax

from decomp import numerics

Parameters = TypeVar("Parameters")


def gradients(
    beta_vae: Callable[[Parameters], jax.Array],
    entropy_regularised: Callable[[Parameters], jax.Array],
    scaled: Callable[[Parameters], Parameters],
    parameters: Parameters,
) -> tuple[Parameters, Parameters]:
    """∇L_β at (θ, φ), and Jᵀ ∇L_{H,β} of the matched (θ', φ'), which equals it.

    Args:
        beta_vae: L_β `[]` as a function of all parameters, for one example or a mean.
        entropy_regularised: L_{H,β} `[]`, likewise.
        scaled: The map T from (θ, φ) to (θ', φ').
        parameters: (θ, φ), any tree of arrays.

    Returns:
        Two gradients with the structure of `parameters`.

    Source: Mathieu et al. 2018, Eq. 7.

    >>> regularised = lambda t: -((t - 1) ** 2)  # stands for L_{H,β}
    >>> scaled = lambda t: 2 * t  # stands for T
    >>> both = gradients(lambda t: regularised(scaled(t)), regularised, scaled, 1.0)
    >>> list(map(float, both))
    [-4.0, -4.0]
    """
    parameters = jax.tree.map(lambda leaf: numerics.floats(leaf)[0], parameters)
    matched, pull_back = jax.vjp(scaled, parameters)
    (pulled_back,) = pull_back(jax.grad(entropy_regularised)(matched))
    return jax.grad(beta_vae)(parameters), pulled_back
