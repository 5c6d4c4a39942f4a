import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp.distributions import bernoulli
from decomp.distributions.bernoulli import Bernoulli
from tests.decomp.distributions import quick
from tests.decomp.distributions.derivatives import assert_derivatives_agree

bernoulli = quick.compiled(bernoulli)


def _random(seed, dim=6):
    return Bernoulli(jnp.asarray(3 * np.random.default_rng(seed).normal(size=dim)))


def test_log_prob_of_zeros_and_ones_is_that_of_scipy():
    with jax.enable_x64(True):
        p, x = _random(0), jnp.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
        exact = stats.bernoulli.logpmf(np.asarray(x), special.expit(p.logits)).sum()
        np.testing.assert_allclose(bernoulli.log_prob(p, x), exact, rtol=1e-12)


def test_a_grey_target_is_the_expectation_over_binary_targets():
    with jax.enable_x64(True):
        p = Bernoulli(jnp.array([0.7]))
        on, off = (bernoulli.log_prob(p, jnp.array([x])) for x in (1.0, 0.0))
        log_prob = bernoulli.log_prob(p, jnp.array([0.3]))
        np.testing.assert_allclose(log_prob, 0.3 * on + 0.7 * off, rtol=1e-14)


def test_entropy_and_kl_are_sums_over_the_two_outcomes():
    with jax.enable_x64(True):
        q, p = _random(1), _random(2)
        a, b = (special.expit(np.asarray(s.logits)) for s in (q, p))
        entropy = -(a * np.log(a) + (1 - a) * np.log(1 - a)).sum()
        kl = (a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b))).sum()
        np.testing.assert_allclose(bernoulli.entropy(q), entropy, rtol=1e-12)
        np.testing.assert_allclose(bernoulli.kl(q, p), kl, rtol=1e-12)


@pytest.mark.parametrize("target", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("logit", [-1e4, -40.0, 0.0, 90.0, 1e4])
def test_values_and_gradients_are_exact_at_extreme_logits(logit, target):
    p, x = Bernoulli(jnp.array([logit])), jnp.array([target])
    value, gradient = jax.value_and_grad(bernoulli.log_prob)(p, x)
    exact = target * logit - np.logaddexp(0.0, logit)
    np.testing.assert_allclose(value, exact, rtol=1e-6, atol=1e-6 * abs(logit))
    np.testing.assert_allclose(
        gradient.logits[0], target - special.expit(logit), atol=1e-6
    )


@pytest.mark.parametrize("logit", [-1e4, 0.0, 1e4])
def test_entropy_and_kl_are_finite_with_their_gradients_at_extreme_logits(logit):
    q, p = Bernoulli(jnp.array([logit])), Bernoulli(jnp.array([-logit]))
    assert bernoulli.entropy(q) == pytest.approx(np.log(2) * (logit == 0), rel=1e-6)
    assert bernoulli.kl(q, p) == pytest.approx(abs(logit), rel=1e-6)
    gradients = jax.grad(bernoulli.entropy)(q), jax.grad(bernoulli.kl, (0, 1))(q, p)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))


def test_the_mean_of_samples_is_the_mean():
    p = Bernoulli(jnp.array([-3.0, 0.0, 1.0]))
    count = 4000
    keys = jax.random.split(jax.random.key(0), count)
    draws = np.asarray(jax.vmap(bernoulli.sample, (0, None))(keys, p), float)
    exact = special.expit(np.asarray(p.logits, float))
    np.testing.assert_allclose(bernoulli.mean(p), exact, rtol=1e-6)
    assert set(np.unique(draws)) == {0.0, 1.0}
    stderr = np.sqrt(exact * (1 - exact) / count)
    assert np.all(np.abs(draws.mean(0) - exact) < 4 * stderr)


def test_derivatives_agree_with_finite_differences():
    def values(q, p, x):
        return bernoulli.log_prob(p, x), bernoulli.kl(q, p), bernoulli.entropy(p)

    with jax.enable_x64(True):
        x = jnp.array([0.0, 0.3, 1.0])
        assert_derivatives_agree(values, _random(3, 3), _random(4, 3), x)
