import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from decomp.distributions import gaussian, student_t
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.student_t import CENTRE, StudentT
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

gaussian, student_t = quick.compiled(gaussian), quick.compiled(student_t)

DFS = [0.5, 1.0, 3.0, 9.0, 30.0, 1e3, 1e5, 1e6]
POINTS = np.concatenate([np.linspace(-30, 30, 121), [-1e4, -1e2, 1e2, 1e4]])
DRAWS = jax.jit(jax.vmap(student_t.sample, (0, None)))


def _unit(df, shape=POINTS.shape):
    df = df if isinstance(df, jax.Array) else np.asarray(df, float)
    return StudentT(df, np.zeros(shape), np.ones(shape))


def _exact(df):
    return stats.t(df) if np.isfinite(df) else stats.norm()


@pytest.mark.parametrize("df", DFS)
def test_log_prob_in_float32_is_accurate_from_heavy_tails_to_almost_gaussian(df):
    z = POINTS.astype(np.float32)
    log_prob = student_t.log_prob_dims(_unit(df), z)
    assert log_prob.dtype == jnp.float32
    np.testing.assert_allclose(log_prob, _exact(df).logpdf(z.astype(float)), rtol=2e-6)


def test_log_prob_has_a_location_and_a_scale_and_sums_over_dimensions():
    with jax.enable_x64(True):
        p = StudentT(jnp.array([2.5, 7.0]), jnp.array([1.0, -2.0]), jnp.array([0.1, 5]))
        z = jnp.array([1.3, 4.0])
        exact = stats.t.logpdf(z, p.df, p.loc, p.scale)
        np.testing.assert_allclose(student_t.log_prob_dims(p, z), exact, rtol=1e-12)
        np.testing.assert_allclose(student_t.log_prob(p, z), exact.sum(), rtol=1e-12)


def test_one_df_for_all_dimensions_is_the_same_df_for_each():
    z = np.array([0.3, -1.0, 4.0])
    shared, each = _unit(3.0, 3), _unit(np.full(3, 3.0), 3)
    np.testing.assert_array_equal(
        student_t.log_prob_dims(shared, z), student_t.log_prob_dims(each, z)
    )
    np.testing.assert_array_equal(
        student_t.transport_to_normal(shared, z), student_t.transport_to_normal(each, z)
    )
    np.testing.assert_array_equal(student_t.entropy(shared), student_t.entropy(each))


def test_infinite_df_is_exactly_the_gaussian_in_value_and_gradient():
    loc, scale = jnp.array([0.0, 1.0, -2.0]), jnp.array([1.0, 0.01, 30.0])
    p, q = StudentT(jnp.array(jnp.inf), loc, scale), Gaussian(loc, scale)
    z = jnp.array([0.0, 3.0, -1e4])
    with jax.disable_jit():  # compiled as a whole, the two are rounded differently
        log_prob = student_t.log_prob_dims(p, z)
        np.testing.assert_array_equal(log_prob, gaussian.log_prob_dims(q, z))
    slopes, exact = (
        jax.jit(jax.grad(f, argnums=(0, 1)))(s, z)
        for f, s in ((student_t.log_prob, p), (gaussian.log_prob, q))
    )
    assert slopes[0].df == 0.0
    np.testing.assert_allclose(slopes[0].loc, exact[0].loc, rtol=1e-6)
    np.testing.assert_allclose(slopes[0].scale, exact[0].scale, rtol=1e-6)
    np.testing.assert_allclose(slopes[1], exact[1], rtol=1e-6)
    np.testing.assert_allclose(student_t.entropy(p), gaussian.entropy(q), rtol=1e-6)
    assert jax.jit(jax.grad(student_t.entropy))(p).df == 0.0


SLOPE_IN_DF = jax.jit(
    jax.grad(lambda df, z: student_t.log_prob(_unit(df, 1), jnp.full(1, z)))
)


@pytest.mark.parametrize("df", [0.5, 3.0, 1e4])
def test_the_derivative_in_df_is_exact_in_float32(df):
    # ∂/∂ν log t = ½[ψ(½(ν+1)) − ψ(½ν) − 1/ν − log(1 + u) + (1 + 1/ν) u/(1 + u)], u=z²/ν
    z = 2.0
    psi = integrate.quad(  # ψ(a + ½) − ψ(a), which cancels in float64 at large a
        lambda t: np.exp(-df / 2 * t) / (1 + np.exp(-t / 2)), 0, 80 / df, epsrel=1e-13
    )[0]
    u = z * z / df
    exact = 0.5 * (psi - 1 / df - np.log1p(u) + (1 + 1 / df) * u / (1 + u))
    np.testing.assert_allclose(SLOPE_IN_DF(df, z), exact, rtol=2e-5)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 30.0, 1e4])
def test_entropy_is_that_of_scipy(df):
    with jax.enable_x64(True):
        p = _unit(df, 2)._replace(scale=np.array([0.1, 7.0]))
        exact = 2 * stats.t.entropy(df) + np.log(0.7)
        np.testing.assert_allclose(student_t.entropy(p), exact, rtol=1e-11)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 100.0, 1e6, np.inf])
def test_samples_follow_the_distribution_with_a_traced_df(df):
    keys = jax.random.split(jax.random.key(1), 4000)
    p = StudentT(np.asarray(df), np.array([2.0]), np.array([0.5]))
    draws = np.asarray(DRAWS(keys, p), float)[:, 0]
    assert stats.kstest((draws - 2.0) / 0.5, _exact(df).cdf).pvalue > 0.01


def test_samples_have_the_mean_and_the_variance():
    p, count = _unit(9.0, 1), 4000
    keys = jax.random.split(jax.random.key(2), count)
    draws = np.asarray(DRAWS(keys, p), float)[:, 0]
    variance, excess_kurtosis = 9 / 7, 6 / 5
    assert abs(draws.mean()) < 4 * (variance / count) ** 0.5
    stderr = variance * ((excess_kurtosis + 2) / count) ** 0.5
    assert abs(draws.var() - variance) < 4 * stderr


def test_the_pathwise_derivative_of_the_variance_in_df_is_that_of_the_closed_form():
    # d/dν [ν/(ν − 2)] = −2/(ν − 2)² = −2/49 at ν = 9
    keys = jax.random.split(jax.random.key(3), 4000)

    def square(df, key):
        return student_t.sample(key, _unit(df, 1))[0] ** 2

    slope = jax.jit(jax.vmap(jax.grad(square), (None, 0)))
    slopes = np.asarray(slope(9.0, keys), float)
    assert abs(slopes.mean() + 2 / 49) < 4 * slopes.std() / 4000**0.5
    other_keys = jax.random.split(jax.random.key(4), 4000)
    np.testing.assert_array_equal(slope(jnp.inf, other_keys), 0.0)


@pytest.mark.parametrize("df", [*DFS, np.inf])
def test_both_tails_are_relatively_accurate(df):
    z = POINTS.astype(np.float32)
    exact = 2 * _exact(df).sf(np.abs(z).astype(float))
    representable = exact > 1e-30
    tail = np.asarray(student_t.two_sided_tail(_unit(df), z))
    # A float32 logarithm of size L has an error of L · 6e-8.
    bound = 1e-6 + 3e-7 * np.abs(np.log(exact[representable]))
    assert np.all(np.abs(tail[representable] / exact[representable] - 1) < bound)
    cdf = student_t.cdf(_unit(df), z)
    np.testing.assert_allclose(cdf, _exact(df).cdf(z.astype(float)), atol=2e-7)


def _log_tail(df, y):
    """log P(T > y) for large y: log f(y) + log ∫ f(y + s)/f(y) ds."""
    log_f = stats.t.logpdf
    width = (df + y * y) / ((df + 1) * y)  # f falls by e over it
    ratio = integrate.quad(
        lambda s: np.exp(log_f(y * np.exp(s), df) - log_f(y, df) + s),
        *(0, np.log1p(60 * width / y) if df > 60 else 60 / df),
        epsrel=1e-11,
        limit=200,
    )[0]
    return log_f(y, df) + np.log(y * ratio)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 30.0, 1e3])
@pytest.mark.parametrize("y", [5.0, 1e2, 1e4])
def test_transport_equates_the_logarithms_of_the_tails_even_where_tails_underflow(
    df, y
):
    z = np.asarray(student_t.transport_to_normal(_unit(df, 1), np.array([y])))[0]
    z = float(z)
    exact = _log_tail(df, y)
    # d/dz log Φ(−z) ≈ −z − 1/z, so z has a relative error of about 1e-6.
    np.testing.assert_allclose(special.log_ndtr(-z), exact, rtol=3e-6)


@pytest.mark.parametrize("df", DFS)
def test_transport_is_the_normal_quantile_of_the_cdf(df):
    z = POINTS.astype(np.float32)
    z_normal = np.asarray(student_t.transport_to_normal(_unit(df), z))
    assert np.all(np.isfinite(z_normal))
    tail = _exact(df).cdf(-np.abs(z).astype(float))
    exact = -np.sign(z) * stats.norm.ppf(tail)
    representable = tail > 1e-300
    np.testing.assert_allclose(z_normal[representable], exact[representable], rtol=2e-6)
    np.testing.assert_array_equal(
        z_normal, -np.asarray(student_t.transport_to_normal(_unit(df), -z))
    )


def test_transport_is_the_identity_at_infinite_df():
    z = POINTS.astype(np.float32)
    p = _unit(np.inf)
    np.testing.assert_array_equal(student_t.transport_to_normal(p, z), z)
    shifted = p._replace(loc=p.loc + 1.0, scale=p.scale * 2.0)
    expected = (z - 1) / 2
    np.testing.assert_array_equal(student_t.transport_to_normal(shifted, z), expected)


def test_transported_samples_are_normal():
    p = _unit(2.0, 1)
    keys = jax.random.split(jax.random.key(5), 4000)
    draws = DRAWS(keys, p)
    transported = jax.jit(jax.vmap(student_t.transport_to_normal, (None, 0)))(p, draws)
    assert stats.kstest(np.asarray(transported, float)[:, 0], "norm").pvalue > 0.01


def test_the_slope_of_the_transport_is_the_ratio_of_the_densities():
    z = np.array([0.0, 0.4, -1.5, 6.0])
    with jax.enable_x64(True):
        p = _unit(3.0, 4)
        transported, slope = jax.jvp(
            lambda s: student_t.transport_to_normal(p, s), (z,), (np.ones(4),)
        )
        exact = stats.t.pdf(z, 3) / stats.norm.pdf(transported)
        np.testing.assert_allclose(slope, exact, rtol=1e-9)


def test_the_derivative_of_the_transport_in_df_is_that_of_the_quantile():
    z, step = np.array([0.4, -1.5, 6.0]), 1e-4

    def quantile(df):
        return -np.sign(z) * stats.norm.ppf(stats.t.cdf(-np.abs(z), df))

    with jax.enable_x64(True):
        df, tangent = jnp.asarray(3.0), jnp.asarray(1.0)
        slope = jax.jvp(
            lambda s: student_t.transport_to_normal(_unit(s, 3), z), (df,), (tangent,)
        )[1]
        exact = (quantile(3 + step) - quantile(3 - step)) / (2 * step)
        np.testing.assert_allclose(slope, exact, rtol=1e-6)


def test_derivatives_agree_with_finite_differences():
    def values(p, z):
        return student_t.log_prob(p, z), student_t.entropy(p)

    with jax.enable_x64(True):
        p = StudentT(jnp.array([2.5, 40.0]), jnp.zeros(2), jnp.array([0.7, 2.0]))
        assert_derivatives_agree(values, p, jnp.array([0.5, -7.0]))


@pytest.mark.parametrize("df", [0.5, 1.0, 1.5, 2.0, 2.1, 9.0, np.inf])
def test_moments_are_exact_where_they_exist_and_nan_or_infinite_elsewhere(df):
    p = StudentT(np.array(df), np.ones(2), np.full(2, 3.0))
    mean, variance = (1, np.inf) if df > 1 else (np.nan, np.nan)
    if df > 2:
        variance = 9 / (1 - 2 / df)
    np.testing.assert_array_equal(student_t.mean(p), np.full(2, mean))
    exact = [[variance, 0], [0, variance]]
    np.testing.assert_allclose(student_t.covariance(p), exact, rtol=1e-5)


SLOPES = jax.jit(jax.grad(student_t.log_prob, (0, 1)))


@pytest.mark.parametrize("df", [0.5, 3.0, 1e6])
@pytest.mark.parametrize("y", [1e-3, 1.0, 1e6, 1e10, 1e12, 1e24, 1e30])
def test_the_slopes_of_the_density_are_exact_far_out(df, y):
    p = StudentT(np.float32(df), np.zeros(1, np.float32), np.full(1, 1e-6, np.float32))
    z = p.scale * np.float32(y)
    in_p, in_z = SLOPES(p, z)
    y = float(z[0]) / float(p.scale[0])
    pull = (df + 1) * y / (df + y * y)
    np.testing.assert_allclose(in_z, -pull / 1e-6, rtol=1e-5)
    np.testing.assert_allclose(in_p.scale, (pull * y - 1) / 1e-6, rtol=1e-4, atol=1)


@pytest.mark.parametrize("df", [0.1, 1.0, 30.0])
def test_density_and_tails_are_exact_where_the_square_of_a_point_overflows(df):
    z = np.array([1e20, -1e30, 1e38], np.float32)
    exact = stats.t.logpdf(z.astype(float), df)
    np.testing.assert_allclose(student_t.log_prob_dims(_unit(df, 3), z), exact, 1e-6)
    tail = 2 * stats.t.sf(np.abs(z).astype(float), df)
    actual = student_t.two_sided_tail(_unit(df, 3), z)
    np.testing.assert_allclose(actual, tail, rtol=5e-5, atol=1e-30)


def test_every_draw_of_a_very_heavy_tail_has_a_density():
    p = StudentT(np.float32(0.15), np.zeros(4), np.ones(4))
    draws = DRAWS(jax.random.split(jax.random.key(6), 4000), p)
    assert 1e20 < jnp.max(jnp.abs(draws)) < np.inf
    log_prob = jax.jit(jax.vmap(student_t.log_prob, (None, 0)))(p, draws)
    exact = stats.t.logpdf(np.asarray(draws, float), 0.15).sum(axis=1)
    np.testing.assert_allclose(log_prob, exact, rtol=1e-5)


def test_the_gaussian_limit_has_a_distribution_function_everywhere():
    z = np.array([-1e38, -1e20, 1e20, 1e38], np.float32)
    cdf = student_t.cdf(_unit(np.inf, 4), z)
    np.testing.assert_array_equal(cdf, [0, 0, 1, 1])


@pytest.mark.parametrize("df", [1e12, np.inf])
def test_the_slope_of_the_cdf_is_the_density_where_its_two_integrals_meet(df):
    z = np.float32([CENTRE])  # at ν = ∞ this is r, too
    slope = jax.jit(jax.grad(lambda z: student_t.cdf(_unit(df, 1), z)[0]))(z)
    np.testing.assert_allclose(slope, stats.norm.pdf(z.astype(float)), rtol=1e-5)
    slope = jax.grad(lambda z: student_t.transport_to_normal(_unit(df, 1), z)[0])(z)
    np.testing.assert_allclose(slope, 1, rtol=1e-5)
