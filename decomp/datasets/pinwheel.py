"""The pinwheel: points on spiral arms around the origin."""

import jax
import jax.numpy as jnp

from decomp.datasets import clusters


def sample(
    key: jax.Array,
    *,
    num_points: int = 400,
    num_arms: int = 4,
    radial_std: float | jax.Array = 0.3,
    tangential_std: float | jax.Array = 0.1,
    rate: float | jax.Array = 0.25,
) -> tuple[jax.Array, jax.Array]:
    """Draws a pinwheel with equally many points on every arm.

    u = (1 + radial_std · g₁, tangential_std · g₂) with g ~ N(0, I₂),
    θ = 2π · arm / num_arms + rate · exp(u₁), and the point is u turned by −θ.

    The paper prints "radial 0.1, tangential 0.3". The MATLAB generator that it cites
    swaps the two: its "tangential" deviation multiplies the radial coordinate. Here
    each name says what it does, so that the defaults draw the paper's figure; its
    words, taken literally, would draw arms a third as long and three times as wide.

    Args:
        key: A random key, which is used up.
        num_points: N, a multiple of `num_arms`.
        num_arms: Number of arms.
        radial_std: Spread along an arm, around radius 1.
        tangential_std: Spread across an arm.
        rate: How fast an arm winds.

    Returns:
        Points float32 `[N, 2]` and the arm of each, int32 `[N]`, sorted by arm.

    Source: Mathieu et al. 2018, App. B.2; deviations as in the generator that it cites.
    """
    arms = clusters.labels(num_points, num_arms, name="num_arms")  # [N]
    radial_std, tangential_std, rate = (
        jnp.asarray(x, jnp.float32) for x in (radial_std, tangential_std, rate)
    )
    noise = jax.random.normal(key, (2, num_points), jnp.float32)
    radius = 1 + radial_std * noise[0]  # [N]
    across = tangential_std * noise[1]
    angle = 2 * jnp.pi * arms.astype(jnp.float32) / num_arms + rate * jnp.exp(radius)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    points = jnp.stack(
        [radius * cos + across * sin, across * cos - radius * sin], axis=-1
    )
    return points, arms
