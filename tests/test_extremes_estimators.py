"""Estimators, objectives and divergences are finite at extreme legal inputs."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from decomp import aggregate, decomposition, importance, losses, minibatch, overlap
from decomp.divergences import kl_aggregate_prior, kl_prior_aggregate, mmd, moments
from decomp.divergences import sliced_wasserstein as sliced
from tests import hunt
from tests.hunt import LOGIT, PLACE, array, gaussians, total, total_with_key


def log_pz(z):
    return -0.5 * jnp.sum(z * z)


def densities(q, z, weights):
    return minibatch.log_densities(q, z, weights)


def terms(q, log_px_z):
    return losses.terms(
        jax.random.key(0),
        q.loc,
        encode=lambda x: q,
        log_px_z=lambda x, z: log_px_z,
        log_pz=log_pz,
        aggregate=lambda q, z: densities(q, z, minibatch.stratified(len(z), 9)),
        divergence=lambda key, q, z: (
            kl_prior_aggregate.kl_prior_aggregate(
                jnp.zeros((2, 2)), jnp.zeros(2), q
            ).value
        ),
    )


def bound(function):
    """An importance-weighted bound with given posteriors."""
    return lambda q, log_px_z: total_with_key(
        function,
        x=q.loc,
        num_samples=3,
        encode=lambda x: q,
        log_px_z=lambda x, z: log_px_z,
        log_pz=log_pz,
    )()


def statistics(kernel):
    return {
        f"{kernel.func.__name__}.{f.__name__}": partial(f, kernel=kernel)
        for f in (
            mmd.u_statistic,
            mmd.v_statistic,
            mmd.u_statistic_dims,
            mmd.v_statistic_dims,
        )
    }


OBJECTIVES = {
    "alpha_beta": partial(losses.alpha_beta, alpha=1e3, beta=1e3),
    "entropy_regularised": partial(losses.entropy_regularised, beta=1e3),
    "capacity": partial(losses.capacity, gamma=1e3, capacity=5.0),
    "beta_tcvae": partial(losses.beta_tcvae, alpha=1.0, beta=1e3, gamma=1e3),
    "hfvae": partial(losses.hfvae, alpha=1.0, beta=1e3, gamma=1e3),
    "info_vae": partial(losses.info_vae, alpha=-1e3, lambda_=1e3),
    "wae": partial(losses.wae, lambda_=1e3),
}
POINT = {
    "aggregate.entropy": total_with_key(aggregate.entropy, num_samples=3),
    "mutual_information": total_with_key(
        decomposition.mutual_information, samples_per_point=2
    ),
}
SETS = {
    **POINT,
    "total_correlation": total_with_key(
        decomposition.total_correlation, samples_per_point=2
    ),
    "sampled": total_with_key(decomposition.sampled, num_samples=3, log_pz=log_pz),
    "effective_neighbours": total_with_key(overlap.effective_neighbours, num_samples=3),
    "exclusive": total_with_key(
        kl_aggregate_prior.kl_aggregate_prior_exact, log_pz=log_pz, num_samples=3
    ),
    "covariance": lambda q: moments.penalty(
        moments.covariance_of_aggregate(q), jnp.eye(2), off_diagonal=10.0, diagonal=1e3
    ),
}
GROUPS = {
    "posteriors": (SETS, (gaussians(3, 2),)),
    "one posterior": (POINT, (gaussians(1, 2),)),
    "one posterior, all of them": (SETS, (gaussians(1, 2),)),
    "posteriors and points": (
        {
            "log_densities": total(aggregate.log_densities),
            "inclusive": lambda q, z: total(kl_prior_aggregate.kl_prior_aggregate)(
                z, z[:, 0], q
            ),
            "minibatch": lambda q, z: total(densities)(q, z, minibatch.weighted(3, 7)),
        },
        (gaussians(3, 2), array(PLACE, 3, 2)),
    ),
    "minibatch weights": (
        {
            name: lambda q, z, w=weights: total(densities)(q, z, w(len(z), 7))
            for name, weights in minibatch.ESTIMATORS.items()
        },
        (gaussians(3, 2), array(PLACE, 3, 2)),
    ),
    "objectives": (
        {
            "iwae": bound(importance.iwae),
            "log_likelihood": bound(importance.log_likelihood),
            **{
                name: lambda q, x, f=objective: jnp.sum(f(terms(q, x)))
                for name, objective in OBJECTIVES.items()
            },
        },
        (gaussians(3, 2), array(LOGIT, 3)),
    ),
    "draws": (
        {
            "sliced": total_with_key(sliced.squared, projections=3),
            **statistics(partial(mmd.imq, latents=2)),
            **statistics(partial(mmd.rbf, bandwidths=(1e-3, 1.0, 1e3))),
        },
        (array(PLACE, 3, 2), array(PLACE, 3, 2)),
    ),
}


# Each of the others takes seconds to compile.
QUICK = ("one posterior", "posteriors and points")


@pytest.mark.parametrize("name", QUICK)
def test_values_and_gradients_are_finite(name):
    hunt.assert_finite(*GROUPS[name], examples=hunt.EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS)
def test_values_and_gradients_are_finite_in_a_long_hunt(name):
    hunt.assert_finite(*GROUPS[name], examples=hunt.MANY)
