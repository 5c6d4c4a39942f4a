"""Structured priors under jit, vmap and grad, at extreme inputs."""

import jax.numpy as jnp
import numpy as np
import pytest

from decomp import priors
from decomp.distributions import (
    annealed,
    annealed_quadrature,
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
from decomp.distributions.hierarchical import Hierarchical
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.spike_slab import SpikeSlab
from decomp.distributions.subspaces import Subspaces
from tests.test_transforms import (
    BETAS,
    DFS,
    GAUSSIANS,
    LAPLACES,
    LOC,
    MIXTURES,
    POINT,
    SCALES,
    STUDENTS,
    check,
    sample_total,
    total,
)

RADIALS = [
    MultivariateT(np.float64(df), LOC, np.float64(s)) for df in DFS for s in SCALES
]
GROUPS = [
    Subspaces((MultivariateT(df, LOC[:1], s), MultivariateT(df, LOC[1:], s)))
    for df in map(np.float64, DFS)
    for s in map(np.float64, SCALES)
]
SPARSE = [
    SpikeSlab(np.full(2, odds), np.full(2, 1e-3 * s), np.full(2, s))
    for s in SCALES
    for odds in (-90.0, 0.0, 90.0)
]
LEVELS = [
    Hierarchical(np.full((1, 1), w), np.full(1, s), np.full((1, 1), w))
    for s in SCALES
    for w in (0.0, 1.0, 1e3)
]
FACTORS = [
    np.zeros((2, 2)),
    np.array([[10.0, 9.0], [-1e4, -10.0]]),
    np.full((2, 2), 1e3),
    np.array([[1e4, 0.0], [3.0, -1e4]]),
]
EXTREMES = [np.zeros(2), POINT, np.array([1e4, -1e4])]


def everywhere(parameters):
    return [(p, z) for p in parameters for z in EXTREMES]


CASES = {
    "multivariate_t.log_prob": (multivariate_t.log_prob, everywhere(RADIALS)),
    "multivariate_t.entropy": (multivariate_t.entropy, [(p,) for p in RADIALS]),
    "multivariate_t.sample": (sample_total(multivariate_t), [(p,) for p in RADIALS]),
    "multivariate_t.covariance": (
        total(multivariate_t.covariance),
        [(p,) for p in RADIALS if p.df > 2],
    ),
    "subspaces.log_prob": (subspaces.log_prob, everywhere(GROUPS)),
    "subspaces.entropy": (subspaces.entropy, [(p,) for p in GROUPS]),
    "subspaces.sample": (sample_total(subspaces), [(p,) for p in GROUPS]),
    "spike_slab.log_prob": (spike_slab.log_prob, everywhere(SPARSE)),
    "spike_slab.spike_probability": (
        total(spike_slab.spike_probability),
        everywhere(SPARSE),
    ),
    "spike_slab.sample": (sample_total(spike_slab), [(p,) for p in SPARSE]),
    "spike_slab.covariance": (total(spike_slab.covariance), [(p,) for p in SPARSE]),
    "hierarchical.log_prob": (hierarchical.log_prob, everywhere(LEVELS)),
    "hierarchical.sample": (sample_total(hierarchical), [(p,) for p in LEVELS]),
    "hierarchical.covariance": (
        total(hierarchical.covariance),
        [(p,) for p in LEVELS],
    ),
    "gaussian.covariance": (total(gaussian.covariance), [(p,) for p in GAUSSIANS]),
    "laplace.covariance": (total(laplace.covariance), [(p,) for p in LAPLACES]),
    "student_t.covariance": (
        total(student_t.covariance),
        [(p,) for p in STUDENTS if p.df > 2],
    ),
    "mixture.covariance": (total(mixture.covariance), [(p,) for p in MIXTURES]),
    "annealed.log_normaliser_subspaces": (
        annealed.log_normaliser_subspaces,
        [(p, b) for p in GROUPS[3:] for b in (0.3, 1.0, 1e3)],
    ),
    "annealed_quadrature.log_normaliser_dims": (
        lambda p, b: jnp.sum(
            annealed_quadrature.log_normaliser_dims(
                lambda z: spike_slab.log_prob_dims(p, z),
                b,
                low=-9.0,
                high=9.0,
                points_per_axis=9,
                latents=2,
            ).value
        ),
        [(p, b) for p in SPARSE for b in BETAS],
    ),
    "priors.full_covariance": (
        lambda f, z: full_gaussian.log_prob(priors.full_covariance(f), z),
        [(f, z) for f in FACTORS for z in EXTREMES],
    ),
    "priors.hierarchical": (
        lambda w, v, z: hierarchical.log_prob(priors.hierarchical(w, v), z),
        [
            (np.full((1, 1), w), np.full((1, 1), v), z)
            for w in (0.0, 1.0, 1e6)
            for v in (0.0, -1e3)
            for z in EXTREMES
        ],
    ),
    "priors.spike_and_slab": (
        lambda g, z: spike_slab.log_prob(
            priors.spike_and_slab(2, spike_probability=g), z
        ),
        [(np.float64(g), z) for g in (0, 1e-6, 0.5, 1 - 1e-6, 1) for z in EXTREMES],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_finite_and_the_same_under_vmap(name):
    check(*CASES[name])
