"""Compares derivatives with finite differences, in one compilation."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.decomp.distributions import quick

STEP = 1e-5


def assert_derivatives_agree(function, *arguments):
    """Compares gradient and Hessian along a direction with differences, in float64.

    Of several values, it takes the sum with random weights.
    """
    rng = np.random.default_rng(0)
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, arguments))
    direction = [rng.normal(size=leaf.shape) for leaf in leaves]

    def at(leaves):
        values = jax.tree.leaves(function(*jax.tree.unflatten(structure, leaves)))
        weights = np.random.default_rng(1)
        return sum(jnp.vdot(weights.normal(size=v.shape), v) for v in values)

    @quick.jit
    def derivatives(leaves):
        gradient, curvature = jax.jvp(jax.grad(at), (leaves,), (direction,))
        return at(leaves), gradient, curvature

    def derivatives_at_step(sign):
        shift = [x + sign * STEP * v for x, v in zip(leaves, direction, strict=True)]
        return derivatives(shift)

    _, gradient, curvature = derivatives(leaves)
    (above, slopes_above, _), (below, slopes_below, _) = (
        derivatives_at_step(1),
        derivatives_at_step(-1),
    )
    slope = sum(np.vdot(g, v) for g, v in zip(gradient, direction, strict=True))
    np.testing.assert_allclose(slope, (above - below) / (2 * STEP), rtol=1e-6)
    for second, upper, lower in zip(curvature, slopes_above, slopes_below, strict=True):
        exact = (upper - lower) / (2 * STEP)
        np.testing.assert_allclose(second, exact, rtol=1e-6, atol=1e-6)
