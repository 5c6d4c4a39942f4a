"""The priors p(z) of the paper, as parameters of `decomp.distributions`.

Structure wanted of the latent space is put here, in p(z), and not in a penalty on q(z).
"""

import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.distributions.mixture import Mixture
from decomp.distributions.student_t import StudentT

CLUSTER_LAYOUTS = {
    "axes": ((0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0)),
    "square": ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)),
}


def isotropic(latents: int) -> Gaussian:
    """N(0, I) in D = `latents` dimensions."""
    return Gaussian(jnp.zeros(latents), jnp.ones(latents))


def anisotropic(log_variances: jax.Array) -> Gaussian:
    """A diagonal Gaussian whose variances average to one.

    p(z) = Π_d N(z_d; 0, σ_d²), σ² = D · softmax(log_variances): only the ratios of the
    variances are free, so that a learned prior cannot rescale β.

    Args:
        log_variances: Unnormalised log variances `[D]`; equal entries give N(0, I).

    Returns:
        Gaussian with leaves `[D]`; trace of the covariance is D.

    Source: Mathieu et al. 2018, App. B.1.
    """
    latents = log_variances.shape[-1]
    half = 0.5 * (jnp.log(latents) + jax.nn.log_softmax(log_variances, axis=-1))
    return Gaussian(jnp.zeros_like(log_variances), jnp.exp(half))


def student_t(df: jax.Array, latents: int, *, scale: float = 1.0) -> StudentT:
    """Π_d t(z_d; ν): heavy tails that reward alignment with the axes.

    Args:
        df: Degrees of freedom ν `[]`; infinity gives N(0, scale² I).
        latents: Number of dimensions D.
        scale: Scale of every dimension (not its standard deviation).

    Source: Mathieu et al. 2018, §4 and App. B.1.
    """
    return StudentT(jnp.full(latents, df), jnp.zeros(latents), jnp.full(latents, scale))


def clusters(*, layout: str = "axes", variance: float = 0.03) -> Mixture:
    """Four equally weighted isotropic Gaussians in the plane.

    p(z) = ¼ Σ_c N(z; μ_c, variance · I).

    Args:
        layout: "axes" puts the means at (0, ±1) and (±1, 0), as the authors' code does;
            "square" on the corners of the unit square, as the text prints.
        variance: Variance of each dimension of a component.

    Returns:
        Mixture with component leaves `[4, 2]`.

    Raises:
        ValueError: For an unknown layout.

    Source: Mathieu et al. 2018, Eq. 8.
    """
    if layout not in CLUSTER_LAYOUTS:
        raise ValueError(
            f"unknown layout '{layout}'; choices: {', '.join(CLUSTER_LAYOUTS)}."
        )
    loc = jnp.asarray(CLUSTER_LAYOUTS[layout])
    scale = jnp.full_like(loc, jnp.sqrt(variance))
    return Mixture(jnp.zeros(4), Gaussian(loc, scale))
