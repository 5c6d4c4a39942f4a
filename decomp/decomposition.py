"""The three parts of the average KL, with the exact aggregate posterior.

For a factorised prior p(z) = Π_d p(z_d):

    (1/N) Σ_n KL(q(z|x_n)‖p(z))
        = I_q(z; n) + KL(q(z)‖Π_d q(z_d)) + Σ_d KL(q(z_d)‖p(z_d))

The parts are the index-code mutual information, the total correlation and the
dimension-wise KL. The first two do not depend on the prior. With the same key and the
same sizes the three functions use the same samples, and their sum telescopes to the
Monte-Carlo estimate of the left side.

Sampling is stratified: R = `samples_per_point` draws z ~ q(z|x_n) come from *each* n,
instead of N·R draws of n. All terms are independent, but only those of one n share a
distribution. So the standard error takes the variance within each n (ddof 1, hence
R ≥ 2) and leaves out the spread between the means of the n, which is no error:
stderr² = (1/N²) Σ_n Var_r[t_nr]/R.

The cost is N²·R·D. If that is too much, `sampled` draws S points of q(z) instead, at a
cost of N·S·D.

Source: Chen et al. 2018, arXiv:1802.04942, Eq. 2.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from decomp import aggregate, estimate, numerics, own_functions
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.estimate import Estimate


class Decomposition(NamedTuple):
    """q(z) and its divergence from the prior, from the same samples; in nats."""

    entropy: Estimate  # H[q(z)]
    mutual_information: Estimate  # I_q(z; n)
    total_correlation: Estimate  # KL(q(z)‖Π_d q(z_d))
    dimension_wise: Estimate  # E_q(z)[Σ_d log q(z_d) − log p(z)]
    kl: Estimate  # KL(q(z)‖p(z)), the sum of the previous two
    dimensions: Estimate | None  # KL(q(z_d)‖p(z_d)), leaves [D]


def sampled(
    key: jax.Array,
    q: Gaussian,
    log_pz: Callable[[jax.Array], jax.Array],
    log_pz_dims: Callable[[jax.Array], jax.Array] | None = None,
    *,
    num_samples: int,
    block: int = 256,
) -> Decomposition:
    """All parts from S draws z ~ q(z), for data sets too large to draw from every n.

    A draw is a uniform n and then z ~ q(z|x_n). The mutual information, the total
    correlation and the dimension-wise part add up to the average of log q(z|x_n) −
    log p(z), an estimate of (1/N) Σ_n KL(q(z|x_n)‖p(z)). Time is proportional to N;
    memory is that of the posteriors.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        log_pz: Log-density of the prior, `[D]` to `[]`.
        log_pz_dims: Its factors log p(z_d), `[D]` to `[D]`, if it has any.
        num_samples: Draws S ≥ 2.
        block: Draws evaluated at once.

    Returns:
        Estimates in nats; unbiased, as q(z) and its marginals are exact in N. The
        dimension-wise part is Σ_d KL(q(z_d)‖p(z_d)) if p factorises; otherwise only
        its sum with the total correlation has a meaning. `dimensions` is None without
        `log_pz_dims`.

    >>> q = Gaussian(jnp.array([[-9.0, 0.0], [9.0, 0.0]]), jnp.ones((2, 2)))
    >>> p = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> log_pz = lambda z: gaussian.log_prob(p, z)
    >>> parts = sampled(jax.random.key(0), q, log_pz, num_samples=100)
    >>> print(parts.mutual_information.value.round(3))  # log 2: no overlap
    0.693
    """
    (q,) = numerics.floats(q)
    index_key, noise_key = jax.random.split(key)
    n = jax.random.randint(index_key, (num_samples,), 0, len(q.loc), jnp.int32)
    drawn = jax.tree.map(lambda leaf: leaf[n], q)
    z = gaussian.sample(noise_key, drawn)  # [S, D]
    log_qz_x = jax.vmap(gaussian.log_prob)(drawn, z)
    log_prior = own_functions.of_rows("log_pz", "log p(z) of one z", log_pz, z)
    log_qz, log_qz_dims = aggregate.log_densities(q, z, block=block)
    log_prod_qz = jnp.sum(log_qz_dims, axis=1)
    dimensions = None
    if log_pz_dims is not None:
        log_prior_dims = own_functions.of_rows(
            "log_pz_dims", "log p(z_d) of one z", log_pz_dims, z, q.loc.shape[1:]
        )
        log_ratio = log_qz_dims - log_prior_dims
        dimensions = jax.vmap(estimate.from_samples, 1)(log_ratio)
    return Decomposition(
        entropy=estimate.from_samples(-log_qz),
        mutual_information=estimate.from_samples(log_qz_x - log_qz),
        total_correlation=estimate.from_samples(log_qz - log_prod_qz),
        dimension_wise=estimate.from_samples(log_prod_qz - log_prior),
        kl=estimate.from_samples(log_qz - log_prior),
        dimensions=dimensions,
    )


def mutual_information(
    key: jax.Array, q: Gaussian, *, samples_per_point: int, block: int = 256
) -> Estimate:
    """I_q(z; n) = (1/N) Σ_n E_q(z|x_n)[log q(z|x_n) − log q(z)], at most log N.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        samples_per_point: Draws R ≥ 2 from each posterior.
        block: Draws evaluated at once; memory is `block · N · D`.

    Returns:
        Estimate in nats; unbiased, as log q(z) is exact in N. Each term, and so the
        estimate too, is at most log N.

    >>> q = Gaussian(jnp.array([[-9.0], [9.0]]), jnp.ones((2, 1)))
    >>> information = mutual_information(jax.random.key(0), q, samples_per_point=4)
    >>> round(float(information.value), 4)  # log 2: no overlap
    0.6931
    """
    (q,) = numerics.floats(q)

    def term(q_n: Gaussian, z: jax.Array) -> jax.Array:
        return gaussian.log_prob(q_n, z) - aggregate.log_prob(q, z)

    return _stratified(key, q, term, samples_per_point=samples_per_point, block=block)


def total_correlation(
    key: jax.Array, q: Gaussian, *, samples_per_point: int, block: int = 256
) -> Estimate:
    """KL(q(z)‖Π_d q(z_d)) = E_q(z)[log q(z) − Σ_d log q(z_d)].

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        samples_per_point: Draws R ≥ 2 from each posterior.
        block: Draws evaluated at once; memory is `block · N · D`.

    Returns:
        Estimate in nats; unbiased, as q(z) and its marginals are exact in N.

    >>> q = Gaussian(jnp.array([[-9.0, -9.0], [9.0, 9.0]]), jnp.ones((2, 2)))
    >>> correlation = total_correlation(jax.random.key(0), q, samples_per_point=4)
    >>> round(float(correlation.value), 4)  # log 2: one coordinate determines the other
    0.6931
    """
    (q,) = numerics.floats(q)

    def term(q_n: Gaussian, z: jax.Array) -> jax.Array:
        del q_n
        return aggregate.log_prob(q, z) - jnp.sum(aggregate.log_prob_dims(q, z))

    return _stratified(key, q, term, samples_per_point=samples_per_point, block=block)


def dimension_wise_kl(
    key: jax.Array,
    q: Gaussian,
    prior_log_prob_dims: Callable[[jax.Array], jax.Array],
    *,
    samples_per_point: int,
    block: int = 256,
) -> Estimate:
    """KL(q(z_d)‖p(z_d)) = E_q(z)[log q(z_d) − log p(z_d)] for every dimension d.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`.
        prior_log_prob_dims: The factors log p(z_d) of one point, `[D]` to `[D]`.
        samples_per_point: Draws R ≥ 2 from each posterior.
        block: Draws evaluated at once; memory is `block · N · D`.

    Returns:
        Estimate in nats with leaves `[D]`; unbiased, as q(z_d) is exact in N. The sum
        of its values is the third part; the errors of the dimensions are dependent.

    >>> q = Gaussian(jnp.zeros((3, 2)), jnp.ones((3, 2)))
    >>> p = Gaussian(jnp.zeros(2), jnp.ones(2))
    >>> log_pz = lambda z: gaussian.log_prob_dims(p, z)
    >>> kl = dimension_wise_kl(jax.random.key(0), q, log_pz, samples_per_point=2)
    >>> kl.value.round(4).tolist()  # q(z) is the prior
    [0.0, 0.0]
    """
    (q,) = numerics.floats(q)

    def term(q_n: Gaussian, z: jax.Array) -> jax.Array:
        del q_n
        factors = prior_log_prob_dims(z)
        own_functions.check_shape(
            "prior_log_prob_dims", "log p(z_d) of one z", factors, z.shape
        )
        return aggregate.log_prob_dims(q, z) - factors

    return _stratified(key, q, term, samples_per_point=samples_per_point, block=block)


def _stratified(
    key: jax.Array,
    q: Gaussian,
    term: Callable[[Gaussian, jax.Array], jax.Array],
    *,
    samples_per_point: int,
    block: int,
) -> Estimate:
    """(1/N) Σ_n E_q(z|x_n)[term(q_n, z)], with the error of stratified sampling."""
    if samples_per_point < 2:
        raise ValueError(
            "a standard error needs samples_per_point of at least 2; "
            f"got {samples_per_point}."
        )
    count = q.loc.shape[0]

    def draw(i: jax.Array) -> jax.Array:
        q_n = jax.tree.map(lambda leaf: leaf[i // samples_per_point], q)
        return term(q_n, gaussian.sample(jax.random.fold_in(key, i), q_n))

    total = count * samples_per_point
    terms = jax.lax.map(draw, jnp.arange(total), batch_size=block)
    terms = terms.reshape(count, samples_per_point, *terms.shape[1:])
    within = estimate.root_mean_square(estimate.deviation(terms, axis=1))
    return Estimate(jnp.mean(terms, axis=(0, 1)), within / jnp.sqrt(total))
