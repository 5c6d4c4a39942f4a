import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.distributions import gaussian, multivariate_t, student_t, subspaces
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.student_t import StudentT
from decomp.distributions.subspaces import Subspaces
from tests.decomp.distributions import quick

POINT = np.array([0.3, -2.0, 5.0, 0.7])
DFS = np.array([3.0, np.inf])
LOG_PROB = jax.jit(subspaces.log_prob)


def _unit(df, sizes):
    parts = [MultivariateT(jnp.asarray(df), jnp.zeros(k), jnp.ones(())) for k in sizes]
    return Subspaces(tuple(parts))


def _turn(first, second, angle):
    """The rotation of two of four dimensions."""
    matrix = np.eye(4)
    c, s = np.cos(angle), np.sin(angle)
    matrix[np.ix_([first, second], [first, second])] = [[c, -s], [s, c]]
    return matrix


def test_the_log_density_of_each_group_is_that_of_scipy():
    with jax.enable_x64(True):
        p = Subspaces(
            (
                MultivariateT(jnp.array(3.0), jnp.array([1.0]), jnp.array(0.5)),
                MultivariateT(jnp.array(7.0), jnp.array([0.0, 2, 0]), jnp.array(2.0)),
            )
        )
        exact = [
            stats.t.logpdf(POINT[0], 3.0, 1.0, 0.5),
            stats.multivariate_t([0.0, 2, 0], 4 * np.eye(3), 7.0).logpdf(POINT[1:]),
        ]
        log_prob = jax.jit(subspaces.log_prob_groups)(p, POINT)
        np.testing.assert_allclose(log_prob, exact, rtol=1e-12)


def test_groups_of_one_dimension_are_the_product_of_student_t():
    @quick.jit
    def both(p, q, z):
        of_subspaces = (
            subspaces.log_prob(p, z),
            subspaces.entropy(p),
            subspaces.covariance(p),
        )
        return of_subspaces, (
            student_t.log_prob(q, z),
            student_t.entropy(q),
            student_t.covariance(q),
        )

    q = StudentT(jnp.array(3.0), jnp.zeros(2), jnp.ones(2))
    values, exact = both(_unit(3.0, (1, 1)), q, jnp.asarray(POINT[:2], jnp.float32))
    for value, expected in zip(values, exact, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_one_group_is_the_multivariate_family():
    @quick.jit
    def both(p, z):
        return subspaces.log_prob(p, z), multivariate_t.log_prob(p.groups[0], z)

    log_prob, exact = both(_unit(3.0, (4,)), jnp.asarray(POINT, jnp.float32))
    np.testing.assert_allclose(log_prob, exact, rtol=1e-6)


def test_rotations_inside_a_group_keep_the_density_and_others_do_not():
    with jax.enable_x64(True):
        p, normal = (_unit(df, (2, 2)) for df in DFS)
        inside, across = _turn(2, 3, 0.6) @ POINT, _turn(1, 2, 0.6) @ POINT
        before = LOG_PROB(p, POINT)
        np.testing.assert_allclose(LOG_PROB(p, inside), before, rtol=1e-13)
        assert abs(LOG_PROB(p, across) - before) > 0.1
        log_normal = LOG_PROB(normal, across)
        np.testing.assert_allclose(log_normal, LOG_PROB(normal, POINT), rtol=1e-13)
        exact = gaussian.log_prob(Gaussian(jnp.zeros(4), jnp.ones(4)), POINT)
        np.testing.assert_allclose(log_normal, exact, rtol=1e-13)
        sweep = jax.vmap(lambda df: subspaces.log_prob(_unit(df, (2, 2)), POINT))
        np.testing.assert_allclose(
            jax.jit(sweep)(DFS), [before, log_normal], rtol=1e-12
        )


def test_samples_have_the_radii_of_their_groups_and_one_mixing_variable_in_each():
    # One variable scales a group: corr(z_i², z_j²) = 1/(ν − 1).
    p, count = _unit(16.0, (2, 2)), 8000
    p = Subspaces(
        (p.groups[0], p.groups[1]._replace(loc=jnp.ones(2), scale=jnp.array(3.0)))
    )
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(quick.jit(jax.vmap(subspaces.sample, (0, None)))(keys, p), float)
    y = (draws - np.array([0, 0, 1, 1])) / np.array([1, 1, 3, 3])
    for group in (y[:, :2], y[:, 2:]):
        radius = (group**2).sum(1) / 2
        assert stats.kstest(radius, stats.f(2, 16.0).cdf).pvalue > 0.01
        angle = np.arctan2(group[:, 1], group[:, 0]) / (2 * np.pi) + 0.5
        assert stats.kstest(angle, "uniform").pvalue > 0.01
    standard = (y**2 - (y**2).mean(0)) / (y**2).std(0)
    for i, j, exact in [(0, 1, 1 / 15), (2, 3, 1 / 15), (0, 2, 0), (1, 3, 0)]:
        products = standard[:, i] * standard[:, j]
        assert abs(products.mean() - exact) < 4 * products.std() / count**0.5


def test_a_point_of_another_size_is_refused():
    with pytest.raises(AssertionError, match="shape"):
        subspaces.log_prob(_unit(3.0, (2, 2)), jnp.zeros(3))
