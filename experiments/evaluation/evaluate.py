"""Scores of one trained run; `results.columns` has their definitions and units."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from decomp import decomposition, minibatch, model, overlap, training
from decomp.datasets import shuffle
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import kl_prior_aggregate
from decomp.metrics import kim_mnih
from experiments.evaluation import metrics
from experiments.models import autoencoder, objectives, priors
from experiments.models.autoencoder import VAE, Hyperparameters, Params
from experiments.results import columns

COLUMNS = columns.COLUMNS
Scores = dict[str, jax.Array]


class ScoreOptions(NamedTuple):
    """Static sizes of the evaluation; the fields of `config.evaluate`."""

    images: str
    points: int
    batch_size: int
    votes: int
    samples_per_vote: int
    train_votes: int
    held_out_votes: int
    active_threshold: float
    grid_points: int
    samples_per_point: int
    overlap_points: int
    aggregate_samples: int
    metrics: tuple[str, ...]


def make(vae: VAE, config: ConfigDict) -> Callable[..., Scores]:
    """Returns `scores(params, key, setting, points, factors)` of one run.

    `points` `[N, P]` are stored rows, and `factors` `[N, F]` their classes. Every score
    is a number `[]`.
    """
    options = ScoreOptions(**config.evaluate)
    # Scores have the true KL, even if training counted log p(z) more than once.
    vae = vae._replace(prior_count=1.0)

    def scores(
        params: Params,
        key: jax.Array,
        setting: Hyperparameters,
        points: jax.Array,
        factors: jax.Array,
    ) -> Scores:
        key = jax.random.fold_in(key, training.SCORES)
        terms_key, score_key, overlap_key, aggregate_key = jax.random.split(key, 4)
        result, posteriors = _objective(
            terms_key, vae, params, setting, points, options.batch_size
        )
        result |= _overlap(overlap_key, vae, posteriors, options)
        if vae.shape and options.aggregate_samples:
            p = autoencoder.prior(vae, params, setting)
            result |= _aggregate(aggregate_key, vae, p, posteriors, options)
        special = _disentanglement if vae.shape else _match
        extra = special(score_key, vae, params, setting, posteriors, factors, options)
        return result | extra

    return scores


def _objective(
    key: jax.Array,
    vae: VAE,
    params: Params,
    setting: Hyperparameters,
    points: jax.Array,
    batch_size: int,
) -> tuple[Scores, Gaussian]:
    """Mean terms over all points, and the posteriors, leaves `[N, D]`.

    The last batch overlaps the one before; points do not count twice.
    """
    size = points.shape[0]
    batch_size = min(batch_size, size)
    num_batches = -(-size // batch_size)
    trained, weights = (
        autoencoder.model(vae),
        autoencoder.weights(vae, setting, jnp.ones(())),
    )
    starts = jnp.minimum(jnp.arange(num_batches) * batch_size, size - batch_size)

    def batch(i: jax.Array) -> tuple[jax.Array, Gaussian]:
        rows = jax.lax.dynamic_slice_in_dim(points, starts[i], batch_size)
        x = autoencoder.data_values(vae, rows)
        values, terms = model.value(
            jax.random.fold_in(key, i), trained, params, setting, x, weights
        )
        new = (starts[i] + jnp.arange(batch_size)) >= i * batch_size
        mismatch = jnp.broadcast_to(terms.divergence, terms.kl.shape)
        measures = jnp.stack([-values, -terms.log_px_z, terms.kl, mismatch])
        sums = jnp.sum(measures * new[None, :], axis=1)
        return sums / size, autoencoder.encode(vae, params, x)

    sums, posteriors = jax.lax.map(batch, jnp.arange(num_batches))
    index = (starts[:, None] + jnp.arange(batch_size)[None, :]).reshape(-1)
    posteriors = jax.tree.map(
        lambda leaf: (
            jnp.zeros((size, leaf.shape[-1]), leaf.dtype)
            .at[index]
            .set(leaf.reshape(-1, leaf.shape[-1]))
        ),
        posteriors,
    )
    minus_objective, reconstruction, kl, mismatch = jnp.sum(sums, axis=0)
    result = {"loss": minus_objective, "reconstruction": reconstruction, "kl": kl}
    if vae.divergences != (objectives.NONE,):
        result["mismatch"] = mismatch
    return result, posteriors


def _overlap(
    key: jax.Array, vae: VAE, posteriors: Gaussian, options: ScoreOptions
) -> Scores:
    """The overlap of the encodings, the paper's factor (a), on a random subset."""
    size = posteriors.loc.shape[0]
    count = min(size, options.overlap_points)
    subset_key, information_key, neighbour_key, group_key = jax.random.split(key, 4)
    subset = shuffle.permuted_index(subset_key, jnp.arange(count), size)
    q = jax.tree.map(lambda leaf: leaf[subset], posteriors)
    information = decomposition.mutual_information(
        information_key, q, samples_per_point=2
    )
    ratio = overlap.relative_information(information, num_points=count)
    neighbours = overlap.effective_neighbours(neighbour_key, q, num_samples=count)
    result = {
        "log_det": overlap.mean_log_det(posteriors),
        "information_ratio": ratio.value,
        "bhattacharyya": overlap.mean_bhattacharyya(q),
        "neighbours": neighbours.value,
    }
    if priors.PRIORS[vae.prior.name].grouped:
        result |= _dependence(group_key, q, tuple(vae.prior.fields.groups))
    return result


def _aggregate(
    key: jax.Array, vae: VAE, p: Any, posteriors: Gaussian, options: ScoreOptions
) -> Scores:
    """How far q(z) is from the prior, the paper's factor (b), in the points given."""
    parts = decomposition.sampled(
        key,
        posteriors,
        priors.log_prob(vae.prior, p),
        num_samples=options.aggregate_samples,
    )
    return {
        "mutual_information": parts.mutual_information.value,
        "total_correlation": parts.total_correlation.value,
        "kl_aggregate_prior": parts.kl.value,
    }


def _dependence(key: jax.Array, q: Gaussian, groups: tuple[int, ...]) -> Scores:
    """Total correlation between and in groups, with q(z) exact in the given points."""
    count = q.loc.shape[0]
    z = jax.vmap(gaussian.sample)(jax.random.split(key, count), q)
    weights = minibatch.batch_mean(count, count)
    densities = minibatch.log_densities(q, z, weights, groups=groups)
    return {
        "tc_between": jnp.mean(densities.log_qz - densities.log_prod_qz_groups),
        "tc_within": jnp.mean(densities.log_prod_qz_groups - densities.log_prod_qz),
    }


def _disentanglement(
    key: jax.Array,
    vae: VAE,
    params: Params,
    setting: Hyperparameters,
    posteriors: Gaussian,
    factors: jax.Array,
    options: ScoreOptions,
) -> Scores:
    """Kim & Mnih's score of the posterior means, in the usual variants."""
    num_factors = factors.shape[1]
    active = kim_mnih.active_dimensions(
        posteriors.loc, posteriors.scale, threshold=options.active_threshold
    )

    result = {"active": jnp.sum(active.astype(jnp.float32))}
    for name in metrics.chosen(options.metrics, num_factors):
        result[name] = metrics.score(
            name, key, posteriors.loc, factors, vae.factor_sizes
        )
    if num_factors < 2:  # a class or nothing, for which no score of factors is defined
        return result
    keys = jax.random.split(key, 3)
    sizes = (options.votes, options.train_votes, options.held_out_votes)
    votes, train_votes, held_out_votes = (
        kim_mnih.draw_votes(key, factors, votes=count, samples=options.samples_per_vote)
        for key, count in zip(keys, sizes, strict=True)
    )

    def both(codes: jax.Array, suffix: str) -> Scores:
        pruned = kim_mnih.pruned(
            codes, train_votes, held_out_votes, active, num_factors=num_factors
        )
        authors = kim_mnih.authors(codes, votes, num_factors=num_factors)
        return {
            f"kim_mnih_pruned{suffix}": pruned.score,
            f"kim_mnih_authors{suffix}": authors.score,
        }

    result |= both(posteriors.loc, "")
    if transport := priors.PRIORS[vae.prior.name].transport:
        p = autoencoder.prior(vae, params, setting)
        codes = jax.vmap(lambda z: transport(p, z))(posteriors.loc)
        result |= both(codes, "_transport")
    return result


def _match(
    key: jax.Array,
    vae: VAE,
    params: Params,
    setting: Hyperparameters,
    posteriors: Gaussian,
    factors: jax.Array,
    options: ScoreOptions,
) -> Scores:
    """The match of q(z) with the clustered prior, and the information of z about x."""
    del factors
    p = autoencoder.prior(vae, params, setting)
    reach = priors.PRIORS[vae.prior.name].reach(vae.prior)
    match = kl_prior_aggregate.kl_prior_aggregate_quadrature(
        priors.log_prob(vae.prior, p),
        posteriors,
        low=-reach,
        high=reach,
        points_per_axis=options.grid_points,
    )
    information = decomposition.mutual_information(
        key, posteriors, samples_per_point=options.samples_per_point
    )
    return {
        "kl_prior_aggregate": match.value,
        "prior_mass": match.prior_mass,
        "mutual_information": information.value,
    }
