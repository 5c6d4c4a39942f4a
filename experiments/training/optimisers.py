"""Optimisers by name; `amsgrad_torch` is that of the authors' code."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

NAMES = ("adam", "amsgrad_torch")


def make(
    name: str, *, b1: float, b2: float, eps: float
) -> optax.GradientTransformation:
    """Returns an optimiser with a learning rate of 1.

    The caller multiplies its updates by the learning rate, which may be traced.

    Raises:
        ValueError: For an unknown name.
    """
    scalings = {
        "adam": lambda: optax.scale_by_adam(b1=b1, b2=b2, eps=eps),
        "amsgrad_torch": lambda: scale_by_amsgrad_torch(b1=b1, b2=b2, eps=eps),
    }
    if name not in scalings:
        raise ValueError(f"unknown optimiser '{name}'; choices: {', '.join(NAMES)}.")
    return optax.chain(scalings[name](), optax.scale_by_learning_rate(1.0))


class AmsgradState(NamedTuple):
    """Moments of the gradient, with the shapes of the parameters."""

    count: jax.Array  # []
    mu: optax.Updates
    nu: optax.Updates
    nu_max: optax.Updates


def scale_by_amsgrad_torch(
    *, b1: float, b2: float, eps: float
) -> optax.GradientTransformation:
    """AMSGrad as `torch.optim.Adam(amsgrad=True)` computes it.

    v̂_t = max(v̂_{t−1}, v_t) is the maximum of raw second moments, and is bias-corrected
    afterwards; `optax.amsgrad` corrects before it, which gives other parameters.
    """

    def init(params: optax.Params) -> AmsgradState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AmsgradState(jnp.zeros((), jnp.int32), zeros, zeros, zeros)

    def update(
        updates: optax.Updates, state: AmsgradState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AmsgradState]:
        del params
        count = state.count + 1
        mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, updates)
        nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, updates)
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu)
        mu_correction = 1 - b1 ** count.astype(jnp.float32)
        nu_correction = 1 - b2 ** count.astype(jnp.float32)
        scaled = jax.tree.map(
            lambda m, v: (m / mu_correction) / (jnp.sqrt(v / nu_correction) + eps),
            mu,
            nu_max,
        )
        return scaled, AmsgradState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init, update)
