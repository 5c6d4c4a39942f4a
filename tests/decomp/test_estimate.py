import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import estimate


def test_value_and_standard_error_are_those_of_the_mean():
    terms = np.asarray([1.0, 4.0, 4.0, 7.0])
    result = estimate.from_samples(jnp.asarray(terms, jnp.float32))
    assert result.value == 4.0
    np.testing.assert_allclose(result.stderr, np.sqrt(6.0 / 4), rtol=1e-6)


def test_two_standard_errors_cover_the_truth_with_the_expected_frequency():
    draws = jax.random.normal(jax.random.key(0), (2000, 50))
    results = jax.jit(jax.vmap(estimate.from_samples))(draws)
    inside = np.abs(results.value) < 2 * np.asarray(results.stderr)
    # P(|t_49| < 2) = 0.949, within 4 standard errors of a share of 2,000.
    assert abs(inside.mean() - 0.949) < 4 * np.sqrt(0.949 * 0.051 / 2000)


def test_one_sample_has_no_standard_error():
    with pytest.raises(ValueError, match="at least 2 samples; got 1"):
        estimate.from_samples(jnp.zeros(1))


def test_the_deviation_is_that_of_numpy_in_any_range():
    terms = np.random.default_rng(0).normal(size=(5, 3))
    of_rows = jax.jit(lambda x: estimate.deviation(x, axis=1))
    for scale in (1e-25, 1.0, 1e25):
        deviation = of_rows(np.float32(scale * terms))
        np.testing.assert_allclose(deviation, scale * terms.std(1, ddof=1), rtol=1e-5)


def test_equal_terms_have_a_standard_error_of_0_and_a_gradient_of_0():
    terms = np.full(3, np.float32(0.3))
    of_terms = jax.value_and_grad(lambda x: estimate.from_samples(x).stderr)
    stderr, slope = jax.jit(of_terms)(terms)
    assert stderr == 0
    np.testing.assert_array_equal(slope, 0)


def test_a_term_that_is_not_finite_makes_the_standard_error_nan():
    for bad in (jnp.nan, jnp.inf):
        assert jnp.isnan(estimate.from_samples(jnp.array([1.0, bad])).stderr)
