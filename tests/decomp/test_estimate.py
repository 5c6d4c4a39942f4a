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


def test_the_standard_error_covers_the_truth_as_often_as_it_should():
    draws = jax.random.normal(jax.random.key(0), (2000, 50))
    results = jax.vmap(estimate.from_samples)(draws)
    inside = np.abs(results.value) < 2 * np.asarray(results.stderr)
    # P(|t_49| < 2) = 0.949; 4 standard errors of a share of 2,000.
    assert abs(inside.mean() - 0.949) < 4 * np.sqrt(0.949 * 0.051 / 2000)


def test_one_sample_has_no_standard_error():
    with pytest.raises(ValueError, match="at least 2 samples; got 1"):
        estimate.from_samples(jnp.zeros(1))
