"""The separated attribute predictability score: the gap of the two best dimensions.

S_df says how well z_d alone predicts factor f; with the dimensions sorted by S_df,

    score = mean over f of (S_(1)f − S_(2)f).

For a continuous factor S_df = Cov(z_d, y_f)²/(Var z_d · Var y_f), the R² of a line; for
a discrete one the accuracy of a linear support vector machine on other data points.

The machines are scikit-learn's LinearSVC at its minimum: squared hinge, one class
against the rest, the offset penalised like the slope. Its own fit stops at a tolerance,
and so may differ in points next to a boundary.

Source: Kumar et al. 2018, arXiv:1711.00848, Sec. 3; the machine (C = 0.01, balanced
classes, 10,000 and 5,000 points) is that of Locatello et al. 2019, arXiv:1811.12359.
"""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.metrics import discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import classifiers, fitted

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {"penalty": 0.01, "num_train": 10_000, "num_test": 5_000},
    "r_squared": {},
}


class SAP(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], NaN if a code is not finite or every factor is constant
    per_factor: jax.Array  # [F], the gaps; 0 of a constant factor
    matrix: jax.Array  # [D, F], S_df; 0 of a constant factor
    active: jax.Array  # [D] bool, not exactly constant
    variant: Preset


def score(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    penalty: float | None = None,
    num_train: int | None = None,
    num_test: int | None = None,
) -> SAP:
    """The score of a published variant; jit-able, and vmap-able over runs.

    `locatello` is an estimate from the points drawn: those fitted, and those scored,
    whose error is below 0.5/√num_test an accuracy. `r_squared` is the function of that
    name: it needs no key and is exact on the given points.

    Args:
        key: A random key; it draws the two disjoint sets of data points.
        codes: One code a data point `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: `locatello` or `r_squared`.
        penalty: C of the machine.
        num_train: Points fitted; shrunk in proportion if N is too small.
        num_test: Points scored.

    Returns:
        SAP. A collapsed dimension still predicts the commonest class, so one good
        dimension among collapsed ones has the gap to that share, not 1.
    """
    given = {"penalty": penalty, "num_train": num_train, "num_test": num_test}
    settings, variant = resolve(PRESETS, preset, **given)
    if preset == "r_squared":
        return r_squared(codes, factors)._replace(variant=variant)
    z = inputs.codes(codes)
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    broken = units.broken(z)
    x = jnp.where(broken, 0, z.unit)
    train, test = fitted.split(
        key, len(x), num_train=settings["num_train"], num_test=settings["num_test"]
    )
    matrix = _machines(
        z._replace(unit=x[train]),
        labels[train],
        x[test],
        labels[test],
        settings["penalty"],
        sizes,
    )
    matrix = jnp.where(broken, jnp.nan, matrix)
    return _result(matrix, z, discrete.several(labels), variant)


def r_squared(codes: Any, factors: Any) -> SAP:
    """The score with R² for every factor, all data points; jit-able and vmap-able.

    Args:
        codes: One code a data point `[N, D]`; a constant one has R² = 0.
        factors: Numbers `[N, F]`, as they are, however many distinct ones; or an
            `inputs.FactorTable`, of which a class −1 is a missing value.

    Returns:
        SAP.

    Raises:
        ValueError: For labels that are no numbers, and so have no order.
    """
    z = inputs.codes(codes)
    if isinstance(factors, inputs.FactorTable):
        numbers, there = factors.numbers, factors.classes >= 0
        shares = jax.lax.map(
            lambda column: _explained(z.unit, *column), (numbers.T, there.T)
        )
        used = discrete.several(factors.classes)
        return _result(shares.T, z, used, Preset("r_squared"))
    numbers = inputs.regressed(factors)
    chex.assert_equal_shape_prefix([z.unit, numbers], 1)
    x, y = numerics.standardise(z.unit), numerics.standardise(numbers)
    product = jnp.matmul(x.T, y, precision="highest") / len(x)
    share = jnp.minimum(product**2, 1)  # by rounding it may be more
    return _result(share, z, jnp.ptp(numbers, axis=0) > 0, Preset("r_squared"))


def _explained(x: jax.Array, y: jax.Array, there: jax.Array) -> jax.Array:
    """R² of each code `[D]` and a factor that only some of the points have."""
    first = jnp.argmax(there)
    weight = there.astype(x.dtype)
    x, y = ((v - v[first][None]) * weight[:, None] for v in (x, y[:, None]))
    table = numerics.standardise(jnp.concatenate([x, y], axis=1))
    # Where it is missing a row is that of `first`: shift, then leave it out again.
    mean = weight @ table / jnp.maximum(jnp.sum(weight), 1)
    table = (table - mean[None, :]) * weight[:, None]
    square = jnp.sum(table**2, axis=0)
    product = jnp.matmul(table[:, :-1].T, table[:, -1], precision="highest")
    scale = square[:-1] * square[-1]
    share = jnp.where(scale > 0, product**2 / jnp.where(scale > 0, scale, 1), 0)
    return jnp.minimum(share, 1)


def gaps(matrix: jax.Array) -> jax.Array:
    """The largest entry of each column less the second `[F]`; 0 takes a missing one."""
    (first, second), _ = discrete.leaders(matrix)
    return first - second


def _result(matrix: jax.Array, z: units.Codes, used: jax.Array, variant: Preset) -> SAP:
    matrix = jnp.where(used[None, :], matrix, 0)
    per_factor = gaps(matrix)
    mean = inputs.mean_over(per_factor, used)
    value = jnp.where(units.broken(z), jnp.nan, mean)
    return SAP(value, per_factor, matrix, units.active(z), variant)


@functools.partial(jax.jit, static_argnums=5)
def _machines(
    z: units.Codes,
    y: jax.Array,
    x_test: jax.Array,
    y_test: jax.Array,
    penalty: float,
    sizes: tuple[int, ...],
) -> jax.Array:
    """Accuracies of the machines on other points, by dimension and factor `[D, F]`."""
    known = classifiers.indicators(y, sizes)  # [P, N], P = ΣV
    there = classifiers.present(y, sizes)
    seen = jnp.any(known, axis=1)[:, None]
    costs = penalty * _weights(known, sizes)

    def accuracies(columns: tuple[jax.Array, ...]) -> jax.Array:
        code, test, origin, exponent = columns
        model = classifiers.machines(
            code, known, costs, origin=origin, exponent=exponent, counted=there
        )
        found = classifiers.scores(model, test[:, None])
        return _accuracies(jnp.where(seen, found, -jnp.inf), y_test, sizes)

    columns = z.unit.T, x_test.T, z.origin, z.exponent
    matrix = jax.lax.map(accuracies, columns)
    return jnp.where(discrete.several(y)[None, :], matrix, 0)


def _weights(known: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Balanced weights of the points outside and inside each class `[P, 2]`.

    N/(V n_v) inside, over the V classes with points, and 1 outside; but where V = 2,
    outside is the other class and has its weight.
    """
    number = jnp.sum(known, axis=1)
    rows = []
    for part in jnp.split(number, np.cumsum(sizes)[:-1]):
        present = jnp.sum(part > 0)
        each = (present * jnp.maximum(part, 1)).astype(jnp.float32)
        inside = jnp.sum(part).astype(jnp.float32) / each
        inside = jnp.where(part > 0, inside, 0)
        outside = jnp.where(present == 2, jnp.sum(inside) - inside, 1)
        rows.append(jnp.stack([outside, inside], axis=1))
    return jnp.concatenate(rows)


def _accuracies(
    found: jax.Array, labels: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """Share of points whose class has the largest score, of each factor `[F]`.

    The first class wins a tie, as in scikit-learn: for a dimension that tells nothing
    of two classes their order decides which is predicted.
    """
    parts = jnp.split(found, np.cumsum(sizes)[:-1])
    hits = [jnp.argmax(part, 0) == y for part, y in zip(parts, labels.T, strict=True)]
    right = jnp.sum(jnp.stack(hits), axis=1).astype(found.dtype)
    return right / jnp.maximum(jnp.sum(labels >= 0, axis=0), 1)
