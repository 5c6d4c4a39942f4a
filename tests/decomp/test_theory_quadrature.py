"""Theorem 1 for priors that are not Gaussian, by quadrature in float64.

E_q[log p(x|z)] stands on both sides of Eq. 2. What is left does not know the decoder:

    −β KL(q‖p) = −KL(q‖f_β) + (β − 1) H[q] + log F_β,    f_β = p^β/F_β.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from decomp.distributions import annealed, gaussian, laplace, mixture, student_t
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.student_t import StudentT

BETAS = [0.3, 1.0, 2.5, 8.0]
HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
PANEL, PANEL_WEIGHTS = np.polynomial.legendre.leggauss(200)


def _posterior_nodes(q, kink):
    """Nodes and weights of E_q within 12 scales, in two panels around a kink."""
    ends = np.array([q.loc[0] - 12 * q.scale[0], kink, q.loc[0] + 12 * q.scale[0]])
    half, middle = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    z = (middle[:, None] + half[:, None] * PANEL).ravel()
    weights = (half[:, None] * PANEL_WEIGHTS).ravel()
    return z[:, None], weights * stats.norm.pdf(z, q.loc, q.scale)


@pytest.mark.parametrize("beta", BETAS)
def test_theorem_1_holds_for_student_t_and_laplace_priors(beta):
    # F_β by adaptive quadrature of scipy's density, f_β from its closed form
    with jax.enable_x64(True):
        q = Gaussian(jnp.array([0.7]), jnp.array([0.5]))
        loc, scale = jnp.array([0.2]), jnp.array([0.9])
        t, b = StudentT(jnp.array(4.0), loc, scale), Laplace(loc, scale)
        cases = [
            (student_t, t, annealed.student_t(t, beta), stats.t(4.0, 0.2, 0.9)),
            (laplace, b, annealed.laplace(b, beta), stats.laplace(0.2, 0.9)),
        ]
        entropy = gaussian.entropy(q)
        z, weights = _posterior_nodes(q, kink=0.2)
        for module, p, f, exact in cases:
            half, _ = integrate.quad(
                lambda s, exact=exact: exact.pdf(s) ** beta, 0.2, np.inf, epsabs=1e-12
            )
            log_pz, log_fz = (
                weights @ jax.vmap(module.log_prob, (None, 0))(s, z) for s in (p, f)
            )
            left = -beta * (-entropy - log_pz)
            right = -(-entropy - log_fz) + (beta - 1) * entropy + np.log(2 * half)
            assert abs(left - right) < 1e-8


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("dim", [1, 2])
def test_theorem_1_holds_for_a_mixture_prior_with_its_normaliser_by_quadrature(
    dim, beta
):
    # left: E_q by Gauss–Hermite; right: E_q and F_β on a grid
    with jax.enable_x64(True):
        loc = jnp.stack([jnp.full(dim, -0.8), jnp.full(dim, 1.0)])
        scale = jnp.stack([jnp.full(dim, 0.5), jnp.full(dim, 0.7)])
        p = Mixture(jnp.log(jnp.array([0.3, 0.7])), Gaussian(loc, scale))
        q = Gaussian(jnp.full(dim, 0.3), jnp.full(dim, 0.4))
        log_pz = jax.vmap(mixture.log_prob, (None, 0))

        nodes = np.stack(np.meshgrid(*[HERMITE] * dim), -1).reshape(-1, dim)
        weights = np.stack(np.meshgrid(*[HERMITE_WEIGHTS] * dim), -1)
        weights = weights.reshape(-1, dim).prod(-1) / (2 * np.pi) ** (dim / 2)
        cross = weights @ log_pz(p, 0.3 + 0.4 * nodes)
        left = -beta * (-gaussian.entropy(q) - cross)

        axis = np.linspace(-9, 10, 381)
        cell = (axis[1] - axis[0]) ** dim
        grid = np.stack(np.meshgrid(*[axis] * dim), -1).reshape(-1, dim)
        log_power = beta * np.asarray(log_pz(p, grid))
        log_normaliser = special.logsumexp(log_power) + np.log(cell)
        log_q = np.asarray(jax.vmap(gaussian.log_prob, (None, 0))(q, grid))
        qz = cell * np.exp(log_q)
        kl_to_annealed = qz @ (log_q - (log_power - log_normaliser))
        right = -kl_to_annealed + (beta - 1) * -(qz @ log_q) + log_normaliser
        assert abs(left - right) < 1e-8
