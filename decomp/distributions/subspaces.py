"""Independent subspaces: p(z) = Π_g p(z_g), each factor a spherical Student-t.

Groups are consecutive dimensions. In a group the density depends only on the radius, so
that rotations in it are free; across groups, heavy tails reward alignment. Groups of
one dimension give `student_t`, and a single group gives `multivariate_t`; at ν = ∞
every grouping is the same Gaussian.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag

from decomp import numerics
from decomp.distributions import multivariate_t
from decomp.distributions.multivariate_t import MultivariateT


class Subspaces(NamedTuple):
    """One factor per group; their shapes give the sizes D_g, with Σ_g D_g = D."""

    groups: tuple[MultivariateT, ...]  # leaves [], [D_g], []


def log_prob(p: Subspaces, z: jax.Array) -> jax.Array:
    """log p(z), summed over groups.

    Args:
        p: G groups.
        z: Point `[D]`.

    Returns:
        Log-density `[]` in nats.
    """
    p, z = numerics.floats(p, z)
    return jnp.sum(log_prob_groups(p, z))


def log_prob_groups(p: Subspaces, z: jax.Array) -> jax.Array:
    """log p(z_g) of each group.

    Args:
        p: G groups.
        z: Point `[D]`.

    Returns:
        `[G]` in nats.

    >>> from decomp import priors
    >>> p = priors.subspaces((1, 2), df=jnp.inf)  # Gaussians
    >>> [round(float(x), 4) for x in log_prob_groups(p, jnp.zeros(3))]
    [-0.9189, -1.8379]
    """
    p, z = numerics.floats(p, z)
    ends = np.cumsum(_sizes(p))
    chex.assert_shape(z, (ends[-1],))
    pairs = zip(p.groups, jnp.split(z, ends[:-1]), strict=True)
    return jnp.stack([multivariate_t.log_prob(group, z_g) for group, z_g in pairs])


def sample(key: jax.Array, p: Subspaces) -> jax.Array:
    """One draw; the groups are independent.

    Args:
        key: A random key, which is used up.
        p: G groups.

    Returns:
        Draw `[D]`, differentiable in `p`.
    """
    (p,) = numerics.floats(p)
    noise_key, mixing_key = jax.random.split(key)
    df, loc, scale = (jnp.hstack(leaves) for leaves in zip(*p.groups, strict=True))
    mixing = jnp.exp(multivariate_t.log_mixing(mixing_key, df, loc.dtype))  # [G]
    spread = jnp.repeat(scale * mixing, np.array(_sizes(p)))  # [D]
    return loc + spread * jax.random.normal(noise_key, loc.shape, loc.dtype)


def entropy(p: Subspaces) -> jax.Array:
    """H = Σ_g H[p(z_g)], `[]` in nats."""
    (p,) = numerics.floats(p)
    return jnp.sum(jnp.stack([*map(multivariate_t.entropy, p.groups)]))


def mean(p: Subspaces) -> jax.Array:
    """E[z], `[D]`; NaN in a group with ν ≤ 1."""
    (p,) = numerics.floats(p)
    return jnp.concatenate([multivariate_t.mean(group) for group in p.groups])


def covariance(p: Subspaces) -> jax.Array:
    """Cov[z], diagonal, `[D, D]`; the diagonal is ∞ or NaN in a group with ν ≤ 2.

    >>> from decomp import priors
    >>> covariance(priors.subspaces((1, 1), df=4.0)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    (p,) = numerics.floats(p)
    return block_diag(*map(multivariate_t.covariance, p.groups))


def _sizes(p: Subspaces) -> list[int]:
    """The sizes D_g of the groups."""
    return [group.loc.shape[0] for group in p.groups]
