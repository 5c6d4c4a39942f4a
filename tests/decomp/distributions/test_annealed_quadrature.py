import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from decomp.distributions import (
    annealed,
    annealed_quadrature,
    gaussian,
    hierarchical,
    mixture,
    multivariate_t,
    spike_slab,
    student_t,
)
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.hierarchical import SWING, Hierarchical
from decomp.distributions.mixture import Mixture
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.spike_slab import SpikeSlab
from decomp.distributions.student_t import StudentT
from tests.decomp.distributions import quick

BETAS = [0.3, 1.0, 2.5, 8.0]
Q = stats.norm([0.3, -0.1], [0.4, 0.2])  # a posterior
AXIS, STEP = np.linspace(-12, 12, 9601, retstep=True)


def _theorem_1(entropy, log_pz, log_fz, beta, log_normaliser):
    """Left minus right side of Theorem 1, from expectations under q.

    −β KL(q‖p) = −KL(q‖f_β) + (β − 1) H[q] + log F_β.
    """
    left = -beta * (-entropy - log_pz)
    return left - (entropy + log_fz + (beta - 1) * entropy + log_normaliser)


@functools.partial(quick.jit, static_argnames=("low", "high", "points_per_axis"))
def _student_t(p, beta, **box):
    normaliser = annealed_quadrature.log_normaliser(
        lambda z: student_t.log_prob(p, z), beta, dims=1, **box
    )
    return normaliser, annealed.log_normaliser_student_t(p, beta)


@pytest.mark.parametrize(
    ("half_width", "points", "tolerance"),
    [(4.0, 41, 1.0), (40.0, 401, 0.1), (4000.0, 80_001, 1e-4)],
)
def test_the_stated_error_covers_coarse_grids_and_tails_outside_the_box(
    half_width, points, tolerance
):
    # The spacings of 0.1 to 0.2 are just below the scale of f_4, which is 0.27.
    with jax.enable_x64(True):
        p = StudentT(jnp.array(3.0), jnp.array([0.4]), jnp.array([0.6]))
        box = dict(low=-half_width, high=half_width, points_per_axis=points)
        for beta in (0.6, 1.0, 4.0):
            normaliser, exact = _student_t(p, beta, **box)
            assert abs(normaliser.value - exact) <= normaliser.error < tolerance


@pytest.mark.parametrize(("exponent", "covered"), [(2.3, False), (2.6, True)])
def test_in_the_plane_it_covers_radial_tails_that_fall_off_as_the_power_minus_5_halves(
    exponent, covered
):
    with jax.enable_x64(True):
        p = MultivariateT(jnp.array(1.0), jnp.zeros(2), jnp.array(1.0))
        beta = exponent / 3  # p falls off as |z|^−(ν + 2)
        normaliser = annealed_quadrature.log_normaliser(
            functools.partial(multivariate_t.log_prob, p),
            beta,
            **dict(low=-50.0, high=50.0, points_per_axis=401, dims=2),
        )
        exact = annealed.log_normaliser_multivariate_t(p, beta)
    assert (abs(normaliser.value - exact) <= normaliser.error) == covered


@quick.jit
def _spike_slab(p, beta, z):
    log_prob_dims = functools.partial(spike_slab.log_prob_dims, p)
    normaliser = annealed_quadrature.log_normaliser_dims(
        log_prob_dims, beta, low=-16.0, high=16.0, points_per_axis=6401, latents=2
    )
    return normaliser, annealed_quadrature.log_density(
        log_prob_dims, beta, normaliser, z
    )


@pytest.mark.parametrize("beta", BETAS)
def test_theorem_1_holds_for_spike_and_slab_in_each_dimension(beta):
    with jax.enable_x64(True):
        gamma, spike, slab = np.array([0.8, 0.3]), np.array([0.05, 0.1]), np.ones(2)
        p = SpikeSlab(*map(jnp.asarray, (special.logit(gamma), spike, slab)))
        z = np.array([0.01, -0.6])

        def density(z, d):
            off, on = stats.norm.pdf(z, 0, spike[d]), stats.norm.pdf(z, 0, slab[d])
            return gamma[d] * off + (1 - gamma[d]) * on

        normaliser, log_fz = _spike_slab(p, beta, z)
        assert np.all(normaliser.error < 1e-9)
        for d in range(2):
            power = functools.partial(lambda z, d: density(z, d) ** beta, d=d)
            half = [integrate.quad(power, a, b)[0] for a, b in ((0, 0.6), (0.6, 25))]
            log_total = np.log(2 * sum(half))
            mass = STEP * stats.norm.pdf(AXIS, Q.mean()[d], Q.std()[d])
            log_pz = np.log(density(AXIS, d))
            gap = _theorem_1(
                stats.norm.entropy(0, Q.std()[d]),
                mass @ log_pz,
                mass @ (beta * log_pz - log_total),
                beta,
                normaliser.value[d],
            )
            assert abs(gap) < 1e-8
            exact = beta * np.log(density(z[d], d)) - log_total
            assert abs(log_fz[d] - exact) < 1e-8


@quick.jit
def _plane(p, beta):
    family = mixture if isinstance(p, Mixture) else hierarchical

    def log_normaliser(beta):
        return annealed_quadrature.log_normaliser(
            functools.partial(family.log_prob, p),
            beta,
            low=-20.0,
            high=20.0,
            points_per_axis=601,
            dims=2,
        )

    normaliser = log_normaliser(beta)
    return normaliser, jax.grad(lambda beta: log_normaliser(beta).value)(beta)


def _grid(low, high, count):
    """Gauss–Legendre nodes of a square, with their weights."""
    x, w = np.polynomial.legendre.leggauss(count)
    x, w = (low + high) / 2 + (high - low) / 2 * x, (high - low) / 2 * w
    return np.stack(np.meshgrid(x, x), -1).reshape(-1, 2), np.outer(w, w).ravel()


def _mixture():
    loc, scale = np.array([[-0.8, 0.0], [1.0, 0.5]]), np.array([[0.5, 0.4], [0.7, 0.6]])
    p = Mixture(jnp.log(jnp.array([0.3, 0.7])), Gaussian(*map(jnp.array, (loc, scale))))

    def log_pz(z):
        parts = stats.norm.logpdf(z[:, None], loc, scale).sum(-1)
        return special.logsumexp(parts + np.log([0.3, 0.7]), axis=1)

    return p, log_pz


def _hierarchy():
    p = Hierarchical(*map(jnp.array, ([[0.5]], [0.9], [[0.2]])))

    def log_pz(z):
        scale = 0.9 * np.sqrt(1 + SWING * np.tanh(0.4 * z[:, 0]))
        log_bottom = stats.norm.logpdf(z[:, 1], 0.5 * z[:, 0], scale)
        return stats.norm.logpdf(z[:, 0]) + log_bottom

    return p, log_pz


@pytest.mark.parametrize("make", [_mixture, _hierarchy])
def test_theorem_1_holds_for_priors_of_the_plane_that_do_not_factorise(make):
    with jax.enable_x64(True):
        p, log_pz = make()
        grid, weights = _grid(-18, 18, 560)
        at_grid, (near, mass) = log_pz(grid), _grid(-4, 4, 160)
        mass = mass * Q.pdf(near).prod(-1)
        for beta in BETAS:
            normaliser, slope = _plane(p, beta)
            assert normaliser.error < 1e-9
            power = weights * np.exp(beta * at_grid)
            log_total = np.log(power.sum())
            gap = _theorem_1(
                Q.entropy().sum(),
                mass @ log_pz(near),
                mass @ (beta * log_pz(near) - log_total),
                beta,
                normaliser.value,
            )
            assert abs(gap) < 1e-8
            # ∂ log F_β/∂β = E_f[log p]
            assert abs(slope - power @ at_grid / power.sum()) < 1e-8


@pytest.mark.parametrize(
    ("points", "dims", "message"),
    [
        (10, 1, "expected an odd points_per_axis of at least 3; got 10."),
        (1, 2, "expected an odd points_per_axis of at least 3; got 1."),
        (11, 3, "expected dims of 1 or 2; got 3."),
    ],
)
def test_a_grid_without_an_error_estimate_is_refused(points, dims, message):
    with pytest.raises(ValueError, match=message):
        annealed_quadrature.log_normaliser(
            jnp.sum, 1.0, low=-1.0, high=1.0, points_per_axis=points, dims=dims
        )


@pytest.mark.parametrize("beta", [0.3, 1.0, 40.0])
def test_a_prior_that_vanishes_in_places_has_a_normaliser_and_a_gradient(beta):
    @jax.jit
    @jax.value_and_grad
    def of_beta(beta):
        return annealed_quadrature.log_normaliser(
            lambda z: jnp.where(jnp.abs(z[0]) < 1.01, z[0], -jnp.inf),
            beta,
            low=-2.0,
            high=2.0,
            points_per_axis=401,
            dims=1,
        ).value

    z = np.linspace(-1, 1, 201)
    weights = np.exp(beta * z)
    value, slope = of_beta(np.float32(beta))
    np.testing.assert_allclose(value, np.log(0.01 * weights.sum()), rtol=1e-5)
    np.testing.assert_allclose(slope, weights @ z / weights.sum(), atol=1e-5)


def test_densities_of_1e11_nats_have_a_normaliser_and_a_gradient_under_jit():
    p = Gaussian(jnp.float32([1.0, -3.0]), jnp.float32([1e-3, 1.1215e-6]))

    @jax.jit
    @jax.value_and_grad
    def of_prior(p):
        return annealed_quadrature.log_normaliser(
            lambda z: gaussian.log_prob(p, z),
            jnp.float32(1.5),
            low=-5.0,
            high=5.0,
            points_per_axis=5,
            dims=2,
        ).value

    value, slope = of_prior(p)
    # The sum is dominated by the point next to the mean, (0, -2.5).
    exact = 1.5 * float(gaussian.log_prob(p, jnp.float32([0.0, -2.5])))
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    assert all(np.isfinite(leaf).all() for leaf in slope)
