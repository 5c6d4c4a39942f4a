"""Small calls of the functions of `decomp.aggregate` and `decomp.distributions`.

Half precision represents the numbers exactly, which `test_arguments` needs.
"""

from functools import partial

import jax
import numpy as np
from jax.lax import DotAlgorithmPreset

from decomp import (
    aggregate,
    losses,
    numerics,
)
from decomp.distributions import (
    annealed,
    annealed_quadrature,
    bernoulli,
    full_gaussian,
    gaussian,
    hierarchical,
    laplace,
    mixture,
    multivariate_t,
    spike_slab,
    student_t,
    subspaces,
)
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.hierarchical import Hierarchical
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.spike_slab import SpikeSlab
from decomp.distributions.student_t import StudentT
from decomp.distributions.subspaces import Subspaces
from decomp.minibatch import LogDensities
from decomp.theory.linear_vae import LinearVAE

BOX = dict(low=-2.0, high=2.0, points_per_axis=3)
BF16 = DotAlgorithmPreset.BF16_BF16_F32


def key():
    return jax.random.key(0)


def array(*shape):
    """Values in [-1, 1] that are multiples of 1/8, and neighbours differ."""
    return (np.arange(np.prod(shape)) * 5 % 17 / 8 - 1).reshape(shape)


def positive(*shape):
    return 1.25 + 0.5 * array(*shape)


def with_key(function, **options):
    return lambda *arguments: function(key(), *arguments, **options)


ONE = np.float64(1.5)
Z, ZS = array(2), array(4, 2)
G, P = Gaussian(Z, positive(2)), Gaussian(Z[::-1], positive(2)[::-1])
Q = Gaussian(ZS, positive(4, 2))
FULL = FullGaussian(Z, np.array([[1.0, 0.0], [0.5, 0.75]]))
LAPLACE = Laplace(Z, positive(2))
STUDENT = StudentT(np.float64(3.0), Z, positive(2))
RADIAL = MultivariateT(np.float64(3.0), Z, ONE)
GROUPS = Subspaces((RADIAL, MultivariateT(np.float64(5.0), Z[:1], ONE)))
BITS = Bernoulli(Z)
SPARSE = SpikeSlab(Z, 0.125 * positive(2), positive(2))
LEVELS = Hierarchical(array(1, 1), positive(1), array(1, 1))
MIX = Mixture(array(4), Q)
LINEAR = LinearVAE(array(2, 3), FULL.scale_tril, array(3, 2), array(3))
DENSITIES = LogDensities(*array(4, 4))
TERMS = losses.Terms(*array(3, 4), np.float64(0.5), losses.Parts(*array(4, 4)))
SPREAD = np.array([[1.0, 0.25], [0.25, 1.5]])
SQUARE = np.eye(2)
IMAGES = positive(2, 8, 8, 2)
SPRITES = positive(2, 4096)
KERNEL = array(4, 4, 2, 3)

DISTRIBUTIONS = {
    "aggregate.log_prob": (aggregate.log_prob, Q, Z),
    "aggregate.log_prob_dims": (aggregate.log_prob_dims, Q, Z),
    "aggregate.log_prob_many": (partial(aggregate.log_prob_many, block=2), Q, ZS),
    "aggregate.log_densities": (
        partial(aggregate.log_densities, block=3, data_block=3),
        Q,
        ZS,
    ),
    "aggregate.sample": (with_key(aggregate.sample), Q),
    "aggregate.entropy": (with_key(aggregate.entropy, num_samples=3), Q),
    "annealed.gaussian": (annealed.gaussian, G, ONE),
    "annealed.log_normaliser_gaussian": (annealed.log_normaliser_gaussian, G, ONE),
    "annealed.full_gaussian": (annealed.full_gaussian, FULL, ONE),
    "annealed.log_normaliser_full_gaussian": (
        annealed.log_normaliser_full_gaussian,
        FULL,
        ONE,
    ),
    "annealed.student_t": (annealed.student_t, STUDENT, ONE),
    "annealed.log_normaliser_student_t": (
        annealed.log_normaliser_student_t,
        STUDENT,
        ONE,
    ),
    "annealed.multivariate_t": (annealed.multivariate_t, RADIAL, ONE),
    "annealed.log_normaliser_multivariate_t": (
        annealed.log_normaliser_multivariate_t,
        RADIAL,
        ONE,
    ),
    "annealed.subspaces": (annealed.subspaces, GROUPS, ONE),
    "annealed.log_normaliser_subspaces": (
        annealed.log_normaliser_subspaces,
        GROUPS,
        ONE,
    ),
    "annealed.laplace": (annealed.laplace, LAPLACE, ONE),
    "annealed.log_normaliser_laplace": (
        annealed.log_normaliser_laplace,
        LAPLACE,
        ONE,
    ),
    "annealed_quadrature.log_normaliser": (
        lambda p, beta: annealed_quadrature.log_normaliser(
            partial(gaussian.log_prob, p), beta, **BOX, dims=2
        ),
        G,
        ONE,
    ),
    "annealed_quadrature.log_normaliser_dims": (
        lambda p, beta: annealed_quadrature.log_normaliser_dims(
            partial(gaussian.log_prob_dims, p), beta, **BOX, latents=2
        ),
        G,
        ONE,
    ),
    "annealed_quadrature.log_density": (
        lambda p, *rest: annealed_quadrature.log_density(
            partial(gaussian.log_prob, p), *rest
        ),
        G,
        ONE,
        annealed_quadrature.Normaliser(ONE, ONE),
        Z,
    ),
    "bernoulli.log_prob": (bernoulli.log_prob, BITS, Z),
    "bernoulli.sample": (with_key(bernoulli.sample), BITS),
    "bernoulli.mean": (bernoulli.mean, BITS),
    "bernoulli.entropy": (bernoulli.entropy, BITS),
    "bernoulli.kl": (bernoulli.kl, BITS, Bernoulli(Z[::-1])),
    "full_gaussian.from_diagonal": (full_gaussian.from_diagonal, G),
    "full_gaussian.mean": (full_gaussian.mean, FULL),
    "full_gaussian.covariance": (full_gaussian.covariance, FULL),
    "full_gaussian.log_prob": (full_gaussian.log_prob, FULL, Z),
    "full_gaussian.sample": (with_key(full_gaussian.sample), FULL),
    "full_gaussian.entropy": (full_gaussian.entropy, FULL),
    "full_gaussian.kl": (full_gaussian.kl, FULL, FULL),
    "gaussian.log_prob": (gaussian.log_prob, G, Z),
    "gaussian.log_prob_dims": (gaussian.log_prob_dims, G, Z),
    "gaussian.sample": (with_key(gaussian.sample), G),
    "gaussian.entropy": (gaussian.entropy, G),
    "gaussian.mean": (gaussian.mean, G),
    "gaussian.covariance": (gaussian.covariance, G),
    "gaussian.kl": (gaussian.kl, G, P),
    "gaussian.kl_dims": (gaussian.kl_dims, G, P),
    "gaussian.log_det": (gaussian.log_det, G),
    "hierarchical.conditional": (hierarchical.conditional, LEVELS, Z[:1]),
    "hierarchical.log_prob": (hierarchical.log_prob, LEVELS, Z),
    "hierarchical.log_prob_levels": (hierarchical.log_prob_levels, LEVELS, Z),
    "hierarchical.sample": (with_key(hierarchical.sample), LEVELS),
    "hierarchical.mean": (hierarchical.mean, LEVELS),
    "hierarchical.covariance": (hierarchical.covariance, LEVELS),
    "laplace.log_prob": (laplace.log_prob, LAPLACE, Z),
    "laplace.log_prob_dims": (laplace.log_prob_dims, LAPLACE, Z),
    "laplace.sample": (with_key(laplace.sample), LAPLACE),
    "laplace.entropy": (laplace.entropy, LAPLACE),
    "laplace.mean": (laplace.mean, LAPLACE),
    "laplace.covariance": (laplace.covariance, LAPLACE),
    "laplace.kl": (laplace.kl, LAPLACE, Laplace(*P)),
    "mixture.log_prob": (mixture.log_prob, MIX, Z),
    "mixture.responsibilities": (mixture.responsibilities, MIX, Z),
    "mixture.sample": (with_key(mixture.sample), MIX),
    "mixture.entropy": (with_key(mixture.entropy, num_samples=3), MIX),
    "mixture.mean": (mixture.mean, MIX),
    "mixture.covariance": (mixture.covariance, MIX),
    "multivariate_t.log_prob": (multivariate_t.log_prob, RADIAL, Z),
    "multivariate_t.sample": (with_key(multivariate_t.sample), RADIAL),
    "multivariate_t.entropy": (multivariate_t.entropy, RADIAL),
    "multivariate_t.mean": (multivariate_t.mean, RADIAL),
    "multivariate_t.covariance": (multivariate_t.covariance, RADIAL),
    "multivariate_t.inverse_df": (multivariate_t.inverse_df, ONE),
    "multivariate_t.log_constant": (partial(multivariate_t.log_constant, dims=3), ONE),
    "multivariate_t.log_mixing": (
        lambda df: multivariate_t.log_mixing(key(), df, numerics.floats(df)[0].dtype),
        ONE,
    ),
    "multivariate_t.variance_ratio": (multivariate_t.variance_ratio, ONE),
    "spike_slab.log_prob": (spike_slab.log_prob, SPARSE, Z),
    "spike_slab.log_prob_dims": (spike_slab.log_prob_dims, SPARSE, Z),
    "spike_slab.spike_probability": (spike_slab.spike_probability, SPARSE, Z),
    "spike_slab.sample": (with_key(spike_slab.sample), SPARSE),
    "spike_slab.log_odds": (spike_slab.log_odds, positive(2) / 4),
    "spike_slab.mean": (spike_slab.mean, SPARSE),
    "spike_slab.covariance": (spike_slab.covariance, SPARSE),
    "student_t.log_prob": (student_t.log_prob, STUDENT, Z),
    "student_t.log_prob_dims": (student_t.log_prob_dims, STUDENT, Z),
    "student_t.sample": (with_key(student_t.sample), STUDENT),
    "student_t.entropy": (student_t.entropy, STUDENT),
    "student_t.mean": (student_t.mean, STUDENT),
    "student_t.covariance": (student_t.covariance, STUDENT),
    "student_t.two_sided_tail": (student_t.two_sided_tail, STUDENT, Z),
    "student_t.cdf": (student_t.cdf, STUDENT, Z),
    "student_t.transport_to_normal": (student_t.transport_to_normal, STUDENT, Z),
    "subspaces.log_prob": (subspaces.log_prob, GROUPS, array(3)),
    "subspaces.log_prob_groups": (subspaces.log_prob_groups, GROUPS, array(3)),
    "subspaces.sample": (with_key(subspaces.sample), GROUPS),
    "subspaces.entropy": (subspaces.entropy, GROUPS),
    "subspaces.mean": (subspaces.mean, GROUPS),
    "subspaces.covariance": (subspaces.covariance, GROUPS),
}
