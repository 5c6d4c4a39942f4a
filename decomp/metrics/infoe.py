"""InfoE: how much of each factor a linear predictor reads from the codes.

InfoE = mean_f (H_L(v_f) − H_L(v_f|z))/H_L(v_f)

where H_L is the mean loss of the best linear predictor, without codes and with them.

Source: Hsu et al. 2023, arXiv:2305.18378, Sec. 4.
"""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.solvers import multinomial


class InfoE(NamedTuple):
    """InfoE, with its parts."""

    score: jax.Array  # [], mean over the factors used
    per_factor: jax.Array  # [F], share of the loss explained; 0 where not used
    used: jax.Array  # [F] bool, factors with two values or more
    converged: jax.Array  # [F] bool, the fit met its tolerance


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    continuous: tuple[int, ...] | None = None,
    class_weight: str | None = "balanced",
    iterations: int = 40,
) -> InfoE:
    """InfoE: the share of a factor's loss that a linear predictor on the codes removes.

    A discrete factor is predicted by multinomial logistic regression without penalty on
    standardised codes; the loss is the mean −log probability. The fit (not the loss)
    weights the classes equally, as in Hsu et al.'s code, which stops after 100
    iterations; here it goes on to the minimum, up to 1e-5 nats. A continuous factor is
    predicted by least squares and its loss is the squared error: the score is R².

    Exact on the given points, which are both fitted and scored: it rises with D/N for
    codes that know nothing. May be jitted and mapped over runs if `sizes` is given.

    Args:
        codes: `[N, D]`.
        factors: Classes `[N, F]` if `sizes` is given, otherwise any factors, outside
            jit; columns of `continuous` as they are. Or an `inputs.FactorTable`, which
            says what is continuous, and by a class of −1 what is missing.
        sizes: Number of classes of each factor, any number for a continuous one.
        continuous: Columns that are continuous, and no others; None leaves it to the
            rule in `inputs`, and takes none if `sizes` is given.
        class_weight: "balanced", or None to fit the loss itself.
        iterations: Steps of the fit at most.

    Returns:
        Score; 0 up to rounding if all codes are constant, NaN if one is not finite or
        every factor is constant.
    """
    z = inputs.codes(codes)
    if class_weight not in ("balanced", None):
        raise ValueError(
            f"Unknown class_weight {class_weight!r}. Available are 'balanced' and None."
        )
    labels, numbers, sizes, continuous = _factors(factors, sizes, continuous)
    there = labels >= 0
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    broken = units.broken(z)
    x = numerics.standardise(jnp.where(broken, 0, z.unit))
    columns = [f for f in range(labels.shape[1]) if f not in continuous]
    parts = []
    if columns:
        size = max(sizes[f] for f in columns)
        chosen = labels[:, np.array(columns)]
        parts.append(_information(x, chosen, size, class_weight, iterations))
    if continuous:
        chosen = np.array(continuous)
        parts.append(_r_squared(x, numbers[:, chosen], there[:, chosen]))
    order = np.argsort([*columns, *continuous])
    share, used, converged = (
        jnp.concatenate(leaves)[order] for leaves in zip(*parts, strict=True)
    )
    nan = jnp.where(broken, jnp.nan, 0)
    share = jnp.where(used, share, 0)
    value = inputs.mean_over(share, used)
    return InfoE(nan + value, nan + share, used, converged & used & ~broken)


def _factors(
    factors: Any, sizes: tuple[int, ...] | None, continuous: tuple[int, ...] | None
) -> tuple[jax.Array, jax.Array, tuple[int, ...], tuple[int, ...]]:
    """Classes and numbers `[N, F]`, the sizes, and which columns are continuous."""
    if isinstance(factors, inputs.FactorTable):
        if sizes is None:
            raise ValueError("expected sizes beside a table of factors.")
        return factors.classes, factors.numbers, tuple(sizes), factors.continuous
    if sizes is None:
        found = inputs.told(factors, continuous)
        numbers = jnp.asarray(found.numbers, jnp.float32)
        return jnp.asarray(found.classes), numbers, found.sizes, found.continuous
    table = inputs.codes(factors, name="factors").unit
    labels = jnp.asarray(containers.array(factors, "factors")).astype(jnp.int32)
    if continuous:  # numbers below 0 are not missing
        labels = labels.at[:, np.array(continuous)].set(0)
    return labels, table, tuple(sizes), tuple(continuous or ())


@functools.partial(jax.jit, static_argnums=(2, 3))
def _information(
    x: jax.Array,
    labels: jax.Array,
    size: int,
    class_weight: str | None,
    iterations: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Share of the log loss explained of classes; used? converged? `[F]` each."""

    def of_factor(label: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        there = label >= 0
        number = jnp.bincount(jnp.where(there, label, size), length=size)
        present, total = jnp.sum(number > 0), jnp.maximum(jnp.sum(there), 1)
        weight = jnp.full(x.shape[:1], 1 / total, x.dtype)
        if class_weight == "balanced":
            weight = 1 / jnp.maximum(present * number[label], 1).astype(x.dtype)
        weight = jnp.where(there, weight, 0)
        fit = multinomial.fit(x, label, weight, size=size, steps=iterations)
        log_prob = jax.nn.log_softmax(multinomial.scores(fit, x), axis=0)
        own = jnp.take_along_axis(log_prob, jnp.maximum(label, 0)[None, :], axis=0)[0]
        loss = -jnp.sum(jnp.where(there, own, 0)) / total
        null = jnp.log(present.astype(x.dtype))  # of equal weights
        if class_weight is None:
            null = discrete.entropy(label[:, None], sizes=(size,))[0]
        return discrete.safe_divide(null - loss, null), present > 1, fit.converged

    return jax.lax.map(of_factor, labels.T)


def _r_squared(
    x: jax.Array, numbers: jax.Array, there: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """1 − least squared error/variance of linear predictions with an offset.

    Returns:
        The share of the variance, whether there is any, and True `[F]`.
    """

    def of_factor(column: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        y, there = column
        weight = there.astype(x.dtype)
        total = jnp.maximum(jnp.sum(weight), 1)
        centred = (x - (weight @ x / total)[None, :]) * weight[:, None]
        y = (y - y[jnp.argmax(there)]) * weight
        used = jnp.any(y != 0)
        target = (y - jnp.sum(y) / total) * weight
        target = target / jnp.where(used, jnp.max(jnp.abs(target)), 1)
        solved = jnp.linalg.lstsq(centred, target, rcond=1e-6)[0]
        rest = target - jnp.matmul(centred, solved, precision="highest")
        return 1 - discrete.safe_divide(jnp.sum(rest**2), jnp.sum(target**2)), used

    share, used = jax.lax.map(of_factor, (numbers.T, there.T))
    return share, used, jnp.ones_like(used)
