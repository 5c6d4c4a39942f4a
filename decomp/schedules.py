"""Schedules: factors in [0, 1] of a weight, as functions of the share of training done.

decomp.fit(x, beta=4, schedules={"beta": "linear"})
decomp.fit(x, beta=4, schedules={"beta": partial(schedules.linear, warm_up=0.1)})
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def constant(
    progress: jax.Array, *, warm_up: float = 0.5, cycles: int = 4
) -> jax.Array:
    """1 at every step.

    >>> float(constant(jnp.array(0.3)))
    1.0
    """
    del warm_up, cycles
    return jnp.ones_like(progress)


def linear(progress: jax.Array, *, warm_up: float = 0.5, cycles: int = 4) -> jax.Array:
    """Rises from 0 to 1 over the first `warm_up` of the training, then stays.

    Without warm-up, which is `warm_up=0`, it is 1 at every step.

    Source: Bowman et al. 2016, arXiv:1511.06349; Burgess et al. 2018 for a capacity.

    >>> import numpy as np
    >>> linear(np.array([0.0, 0.25, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    del cycles
    return _risen(progress, warm_up)


def cyclic(progress: jax.Array, *, warm_up: float = 0.5, cycles: int = 4) -> jax.Array:
    """Repeats `cycles` times: rises from 0 to 1 over `warm_up` of a cycle, then stays.

    Source: Fu et al. 2019, arXiv:1903.10145.

    >>> import numpy as np
    >>> cyclic(np.array([0.0, 0.25, 0.5, 1.0]), cycles=2).tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    part = jnp.where(progress < 1.0, (progress * cycles) % 1.0, 1.0)
    return _risen(part, warm_up)


def _risen(share: jax.Array, warm_up: float) -> jax.Array:
    """share/warm_up, and 1 from there on."""
    rising = share < warm_up
    return jnp.where(rising, share / jnp.where(rising, warm_up, 1.0), 1.0)


SCHEDULES: dict[str, Callable[..., jax.Array]] = {
    "constant": constant,
    "linear": linear,
    "cyclic": cyclic,
}
