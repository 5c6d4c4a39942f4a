import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import numerics
from decomp.distributions.gaussian import Gaussian

LOG1P_OVER = jax.jit(jax.value_and_grad(numerics.log1p_over, (0, 1)))
LOG1P_SQUARES = jax.jit(
    jax.value_and_grad(lambda y, w: numerics.log1p_squares(y, w, axis=0), (0, 1))
)
ROOT_LOG1P = jax.jit(jax.value_and_grad(numerics.root_log1p))
EXP_EXCESS = jax.jit(jax.value_and_grad(numerics.exp_excess))


@pytest.mark.parametrize("w", [0.0, 1e-6, 0.3, 2.0])
@pytest.mark.parametrize("u", [0.0, 1e-6, 0.7, 1e4, 1e20, 1e24])
def test_log1p_over_and_its_derivatives_are_exact_at_every_size(u, w):
    u, w = np.float32([u, w])
    value, slopes = LOG1P_OVER(u, w)
    u, w = float(u), float(w)
    x = w * u
    exact = np.log1p(x) / w if w else u
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slopes[0], 1 / (1 + x), rtol=1e-6)
    if w and x > 1e-3 and x < 1e30:
        in_w = (u / (1 + x) - exact) / w
        np.testing.assert_allclose(slopes[1], in_w, rtol=1e-4)


@pytest.mark.parametrize("w", [1e-18, 1e-3, 2.0, 1e10])
@pytest.mark.parametrize("y", [1e-3, -1e10, 1e20, -1e38])
def test_log1p_squares_and_its_derivatives_are_exact_where_squares_overflow(y, w):
    y, w = np.float32([y, -y / 2]), np.float32(w)
    value, slopes = LOG1P_SQUARES(y, w)
    y, w = y.astype(float), float(w)
    x = w * np.sum(y**2)
    np.testing.assert_allclose(value, np.log1p(x) / w, rtol=1e-6)
    np.testing.assert_allclose(slopes[0], 2 * y / (1 + x), rtol=1e-5, atol=1e-38)
    if x > 1e-3:
        in_w = (x / (1 + x) - np.log1p(x)) / w**2
        np.testing.assert_allclose(slopes[1], in_w, rtol=1e-4)


@pytest.mark.parametrize("w", [0.0, 1e-6, 2.0])
@pytest.mark.parametrize("y", [0.0, -1e-6, 0.7, -1e10, 1e12, -1e25])
def test_the_slope_of_root_log1p_is_exact_at_zero_and_far_out(y, w):
    y, w = np.float32([y, w])
    value, slope = ROOT_LOG1P(y, w)
    y, w = float(y), float(w)
    exact = np.sign(y) * np.sqrt(np.log1p(w * y * y) / w) if w else y
    ratio = y / exact if y else 1.0
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, ratio / (1 + w * y * y), rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 1e-6, 1e-3, 0.49, 0.51, 3.0, 1e10])
def test_exp_excess_does_not_cancel(x):
    x = np.float32(x)
    value, slope = EXP_EXCESS(x)
    x = float(x)
    exact = x + np.expm1(-x) if x > 0.01 else x**2 / 2 - x**3 / 6 + x**4 / 24
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, -np.expm1(-x), rtol=1e-6)


def test_sums_of_exponentials_tolerate_a_peak_that_is_rounded_differently():
    """The float32 neighbours of −4e12 are 2.6e5 away, so a recomputed peak differs."""
    x = np.float32([[-4e12, -5e12], [0.0, -np.log(3)]])

    @jax.jit
    def sums_and_slope(x, peak):
        def log_sum(x):
            terms = numerics.exp_below(x, peak[:, None])
            return peak + jnp.log(numerics.with_peak(jnp.sum(terms, axis=1)))

        value, pull = jax.vjp(log_sum, x)
        return value, *pull(jnp.ones(2))

    for towards in (-np.inf, np.inf):
        peak = np.nextafter(x.max(axis=1), np.float32(towards))
        value, slope = sums_and_slope(x, peak)
        np.testing.assert_allclose(value, [-4e12, np.log(4 / 3)], rtol=1e-6)
        assert np.isfinite(slope).all()
        np.testing.assert_allclose(slope[1], [0.75, 0.25], rtol=1e-6)


def test_the_gradient_of_a_constant_column_is_zero():
    x = jnp.array([[1.0, 3.0], [1.0, 4.0], [1.0, 8.0]])
    slope = jax.jit(jax.grad(lambda x: jnp.sum(numerics.standardise(x)[0])))(x)
    np.testing.assert_array_equal(slope[:, 0], 0)
    assert np.isfinite(slope).all()


def _precisions(*arguments):
    return [leaf.dtype.name for leaf in jax.tree.leaves(numerics.floats(*arguments))]


@pytest.mark.parametrize("x64", [False, True])
def test_all_types_but_float64_become_float32(x64):
    values = [0.0, 1.0, 2.0]
    dtypes = ["?", "i1", "u1", ">i2", "i8", "f2", ">f4", "f4", jnp.bfloat16]
    with jax.enable_x64(x64):
        arguments = [np.array(values).astype(dtype) for dtype in dtypes]
        arguments += [jnp.asarray(x) for x in arguments if x.dtype.isnative]
        arguments += [1, True, 0.5, jnp.full(3, 0.5), jnp.asarray(0.5), None]
        result = numerics.floats(
            *arguments, Gaussian(arguments[0], 2), (Gaussian(1, 2),)
        )
    assert {leaf.dtype.name for leaf in jax.tree.leaves(result)} == {"float32"}
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(result))
    for dtype, x in zip(dtypes, result, strict=False):
        np.testing.assert_array_equal(x, np.minimum(values, 1 if dtype == "?" else 2))
    assert isinstance(result[-2], Gaussian)
    assert isinstance(result[-1][0], Gaussian)


@pytest.mark.parametrize(
    "wide", [np.zeros(2), np.zeros(2, ">f8"), np.float64(1), [1.5]]
)
def test_float64_is_kept_for_all_arguments_under_x64_alone(wide):
    q = Gaussian(np.zeros(2, np.float32), 2)
    assert _precisions(q, wide) == ["float32"] * 3
    with jax.enable_x64(True):
        assert _precisions(q, wide) == ["float64"] * 3
        assert _precisions(q, jnp.asarray(np.float64(wide))) == ["float64"] * 3


@pytest.mark.parametrize(
    "wrong", [1j, "a", np.array(["a"]), np.array([1, None]), jax.random.key(0)]
)
def test_arguments_that_are_not_real_numbers_are_refused_in_one_line(wrong):
    with pytest.raises(TypeError, match=r"^expected real numbers; got \S+\.$"):
        numerics.floats(0.5, wrong)


def test_a_masked_array_is_refused():
    with pytest.raises(TypeError, match="masked"):
        numerics.floats(np.ma.masked_less([1.0, 2.0], 1.5))


def test_arrays_of_other_libraries_are_accepted_by_either_protocol():
    class OfNumpy:
        def __array__(self, dtype=None, copy=None):
            return np.array([0.5, 2.0], dtype)

    class OfJax:
        def __init__(self, value):
            self.value = value

        def __jax_array__(self):
            return self.value

    @jax.jit
    def total(x):
        a, b = numerics.floats(OfJax(x), OfNumpy())
        return a + b

    np.testing.assert_array_equal(total(jnp.array([1, 2])), [1.5, 4.0])
