"""InfoE: the share of each factor that a linear predictor explains from the codes.

InfoE = mean_f (H_L(v_f) − H_L(v_f|z))/H_L(v_f)

where H_L(v_f|z) is the mean loss of the best linear predictor on the codes, and
H_L(v_f) that of the best constant.

Source: Hsu et al. 2023, arXiv:2305.18378, Sec. 4.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.solvers import multinomial


class InfoE(NamedTuple):
    """InfoE, with its parts."""

    score: jax.Array  # [], mean over the factors used
    per_factor: jax.Array  # [F], share of the loss explained; 0 if not used
    used: jax.Array  # [F] bool, factors with at least two values
    converged: jax.Array  # [F] bool, whether the fit met its tolerance


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    continuous: tuple[int, ...] | None = None,
    class_weight: str | None = "balanced",
    iterations: int = 40,
) -> InfoE:
    """The share of each factor's loss that a linear predictor on the codes removes.

    A discrete factor is predicted by multinomial logistic regression without penalty on
    standardised codes; the loss is the mean −log probability. The fit, but not the
    loss, weights the classes equally, as in Hsu et al.'s code. That code stops after
    100 iterations; here the fit continues to the minimum, up to 1e-5 nats. A continuous
    factor is predicted by least squares with the squared error as loss, so that the
    score is R².

    The score is exact on the given points. As the same points are fitted and scored,
    codes that are independent of the factors score above 0 by an amount that grows with
    D/N. The function works under jit and vmap if `sizes` is given.

    Args:
        codes: `[N, D]`.
        factors: Classes `[N, F]` if `sizes` is given, with numbers in the columns
            `continuous`; otherwise, outside jit, any factors. An `inputs.FactorTable`
            defines its own continuous columns, and may have missing values.
        sizes: Number of classes of each factor; the entry of a continuous factor is not
            used.
        continuous: The columns that are continuous, and no others. By default the rule
            of `inputs` decides, or, if `sizes` is given, no column is.
        class_weight: "balanced", or None to fit the loss itself.
        iterations: The most steps of the fit.

    Returns:
        InfoE; the score is 0 up to rounding if all codes are constant, and NaN if a
        code is not finite or every factor is constant.

    Raises:
        ValueError: For an unknown class_weight, or a table of factors without sizes.

    >>> z = [[0.0], [1.0], [2.0], [3.0]]
    >>> factor = [[2.0], [4.0], [6.0], [8.0]]  # a linear function of z
    >>> print(score(z, factor, continuous=(0,)).score.round(4))
    1.0
    """
    z = inputs.codes(codes)
    if class_weight not in ("balanced", None):
        raise ValueError(
            f"unknown class_weight {class_weight!r}; choices: 'balanced' and None."
        )
    labels, numbers, sizes, continuous = _factors(factors, sizes, continuous)
    present = labels >= 0
    containers.check_rows(z.unit, labels)
    broken = units.broken(z)
    x = numerics.standardise(jnp.where(broken, 0, z.unit))
    columns = [f for f in range(labels.shape[1]) if f not in continuous]
    parts = []
    if columns:
        size = max(sizes[f] for f in columns)
        classes = labels[:, np.array(columns)]
        parts.append(_information(x, classes, size, class_weight, iterations))
    if continuous:
        places = np.array(continuous)
        parts.append(_r_squared(x, numbers[:, places], present[:, places]))
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
    """Classes and numbers `[N, F]`, the sizes, and the continuous columns."""
    if isinstance(factors, inputs.FactorTable):
        if sizes is None:
            raise ValueError("sizes must be given beside a FactorTable; got None.")
        return factors.classes, factors.numbers, tuple(sizes), factors.continuous
    if sizes is None:
        table = inputs.with_continuous(factors, continuous)
        numbers = jnp.asarray(table.numbers, jnp.float32)
        return jnp.asarray(table.classes), numbers, table.sizes, table.continuous
    numbers = inputs.codes(factors, name="factors").unit
    labels = jnp.asarray(containers.array(factors, "factors")).astype(jnp.int32)
    if continuous:  # negative numbers are not missing values
        labels = labels.at[:, np.array(continuous)].set(0)
    return labels, numbers, tuple(sizes), tuple(continuous or ())


@functools.partial(jax.jit, static_argnums=(2, 3))
def _information(
    x: jax.Array,
    labels: jax.Array,
    size: int,
    class_weight: str | None,
    iterations: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The share of the log loss of each discrete factor that the codes explain.

    Returns:
        The share, whether the factor has two classes, and whether the fit converged,
        `[F]` each.
    """

    def of_factor(label: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        present = label >= 0
        number = jnp.bincount(jnp.where(present, label, size), length=size)
        classes, total = jnp.sum(number > 0), jnp.maximum(jnp.sum(present), 1)
        weight = jnp.full(x.shape[:1], 1 / total, x.dtype)
        if class_weight == "balanced":
            weight = 1 / jnp.maximum(classes * number[label], 1).astype(x.dtype)
        weight = jnp.where(present, weight, 0)
        fit = multinomial.fit(x, label, weight, size=size, steps=iterations)
        log_prob = jax.nn.log_softmax(multinomial.scores(fit, x), axis=0)
        own = jnp.take_along_axis(log_prob, jnp.maximum(label, 0)[None, :], axis=0)[0]
        loss = -jnp.sum(jnp.where(present, own, 0)) / total
        null = jnp.log(classes.astype(x.dtype))  # the entropy under equal weights
        if class_weight is None:
            null = discrete.entropy(label[:, None], sizes=(size,))[0]
        return discrete.safe_divide(null - loss, null), classes > 1, fit.converged

    return jax.lax.map(of_factor, labels.T)


def _r_squared(
    x: jax.Array, numbers: jax.Array, present: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """R² of the least-squares prediction of each continuous factor, with an offset.

    Returns:
        R², whether the factor varies, and True, as a linear system is solved exactly;
        `[F]` each.
    """

    def of_factor(column: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        y, present = column
        weight = present.astype(x.dtype)
        total = jnp.maximum(jnp.sum(weight), 1)
        centred = (x - (weight @ x / total)[None, :]) * weight[:, None]
        y = (y - y[jnp.argmax(present)]) * weight
        used = jnp.any(y != 0)
        target = (y - jnp.sum(y) / total) * weight
        target = target / jnp.where(used, jnp.max(jnp.abs(target)), 1)
        slope = jnp.linalg.lstsq(centred, target, rcond=1e-6)[0]
        residual = target - jnp.matmul(centred, slope, precision="highest")
        error, variance = jnp.sum(residual**2), jnp.sum(target**2)
        return 1 - discrete.safe_divide(error, variance), used

    share, used = jax.lax.map(of_factor, (numbers.T, present.T))
    return share, used, jnp.ones_like(used)
