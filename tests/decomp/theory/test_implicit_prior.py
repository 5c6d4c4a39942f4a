"""The implicit prior in float64: quadrature against closed forms and scipy's densities.

The density r exists only if the widest posterior has more than (1 − 1/β) of the
variance of the prior. Here it has .64 of it, which suffices for β ≤ 2.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special, stats

from decomp.distributions import student_t
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.student_t import StudentT
from decomp.theory import implicit_prior

BETAS = np.array([0.3, 1.0, 1.5, 2.0])
MEANS = np.array([[-0.6, 0.2], [0.5, -0.9], [1.1, 0.8]])
SCALES = np.array([[0.5, 0.8], [0.8, 0.45], [0.78, 0.8]])
POSTERIORS = Gaussian(MEANS, SCALES)
P, UP = Gaussian(np.zeros(2), np.ones(2)), np.array([0.0, 1.0])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


@jax.jit
@partial(jax.vmap, in_axes=(None, None, 0, None))
def sides_and_normaliser(q, df, beta, width):
    p = StudentT(df, jnp.zeros(2), jnp.ones(2))
    prior = partial(student_t.log_prob, p)
    box = {"low": -width, "high": width, "points_per_axis": 360}
    return (
        implicit_prior.sides(q, prior, beta, **box),
        implicit_prior.log_normaliser(q, prior, beta, **box),
    )


def quadratures(q, *, df=np.inf, width=25.0):
    """Both sides and log Z at every β, under N(0, I) or a Student-t prior."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, sides_and_normaliser(q, df, BETAS, width))


@jax.jit
@partial(jax.vmap, in_axes=(None, None, 0))
def tails(q, p, direction):
    """The tail precision at every β, `[4]`."""
    betas = jnp.asarray(BETAS)
    return jax.vmap(implicit_prior.tail_precision, (None, None, 0, None))(
        q, p, betas, direction
    )


def kl(loc, scale, other_loc=0.0, other_scale=1.0):
    """KL(N(loc, scale²)‖N(other_loc, other_scale²)), the textbook formula."""
    ratio, shift = scale / other_scale, (loc - other_loc) / other_scale
    return (ratio**2 - 1 - 2 * np.log(ratio) + shift**2) / 2


def log_normaliser(logpdf):
    """log Z at every β by Gauss–Legendre on 50 panels per axis, of scipy densities."""
    axis = (np.arange(-25, 25)[:, None] + 0.5 * (1 + NODES)).ravel()
    log_weights = np.log(np.tile(0.5 * WEIGHTS, 50))
    log_qz_x = [
        stats.norm.logpdf(axis, m[0], s[0])[:, None]
        + stats.norm.logpdf(axis, m[1], s[1])
        for m, s in zip(MEANS, SCALES, strict=True)
    ]
    log_q = special.logsumexp(log_qz_x, axis=0) - np.log(3)
    log_p = logpdf(axis)[:, None] + logpdf(axis)
    log_cells = log_weights[:, None] + log_weights
    return [
        special.logsumexp(log_cells + (1 - beta) * log_q + beta * log_p)
        for beta in BETAS
    ]


def test_beta_times_the_kl_splits_into_information_and_the_kl_to_the_implicit_prior():
    exact = BETAS * kl(MEANS, SCALES).sum(1).mean()
    (left, right), log_z = quadratures(POSTERIORS)
    np.testing.assert_allclose(left, exact, rtol=0, atol=1e-8)
    np.testing.assert_allclose(right, exact, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        log_z, log_normaliser(stats.norm.logpdf), rtol=0, atol=1e-8
    )


def test_the_normaliser_is_a_renyi_divergence_that_grows_with_beta():
    _, log_z = quadratures(POSTERIORS)
    divergences = np.delete(log_z, 1) / np.delete(BETAS - 1, 1)
    assert abs(log_z[1]) < 1e-8
    assert divergences[0] > 1e-2
    assert np.all(np.diff(divergences) > 1e-2)


def test_the_implicit_prior_of_one_posterior_is_a_gaussian():
    # r = N(−(β − 1)m/(s²a), 1/a), a = β − (β − 1)/s²; I = 0
    loc, scale = np.array([[0.4], [-0.2]]), np.array([[0.85], [0.9]])
    precision = BETAS - (BETAS - 1) / scale**2  # [2, 4], as below
    centre = (1 - BETAS) * loc / scale**2 / precision
    kl_to_r = kl(loc, scale, centre, precision**-0.5).sum(0)
    kl_to_p = kl(loc, scale).sum()
    q = Gaussian(np.tile(loc.T, (3, 1)), np.tile(scale.T, (3, 1)))
    (left, right), log_z = quadratures(q)
    np.testing.assert_allclose(log_z, kl_to_r - BETAS * kl_to_p, rtol=0, atol=1e-8)
    np.testing.assert_allclose(right, BETAS * kl_to_p, rtol=0, atol=1e-8)
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-8)
    with jax.enable_x64(True):
        tail = np.asarray(tails(q, P, np.eye(2)))
    np.testing.assert_allclose(tail, precision, rtol=0, atol=1e-12)


def test_under_a_student_t_the_implicit_prior_exists_for_beta_up_to_one():
    # Above one, its tail is a power times the inverse of a Gaussian tail.
    exact = log_normaliser(lambda z: stats.t.logpdf(z, 3))
    (left, right), log_z = quadratures(POSTERIORS, df=3.0)
    np.testing.assert_allclose(log_z[0], exact[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(left[0], right[0], rtol=0, atol=1e-8)
    assert np.all(log_z[2:] > 100)


def test_the_tail_precision_is_that_of_the_density_far_out():
    p = Gaussian(np.zeros(2), np.array([1.0, 1.3]))
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)
    with jax.enable_x64(True):
        precisions = np.asarray(tails(POSTERIORS, p, directions))
    for u, tail in zip(1e7 * directions, precisions, strict=True):
        log_q = stats.norm.logpdf(u, MEANS, SCALES).sum(1).max()
        log_p = stats.norm.logpdf(u, 0, p.scale).sum()
        exact = -2 * ((1 - BETAS) * log_q + BETAS * log_p) / 1e14
        np.testing.assert_allclose(tail, exact, rtol=0, atol=1e-5)


def test_the_normaliser_grows_with_the_box_if_the_tail_precision_is_negative():
    # On one axis the posteriors have at most .36 of the variance, too little at β = 2.
    scales = np.array([[1, 0.3], [1, 0.6], [1, 0.5]])
    narrow = Gaussian(np.zeros((3, 2)), scales)
    small, large = (quadratures(narrow, width=width)[1] for width in (25.0, 30.0))
    with jax.enable_x64(True):
        tail = np.asarray(tails(narrow, P, UP[None])[0])
    np.testing.assert_array_equal(tail > 0, [True, True, True, False])
    np.testing.assert_allclose(small[:3], large[:3], rtol=0, atol=1e-8)
    assert large[3] - small[3] > 10
