"""Minibatch estimators of the aggregate posterior at z_b ~ q(z|x_b).

Each is a matrix of weights: log q̂(z_b) = log Σ_j w_bj q(z_b|x_j), and the same for the
marginals of z_b. With M = B − 1 and the expectation over the other points of a batch
drawn without replacement:

    batch_mean   1/B everywhere                           q(z), own term times N/B
    weighted     1/(N B) everywhere                       about q(z)/N
    stratified   own 1/N, one (N − M)/(N M), others 1/M   q(z)
    symmetrised  own 1/N, others (N − 1)/(N M)            q(z), with less variance

The logarithm is concave: if q̂ is unbiased, log q̂ is too small on average by about
Var[q̂]/(2 q(z)²), and an entropy is too large (Eq. 9). That error is large if few
posteriors of a batch overlap: only the own term remains, and the entropy is estimated
as log N + E_x H[q(z|x)], whatever its true value (Eq. 11).

Source: Mathieu et al. 2018, App. C; Chen et al. 2018, arXiv:1802.04942, App. C.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp import numerics
from decomp.distributions import gaussian
from decomp.distributions.gaussian import HALF_LOG_2PI, Gaussian

_Spans = tuple[tuple[int, int], ...]  # first and last + 1 of consecutive dimensions


class LogDensities(NamedTuple):
    """The posterior and three estimates of the aggregate posterior, in nats."""

    log_qz_x: jax.Array  # [B] log q(z_b|x_b)
    log_qz: jax.Array  # [B] log q̂(z_b)
    log_prod_qz_groups: jax.Array  # [B] Σ_g log q̂(z_bg) over groups of dimensions
    log_prod_qz: jax.Array  # [B] Σ_d log q̂(z_bd)


def batch_mean(batch: int, size: int) -> jax.Array:
    """1/B everywhere: the aggregate posterior of the batch instead of the data set.

    The own posterior has the weight 1/B instead of 1/N. So log q̂ is too large if
    posteriors overlap little, and I_q(z; n) is at most log B. It is exact for B = N.

    Args:
        batch: B.
        size: N ≥ B, of the whole data set.

    Returns:
        Log weights `[B, B]`, a row for each z_b.

    >>> print(jnp.exp(batch_mean(2, 10)).round(2))
    [[0.5 0.5]
     [0.5 0.5]]
    """
    _check(batch, size)
    return jnp.full((batch, batch), -math.log(batch))


def weighted(batch: int, size: int) -> jax.Array:
    """1/(N B) everywhere: minibatch weighted sampling (MWS).

    This is `batch_mean` divided by N, so log q̂ is too small by about log N, even for
    B = N. Compared with `batch_mean`, the entropy and I_q(z; n) are larger by log N,
    the total correlation is larger by (D − 1) log N, and the dimension-wise KL is
    smaller by D log N; gradients are equal.

    Args:
        batch: B.
        size: N ≥ B, of the whole data set.

    Returns:
        Log weights `[B, B]`, a row for each z_b.

    Source: Chen et al. 2018, Sec. 4.1.

    >>> print((20 * jnp.exp(weighted(2, 10))).round(2))  # each 1/20
    [[1. 1.]
     [1. 1.]]
    """
    _check(batch, size)
    return jnp.full((batch, batch), -math.log(batch) - math.log(size))


def stratified(batch: int, size: int) -> jax.Array:
    """Own 1/N, the next (N − M)/(N M), others 1/M: stratified sampling (MSS).

    M = B − 1; after the last point comes the first. E[q̂(z_b)] = q(z_b), so that log q̂
    is biased downward and an entropy upward. For B = N every weight is 1/N, which is
    exact; those of the formula are so only on average. For B = 1 there is only the own
    1/N.

    Args:
        batch: B.
        size: N ≥ B, of the whole data set.

    Returns:
        Log weights `[B, B]`, a row for each z_b.

    Source: Chen et al. 2018, App. C.2.

    >>> print((10 * jnp.exp(stratified(3, 10))).round(2))  # own 1/10, next 4/10
    [[1. 4. 5.]
     [5. 1. 4.]
     [4. 5. 1.]]
    """
    _check(batch, size)
    if batch == size:
        return batch_mean(batch, size)
    own, others = jnp.eye(batch, dtype=bool), max(batch - 1, 1)
    odd = jnp.roll(own, 1, axis=1)
    share = math.log((size - others) / (size * others))
    rest = jnp.where(odd, share, -math.log(others))
    return jnp.where(own, -math.log(size), rest)


def symmetrised(batch: int, size: int) -> jax.Array:
    """Own 1/N, all others (N − 1)/(N M): MSS, averaged over its choice of "the next".

    M = B − 1. E[q̂(z_b)] = q(z_b), with no more variance than `stratified`: log q̂ is
    biased downward and an entropy upward. It is exact for B = N; for B = 1 there is
    only the own 1/N.

    Args:
        batch: B.
        size: N ≥ B, of the whole data set.

    Returns:
        Log weights `[B, B]`, a row for each z_b.

    Source: Mathieu et al. 2018, Eq. 10b.

    >>> print((10 * jnp.exp(symmetrised(3, 10))).round(2))  # a row sums to 1
    [[1.  4.5 4.5]
     [4.5 1.  4.5]
     [4.5 4.5 1. ]]
    """
    _check(batch, size)
    if batch == size:
        return batch_mean(batch, size)
    own, others = jnp.eye(batch, dtype=bool), max(batch - 1, 1)
    share = math.log((size - 1) / (size * others))
    return jnp.where(own, -math.log(size), share)


ESTIMATORS: dict[str, Callable[[int, int], jax.Array]] = {
    "batch_mean": batch_mean,
    "weighted": weighted,
    "stratified": stratified,
    "symmetrised": symmetrised,
}


def log_densities(
    q: Gaussian,
    z: jax.Array,
    log_weights: jax.Array,
    *,
    groups: tuple[int, ...] = (),
) -> LogDensities:
    """log q̂(z_b) = log Σ_j w_bj q(z_b|x_j), over all dimensions, groups and each one.

    It is reverse-mode differentiable in every argument; forward mode is not defined.

    Args:
        q: Posteriors of the batch, leaves `[B, D]`.
        z: A draw of each posterior, `[B, D]`.
        log_weights: `[B, B]`, from one of `ESTIMATORS`.
        groups: Sizes of consecutive groups of dimensions, whose sum is D; by default
            each dimension is a group.

    Returns:
        Leaves `[B]`, nats, with the bias of the weights.

    Raises:
        ValueError: If the sum of the groups is not D.

    >>> q = Gaussian(jnp.zeros((4, 2)), jnp.ones((4, 2)))  # all the same
    >>> densities = log_densities(q, jnp.zeros((4, 2)), symmetrised(4, 100))
    >>> print(densities.log_qz.round(3))  # log N(0; 0, I), as q(z) is
    [-1.838 -1.838 -1.838 -1.838]
    """
    q, z = numerics.floats(q, z)
    log_weights = jnp.asarray(log_weights, z.dtype)
    batch, dims = z.shape
    chex.assert_equal_shape([q.loc, q.scale, z])
    chex.assert_shape(log_weights, (batch, batch))
    if groups and (sum(groups) != dims or min(groups) < 1):
        raise ValueError(
            f"groups must be positive sizes whose sum is {dims}; got {groups}."
        )
    spans = _spans((dims,)) + _spans(groups) + _spans((1,) * dims)
    sums = _log_sums(spans, q, z, log_weights)
    log_prod_qz = jnp.sum(sums[-dims:], axis=0)
    return LogDensities(
        log_qz_x=jax.vmap(gaussian.log_prob)(q, z),
        log_qz=sums[0],
        log_prod_qz_groups=jnp.sum(sums[1:-dims], axis=0) if groups else log_prod_qz,
        log_prod_qz=log_prod_qz,
    )


def _check(batch: int, size: int) -> None:
    if not 1 <= batch <= size:
        raise ValueError(
            f"batch must be from 1 to {size}, the number of points; got {batch}."
        )


def _spans(sizes: tuple[int, ...]) -> _Spans:
    return tuple(itertools.pairwise(itertools.accumulate(sizes, initial=0)))


def _value(
    spans: _Spans, q: Gaussian, z: jax.Array, log_weights: jax.Array
) -> jax.Array:
    """log Σ_j w_bj Π_{d in span} q(z_bd|x_j), a row `[B]` per span.

    Its derivative is written by hand: one pass of exponentials serves value and
    gradient. A `[B, B]` plane per dimension stays in the cache of a CPU, and is two to
    three times as fast as one array of three axes.
    """
    return _forward(spans, q, z, log_weights)[0]


def _forward(
    spans: _Spans, q: Gaussian, z: jax.Array, log_weights: jax.Array
) -> tuple[jax.Array, tuple]:
    log_norm = -jnp.log(q.scale) - HALF_LOG_2PI
    standardised = enumerate(_standardised(q, z))
    planes = [log_norm[None, :, d] - 0.5 * u * u for d, u in standardised]
    values, terms, totals = [], [], []
    for first, end in spans:
        logits = sum(planes[first:end], log_weights)
        peak = jnp.max(logits, axis=1)
        terms.append(numerics.exp_below(logits, peak[:, None]))
        totals.append(numerics.with_peak(jnp.sum(terms[-1], axis=1)))
        values.append(peak + jnp.log(totals[-1]))
    return jnp.stack(values), (q, z, terms, totals)


def _backward(
    spans: _Spans, residuals: tuple, cotangents: jax.Array
) -> tuple[Gaussian, jax.Array, jax.Array]:
    q, z, terms, totals = residuals
    # Responsibilities of j for z_b, times the cotangent of b; one plane per span.
    shares = [
        term * (cotangent / total)[:, None]
        for term, total, cotangent in zip(terms, totals, cotangents, strict=True)
    ]
    ones = jnp.ones_like(totals[0])
    dz, dloc, dscale = [], [], []
    for d, u in enumerate(_standardised(q, z)):
        share = sum(s for s, (a, b) in zip(shares, spans, strict=True) if a <= d < b)
        inverse, pull = 1 / q.scale[:, d], share * u
        dz.append(-(pull @ inverse))
        dloc.append((ones @ pull) * inverse)
        dscale.append((ones @ (pull * u - share)) * inverse)
    dz, *dq = (jnp.stack(parts, axis=1) for parts in (dz, dloc, dscale))
    return Gaussian(*dq), dz, sum(shares[1:], shares[0])


def _standardised(q: Gaussian, z: jax.Array) -> list[jax.Array]:
    """(z_bd − μ_jd)/σ_jd as one `[B, B]` per dimension d, a row for each b."""
    shift = [z[:, d, None] - q.loc[None, :, d] for d in range(z.shape[1])]
    inverse = 1 / q.scale
    return [s * inverse[None, :, d] for d, s in enumerate(shift)]


_log_sums = jax.custom_vjp(_value, nondiff_argnums=(0,))
_log_sums.defvjp(_forward, _backward)
