import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from decomp.distributions import (
    annealed,
    full_gaussian,
    gaussian,
    laplace,
    student_t,
    subspaces,
)
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.laplace import Laplace
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.student_t import StudentT
from decomp.distributions.subspaces import Subspaces
from tests.decomp.distributions import quick

annealed, full_gaussian, gaussian, laplace, student_t, subspaces = map(
    quick.compiled, (annealed, full_gaussian, gaussian, laplace, student_t, subspaces)
)
UNIVARIATE = {
    "gaussian": (gaussian, annealed.gaussian, annealed.log_normaliser_gaussian),
    "student_t": (student_t, annealed.student_t, annealed.log_normaliser_student_t),
    "laplace": (laplace, annealed.laplace, annealed.log_normaliser_laplace),
}


def _prior(family):
    loc, scale = jnp.array([0.4]), jnp.array([0.6])
    return {
        "gaussian": lambda: Gaussian(loc, scale),
        "student_t": lambda: StudentT(jnp.array(3.0), loc, scale),
        "laplace": lambda: Laplace(loc, scale),
    }[family]()


def _scipy(family):
    return {
        "gaussian": stats.norm(0.4, 0.6),
        "student_t": stats.t(3.0, 0.4, 0.6),
        "laplace": stats.laplace(0.4, 0.6),
    }[family]


@pytest.mark.parametrize("family", UNIVARIATE)
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 6.0])
def test_the_normaliser_is_the_integral_of_the_power(family, beta):
    with jax.enable_x64(True):
        _, _, log_normaliser = UNIVARIATE[family]
        exact = (
            2
            * integrate.quad(
                lambda z: _scipy(family).pdf(z) ** beta, 0.4, np.inf, epsabs=1e-13
            )[0]
        )
        normaliser = np.exp(log_normaliser(_prior(family), jnp.asarray(beta)))
        np.testing.assert_allclose(normaliser, exact, rtol=1e-8)


@pytest.mark.parametrize("family", UNIVARIATE)
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 6.0])
def test_the_annealed_density_is_the_normalised_power_at_every_point(family, beta):
    with jax.enable_x64(True):
        module, anneal, log_normaliser = UNIVARIATE[family]
        p, z = _prior(family), np.linspace(-20, 20, 81)[:, None]
        log_f = jax.vmap(module.log_prob, (None, 0))(anneal(p, beta), z)
        exact = beta * _scipy(family).logpdf(z[:, 0]) - log_normaliser(p, beta)
        np.testing.assert_allclose(log_f, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_a_full_covariance_is_divided_by_beta(beta):
    # F_β = (2π)^{D(1−β)/2} |Σ|^{(1−β)/2} β^{−D/2} and f_β = N(μ, Σ/β)
    with jax.enable_x64(True):
        tril = jnp.array([[1.0, 0.0, 0.0], [0.5, 0.7, 0.0], [-0.3, 0.2, 1.4]])
        p = FullGaussian(jnp.array([0.2, -1.0, 0.0]), tril)
        covariance = np.asarray(full_gaussian.covariance(p))
        log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
        exact = 0.5 * (1 - beta) * log_det - 1.5 * np.log(beta)
        log_normaliser = annealed.log_normaliser_full_gaussian(p, beta)
        np.testing.assert_allclose(log_normaliser, exact, atol=1e-13)
        f = annealed.full_gaussian(p, beta)
        np.testing.assert_allclose(full_gaussian.covariance(f), covariance / beta)
        z = jnp.array([1.0, 2.0, -0.5])
        power = beta * stats.multivariate_normal(p.loc, covariance).logpdf(z) - exact
        np.testing.assert_allclose(full_gaussian.log_prob(f, z), power, rtol=1e-12)


def test_a_diagonal_normaliser_is_that_of_the_full_family():
    with jax.enable_x64(True):
        p = Gaussian(jnp.array([0.1, 2.0]), jnp.array([0.3, 4.0]))
        full = full_gaussian.from_diagonal(p)
        log_normaliser = annealed.log_normaliser_gaussian(p, jnp.asarray(2.5))
        exact = annealed.log_normaliser_full_gaussian(full, jnp.asarray(2.5))
        np.testing.assert_allclose(log_normaliser, exact, rtol=1e-13)


@pytest.mark.parametrize(
    ("df", "beta", "exact"),
    [(3.0, 2.0, 0.2297203731), (9.0, 4.0, 0.0274755067), (5.0, 0.5, 2.7553826951)],
)
def test_student_t_normalisers_agree_with_quadrature(df, beta, exact):
    with jax.enable_x64(True):
        p = StudentT(jnp.array(df), jnp.zeros(3), jnp.ones(3))
        normaliser = np.exp(annealed.log_normaliser_student_t(p, beta) / 3)
        assert normaliser == pytest.approx(exact, abs=6e-11)


def test_the_laplace_normaliser_agrees_with_quadrature():
    with jax.enable_x64(True):
        p = Laplace(jnp.zeros(2), jnp.full(2, 0.7))
        normaliser = np.exp(annealed.log_normaliser_laplace(p, 2.5) / 2)
        assert normaliser == pytest.approx(0.2414726442, abs=6e-11)


def test_the_student_t_normaliser_is_its_closed_form_in_gamma_functions():
    # F_β = C^β √(νπ) Γ(½ν')/Γ(½(ν'+1)), C = Γ(½(ν+1))/(√(νπ) Γ(½ν)), ν' = β(ν+1) − 1
    df, beta = 4.0, 1.7
    annealed_df = beta * (df + 1) - 1
    log_c = special.gammaln((df + 1) / 2) - special.gammaln(df / 2)
    log_c -= 0.5 * np.log(df * np.pi)
    exact = beta * log_c + 0.5 * np.log(df * np.pi) + special.gammaln(annealed_df / 2)
    exact -= special.gammaln((annealed_df + 1) / 2)
    with jax.enable_x64(True):
        p = StudentT(jnp.array(df), jnp.zeros(1), jnp.ones(1))
        log_normaliser = annealed.log_normaliser_student_t(p, beta)
        np.testing.assert_allclose(log_normaliser, exact, rtol=1e-12)
        f = annealed.student_t(p, beta)
        np.testing.assert_allclose(f.df, annealed_df, rtol=1e-15)
        np.testing.assert_allclose(f.scale, (df / annealed_df) ** 0.5, rtol=1e-15)


def test_a_student_t_with_infinite_df_anneals_as_the_gaussian():
    loc, scale = jnp.array([0.3, 1.0]), jnp.array([0.5, 2.0])
    p, q = StudentT(jnp.array(jnp.inf), loc, scale), Gaussian(loc, scale)
    f, g = annealed.student_t(p, 3.0), annealed.gaussian(q, 3.0)
    assert np.isposinf(f.df)
    np.testing.assert_allclose(f.scale, g.scale, rtol=1e-6)
    slopes = [
        jax.value_and_grad(log_normaliser, argnums=1)(s, 3.0)
        for log_normaliser, s in (
            (annealed.log_normaliser_student_t, p),
            (annealed.log_normaliser_gaussian, q),
        )
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-6)


def test_beta_below_the_bound_gives_nan():
    p = StudentT(jnp.array(3.0), jnp.zeros(1), jnp.ones(1))  # the bound is 1/4
    assert np.isnan(annealed.log_normaliser_student_t(p, 0.24))
    assert np.isfinite(annealed.log_normaliser_student_t(p, 0.26))


@pytest.mark.parametrize("family", UNIVARIATE)
def test_beta_one_changes_nothing(family):
    _, anneal, log_normaliser = UNIVARIATE[family]
    p = _prior(family)
    for before, after in zip(p, anneal(p, 1.0), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6)
    assert log_normaliser(p, 1.0) == pytest.approx(0.0, abs=1e-6)


@quick.jit
def _annealed_subspaces(p, beta, z):
    """log F_β, f_β, and log f_β at the points z."""
    f = annealed.subspaces(p, beta)
    log_f = jax.vmap(subspaces.log_prob, (None, 0))(f, z)
    return annealed.log_normaliser_subspaces(p, beta), f, log_f


def _subspaces(df):
    """A group of two dimensions and one of three, with scipy's density of each."""
    groups = [
        MultivariateT(jnp.array(df), jnp.array([0.4, -1.0]), jnp.array(0.6)),
        MultivariateT(jnp.array(5.0), jnp.zeros(3), jnp.array(1.5)),
    ]
    exact = [
        stats.multivariate_t(g.loc, g.scale**2 * np.eye(len(g.loc)), g.df)
        for g in groups
    ]
    return Subspaces(tuple(groups)), exact


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.5, 8.0])
def test_subspaces_anneal_to_student_t_of_other_df_in_each_group(beta):
    # Theorem 1 with F_β by radial quadrature: ∫ p^β = S_D ∫ p(r)^β r^(D−1) dr
    with jax.enable_x64(True):
        p, exact = _subspaces(3.0)
        normaliser = 0.0
        for group in p.groups:
            df, dim, scale = float(group.df), len(group.loc), float(group.scale)
            log_mode = special.gammaln((df + dim) / 2) - special.gammaln(df / 2)
            log_mode -= dim / 2 * np.log(df * np.pi * scale**2)

            def shell(r, df=df, dim=dim, scale=scale, log_mode=log_mode):
                log_fall = (df + dim) / 2 * np.log1p((r / scale) ** 2 / df)
                return np.exp(beta * (log_mode - log_fall)) * r ** (dim - 1)

            area = 2 * np.pi ** (dim / 2) / special.gamma(dim / 2)
            total, _ = integrate.quad(shell, 0, np.inf, epsabs=0, epsrel=1e-11)
            normaliser += np.log(area * total)
        rng = np.random.default_rng(0)
        z = np.concatenate([rng.normal(size=(40, 5)), 20 * rng.normal(size=(40, 5))])
        log_normaliser, f, log_f = _annealed_subspaces(p, beta, z)
        assert abs(log_normaliser - normaliser) < 1e-8
        log_pz = exact[0].logpdf(z[:, :2]) + exact[1].logpdf(z[:, 2:])
        np.testing.assert_allclose(
            log_f, beta * log_pz - log_normaliser, rtol=1e-12, atol=1e-12
        )
        dfs = [group.df for group in f.groups]
        np.testing.assert_allclose(dfs, [beta * 5 - 2, beta * 8 - 3], rtol=1e-14)


def test_subspaces_at_infinite_df_anneal_as_the_gaussian_above_their_bound():
    p, _ = _subspaces(np.inf)
    p = Subspaces((p.groups[0], p.groups[1]._replace(df=jnp.array(jnp.inf))))
    scale = jnp.array([0.6, 0.6, 1.5, 1.5, 1.5])
    exact = annealed.log_normaliser_gaussian(Gaussian(jnp.zeros(5), scale), 3.0)
    log_normaliser, f, _ = _annealed_subspaces(p, 3.0, np.zeros((80, 5), np.float32))
    np.testing.assert_allclose(log_normaliser, exact, rtol=1e-6)
    assert np.isposinf(f.groups[0].df)
    p, _ = _subspaces(3.0)  # the bounds are 2/5 and 3/8
    for beta, exists in ((0.41, True), (0.39, False), (0.36, False)):
        log_normaliser, _, _ = _annealed_subspaces(
            p, beta, np.zeros((80, 5), np.float32)
        )
        assert np.isfinite(log_normaliser) == exists


@pytest.mark.parametrize("df", [1e-3, 0.3, 3e5])
@pytest.mark.parametrize("dims", [1, 99])
def test_beta_one_keeps_the_degrees_of_freedom_to_the_last_bit(df, dims):
    p = MultivariateT(np.float32(df), np.zeros(dims), np.float32(2))
    f = annealed.multivariate_t(p, 1.0)
    assert (f.df, f.scale) == (p.df, p.scale)
