"""The effect of rotations of the latent space on the β-VAE objective.

Under p = N(0, σ²I) no term of Theorem 1 changes if posterior and decoder are rotated,

    q(z|x) → N(Qμ, QSQᵀ),    p(x|z) → p(x|Qᵀz),    QQᵀ = I,

so that no axes are preferred. The paper leaves out that this needs posteriors that can
be rotated. With the usual diagonal S the rotated posterior is not diagonal, and the
nearest diagonal one is `diagonal_gap` nats away. So the objective prefers no axes, but
a diagonal encoder does, and an isotropic prior need not score at chance.

Source: Mathieu et al. 2018, Section 2, on Theorem 1; Rolínek et al. 2019,
arXiv:1812.06775, on diagonal encoders; the gap is Hadamard's inequality.
"""

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.theory import theorem_1
from decomp.theory.theorem_1 import Sides


def rotated(q: FullGaussian, rotation: jax.Array) -> FullGaussian:
    """N(Qμ, QSQᵀ), by an orthogonal factorisation of QL, which avoids squares.

    In float32, rounding loses a scale below 1e-7 of the largest.

    Args:
        q: Leaves `[D]` and `[D, D]`.
        rotation: Orthogonal matrix Q `[D, D]`.

    Returns:
        Leaves `[D]` and `[D, D]`.
    """
    q, rotation = numerics.floats(q, rotation)
    chex.assert_equal_shape([q.scale_tril, rotation])
    upper = jnp.linalg.qr((rotation @ q.scale_tril).T, mode="r")
    signs = jnp.where(jnp.diagonal(upper) < 0, -1.0, 1.0)
    return FullGaussian(rotation @ q.loc, upper.T * signs[None, :])


def sides(
    reconstruction: jax.Array,
    q: FullGaussian,
    p: FullGaussian,
    beta: jax.Array,
    rotation: jax.Array,
) -> Sides:
    """L_β(x) before and after a rotation; equal for all q and Q iff p = N(0, σ²I).

    Args:
        reconstruction: E_q[log p(x|z)] `[]`, nats; the same for the rotated pair, as
            the decoder turns the codes back.
        q: Posterior q(z|x), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`.
        rotation: Orthogonal matrix Q `[D, D]`.

    Returns:
        Sides `[]` in nats.
    """
    reconstruction, q, p, beta, rotation = numerics.floats(
        reconstruction, q, p, beta, rotation
    )
    return Sides(
        left=theorem_1.beta_vae(reconstruction, q, p, beta),
        right=theorem_1.beta_vae(reconstruction, rotated(q, rotation), p, beta),
    )


def closest_diagonal(q: FullGaussian) -> Gaussian:
    """The diagonal Gaussian p with the least KL(q‖p): that of the marginals of q.

    Args:
        q: Leaves `[D]` and `[D, D]`.

    Returns:
        Leaves `[D]`.
    """
    (q,) = numerics.floats(q)
    return Gaussian(q.loc, jnp.linalg.norm(q.scale_tril, axis=1))


def diagonal_gap(q: FullGaussian, rotation: jax.Array) -> jax.Array:
    """The least KL(N(Qμ, QSQᵀ)‖p) of any diagonal Gaussian p, ≥ 0 by Hadamard.

        ½(Σ_d log (QSQᵀ)_dd − log|S|) = ½ Σ_d log(1 + Σ_{j<d} L_dj²/L_dd²)

    where LLᵀ = QSQᵀ. The second form has no cancellation, but its factorisation loses
    small scales of an elongated S to rounding; a gap above 1 nat is taken from the
    first. For a diagonal S the gap is 0 for every Q if S ∝ I, and for signed
    permutations Q whatever S is.

    Args:
        q: Leaves `[D]` and `[D, D]`.
        rotation: Orthogonal matrix Q `[D, D]`.

    Returns:
        `[]` in nats, never negative.
    """
    q, rotation = numerics.floats(q, rotation)
    turned = rotation @ q.scale_tril
    marginals = 0.5 * jnp.log(jnp.sum(turned * turned, axis=1))
    large = jnp.sum(marginals - jnp.log(jnp.diagonal(q.scale_tril)))
    thin = large > 1
    round_tril = jnp.where(thin, jnp.eye(len(q.loc), dtype=turned.dtype), q.scale_tril)
    tril = rotated(FullGaussian(q.loc, round_tril), rotation).scale_tril
    below = jnp.tril(tril / jnp.diagonal(tril)[:, None], -1)
    small = 0.5 * jnp.sum(jnp.log1p(jnp.sum(below * below, axis=1)))
    return jnp.where(thin, large, small)
