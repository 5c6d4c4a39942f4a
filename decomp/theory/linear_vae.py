"""The linear VAE, for which everything that the paper states has a closed form.

    p(z) = N(0, I),    p(x|z) = N(Wz + b, s²I),    q(z|x) = N(V(x − b), S)

Up to a constant, its β-VAE objective is β times the evidence bound with noise variance
βs². So its optimum is that of probabilistic principal components with this noise, which
acts as a water level. A principal direction of variance λ ≤ βs² is lost: its latent
returns to the prior. Any other has w² = λ − βs² in the decoder, the posterior variance
βs²/λ, and ½ log(λ/βs²) nats.

As β → ∞ every latent is lost, each at a finite β: KL(q(z|x)‖p) → 0. The networks of
L_{H,β} are the same with codes scaled by √β (Corollaries 1 and 2), so that their tr S
grows without bound.

Source: Tipping & Bishop 1999, for β = 1; Lucas et al. 2019, arXiv:1911.02469, for the
bound; Mathieu et al. 2018, App. A, for the limits.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian


class LinearVAE(NamedTuple):
    """Encoder N(V(x − b), LLᵀ) and the mean Wz + b of the decoder."""

    encoder: jax.Array  # [D, X], V
    scale_tril: jax.Array  # [D, D], L
    decoder: jax.Array  # [X, D], W
    bias: jax.Array  # [X], b


def posterior(vae: LinearVAE, x: jax.Array) -> FullGaussian:
    """q(z|x) of one example `[X]`, leaves `[D]` and `[D, D]`.

    >>> vae = LinearVAE(jnp.eye(2) / 2, jnp.eye(2), jnp.eye(2), jnp.ones(2))
    >>> posterior(vae, jnp.array([1.0, 5.0])).loc.tolist()
    [0.0, 2.0]
    """
    vae, x = numerics.floats(vae, x)
    chex.assert_equal_shape([vae.bias, x])
    return FullGaussian(vae.encoder @ (x - vae.bias), vae.scale_tril)


def reconstruction(
    vae: LinearVAE, q: FullGaussian, x: jax.Array, scale: jax.Array
) -> jax.Array:
    """E_q[log p(x|z)] = log N(x; Wμ + b, s²I) − tr(WSWᵀ)/(2s²).

    Args:
        vae: Linear VAE, of which only the decoder is used.
        q: Posterior N(μ, S), leaves `[D]` and `[D, D]`.
        x: One example `[X]`.
        scale: Standard deviation s of the decoder `[]`.

    Returns:
        `[]` in nats.

    >>> vae = LinearVAE(jnp.eye(1), jnp.eye(1), jnp.eye(1), jnp.zeros(1))
    >>> q = FullGaussian(jnp.zeros(1), jnp.eye(1))
    >>> round(float(reconstruction(vae, q, jnp.zeros(1), 1.0)), 4)  # −½ log 2π − ½
    -1.4189
    """
    vae, q, x, scale = numerics.floats(vae, q, x, scale)
    chex.assert_equal_shape([vae.bias, x])
    mean = vae.decoder @ q.loc + vae.bias
    likelihood = Gaussian(mean, jnp.broadcast_to(scale, x.shape))
    spread = vae.decoder @ q.scale_tril / scale
    return gaussian.log_prob(likelihood, x) - 0.5 * jnp.sum(spread * spread)


def scaled(vae: LinearVAE, beta: jax.Array) -> LinearVAE:
    """The networks θ', φ' of Corollary 1: codes times √β, and back in the decoder.

    Args:
        vae: Any linear VAE.
        beta: Weight `[]`, positive.

    Returns:
        A linear VAE of the same shapes; it maps an optimum of L_β to one of L_{H,β}.

    >>> vae = LinearVAE(jnp.eye(1), jnp.eye(1), jnp.eye(1), jnp.zeros(1))
    >>> matched = scaled(vae, 4.0)
    >>> float(matched.encoder[0, 0]), float(matched.decoder[0, 0])
    (2.0, 0.5)
    """
    vae, beta = numerics.floats(vae, beta)
    root = jnp.sqrt(beta)
    return vae._replace(
        encoder=root * vae.encoder,
        scale_tril=root * vae.scale_tril,
        decoder=vae.decoder / root,
    )


def optimum(
    mean: jax.Array,
    covariance: jax.Array,
    scale: jax.Array,
    beta: jax.Array,
    *,
    num_latents: int,
) -> LinearVAE:
    """The maximum of E_x[L_β(x)] under p = N(0, I), for fixed s.

        τ_d = max(λ_d, βs²)
        W_d = √(τ_d − βs²) u_d,    V_d = W_dᵀ/τ_d,    S_dd = βs²/τ_d

    with the D largest eigenvalues λ_d of the covariance of x and their eigenvectors
    u_d. If the eigenvalues differ, it is unique up to a rotation of the latents; this
    one has diagonal posteriors.

    Args:
        mean: Mean of the data `[X]`.
        covariance: Covariance of the data, with 1/N, `[X, X]`.
        scale: Standard deviation s of the decoder `[]`.
        beta: Weight `[]`, positive.
        num_latents: D ≤ X.

    Returns:
        The optimal linear VAE; the mean KL of its posteriors is Σ_d ½ log(τ_d/βs²). If
        two eigenvalues are equal, its derivative by the covariance is NaN.
    """
    mean, covariance, scale, beta = numerics.floats(mean, covariance, scale, beta)
    pixels = mean.shape[0]
    chex.assert_shape(covariance, (pixels, pixels))
    if not 0 < num_latents <= pixels:
        raise ValueError(f"expected 0 < num_latents <= {pixels}; got {num_latents}.")
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)  # ascending
    variances = eigenvalues[::-1][:num_latents]
    directions = eigenvectors[:, ::-1][:, :num_latents]
    level = beta * scale**2
    kept = variances > level
    # If a latent is lost, √0 would have an infinite derivative.
    excess = jnp.where(kept, variances - level, 1.0)
    decoder = directions * jnp.where(kept, jnp.sqrt(excess), 0.0)[None, :]
    total = jnp.maximum(variances, level)
    return LinearVAE(
        encoder=(decoder / total[None, :]).T,
        scale_tril=jnp.diag(jnp.sqrt(level / total)),
        decoder=decoder,
        bias=mean,
    )
