"""Public densities and objectives under jit, vmap and grad, at extreme inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import aggregate, decomposition, losses, overlap, priors
from decomp.distributions import (
    annealed,
    bernoulli,
    full_gaussian,
    gaussian,
    laplace,
    mixture,
    student_t,
)
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.laplace import Laplace
from decomp.distributions.mixture import Mixture
from decomp.distributions.student_t import StudentT
from decomp.divergences import kl_prior_aggregate

SCALES = (1e-6, 1.0, 1e6)
DFS = (0.5, 3.0, 1e6, np.inf)
LOC = np.array([0.0, -3.0])
POINT = np.array([0.0, 2.0])
MEANS = np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0]])  # two of the three are equal

GAUSSIANS = [Gaussian(LOC, np.full(2, s)) for s in SCALES]
LAPLACES = [Laplace(LOC, np.full(2, s)) for s in SCALES]
FULLS = [FullGaussian(LOC, s * np.array([[1.0, 0], [0.5, 1.0]])) for s in SCALES]
SETS = [Gaussian(MEANS, np.full((3, 2), s)) for s in SCALES]
MIXTURES = [Mixture(np.array([0.0, 5.0, -5.0]), q) for q in SETS]
STUDENTS = [StudentT(np.float64(df), LOC, np.full(2, s)) for df in DFS for s in SCALES]
BERNOULLIS = [Bernoulli(np.array([0.0, x])) for x in (-1e4, -1.0, 90.0, 1e4)]
BITS = np.array([1.0, 0.3])


def at(parameters, point=POINT):
    return [(p, point) for p in parameters]


def far(parameters):
    """Each distribution with points up to 1e4 scales away."""
    offsets = np.array([[0.0, 1e-3], [1.3, -40.0], [-1e4, 1e4]])
    return [(p, p.loc + p.scale * offset) for p in parameters for offset in offsets]


def pairs(parameters):
    return [(q, p) for q in parameters for p in parameters]


def mean_objective(q):
    """The mean of two objectives of three examples with posteriors q."""
    pieces = losses.terms(
        jax.random.key(0),
        q.loc,
        encode=lambda x: q,
        log_px_z=lambda x, z: jax.vmap(gaussian.log_prob)(Gaussian(z, q.scale), x),
        log_pz=lambda z: gaussian.log_prob(priors.isotropic(2), z),
        divergence=lambda key, q, z: (
            kl_prior_aggregate.kl_prior_aggregate(q.loc + 0.5, jnp.zeros(3), q).value
        ),
    )
    return jnp.mean(losses.alpha_beta(pieces, 2.0, 4.0) + losses.elbo(pieces))


def stratified(function, *arguments):
    return lambda q: jnp.sum(
        function(jax.random.key(0), q, *arguments, samples_per_point=2).value
    )


def total(function):
    """The sum of what a function returns."""
    return lambda *arguments: jnp.sum(function(*arguments))


def sample_total(family):
    return lambda p: jnp.sum(family.sample(jax.random.key(1), p))


BETAS = (1e-2, 1.0, 1e3)
BETAS_T = [(p, b) for p in STUDENTS[3:6] for b in (0.3, 1.0, 1e3)]
CASES = {
    "gaussian.log_prob": (gaussian.log_prob, at(GAUSSIANS)),
    "gaussian.log_prob_dims": (total(gaussian.log_prob_dims), far(GAUSSIANS)),
    "gaussian.sample": (sample_total(gaussian), [(p,) for p in GAUSSIANS]),
    "gaussian.entropy": (gaussian.entropy, [(p,) for p in GAUSSIANS]),
    "gaussian.kl": (gaussian.kl, pairs(GAUSSIANS)),
    "gaussian.log_det": (gaussian.log_det, [(p,) for p in GAUSSIANS]),
    "laplace.log_prob": (laplace.log_prob, at(LAPLACES)),
    "laplace.sample": (sample_total(laplace), [(p,) for p in LAPLACES]),
    "laplace.entropy": (laplace.entropy, [(p,) for p in LAPLACES]),
    "laplace.kl": (laplace.kl, pairs(LAPLACES)),
    "full_gaussian.log_prob": (full_gaussian.log_prob, at(FULLS)),
    "full_gaussian.sample": (sample_total(full_gaussian), [(p,) for p in FULLS]),
    "full_gaussian.entropy": (full_gaussian.entropy, [(p,) for p in FULLS]),
    "full_gaussian.kl": (full_gaussian.kl, pairs(FULLS)),
    "student_t.log_prob": (student_t.log_prob, at(STUDENTS) + far(STUDENTS)),
    "student_t.sample": (sample_total(student_t), [(p,) for p in STUDENTS]),
    "student_t.entropy": (student_t.entropy, [(p,) for p in STUDENTS]),
    "student_t.two_sided_tail": (total(student_t.two_sided_tail), far(STUDENTS)),
    "student_t.cdf": (total(student_t.cdf), far(STUDENTS)),
    "student_t.transport": (total(student_t.transport_to_normal), far(STUDENTS)),
    "bernoulli.log_prob": (bernoulli.log_prob, at(BERNOULLIS, BITS)),
    "bernoulli.entropy": (bernoulli.entropy, [(p,) for p in BERNOULLIS]),
    "bernoulli.kl": (bernoulli.kl, pairs(BERNOULLIS)),
    "mixture.log_prob": (mixture.log_prob, at(MIXTURES)),
    "mixture.responsibilities": (
        lambda p, z: mixture.responsibilities(p, z)[0],
        at(MIXTURES),
    ),
    "mixture.sample": (sample_total(mixture), [(p,) for p in MIXTURES]),
    "annealed.log_normaliser_gaussian": (
        annealed.log_normaliser_gaussian,
        [(p, b) for p in GAUSSIANS for b in BETAS],
    ),
    "annealed.log_normaliser_full_gaussian": (
        annealed.log_normaliser_full_gaussian,
        [(p, b) for p in FULLS for b in BETAS],
    ),
    "annealed.log_normaliser_laplace": (
        annealed.log_normaliser_laplace,
        [(p, b) for p in LAPLACES for b in BETAS],
    ),
    "annealed.log_normaliser_student_t": (
        annealed.log_normaliser_student_t,
        BETAS_T + [(p, b) for p in STUDENTS[6:] for b in (0.3, 1e3)],
    ),
    "priors.anisotropic": (
        lambda v, z: gaussian.log_prob(priors.anisotropic(v), z),
        [
            (np.array(v), POINT)
            for v in ([0.0, 0.0], [-20.0, 20.0], [1e4, 1e4], [1e4, -1e4])
        ],
    ),
    "aggregate.log_prob": (aggregate.log_prob, at(SETS)),
    "aggregate.log_prob_dims": (total(aggregate.log_prob_dims), at(SETS)),
    "decomposition.mutual_information": (
        stratified(decomposition.mutual_information),
        [(q,) for q in SETS],
    ),
    "decomposition.total_correlation": (
        stratified(decomposition.total_correlation),
        [(q,) for q in SETS],
    ),
    "decomposition.dimension_wise_kl": (
        stratified(decomposition.dimension_wise_kl, lambda z: -0.5 * z * z),
        [(q,) for q in SETS],
    ),
    "kl_prior_aggregate.kl_prior_aggregate": (
        lambda q, z: kl_prior_aggregate.kl_prior_aggregate(z, jnp.sum(z, 1), q).value,
        [(q, MEANS + 0.3) for q in SETS],
    ),
    "kl_prior_aggregate.kl_prior_aggregate_quadrature": (
        lambda q: (
            kl_prior_aggregate.kl_prior_aggregate_quadrature(
                lambda z: gaussian.log_prob(priors.isotropic(2), z),
                q,
                low=-50.0,
                high=50.0,
                points_per_axis=8,
            ).value
        ),
        [(q,) for q in SETS],
    ),
    "overlap.mean_log_det": (overlap.mean_log_det, [(q,) for q in SETS]),
    "overlap.mean_bhattacharyya": (overlap.mean_bhattacharyya, [(q,) for q in SETS]),
    "overlap.effective_neighbours": (
        lambda q: (
            overlap.effective_neighbours(jax.random.key(0), q, num_samples=4).value
        ),
        [(q,) for q in SETS],
    ),
    "losses.alpha_beta": (mean_objective, [(q,) for q in SETS]),
}


def stacked(arguments):
    """The arguments of all calls, leaves `[E, ...]` float32."""
    return jax.tree.map(lambda *leaf: np.stack(leaf).astype(np.float32), *arguments)


def check(function, calls):
    """Asserts that all values and gradients are finite, and compares the last alone."""
    each = jax.value_and_grad(function, tuple(range(len(calls[0]))))

    @jax.jit
    def all_and_last(*arguments):
        last = jax.tree.map(lambda leaf: leaf[-1], arguments)
        return jax.vmap(each)(*arguments), function(*last)

    (values, gradients), alone = all_and_last(*stacked(calls))
    assert values.shape == (len(calls),)
    assert np.isfinite(values).all()
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all()
    np.testing.assert_allclose(alone, values[-1], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_finite_and_the_same_under_vmap(name):
    check(*CASES[name])
