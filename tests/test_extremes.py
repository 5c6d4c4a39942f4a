"""Values and gradients of densities are finite at extreme legal inputs."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from decomp.distributions import (
    annealed,
    bernoulli,
    full_gaussian,
    gaussian,
    hierarchical,
    laplace,
    mixture,
    multivariate_t,
    spike_slab,
    student_t,
)
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.hierarchical import Hierarchical
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.spike_slab import SpikeSlab
from decomp.distributions.student_t import StudentT
from decomp.divergences import adversarial
from tests import hunt
from tests.hunt import (
    BETA,
    DF,
    LOGIT,
    PLACE,
    SCALE,
    array,
    gaussians,
    log_weights,
    total,
    total_with_key,
)


def t(df, q):
    return StudentT(df, *q)


def full(q, slope):
    return FullGaussian(q.loc, jnp.diag(q.scale) @ jnp.array([[1, 0], [slope, 1.0]]))


GROUPS = {
    "Gaussians": (
        {
            "log_prob": lambda q, p, z: gaussian.log_prob(q, z) + gaussian.kl(q, p),
            "laplace": lambda q, p, z: laplace.log_prob(Laplace(*q), z),
            "laplace.kl": lambda q, p, z: laplace.kl(Laplace(*q), Laplace(*p)),
        },
        (gaussians(2), gaussians(2), array(PLACE, 2)),
    ),
    "Student-t": (
        {
            "log_prob": lambda df, q, z: student_t.log_prob(t(df, q), z),
            "entropy": lambda df, q, z: student_t.entropy(t(df, q)),
            "multivariate": lambda df, q, z: multivariate_t.log_prob(
                MultivariateT(df, q.loc, q.scale[0]), z
            ),
        },
        (array(DF), gaussians(2), array(PLACE, 2)),
    ),
    "tails of Student-t": (
        {
            "sample": lambda df, q, z: total_with_key(student_t.sample)(t(df, q)),
            "cdf": lambda df, q, z: jnp.sum(student_t.cdf(t(df, q), z)),
            "transport": lambda df, q, z: jnp.sum(
                student_t.transport_to_normal(t(df, q), z)
            ),
        },
        (array(DF), gaussians(2), array(PLACE, 2)),
    ),
    "annealed": (
        {
            "gaussian": annealed.log_normaliser_gaussian,
            "laplace": lambda q, b: annealed.log_normaliser_laplace(Laplace(*q), b),
            "student_t": lambda q, b: annealed.log_normaliser_student_t(
                StudentT(jnp.float32(3), *q), b
            ),
        },
        (gaussians(2), BETA),
    ),
    "full Gaussians": (
        {
            "log_prob": lambda q, p, a, z: full_gaussian.log_prob(full(q, a), z),
            "kl": lambda q, p, a, z: full_gaussian.kl(full(q, a), full(p, a)),
            "entropy": lambda q, p, a, z: full_gaussian.entropy(full(q, a)),
        },
        (gaussians(2), gaussians(2), array(st.floats(-2, 2)), array(PLACE, 2)),
    ),
    "mixtures": (
        {
            "log_prob": mixture.log_prob,
            "responsibilities": lambda p, z: mixture.responsibilities(p, z)[0],
            "covariance": lambda p, z: jnp.sum(mixture.covariance(p)),
        },
        (st.builds(Mixture, log_weights(3), gaussians(3, 2)), array(PLACE, 2)),
    ),
    "entropy of mixtures": (
        {"entropy": total_with_key(mixture.entropy, num_samples=3)},
        (st.builds(Mixture, log_weights(3), gaussians(3, 2)),),
    ),
    "spike and slab": (
        {
            "log_prob": spike_slab.log_prob,
            "probability": total(spike_slab.spike_probability),
            "covariance": lambda p, z: jnp.sum(spike_slab.covariance(p)),
        },
        (
            st.builds(
                SpikeSlab,
                array(LOGIT | st.sampled_from((np.inf, -np.inf)), 2),
                *(array(SCALE, 2),) * 2,
            ),
            array(PLACE, 2),
        ),
    ),
    "hierarchies": (
        {"log_prob": hierarchical.log_prob},
        (
            st.builds(
                Hierarchical,
                array(st.sampled_from((0.0, 1.0, -1e3)), 2, 1),
                array(SCALE, 2),
                array(st.sampled_from((0.0, -1.0, 1e3)), 2, 1),
            ),
            array(st.sampled_from((0.0, 1.0, -3.0, 1e4, -1e4)), 3),
        ),
    ),
    "bits": (
        {
            "log_prob": lambda q, p, x: bernoulli.log_prob(Bernoulli(q), x),
            "entropy": lambda q, p, x: bernoulli.entropy(Bernoulli(q)),
            "kl": lambda q, p, x: bernoulli.kl(Bernoulli(q), Bernoulli(p)),
            "jensen_shannon": lambda q, p, x: adversarial.jensen_shannon(q, p),
            "generator_loss": lambda q, p, x: adversarial.generator_loss(q),
        },
        (array(LOGIT, 3), array(LOGIT, 3), array(st.floats(0, 1), 3)),
    ),
}


# Each of the others takes seconds to compile.
QUICK = ("Gaussians", "Student-t", "mixtures", "spike and slab", "bits")


@pytest.mark.parametrize("name", QUICK)
def test_values_and_gradients_are_finite(name):
    hunt.assert_finite(*GROUPS[name], examples=hunt.EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS)
def test_values_and_gradients_are_finite_in_a_long_hunt(name):
    hunt.assert_finite(*GROUPS[name], examples=hunt.MANY)
