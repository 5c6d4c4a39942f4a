"""Labels of points that are drawn in clusters of equal size."""

import jax
import jax.numpy as jnp


def labels(num_points: int, num_clusters: int, *, name: str) -> jax.Array:
    """The cluster of each point, cluster by cluster.

    Args:
        num_points: N, a multiple of the number of clusters.
        num_clusters: K.
        name: What the caller calls K, for the error.

    Returns:
        int32 `[N]`.

    Raises:
        ValueError: If N is no multiple of K.

    >>> print(labels(6, 3, name="num_arms"))
    [0 0 1 1 2 2]
    """
    if num_points % num_clusters:
        raise ValueError(
            f"expected num_points to be a multiple of {name} = {num_clusters}; "
            f"got {num_points}."
        )
    each = jnp.arange(num_clusters, dtype=jnp.int32)
    return jnp.repeat(each, num_points // num_clusters)
