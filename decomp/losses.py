"""Objectives as weighted sums of named terms.

For a prior p(z) and the aggregate posterior q(z), the average KL is a sum of parts,

    E_n KL(q(z|x_n) ‖ p(z)) = I_q(z; n) + TC + Σ_d KL(q(z_d) ‖ p(z_d)),

so that nearly every objective is log p(x|z) − a·I − b·TC − g·DW − α·D. `terms` computes
the terms of a minibatch once, and an objective weights them:

    objective            I      TC     DW     and
    elbo                 1      1      1
    beta_vae             β      β      β
    alpha_beta           β      β      β      − α·D(q(z), p(z))
    beta_tcvae           α      β      γ
    hfvae                α      β, γ   1      TC between and within groups of latents
    factor_vae           1      1 + γ  1      TC by a density ratio, as D
    info_vae             1 − α  1 − α  1 − α  − (α + λ − 1)·D
    wae                  0      0      0      − λ·D
    dip_vae              1      1      1      − the moments' penalty, as D
    entropy_regularised  1      1      1      + ½ (β − 1) log|S(x)|
    capacity             –      –      –      − γ·abs(mean KL − C)

Every objective has one value per example, in nats, which is *maximised*; the training
loss is its negative mean. Weights may be traced, so that a sweep over them compiles
once. The bound in `decomp.importance` is not such a sum.

Source: Mathieu et al. 2018, Eq. 1 and 3; Chen et al. 2018, Eq. 2.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics, own_functions
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.minibatch import LogDensities

Weight = float | jax.Array


class Parts(NamedTuple):
    """The parts of each example's KL, at its sample z and by an estimate q̂ of q(z).

    They sum to log q(z|x) − log p(z) for any q̂; each has the bias of its logarithms.
    """

    mutual_information: jax.Array  # [B] log q(z|x) − log q̂(z)
    between_groups: jax.Array  # [B] log q̂(z) − Σ_g log q̂(z_g)
    within_groups: jax.Array  # [B] Σ_g log q̂(z_g) − Σ_d log q̂(z_d)
    dimension_wise_kl: jax.Array  # [B] Σ_d log q̂(z_d) − log p(z)

    @property
    def total_correlation(self) -> jax.Array:
        """log q̂(z) − Σ_d log q̂(z_d) `[B]`."""
        return self.between_groups + self.within_groups


class Terms(NamedTuple):
    """The terms of objectives, in nats."""

    log_px_z: jax.Array  # [B] log p(x|z) at one z ~ q(z|x), unbiased for E_q(z|x)
    kl: jax.Array  # [B] KL(q(z|x) ‖ p(z)), exact or an unbiased one-sample estimate
    log_det: jax.Array  # [B] log|S(x)| of the covariance of q(z|x)
    divergence: jax.Array  # [] D(q(z), p(z)), the same for every example
    parts: Parts | None  # parts of the KL, if q(z) was estimated


def terms(
    key: jax.Array,
    x: jax.Array,
    *,
    encode: Callable[[jax.Array], Gaussian],
    log_px_z: Callable[[jax.Array, jax.Array], jax.Array],
    log_pz: Callable[[jax.Array], jax.Array],
    kl: Callable[[Gaussian], jax.Array] | None = None,
    aggregate: Callable[[Gaussian, jax.Array], LogDensities] | None = None,
    divergence: Callable[[jax.Array, Gaussian, jax.Array], jax.Array] | None = None,
) -> Terms:
    """Computes the terms of a minibatch at one reparameterised sample z per example.

    Args:
        key: A random key, which is used up.
        x: Examples `[B, X]`.
        encode: Maps `[B, X]` to posteriors q(z|x), leaves `[B, D]`.
        log_px_z: Maps x `[B, X]` and z `[B, D]` to log p(x|z) `[B]`.
        log_pz: Maps one z `[D]` to log p(z) `[]`.
        kl: Maps one posterior, leaves `[D]`, to KL(q(z|x) ‖ p(z)) `[]` in closed form.
            Without it, the KL is estimated by log q(z|x) − log p(z) at the same z,
            which is unbiased.
        aggregate: Maps all posteriors and z `[B, D]` to estimates of log q(z) and its
            marginals, as `minibatch.log_densities` does. Without it, `parts` is None.
        divergence: Maps a key, all posteriors and z `[B, D]` to D(q(z), p(z)) `[]`.
            Without it, D is 0.

    Returns:
        Terms in nats.

    Raises:
        ValueError: One line, if a function gives an array of another shape.

    >>> x, p = jnp.array([[0.0], [2.0]]), Gaussian(jnp.zeros(1), jnp.ones(1))
    >>> functions = {
    ...     "encode": lambda x: Gaussian(x, jnp.ones_like(x)),
    ...     "log_px_z": lambda x, z: -0.5 * jnp.sum((x - z) ** 2, axis=1),
    ...     "log_pz": lambda z: gaussian.log_prob(p, z),
    ... }
    >>> kl = lambda q: gaussian.kl(q, p)
    >>> terms(jax.random.key(0), x, kl=kl, **functions).kl.tolist()  # ½ x²
    [0.0, 2.0]
    """
    sample_key, divergence_key = jax.random.split(key)
    x = jax.tree.map(jnp.asarray, x)
    (posteriors,) = numerics.floats(own_functions.posteriors(encode, x))
    chex.assert_equal_shape(posteriors)
    z = gaussian.sample(sample_key, posteriors)
    log_prior = own_functions.of_rows("log_pz", "log p(z) of one z", log_pz, z)
    if kl is None:
        kl_terms = jax.vmap(gaussian.log_prob)(posteriors, z) - log_prior
    else:
        kl_terms = own_functions.of_rows("kl", "a KL of one q(z|x)", kl, posteriors)
    log_likelihood, zero = log_px_z(x, z), jnp.zeros((), z.dtype)
    own_functions.check_shape("log_px_z", "log p(x|z)", log_likelihood, (len(z),))
    distance = divergence(divergence_key, posteriors, z) if divergence else zero
    own_functions.check_shape("divergence", "D(q(z), p(z))", distance, ())
    computed = Terms(
        log_px_z=log_likelihood,
        kl=kl_terms,
        log_det=jax.vmap(gaussian.log_det)(posteriors),
        divergence=distance,
        parts=split_kl(aggregate(posteriors, z), log_prior) if aggregate else None,
    )
    return numerics.floats(computed)[0]


def split_kl(densities: LogDensities, log_pz: jax.Array) -> Parts:
    """The parts of the KL, from log-densities at the samples and log p(z) `[B]`.

    >>> at = LogDensities(*jnp.array([[0.0], [-1.0], [-1.5], [-3.0]]))
    >>> parts = split_kl(at, jnp.array([-4.0]))
    >>> [float(part[0]) for part in parts]  # they sum to log q(z|x) − log p(z)
    [1.0, 0.5, 1.5, 1.0]
    """
    densities, log_pz = numerics.floats(densities, log_pz)
    return Parts(
        mutual_information=densities.log_qz_x - densities.log_qz,
        between_groups=densities.log_qz - densities.log_prod_qz_groups,
        within_groups=densities.log_prod_qz_groups - densities.log_prod_qz,
        dimension_wise_kl=densities.log_prod_qz - log_pz,
    )


def elbo(terms: Terms) -> jax.Array:
    """log p(x|z) − KL(q(z|x) ‖ p(z)) per example `[B]`, a lower bound of log p(x)."""
    (terms,) = numerics.floats(terms)
    return terms.log_px_z - terms.kl


def beta_vae(terms: Terms, beta: Weight) -> jax.Array:
    """log p(x|z) − β KL(q(z|x) ‖ p(z)) per example `[B]`.

    Source: Higgins et al. 2017; Mathieu et al. 2018, Eq. 1.

    >>> of_two = Terms(jnp.array([-1.0, -2.0]), jnp.array([3.0, 5.0]), 0, 2, None)
    >>> beta_vae(of_two, 4.0).tolist()
    [-13.0, -22.0]
    """
    terms, beta = numerics.floats(terms, beta)
    return terms.log_px_z - beta * terms.kl


def alpha_beta(terms: Terms, alpha: Weight, beta: Weight) -> jax.Array:
    """log p(x|z) − β KL(q(z|x) ‖ p(z)) − α D(q(z), p(z)) per example `[B]`.

    With D = KL(q(z) ‖ p(z)) it is `beta_tcvae` at (β, α + β, α + β).

    Source: Mathieu et al. 2018, Eq. 3.

    >>> of_two = Terms(jnp.array([-1.0, -2.0]), jnp.array([3.0, 5.0]), 0, 2, None)
    >>> alpha_beta(of_two, alpha=0.5, beta=1.0).tolist()  # D is 2
    [-5.0, -8.0]
    """
    terms, alpha, beta = numerics.floats(terms, alpha, beta)
    return beta_vae(terms, beta) - alpha * terms.divergence


def entropy_regularised(terms: Terms, beta: Weight) -> jax.Array:
    """L_{H,β}: elbo + ½ (β − 1) log|S(x)| per example `[B]`.

    Under a Gaussian prior its optima are those of the β-VAE with codes scaled by √β
    (Corollaries 1 and 2).

    Source: Mathieu et al. 2018, Eq. 6.
    """
    terms, beta = numerics.floats(terms, beta)
    return elbo(terms) + 0.5 * (beta - 1) * terms.log_det


def capacity(terms: Terms, gamma: Weight, capacity: Weight) -> jax.Array:
    """log p(x|z) − γ·abs(mean KL − C) per example `[B]`, the mean over the minibatch.

    C, `capacity`, is a number of nats that increases during training.

    Source: Burgess et al. 2018, arXiv:1804.03599.
    """
    terms, gamma, capacity = numerics.floats(terms, gamma, capacity)
    return terms.log_px_z - gamma * jnp.abs(jnp.mean(terms.kl) - capacity)


def beta_tcvae(terms: Terms, alpha: Weight, beta: Weight, gamma: Weight) -> jax.Array:
    """log p(x|z) − α I − β TC − γ DW per example `[B]`, for a factorised prior.

    Source: Chen et al. 2018, arXiv:1802.04942, Eq. 4.

    >>> parts = Parts(*jnp.array([[1.0], [0.5], [0.0], [2.0]]))  # I, TC, TC, DW
    >>> of_one = Terms(jnp.array([-1.0]), jnp.array([3.5]), 0, 0, parts)
    >>> beta_tcvae(of_one, alpha=1.0, beta=4.0, gamma=1.0).tolist()
    [-6.0]
    """
    terms, alpha, beta, gamma = numerics.floats(terms, alpha, beta, gamma)
    parts = _parts(terms, "beta_tcvae")
    return (
        terms.log_px_z
        - alpha * parts.mutual_information
        - beta * parts.total_correlation
        - gamma * parts.dimension_wise_kl
    )


def hfvae(terms: Terms, alpha: Weight, beta: Weight, gamma: Weight) -> jax.Array:
    """log p(x|z) − α I − β TC(groups) − γ Σ_g TC(in g) − DW per example `[B]`.

    There are two levels: latents in a group may depend on one another (small γ), while
    the groups become independent (large β).

    Source: Esmaeili et al. 2019, arXiv:1804.02086.
    """
    terms, alpha, beta, gamma = numerics.floats(terms, alpha, beta, gamma)
    parts = _parts(terms, "hfvae")
    return (
        terms.log_px_z
        - alpha * parts.mutual_information
        - beta * parts.between_groups
        - gamma * parts.within_groups
        - parts.dimension_wise_kl
    )


def factor_vae(terms: Terms, gamma: Weight) -> jax.Array:
    """Elbo − γ TC per example `[B]`; D must be the density-ratio estimate of TC.

    Source: Kim & Mnih 2018, arXiv:1802.05983, Eq. 2.
    """
    terms, gamma = numerics.floats(terms, gamma)
    return alpha_beta(terms, gamma, 1.0)


def info_vae(terms: Terms, alpha: Weight, lambda_: Weight) -> jax.Array:
    """log p(x|z) − (1 − α) KL − (α + λ − 1) D per example `[B]`.

    Source: Zhao et al. 2019, arXiv:1706.02262.
    """
    terms, alpha, lambda_ = numerics.floats(terms, alpha, lambda_)
    return alpha_beta(terms, alpha + lambda_ - 1, 1 - alpha)


def wae(terms: Terms, lambda_: Weight) -> jax.Array:
    """log p(x|z) − λ D(q(z), p(z)) per example `[B]`.

    Source: Tolstikhin et al. 2018, arXiv:1711.01558, Eq. 4.
    """
    terms, lambda_ = numerics.floats(terms, lambda_)
    return alpha_beta(terms, lambda_, 0.0)


def dip_vae(terms: Terms) -> jax.Array:
    """Elbo − D per example `[B]`; D must be `moments.penalty`, weights included.

    Source: Kumar et al. 2018, arXiv:1711.00848, Eq. 6 and 7.
    """
    (terms,) = numerics.floats(terms)
    return alpha_beta(terms, 1.0, 1.0)


def _parts(terms: Terms, objective: str) -> Parts:
    if terms.parts is None:
        raise ValueError(
            f"{objective} weights the parts of the KL, which terms(...) computes if "
            "`aggregate` is given, such as minibatch.log_densities; got none."
        )
    return terms.parts
