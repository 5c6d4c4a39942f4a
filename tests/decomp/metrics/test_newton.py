import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics.solvers import newton
from decomp.metrics.solvers.newton import Local

RNG = np.random.default_rng(0)
ROOTS = RNG.normal(size=(3, 4, 6))
CURVES = ROOTS @ ROOTS.swapaxes(1, 2)  # [P, K, K], positive definite
TARGETS = RNG.normal(size=(3, 4))


def _quadratic(w):
    rest = jnp.einsum("pab,pb->pa", CURVES, w) - TARGETS
    value = 0.5 * jnp.sum(w * (rest - TARGETS), axis=1)
    return Local(value, rest, jnp.float32(CURVES))


def _steep(w):
    """log(2 cosh w) − w tanh 2 of one weight; plain Newton diverges from 3."""
    slope = jnp.tanh(w)
    value = jnp.logaddexp(w, -w)[:, 0] - w[:, 0] * jnp.tanh(2.0)
    return Local(value, slope - jnp.tanh(2.0), (1 - slope**2)[:, :, None])


def _minimise(function, start, steps=50):
    run = jax.jit(lambda w: newton.minimise(function, w, tolerance=1e-6, steps=steps))
    return run(jnp.float32(start))


def test_quadratic_functions_are_minimised_in_two_or_three_steps():
    minimum = _minimise(_quadratic, np.zeros((3, 4)))
    exact = np.linalg.solve(CURVES, TARGETS[..., None])[..., 0]
    np.testing.assert_allclose(minimum.weights, exact, rtol=1e-4, atol=1e-5)
    assert minimum.converged.all()
    assert minimum.steps <= 3  # one more step confirms the minimum


def test_steps_that_raise_the_value_are_shortened():
    minimum = _minimise(_steep, np.array([[3.0], [-5.0], [2.0]]))
    np.testing.assert_allclose(minimum.weights, 2, atol=1e-3)
    assert minimum.converged.all()
    assert not _minimise(_steep, np.full((3, 1), 5.0), steps=2).converged.any()


def test_a_problem_with_nan_neither_converges_nor_disturbs_the_others():
    def broken(w):
        local = _steep(w)
        return local._replace(value=jnp.where(jnp.arange(3) == 1, jnp.nan, local.value))

    minimum = _minimise(broken, np.full((3, 1), 1.0))
    np.testing.assert_array_equal(minimum.converged, [True, False, True])
    np.testing.assert_allclose(minimum.weights[::2], 2, atol=1e-3)


def test_weights_without_an_effect_do_not_change():
    def flat(w):
        local = _quadratic(w.at[:, 3].set(0))
        without_effect = jnp.arange(4) == 3
        hessian = jnp.where(
            without_effect[:, None] | without_effect[None, :], 0, local.hessian
        )
        return Local(
            local.value, jnp.where(without_effect[None, :], 0, local.gradient), hessian
        )

    minimum = _minimise(flat, np.full((3, 4), 0.5))
    exact = np.linalg.solve(CURVES[:, :3, :3], TARGETS[:, :3, None])[..., 0]
    np.testing.assert_allclose(minimum.weights[:, :3], exact, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(minimum.weights[:, 3], 0.5)


def test_conjugate_gradients_solve_with_and_without_a_preconditioner():
    curve, target = jnp.float32(CURVES[0]), jnp.float32(TARGETS[0])
    exact = np.linalg.solve(CURVES[0], TARGETS[0])
    inverse = jnp.float32(np.linalg.inv(CURVES[0]))
    for solve, products in ((lambda x: x, 8), (lambda x: inverse @ x, 1)):
        solution = newton.conjugate_gradients(
            lambda x: curve @ x, solve, target, tolerance=1e-6, products=products
        )
        np.testing.assert_allclose(solution, exact, rtol=1e-3, atol=1e-4)
