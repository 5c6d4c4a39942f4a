"""Theorem 1: the β-VAE is a VAE under an annealed prior, with a bonus on entropy.

    L_β(x) = L(x)(π_{θ,β}, q) + (β − 1) H[q(z|x)] + log F_β

    π_{θ,β}(x, z) = p(x|z) f_β(z),    f_β(z) = p(z)^β/F_β,    F_β = ∫ p(z)^β dz
    L(x)(π_{θ,β}, q) = E_q[log p(x|z)] − KL(q(z|x)‖f_β)

It holds for every example, encoder and decoder, and every prior with a finite F_β. So β
acts only by the overlap of the posteriors and by an annealed prior.
`distributions.annealed` has f_β and F_β of the priors for which they have closed forms.

Source: Mathieu et al. 2018, Eq. 1 and 2.
"""

from typing import NamedTuple

import chex
import jax

from decomp import numerics
from decomp.distributions import annealed, full_gaussian
from decomp.distributions.full_gaussian import FullGaussian


class Sides(NamedTuple):
    """The two sides of an equation."""

    left: jax.Array
    right: jax.Array


def beta_vae(
    reconstruction: jax.Array, q: FullGaussian, p: FullGaussian, beta: jax.Array
) -> jax.Array:
    """L_β(x) = E_q[log p(x|z)] − β KL(q(z|x)‖p(z)).

    Args:
        reconstruction: E_q[log p(x|z)] `[]`, nats.
        q: Posterior q(z|x), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`.

    Returns:
        Objective `[]` in nats.

    Source: Mathieu et al. 2018, Eq. 1.
    """
    reconstruction, q, p, beta = numerics.floats(reconstruction, q, p, beta)
    return reconstruction - beta * full_gaussian.kl(q, p)


def sides(
    reconstruction: jax.Array, q: FullGaussian, p: FullGaussian, beta: jax.Array
) -> Sides:
    """Both sides of Theorem 1 for Gaussians, in closed form.

    Args:
        reconstruction: E_q[log p(x|z)] `[]`, nats.
        q: Posterior q(z|x), leaves `[D]` and `[D, D]`.
        p: Prior, leaves `[D]` and `[D, D]`.
        beta: Weight `[]`, positive.

    Returns:
        Sides `[]` in nats.

    Source: Mathieu et al. 2018, Eq. 2.

    >>> import jax.numpy as jnp
    >>> p = FullGaussian(jnp.zeros(2), jnp.eye(2))
    >>> q = FullGaussian(jnp.ones(2), jnp.eye(2))
    >>> [round(float(side), 4) for side in sides(-3.0, q, p, 4.0)]  # −3 − 4 · ½‖μ‖²
    [-7.0, -7.0]
    """
    reconstruction, q, p, beta = numerics.floats(reconstruction, q, p, beta)
    bound = reconstruction - full_gaussian.kl(q, annealed.full_gaussian(p, beta))
    bonus = (beta - 1) * full_gaussian.entropy(q)
    log_normaliser = annealed.log_normaliser_full_gaussian(p, beta)
    return Sides(
        left=beta_vae(reconstruction, q, p, beta), right=bound + bonus + log_normaliser
    )


def sides_at_samples(
    beta: jax.Array,
    *,
    log_px_z: jax.Array,
    log_qz_x: jax.Array,
    log_pz: jax.Array,
    log_fz: jax.Array,
    log_normaliser: jax.Array,
) -> Sides:
    """Both sides of Theorem 1 before E_q is taken, for any prior and any posterior.

        log p(x|z) − β (log q(z|x) − log p(z))
            = log p(x|z) − (log q(z|x) − log f_β(z)) − (β − 1) log q(z|x) + log F_β

    The mean over draws z ~ q(z|x), or a weighted sum by a quadrature rule for q(z|x),
    gives the sides of the theorem. They agree at every z, so that their means over the
    same samples agree without any Monte-Carlo error.

    Args:
        beta: Weight `[]`, positive.
        log_px_z: log p(x|z) of one x at S codes `[S]`, nats.
        log_qz_x: log q(z|x) `[S]`.
        log_pz: log p(z) `[S]`.
        log_fz: log f_β(z) of the annealed prior `[S]`.
        log_normaliser: log F_β `[]`; for a prior without a closed form,
            `annealed_quadrature.log_normaliser` computes it.

    Returns:
        Sides `[S]` in nats.

    Source: Mathieu et al. 2018, Eq. 2.

    >>> import jax.numpy as jnp
    >>> options = {"log_px_z": jnp.array([-3.0]), "log_qz_x": jnp.array([-1.0])}
    >>> options |= {"log_pz": jnp.array([-2.0]), "log_fz": jnp.array([-3.0])}
    >>> both = sides_at_samples(2.0, **options, log_normaliser=jnp.array(-1.0))
    >>> [side.tolist() for side in both]  # log f_β = β log p − log F_β
    [[-5.0], [-5.0]]
    """
    beta, log_px_z, log_qz_x, log_pz, log_fz, log_normaliser = numerics.floats(
        beta, log_px_z, log_qz_x, log_pz, log_fz, log_normaliser
    )
    chex.assert_equal_shape([log_px_z, log_qz_x, log_pz, log_fz])
    chex.assert_rank([beta, log_normaliser], 0)
    bound = log_px_z - (log_qz_x - log_fz)
    return Sides(
        left=log_px_z - beta * (log_qz_x - log_pz),
        right=bound - (beta - 1) * log_qz_x + log_normaliser,
    )
