"""Scores of one trained run; definitions and units are in the columns of `COLUMNS`."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from decomp import decomposition, overlap
from decomp.distributions import student_t
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import inclusive
from decomp.metrics import infomec, kim_mnih, mig, modularity, sap
from experiments import problem as problems
from experiments import runs
from experiments.problem import FAMILIES, Params, Problem, Setting

Scores = dict[str, jax.Array]

COLUMNS = {
    "loss": "reconstruction + β KL + α KL(p(z) ‖ q(z)), nats per image or point",
    "reconstruction": "−log p(x|z) at one z ~ q(z|x), nats",
    "kl": "KL(q(z|x) ‖ p(z)), nats; one-sample where no closed form exists",
    "log_det": "log|S(x)| of the posterior covariance, nats",
    "active": "latents whose means spread over 0.05 of the std of q(z_d)",
    "kim_mnih_pruned": "Kim & Mnih, active latents, held-out votes (Locatello et al.)",
    "kim_mnih_authors": "Kim & Mnih, all latents, training votes (Mathieu et al.)",
    "kim_mnih_pruned_transport": "the same of the means mapped to a Gaussian",
    "kim_mnih_authors_transport": "the same of the means mapped to a Gaussian",
    "mig": "mutual information gap of the means, 20 bins (Chen et al.; Locatello)",
    "modularity": "modularity of the means, 20 bins (Ridgeway & Mozer)",
    "infom": "InfoM of the means, 20 bins, range above 1/20 (Hsu et al. 2023)",
    "infoc": "InfoC of the means, 20 bins, range above 1/20 (Hsu et al. 2023)",
    "sap": "gap of the two largest R² of a factor (Kumar et al.)",
    "kl_prior_aggregate": "KL(p(z) ‖ q(z)), exact q(z), by quadrature, nats",
    "mutual_information": "I_q(z; n), exact q(z), samples of z, nats; ≤ log N",
}

# `config.evaluate.metrics`: of codes [N, D], classes [N, F] and how many there are.
METRICS: dict[str, Callable[..., jax.Array]] = {
    "mig": lambda codes, classes, sizes: mig.score(codes, classes, sizes=sizes).score,
    "modularity": lambda codes, classes, sizes: (
        modularity.score(codes, classes, sizes=sizes).score
    ),
    "infom": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).score
    ),
    "infoc": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).compactness
    ),
    "sap": lambda codes, classes, sizes: sap.r_squared(codes, classes).score,
}


class Options(NamedTuple):
    """Static sizes of the evaluation; the fields of `config.evaluate`."""

    points: int
    batch_size: int
    votes: int
    samples_per_vote: int
    train_votes: int
    held_out_votes: int
    active_threshold: float
    grid_points: int
    samples_per_point: int
    metrics: tuple[str, ...]


def make(problem: Problem, config: ConfigDict) -> Callable[..., Scores]:
    """Returns `scores(params, key, setting, points, factors)` of one run.

    `points` `[N, P]` are rows as stored, `factors` `[N, F]` their classes. Every score
    is a number `[]`.
    """
    options = Options(**config.evaluate)
    problem = problem._replace(prior_count=1.0)  # the true KL, whatever was trained

    def scores(
        params: Params,
        key: jax.Array,
        setting: Setting,
        points: jax.Array,
        factors: jax.Array,
    ) -> Scores:
        terms_key, score_key = jax.random.split(jax.random.fold_in(key, runs.SCORES))
        result, posteriors = _objective(
            terms_key, problem, params, setting, points, options.batch_size
        )
        result["log_det"] = overlap.mean_log_det(posteriors)
        special = _disentanglement if problem.side else _match
        extra = special(
            score_key, problem, params, setting, posteriors, factors, options
        )
        exact = extra.get("kl_prior_aggregate", jnp.zeros(()))
        mismatch = jnp.where(setting.alpha > 0, setting.alpha * exact, 0.0)
        loss = result["reconstruction"] + setting.beta * result["kl"] + mismatch
        return {"loss": loss} | result | extra

    return scores


def _objective(
    key: jax.Array,
    problem: Problem,
    params: Params,
    setting: Setting,
    points: jax.Array,
    batch_size: int,
) -> tuple[Scores, Gaussian]:
    """Mean terms over all points, and the posteriors, leaves `[N, D]`.

    The last batch reaches back over points already seen, which then do not count again.
    """
    size = points.shape[0]
    batch_size = min(batch_size, size)
    num_batches = -(-size // batch_size)
    starts = jnp.minimum(jnp.arange(num_batches) * batch_size, size - batch_size)

    def batch(i: jax.Array) -> tuple[jax.Array, Gaussian]:
        rows = jax.lax.dynamic_slice_in_dim(points, starts[i], batch_size)
        x = problems.data_values(problem, rows)
        terms = problems.terms(jax.random.fold_in(key, i), problem, params, setting, x)
        new = (starts[i] + jnp.arange(batch_size)) >= i * batch_size
        sums = jnp.stack([jnp.sum(terms.log_px_z * new), jnp.sum(terms.kl * new)])
        return sums / size, problems.encode(problem, params, x)

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
    log_px_z, kl = jnp.sum(sums, axis=0)
    return {"reconstruction": -log_px_z, "kl": kl}, posteriors


def _disentanglement(
    key: jax.Array,
    problem: Problem,
    params: Params,
    setting: Setting,
    posteriors: Gaussian,
    factors: jax.Array,
    options: Options,
) -> Scores:
    """Kim & Mnih's score of the posterior means, in the variants that people report."""
    del params
    keys = jax.random.split(key, 3)
    sizes = (options.votes, options.train_votes, options.held_out_votes)
    votes, train_votes, held_out_votes = (
        kim_mnih.draw_votes(key, factors, votes=count, samples=options.samples_per_vote)
        for key, count in zip(keys, sizes, strict=True)
    )
    num_factors = factors.shape[1]
    active = kim_mnih.active_dimensions(
        posteriors.loc, posteriors.scale, threshold=options.active_threshold
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

    result = {"active": jnp.sum(active.astype(jnp.float32))}
    for name in options.metrics:
        result[name] = METRICS[name](posteriors.loc, factors, problem.factor_sizes)
    result |= both(posteriors.loc, "")
    if problem.family == "student_t":
        p = problems.prior(problem, {}, setting)
        codes = jax.vmap(lambda z: student_t.transport_to_normal(p, z))(posteriors.loc)
        result |= both(codes, "_transport")
    return result


def _match(
    key: jax.Array,
    problem: Problem,
    params: Params,
    setting: Setting,
    posteriors: Gaussian,
    factors: jax.Array,
    options: Options,
) -> Scores:
    """How q(z) matches the clustered prior, and what z still tells about x."""
    del factors
    p = problems.prior(problem, params, setting)
    reach = 1 + 6 * math.sqrt(problem.variance)  # all but 1e-8 of the prior's mass
    match = inclusive.kl_prior_aggregate_quadrature(
        lambda z: FAMILIES[problem.family].log_prob(p, z),
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
        "mutual_information": information.value,
    }
