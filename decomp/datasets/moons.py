"""Moons: points on half circles that reach into one another."""

import jax
import jax.numpy as jnp

from decomp.datasets import clusters


def sample(
    key: jax.Array,
    *,
    num_points: int = 400,
    num_moons: int = 4,
    noise_std: float | jax.Array = 0.1,
) -> tuple[jax.Array, jax.Array]:
    """Draws a chain of half circles with equally many points on each.

    Moon k of K is (k − (K − 1)/2 + cos θ, s (sin θ − ¼)), θ uniform in [0, π], with
    s = 1 for even k and −1 for odd k, so that each reaches into the next. Normal noise
    is added to both coordinates. Two moons are those that clustering is often shown on.

    Args:
        key: A random key, which is used up.
        num_points: N, a multiple of `num_moons`.
        num_moons: K.
        noise_std: Standard deviation of the noise of each coordinate.

    Returns:
        Points float32 `[N, 2]` and the moon of each, int32 `[N]`, moon by moon.

    Raises:
        ValueError: If `num_points` is no multiple of `num_moons`.

    >>> points, moons = sample(jax.random.key(0), num_points=8, noise_std=0.0)
    >>> print(moons)
    [0 0 1 1 2 2 3 3]
    >>> print(jnp.hypot(points[0, 0] + 1.5, points[0, 1] + 0.25).round(4))  # its radius
    1.0
    """
    moons = clusters.labels(num_points, num_moons, name="num_moons")  # [N]
    angle_key, noise_key = jax.random.split(key)
    angle = jnp.pi * jax.random.uniform(angle_key, (num_points,), jnp.float32)
    sign = (1 - 2 * (moons % 2)).astype(jnp.float32)
    centre = moons.astype(jnp.float32) - (num_moons - 1) / 2
    points = jnp.stack(
        [centre + jnp.cos(angle), sign * (jnp.sin(angle) - 0.25)], axis=-1
    )
    noise = jax.random.normal(noise_key, (num_points, 2), jnp.float32)
    return points + jnp.asarray(noise_std, jnp.float32) * noise, moons
