"""Derivatives against differences, in one compilation."""

import jax
import numpy as np

from tests.decomp.distributions import quick

STEP = 1e-5


def assert_derivatives_agree(function, *arguments):
    """Gradient and Hessian of a function to `[]`, along one direction, in float64."""
    rng = np.random.default_rng(0)
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, arguments))
    along = [rng.normal(size=leaf.shape) for leaf in leaves]

    def at(leaves):
        return function(*jax.tree.unflatten(structure, leaves))

    @quick.jit
    def derivatives(leaves):
        gradient, curvature = jax.jvp(jax.grad(at), (leaves,), (along,))
        return at(leaves), gradient, curvature

    def moved(sign):
        shift = [x + sign * STEP * v for x, v in zip(leaves, along, strict=True)]
        return derivatives(shift)

    _, gradient, curvature = derivatives(leaves)
    (above, slopes_above, _), (below, slopes_below, _) = moved(1), moved(-1)
    slope = sum(np.vdot(g, v) for g, v in zip(gradient, along, strict=True))
    np.testing.assert_allclose(slope, (above - below) / (2 * STEP), rtol=1e-6)
    for found, upper, lower in zip(curvature, slopes_above, slopes_below, strict=True):
        exact = (upper - lower) / (2 * STEP)
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)
