"""Maximum mean discrepancy between draws z of q(z) and y of p(z).

    MMD² = E[k(z, z')] + E[k(y, y')] − 2 E[k(z, y)],    z, z' ~ q(z) and y, y' ~ p(z)

A kernel here is a function of squared distances, of any shape, such as
`functools.partial(imq, latents=D)`. Both statistics cost S² + T² + S·T distances.

Source: Gretton et al. 2012, JMLR 13, Lemma 6.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from decomp import numerics

Kernel = Callable[[jax.Array], jax.Array]

IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def imq(
    squared: jax.Array, *, scales: tuple[float, ...] = IMQ_SCALES, latents: int = 1
) -> jax.Array:
    """Inverse multiquadratics of several scales, Σ_s C_s/(C_s + d²), C_s = 2·D·s.

    2D is the mean squared distance of two draws of N(0, I). The tails are heavy, so
    that points far from the prior still have a gradient.

    Args:
        squared: Squared distances d², any shape.
        scales: The scales s. Mathieu et al.'s code has these six, Tolstikhin et al.'s
            code a seventh of 10, and their text only s = 1.
        latents: Dimensions D of the points whose distance is d; 1 for the statistics
            that sum over dimensions.

    Returns:
        Kernel values of the shape of `squared`; at d² = 0, the number of scales.

    Source: Tolstikhin et al. 2018, arXiv:1711.01558, §4; Mathieu et al. 2019, released
    code.

    >>> float(imq(jnp.float32(2.0), scales=(1.0,)))  # 2/(2 + 2)
    0.5
    """
    (squared,) = numerics.floats(squared)
    _check_widths("scales", scales)
    widths = [2 * latents * s for s in scales]
    return jnp.stack([c / (c + squared) for c in widths]).sum(axis=0)


def rbf(squared: jax.Array, *, bandwidths: tuple[float, ...]) -> jax.Array:
    """Gaussian kernels of several bandwidths, the mean over h of exp(−d²/(2h²)).

    Args:
        squared: Squared distances d², any shape.
        bandwidths: The bandwidths h, such as `rbf_bandwidths(D)`.

    Returns:
        Kernel values in [0, 1], of the shape of `squared`.

    >>> round(float(rbf(jnp.float32(2.0), bandwidths=(1.0,))), 4)  # e⁻¹
    0.3679
    """
    (squared,) = numerics.floats(squared)
    _check_widths("bandwidths", bandwidths)
    return jnp.stack([jnp.exp(-0.5 * squared / h**2) for h in bandwidths]).mean(axis=0)


def rbf_bandwidths(latents: int) -> tuple[float, ...]:
    """The one bandwidth h = D/√2 of InfoVAE: exp(−d²/D²), wide in high dimensions.

    Source: Zhao et al. 2019, arXiv:1706.02262, released code (mmd_vae.py), which has
    exp(−(1/D)·(d²/D)).
    """
    return (latents / 2**0.5,)


def u_statistic(z: jax.Array, y: jax.Array, kernel: Kernel) -> jax.Array:
    """Unbiased estimate of MMD², from pairs z_i, z_j and y_i, y_j with i ≠ j.

    Args:
        z: Draws of q(z) `[S, D]`, S ≥ 2.
        y: Draws of p(z) `[T, D]`, T ≥ 2.
        kernel: Maps squared distances to kernel values.

    Returns:
        `[]`, in the unit of the kernel. It is unbiased for independent draws, hence
        often negative if q = p. Draws of *distinct* posteriors among N lack the pairs
        within a posterior, which gives a downward bias of order 1/N.

    >>> import functools
    >>> z, y = jnp.array([[0.0], [0.0]]), jnp.array([[9.0], [9.0]])
    >>> kernel = functools.partial(rbf, bandwidths=(1.0,))
    >>> float(u_statistic(z, y, kernel))  # 1 + 1 − 2 k(0, 9)
    2.0
    """
    z, y = numerics.floats(z, y)
    _check_draws(z, y)
    return (
        _mean_of_distinct(z, kernel)
        + _mean_of_distinct(y, kernel)
        - 2 * jnp.mean(kernel(_squared_distances(z, y)))
    )


def v_statistic(z: jax.Array, y: jax.Array, kernel: Kernel) -> jax.Array:
    """MMD² of the two sets of points themselves, from all pairs, including i = j.

    Args:
        z: Draws of q(z) `[S, D]`, S ≥ 2.
        y: Draws of p(z) `[T, D]`, T ≥ 2.
        kernel: Maps squared distances to kernel values.

    Returns:
        `[]`, in the unit of the kernel; never negative, except by rounding. As an
        estimate of the distributions' MMD² it is biased upward by
        E[k(z, z) − k(z, z')]/S + E[k(y, y) − k(y, y')]/T.

    >>> import functools
    >>> z = jnp.array([[0.0], [1.0]])
    >>> float(v_statistic(z, z, functools.partial(rbf, bandwidths=(1.0,))))
    0.0
    """
    z, y = numerics.floats(z, y)
    _check_draws(z, y)
    within = sum(jnp.mean(kernel(_squared_distances(x, x))) for x in (z, y))
    return within - 2 * jnp.mean(kernel(_squared_distances(z, y)))


def u_statistic_dims(z: jax.Array, y: jax.Array, kernel: Kernel) -> jax.Array:
    """Σ_d MMD²(q(z_d), p(z_d)), each from `u_statistic` in one dimension.

    It compares only marginals; dependence between dimensions has no effect.

    Args:
        z: Draws of q(z) `[S, D]`, S ≥ 2.
        y: Draws of p(z) `[T, D]`, T ≥ 2.
        kernel: Maps squared distances in one dimension to kernel values.

    Returns:
        `[]`, in the unit of the kernel; unbiased for independent draws.

    Source: Mathieu et al. 2019, arXiv:1812.02833, released code.
    """
    z, y = numerics.floats(z, y)
    return _sum_over_dims(u_statistic, z, y, kernel)


def v_statistic_dims(z: jax.Array, y: jax.Array, kernel: Kernel) -> jax.Array:
    """Σ_d MMD²(q(z_d), p(z_d)), each from `v_statistic` in one dimension.

    Args:
        z: Draws of q(z) `[S, D]`, S ≥ 2.
        y: Draws of p(z) `[T, D]`, T ≥ 2.
        kernel: Maps squared distances in one dimension to kernel values.

    Returns:
        `[]`, in the unit of the kernel; biased upward.

    >>> z, y = jnp.array([[0.0, 0.0], [1.0, 1.0]]), jnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> abs(float(v_statistic_dims(z, y, lambda s: jnp.exp(-s))))  # the same marginals
    0.0
    """
    z, y = numerics.floats(z, y)
    return _sum_over_dims(v_statistic, z, y, kernel)


def _sum_over_dims(
    statistic: Callable[[jax.Array, jax.Array, Kernel], jax.Array],
    z: jax.Array,
    y: jax.Array,
    kernel: Kernel,
) -> jax.Array:
    _check_draws(z, y)

    def of_dimension(z_d: jax.Array, y_d: jax.Array) -> jax.Array:
        return statistic(z_d[:, None], y_d[:, None], kernel)

    return jnp.sum(jax.vmap(of_dimension, (1, 1))(z, y))


def _mean_of_distinct(z: jax.Array, kernel: Kernel) -> jax.Array:
    """The mean of k(z_i, z_j) over i ≠ j."""
    count = z.shape[0]
    same = jnp.eye(count, dtype=bool)
    values = jnp.where(same, 0, kernel(_squared_distances(z, z)))
    return jnp.sum(values) / (count * (count - 1))


def _squared_distances(z: jax.Array, y: jax.Array) -> jax.Array:
    """‖z_s − y_t‖², `[S, T]`.

    They are computed from differences, as ‖z‖² + ‖y‖² − 2z·y would cancel for close
    points, and summed column by column, as reductions over a short last axis are slow
    on a CPU.
    """
    differences = (z[:, d, None] - y[None, :, d] for d in range(z.shape[1]))
    return sum(
        (x * x for x in differences), jnp.zeros((z.shape[0], y.shape[0]), z.dtype)
    )


def _check_draws(z: jax.Array, y: jax.Array) -> None:
    chex.assert_rank([z, y], 2)
    chex.assert_equal_shape_suffix([z, y], 1)
    for name, x in (("z", z), ("y", y)):
        if x.shape[0] < 2:
            raise ValueError(f"expected at least 2 draws {name}; got {x.shape[0]}.")


def _check_widths(name: str, widths: tuple[float, ...]) -> None:
    if not widths:
        raise ValueError(f"{name} must have at least one value; got none.")
