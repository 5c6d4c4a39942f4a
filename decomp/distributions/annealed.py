"""The annealed prior of Theorem 1: f_β(z) = p(z)^β/F_β with F_β = ∫ p(z)^β dz.

The β-VAE objective is an evidence bound under f_β, with a bonus on posterior entropy:

    L_β(x) = L(x)(p(x|z) f_β(z), q) + (β − 1)·H[q(z|x)] + log F_β.

For each family below, f_β lies in the same family. At the mode m of p, which is also
the mode of f_β, the definition reads log F_β = β log p(m) − log f_β(m). The normalisers
are evaluated in this form; the docstrings give the resulting closed forms.

Source: Mathieu, Rainforth, Siddharth & Teh 2018, Theorem 1.
"""

import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import full_gaussian as full_gaussians
from decomp.distributions import gaussian as gaussians
from decomp.distributions import laplace as laplaces
from decomp.distributions import multivariate_t as multivariate_ts
from decomp.distributions import student_t as student_ts
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.distributions.laplace import Laplace
from decomp.distributions.multivariate_t import MultivariateT
from decomp.distributions.student_t import StudentT
from decomp.distributions.subspaces import Subspaces


def gaussian(p: Gaussian, beta: jax.Array) -> Gaussian:
    """f_β = N(μ, diag σ²/β), β > 0.

    Args:
        p: Leaves `[*X]`.
        beta: Exponent `[]`.

    Returns:
        Leaves `[*X]`.

    >>> gaussian(Gaussian(jnp.zeros(1), jnp.ones(1)), 4.0).scale.tolist()
    [0.5]
    """
    p, beta = numerics.floats(p, beta)
    return Gaussian(p.loc, p.scale / jnp.sqrt(beta))


def log_normaliser_gaussian(p: Gaussian, beta: jax.Array) -> jax.Array:
    """log F_β = ((1 − β)/2)·log|2πΣ| − (D/2)·log β.

    Args:
        p: Leaves `[*X]`, D their size.
        beta: Exponent `[]`, positive.

    Returns:
        `[]` in nats.

    >>> p = Gaussian(jnp.zeros(1), jnp.ones(1))
    >>> round(float(log_normaliser_gaussian(p, 1.0)), 4)  # p itself
    0.0
    >>> round(float(log_normaliser_gaussian(p, 4.0)), 4)  # −1½ log 2π − ½ log 4
    -3.45
    """
    p, beta = numerics.floats(p, beta)
    at_mode = gaussians.log_prob(p, p.loc)
    return beta * at_mode - gaussians.log_prob(gaussian(p, beta), p.loc)


def full_gaussian(p: FullGaussian, beta: jax.Array) -> FullGaussian:
    """f_β = N(μ, Σ/β), β > 0.

    Args:
        p: Leaves `[D]` and `[D, D]`.
        beta: Exponent `[]`.

    Returns:
        Leaves `[D]` and `[D, D]`.
    """
    p, beta = numerics.floats(p, beta)
    return FullGaussian(p.loc, p.scale_tril / jnp.sqrt(beta))


def log_normaliser_full_gaussian(p: FullGaussian, beta: jax.Array) -> jax.Array:
    """log F_β = ((1 − β)/2)·log|2πΣ| − (D/2)·log β.

    Args:
        p: Leaves `[D]` and `[D, D]`.
        beta: Exponent `[]`, positive.

    Returns:
        `[]` in nats.
    """
    p, beta = numerics.floats(p, beta)
    at_mode = full_gaussians.log_prob(p, p.loc)
    return beta * at_mode - full_gaussians.log_prob(full_gaussian(p, beta), p.loc)


def student_t(p: StudentT, beta: jax.Array) -> StudentT:
    """f_β = Student-t with ν' = β(ν + 1) − 1 and scale σ√(ν/ν'), β > 1/(ν + 1).

    Annealing changes the degrees of freedom: f_β is not a rescaled prior. Below the
    bound p^β has no finite integral and the scale is NaN. At ν = ∞, f_β is Gaussian.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        beta: Exponent `[]`.

    Returns:
        Leaves of the same shapes.

    >>> p = StudentT(jnp.full(1, 3.0), jnp.zeros(1), jnp.ones(1))
    >>> student_t(p, 2.0).df.tolist()  # 2 (3 + 1) − 1
    [7.0]
    """
    p, beta = numerics.floats(p, beta)
    df, ratio = _annealed_df(p.df, beta, 1)
    return StudentT(df, p.loc, p.scale / jnp.sqrt(ratio))


def log_normaliser_student_t(p: StudentT, beta: jax.Array) -> jax.Array:
    """log F_β = Σ_d β log C(ν) − log C(ν') + ½ log(ν/ν') + (1 − β) log σ_d.

    C(ν) = Γ((ν + 1)/2)/(√(νπ) Γ(ν/2)) is the density of the unit scale at its mode.

    Args:
        p: Leaves `[*X]`, `df` alternatively `[]`.
        beta: Exponent `[]`, above 1/(ν + 1).

    Returns:
        `[]` in nats.

    >>> cauchy = StudentT(jnp.ones(1), jnp.zeros(1), jnp.ones(1))
    >>> round(float(log_normaliser_student_t(cauchy, 2.0)), 4)  # −log 2π
    -1.8379
    """
    p, beta = numerics.floats(p, beta)
    at_mode = student_ts.log_prob(p, p.loc)
    return beta * at_mode - student_ts.log_prob(student_t(p, beta), p.loc)


def multivariate_t(p: MultivariateT, beta: jax.Array) -> MultivariateT:
    """f_β = multivariate Student-t, ν' = β(ν + D) − D, scale σ√(ν/ν'), β > D/(ν + D).

    The more dimensions share a radius, the nearer to 1 is the bound below which p^β has
    no finite integral and the scale is NaN. At ν = ∞, f_β is Gaussian.

    Args:
        p: Leaves `[]`, `[D]` and `[]`.
        beta: Exponent `[]`.

    Returns:
        Leaves of the same shapes.
    """
    p, beta = numerics.floats(p, beta)
    df, ratio = _annealed_df(p.df, beta, p.loc.shape[0])
    return MultivariateT(df, p.loc, p.scale / jnp.sqrt(ratio))


def log_normaliser_multivariate_t(p: MultivariateT, beta: jax.Array) -> jax.Array:
    """log F_β = β log C(ν) − log C(ν') + ½D log(ν/ν') + (1 − β) D log σ.

    C(ν) = Γ(½(ν + D))/((νπ)^(D/2) Γ(½ν)) is the density of the unit scale at its mode.

    Args:
        p: Leaves `[]`, `[D]` and `[]`.
        beta: Exponent `[]`, above D/(ν + D).

    Returns:
        `[]` in nats.
    """
    p, beta = numerics.floats(p, beta)
    at_mode = multivariate_ts.log_prob(p, p.loc)
    f = multivariate_t(p, beta)
    return beta * at_mode - multivariate_ts.log_prob(f, p.loc)


def subspaces(p: Subspaces, beta: jax.Array) -> Subspaces:
    """f_β anneals every group, β > D_g/(ν_g + D_g) for all g.

    Groups that have the same ν in p but different sizes have different ν in f_β.

    Args:
        p: G groups.
        beta: Exponent `[]`.

    Returns:
        Leaves of the same shapes.

    >>> three, one = jnp.array(3.0), jnp.ones(())
    >>> groups = tuple(MultivariateT(three, jnp.zeros(d), one) for d in (1, 2))
    >>> [float(g.df) for g in subspaces(Subspaces(groups), 2.0).groups]
    [7.0, 8.0]
    """
    p, beta = numerics.floats(p, beta)
    return Subspaces(tuple(multivariate_t(group, beta) for group in p.groups))


def log_normaliser_subspaces(p: Subspaces, beta: jax.Array) -> jax.Array:
    """log F_β, the sum of the log normalisers of the groups.

    Args:
        p: G groups.
        beta: Exponent `[]`, above D_g/(ν_g + D_g) for all g.

    Returns:
        `[]` in nats.

    >>> cauchy = MultivariateT(jnp.ones(()), jnp.zeros(1), jnp.ones(()))
    >>> round(float(log_normaliser_subspaces(Subspaces((cauchy,)), 2.0)), 4)  # −log 2π
    -1.8379
    """
    p, beta = numerics.floats(p, beta)
    terms = [log_normaliser_multivariate_t(group, beta) for group in p.groups]
    return jnp.sum(jnp.stack(terms))


def laplace(p: Laplace, beta: jax.Array) -> Laplace:
    """f_β = Laplace(μ, b/β), β > 0.

    Args:
        p: Leaves `[*X]`.
        beta: Exponent `[]`.

    Returns:
        Leaves `[*X]`.
    """
    p, beta = numerics.floats(p, beta)
    return Laplace(p.loc, p.scale / beta)


def log_normaliser_laplace(p: Laplace, beta: jax.Array) -> jax.Array:
    """log F_β = Σ_d (1 − β) log 2b_d − log β.

    Args:
        p: Leaves `[*X]`.
        beta: Exponent `[]`, positive.

    Returns:
        `[]` in nats.

    >>> p = Laplace(jnp.zeros(1), jnp.ones(1))
    >>> round(float(log_normaliser_laplace(p, 2.0)), 4)  # −log 4
    -1.3863
    """
    p, beta = numerics.floats(p, beta)
    at_mode = laplaces.log_prob(p, p.loc)
    return beta * at_mode - laplaces.log_prob(laplace(p, beta), p.loc)


def _annealed_df(
    df: jax.Array, beta: jax.Array, dims: int
) -> tuple[jax.Array, jax.Array]:
    """ν' = β(ν + D) − D and ν'/ν, of the shape of `df`."""
    finite = jnp.isfinite(df)
    safe = jnp.where(finite, df, 1.0)  # keeps ∞ out of the derivative in β
    annealed = jnp.where(finite, beta * safe + dims * (beta - 1.0), jnp.inf)
    return annealed, beta + (1.0 / df) * dims * (beta - 1.0)
