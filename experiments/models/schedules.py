"""Weights that change during training: a factor in [0, 1] of the step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def constant(progress: jax.Array, *, warm_up: float, cycles: int) -> jax.Array:
    """1 at every step."""
    del warm_up, cycles
    return jnp.ones_like(progress)


def linear(progress: jax.Array, *, warm_up: float, cycles: int) -> jax.Array:
    """Rises from 0 to 1 over the first `warm_up` of the training, then stays.

    Source: Bowman et al. 2016, arXiv:1511.06349; Burgess et al. 2018 for a capacity.
    """
    del cycles
    return jnp.clip(progress / warm_up, 0.0, 1.0)


def cyclic(progress: jax.Array, *, warm_up: float, cycles: int) -> jax.Array:
    """`cycles` times over: rises from 0 to 1 over `warm_up` of a cycle, then stays.

    Source: Fu et al. 2019, arXiv:1903.10145.
    """
    part = jnp.where(progress < 1.0, (progress * cycles) % 1.0, 1.0)
    return jnp.clip(part / warm_up, 0.0, 1.0)


SCHEDULES: dict[str, Callable[..., jax.Array]] = {
    "constant": constant,
    "linear": linear,
    "cyclic": cyclic,
}
