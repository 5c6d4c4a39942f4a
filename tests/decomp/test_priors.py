import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import priors
from decomp.distributions import gaussian, mixture, student_t


def test_the_trace_of_an_anisotropic_prior_is_the_number_of_latents():
    logits = jax.random.normal(jax.random.key(0), (10,)) * 5
    p = priors.anisotropic(logits)
    np.testing.assert_allclose(jnp.sum(p.scale**2), 10.0, rtol=1e-6)


def test_variances_of_an_anisotropic_prior_are_proportional_to_those_given():
    variances = np.asarray([8.0, 4.0, 1.0])
    p = priors.anisotropic(jnp.log(jnp.asarray(variances, jnp.float32)))
    np.testing.assert_allclose(p.scale**2, 3 * variances / 13, rtol=1e-6)


def test_equal_log_variances_give_the_isotropic_prior():
    p, isotropic = priors.anisotropic(jnp.full(4, 7.0)), priors.isotropic(4)
    np.testing.assert_allclose(p.scale, isotropic.scale, rtol=1e-6)
    np.testing.assert_array_equal(p.loc, isotropic.loc)


def test_student_t_at_infinite_df_is_the_isotropic_prior():
    z = jnp.asarray([0.3, -2.0, 5.0])
    t = student_t.log_prob(priors.student_t(jnp.float32(jnp.inf), 3), z)
    np.testing.assert_allclose(t, gaussian.log_prob(priors.isotropic(3), z), rtol=1e-6)


def test_the_peak_of_the_clusters_is_a_quarter_of_one_component():
    p = priors.clusters()
    peaks = jax.vmap(lambda z: mixture.log_prob(p, z))(p.components.loc)
    # 0.25/(2π·0.03); the other three components add 3e-8 of it or less.
    np.testing.assert_allclose(jnp.exp(peaks), 0.25 / (2 * np.pi * 0.03), rtol=1e-6)


@pytest.mark.parametrize(("layout", "entropy"), [("axes", 0.717), ("square", 0.708)])
def test_the_entropy_of_the_clusters_is_that_of_the_paper(layout, entropy):
    p = priors.clusters(layout=layout)
    result = mixture.entropy(jax.random.key(1), p, num_samples=20_000)
    assert abs(result.value - entropy) < 4 * result.stderr + 5e-4  # three digits given


def test_an_unknown_layout_names_the_choices():
    with pytest.raises(
        ValueError, match="unknown layout 'ring'; choices: axes, square"
    ):
        priors.clusters(layout="ring")
