"""Scores without factors: the statistical dependence between the latent dimensions.

All scores are 0 for independent dimensions. As collapsed dimensions are independent,
too, the scores should be read together with `active`.

Source: Locatello et al. 2019, arXiv:1811.12359, and its released code,
evaluation/metrics/unsupervised_metrics.py.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import discrete, inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {"locatello": {"bins": 20}}
# Tall matrices of up to `_NARROW` columns are factorised in blocks of `_ROWS` rows.
_ROWS, _NARROW = 256, 32


class Dependence(NamedTuple):
    """The scores of dependence between the dimensions; 0 means independent."""

    score: jax.Array  # [], Gaussian total correlation, nats
    # [], Gaussian Wasserstein correlation, unit of codes²; +inf beyond float32
    wasserstein: jax.Array
    wasserstein_normalised: jax.Array  # [], the same divided by the total variance
    mutual_information: jax.Array  # [], mean over pairs of dimensions, nats
    pairwise: jax.Array  # [D, D], I(z_d; z_e), nats; the diagonal is H(z_d)
    active: jax.Array  # [D] bool, dimensions that are not constant
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


def score(
    codes: Any,
    *,
    preset: str = "locatello",
    bins: int | None = None,
    correction: str | None = None,
) -> Dependence:
    """Gaussian total correlation, Wasserstein correlation and pairwise information.

    With Σ = Cov[z], the scores are TC = ½(Σ_d log Σ_dd − log|Σ|),
    W = W₂²(N(0, Σ), N(0, diag Σ)), and mean_{d≠e} I(z_d; z_e) from bins of equal width,
    which has an upward bias of about (bins − 1)²/(2N).

    The scores are exact on the given points. The function works under jit and vmap.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`, N ≥ 2.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins of equal width per dimension.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        Dependence; the scores are NaN if a code is not finite. A constant dimension
        contributes 0, and a single dimension scores 0. The total correlation is +∞ if
        the codes are linearly dependent up to the precision of float32, as any N ≤ D
        codes are.

    >>> z = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]  # independent
    >>> out = score(z)
    >>> print(out.score.round(4), out.wasserstein.round(4), out.mutual_information)
    0.0 0.0 0.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(PRESETS, preset, bins=bins, correction=correction)
    num_codes = z.unit.shape[1]
    count = settings["bins"]
    labels = discrete.equal_width(z, bins=count)
    pairwise = discrete.mutual_information(
        labels,
        labels,
        bins=count,
        sizes=(count,) * num_codes,
        correction=correction,
    )
    others = jnp.sum(jnp.where(jnp.eye(num_codes, dtype=bool), 0, pairwise))
    mean = others / max(num_codes * (num_codes - 1), 1)
    scale, unit = _standardised(z.unit)
    scale, largest = units.together(z, scale), units.largest_exponent(z)
    triangle = _triangle(unit)
    normalised = _wasserstein(scale, triangle)
    nan = jnp.where(units.broken(z), jnp.nan, 0).astype(jnp.float32)
    return Dependence(
        nan + _total_correlation(triangle),
        nan + units.times_power(normalised * jnp.sum(scale**2), 2 * largest),
        nan + normalised,
        nan + mean,
        pairwise,
        units.active(z),
        variant,
    )


def _standardised(codes: Any) -> tuple[jax.Array, jax.Array]:
    """Standard deviations `[D]` (ddof 1), and U `[N + D, D]` with UᵀU the correlations.

    A constant dimension has deviation 0, and correlations of 0 with the others.
    """
    constant = jnp.ptp(codes, axis=0) == 0
    shifted = codes - codes[:1]  # constants are exactly 0
    shifted = shifted - jnp.mean(shifted, axis=0, keepdims=True)
    shifted = jnp.where(constant[None, :], 0, shifted)
    norm = jnp.sqrt(jnp.sum(shifted**2, axis=0))
    unit = shifted / jnp.where(constant, 1, norm)[None, :]
    alone = jnp.diag(constant.astype(codes.dtype))
    return norm / max(codes.shape[0] - 1, 1) ** 0.5, jnp.concatenate([unit, alone])


def _total_correlation(triangle: jax.Array) -> jax.Array:
    """−½ log|RᵀR|, or +inf if R is singular up to the precision of its entries.

    It uses the singular values of R, which are as precise as R. The eigenvalues of RᵀR
    are their squares, for which float32 has half the digits.
    """
    values = jnp.linalg.svd(triangle, compute_uv=False)
    least = 8 * values.size * jnp.finfo(values.dtype).eps
    independent = values[-1] > least
    logs = jnp.log(jnp.where(independent, values, 1))
    return jnp.where(independent, jnp.maximum(-jnp.sum(logs), 0), jnp.inf)


def _triangle(unit: jax.Array) -> jax.Array:
    """A matrix R `[D, D]` with RᵀR = UᵀU, which has the singular values of U `[M, D]`.

    Blocks of rows, which fit into the cache, are added to R one after another. LAPACK
    would distribute a batch of blocks over the threads that wait for it, which never
    ends if all devices do so.
    """
    if len(unit) < 2 * _ROWS or unit.shape[1] > _NARROW:
        return jnp.linalg.qr(unit, mode="r")
    first = len(unit) % _ROWS + _ROWS

    def add(factor: jax.Array, block: jax.Array) -> tuple[jax.Array, None]:
        return jnp.linalg.qr(jnp.concatenate([factor, block]), mode="r"), None

    start = jnp.linalg.qr(unit[:first], mode="r")
    blocks = unit[first:].reshape(-1, _ROWS, unit.shape[1])
    return jax.lax.scan(add, start, blocks)[0]


def _wasserstein(scale: jax.Array, triangle: jax.Array) -> jax.Array:
    """W₂²/tr Σ = 2 − 2 tr (S Σ S)^½/tr Σ with S² = diag Σ; 0 if Σ is 0.

    S Σ S is AᵀA for A = R S², where RᵀR are the correlations. The trace of its root is
    the sum of the singular values of A; roots of eigenvalues have half the digits.
    """
    largest = jnp.max(scale)
    scale = discrete.safe_divide(scale, largest)
    values = jnp.linalg.svd(triangle * scale[None, :] ** 2, compute_uv=False)
    ratio = 2 - 2 * discrete.safe_divide(jnp.sum(values), jnp.sum(scale**2))
    several = jnp.sum(scale > 0) > 1
    return jnp.where(several, jnp.maximum(ratio, 0), 0)
