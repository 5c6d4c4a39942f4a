"""Minibatch estimators of the aggregate posterior at z_b ~ q(z|x_b).

Each is a matrix of weights: log q̂(z_b) = log Σ_j w_bj q(z_b|x_j), and the same for the
marginals of z_b. With M = B − 1 and the expectation over the other points of a batch
drawn without replacement:

    batch_mean   1/B everywhere                           own counted N/B times
    weighted     1/(N B) everywhere                       about q(z)/N
    stratified   own 1/N, one (N − M)/(N M), others 1/M   q(z)
    symmetrised  own 1/N, others (N − 1)/(N M)            q(z), with less variance

The logarithm is concave: of an unbiased q̂, log q̂ is too small on average by about
Var[q̂]/(2 q(z)²), and an entropy too large (Eq. 9). Where few of a batch overlap that
is no small error: the own term is then all there is, and the entropy comes out as
log N + E_x H[q(z|x)] whatever it is (Eq. 11).

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
    """1/B everywhere: the aggregate posterior of the batch in place of the data's.

    The own posterior weighs 1/B, not 1/N. Where posteriors overlap little log q̂ is
    therefore too large: I_q(z; n) comes out as log B at most. Exact for B = N.

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

    `batch_mean` over N, so log q̂ is too small by about log N, even for B = N. Against
    `batch_mean` the entropy and I_q(z; n) gain log N, the total correlation gains
    (D − 1) log N and the dimension-wise KL loses D log N; the gradients are equal.

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
    """Own 1/N, the next (N − M)/(N M), all others 1/M: stratified sampling (MSS).

    M = B − 1, and the next of the last is the first. E[q̂(z_b)] = q(z_b), so log q̂ is
    biased down and an entropy up. With B = N nothing is left to estimate: every weight
    is 1/N, as the formula's are on average only. With B = 1 there is only the own 1/N.

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
    """Own 1/N, all others (N − 1)/(N M): MSS averaged over its odd element.

    M = B − 1. E[q̂(z_b)] = q(z_b) with no more variance than `stratified`, so log q̂ is
    biased down and an entropy up. Exact for B = N; with B = 1 there is only the own
    1/N.

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
    """log q̂(z_b) = log Σ_j w_bj q(z_b|x_j), of all dimensions, of groups and of each.

    Reverse-mode differentiable in every argument; forward mode is not defined.

    Args:
        q: Posteriors of the batch, leaves `[B, D]`.
        z: A draw of each, `[B, D]`.
        log_weights: `[B, B]`, from one of `ESTIMATORS`.
        groups: Sizes of consecutive groups of dimensions, adding to D; one each if
            there are none.

    Returns:
        Leaves `[B]`, nats. The bias is that of the weights.

    Raises:
        ValueError: If the groups do not add to D.

    >>> q = Gaussian(jnp.zeros((4, 2)), jnp.ones((4, 2)))  # all the same
    >>> found = log_densities(q, jnp.zeros((4, 2)), symmetrised(4, 100))
    >>> print(found.log_qz.round(3))  # log N(0; 0, I), as q(z) is
    [-1.838 -1.838 -1.838 -1.838]
    """
    q, z = numerics.floats(q, z)
    log_weights = jnp.asarray(log_weights, z.dtype)
    batch, dims = z.shape
    chex.assert_equal_shape([q.loc, q.scale, z])
    chex.assert_shape(log_weights, (batch, batch))
    if groups and (sum(groups) != dims or min(groups) < 1):
        raise ValueError(
            f"groups expects positive sizes that add to {dims}; got {groups}."
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
            f"a batch expects between 1 and {size} points, the size; got {batch}."
        )


def _spans(sizes: tuple[int, ...]) -> _Spans:
    return tuple(itertools.pairwise(itertools.accumulate(sizes, initial=0)))


def _value(
    spans: _Spans, q: Gaussian, z: jax.Array, log_weights: jax.Array
) -> jax.Array:
    """log Σ_j w_bj Π_{d in span} q(z_bd|x_j), a row `[B]` per span.

    With a derivative of its own: one pass of exponentials serves value and gradient.
    A `[B, B]` plane per dimension, rather than one array of three axes, stays in the
    cache of a CPU: value and gradient are two to three times as fast.
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
