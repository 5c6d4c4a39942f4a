"""SAP, the separated attribute predictability score: a gap between two predictions.

S_df is the quality of the prediction of factor f from z_d alone. With the dimensions
sorted by S_df,

    score = mean over f of (S_(1)f − S_(2)f).

For a continuous factor, S_df = Cov(z_d, y_f)²/(Var z_d · Var y_f), the R² of a line.
For a discrete factor, it is the accuracy of a linear support vector machine on held-out
points.

The machine is the minimum of the objective of scikit-learn's LinearSVC: squared hinge
loss, one class against the rest, with a penalty on the offset as on the slope.
scikit-learn stops at a tolerance, so that its predictions may differ for points next to
a boundary.

Source: Kumar et al. 2018, arXiv:1711.00848, Sec. 3; the machine (C = 0.01, balanced
classes, 10,000 and 5,000 points) is that of Locatello et al. 2019, arXiv:1811.12359.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp import numerics
from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import classifiers, fitted

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {"penalty": 0.01, "num_train": 10_000, "num_test": 5_000},
    "r_squared": {},
}


class SAP(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], NaN if a code is not finite or every factor is constant
    per_factor: jax.Array  # [F], the gaps; 0 for a constant factor
    matrix: jax.Array  # [D, F], S_df; 0 for a constant factor
    active: jax.Array  # [D] bool, dimensions that are not exactly constant
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
    """The score of a published variant; it works under jit and vmap.

    `locatello` is an estimate, as it fits and scores random points. The standard error
    of an accuracy over the points scored is below 0.5/√num_test. `r_squared` is the
    function of that name, which does not use the key and is exact on the given points.

    Args:
        key: A random key; it draws the two disjoint sets of data points.
        codes: One code per data point `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: `locatello` or `r_squared`.
        penalty: C of the machine.
        num_train: Points fitted; both numbers shrink in proportion if N is smaller than
            their sum.
        num_test: Points scored.

    Returns:
        SAP. As a collapsed dimension still predicts the commonest class, a perfect
        dimension among collapsed ones has a gap of 1 minus the share of that class.

    >>> factors = [[a, b] for a in range(2) for b in range(2)] * 50
    >>> sap = score(jax.random.key(0), factors, factors)
    >>> print(sap.matrix.diagonal())  # each dimension predicts its factor
    [1. 1.]
    """
    changes = {"penalty": penalty, "num_train": num_train, "num_test": num_test}
    settings, variant = resolve(PRESETS, preset, **changes)
    if preset == "r_squared":
        return r_squared(codes, factors)._replace(variant=variant)
    z = inputs.codes(codes)
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(z.unit, labels)
    broken = units.broken(z)
    x = jnp.where(broken, 0, z.unit)
    train, test = fitted.split(
        key, len(x), num_train=settings["num_train"], num_test=settings["num_test"]
    )
    matrix = _machine_accuracies(
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
    """The score with R² for every factor, on all points; it works under jit and vmap.

    Args:
        codes: One code per data point `[N, D]`; a constant dimension has R² = 0.
        factors: Numbers `[N, F]`, discrete or continuous; or an `inputs.FactorTable`,
            which may have missing values.

    Returns:
        SAP.

    Raises:
        ValueError: If a factor has more than two labels, which have no order.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(r_squared([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors).score.round(4))
    1.0
    """
    z = inputs.codes(codes)
    if isinstance(factors, inputs.FactorTable):
        numbers, present = factors.numbers, factors.classes >= 0
        shares = jax.lax.map(
            lambda column: _explained(z.unit, *column), (numbers.T, present.T)
        )
        used = discrete.several(factors.classes)
        return _result(shares.T, z, used, Preset("r_squared"))
    numbers = inputs.regressed(factors)
    containers.check_rows(z.unit, numbers)
    x, y = numerics.standardise(z.unit), numerics.standardise(numbers)
    product = jnp.matmul(x.T, y, precision="highest") / len(x)
    share = jnp.minimum(product**2, 1)  # rounding may make it larger
    return _result(share, z, jnp.ptp(numbers, axis=0) > 0, Preset("r_squared"))


def _explained(x: jax.Array, y: jax.Array, present: jax.Array) -> jax.Array:
    """R² of each dimension `[D]` for a factor that only some of the points have."""
    first = jnp.argmax(present)
    weight = present.astype(x.dtype)
    x, y = ((v - v[first][None]) * weight[:, None] for v in (x, y[:, None]))
    table = numerics.standardise(jnp.concatenate([x, y], axis=1))
    # Points without the factor are now equal to `first`; their weight is 0 below.
    mean = weight @ table / jnp.maximum(jnp.sum(weight), 1)
    table = (table - mean[None, :]) * weight[:, None]
    square = jnp.sum(table**2, axis=0)
    product = jnp.matmul(table[:, :-1].T, table[:, -1], precision="highest")
    scale = square[:-1] * square[-1]
    share = jnp.where(scale > 0, product**2 / jnp.where(scale > 0, scale, 1), 0)
    return jnp.minimum(share, 1)


def gaps(matrix: jax.Array) -> jax.Array:
    """The largest entry of each column minus the second, `[F]`.

    In a matrix of one row, the second entry counts as 0.

    >>> gaps(jnp.array([[0.5, 1.0], [0.25, 1.0]])).tolist()
    [0.25, 0.0]
    """
    (first, second), _ = discrete.leaders(matrix)
    return first - second


def _result(matrix: jax.Array, z: units.Codes, used: jax.Array, variant: Preset) -> SAP:
    """The score of a matrix S, over the factors used."""
    matrix = jnp.where(used[None, :], matrix, 0)
    per_factor = gaps(matrix)
    mean = inputs.mean_over(per_factor, used)
    value = jnp.where(units.broken(z), jnp.nan, mean)
    return SAP(value, per_factor, matrix, units.active(z), variant)


@functools.partial(jax.jit, static_argnums=5)
def _machine_accuracies(
    z: units.Codes,
    y: jax.Array,
    x_test: jax.Array,
    y_test: jax.Array,
    penalty: float,
    sizes: tuple[int, ...],
) -> jax.Array:
    """The held-out accuracies of the machines, by dimension and factor `[D, F]`."""
    target = classifiers.indicators(y, sizes)  # [P, N], P = ΣV
    present = classifiers.present(y, sizes)
    has_points = jnp.any(target, axis=1)[:, None]
    costs = penalty * _weights(target, sizes)

    def accuracies(columns: tuple[jax.Array, ...]) -> jax.Array:
        code, test, origin, exponent = columns
        model = classifiers.machines(
            code, target, costs, origin=origin, exponent=exponent, counted=present
        )
        scores = classifiers.scores(model, test[:, None])
        return _accuracies(jnp.where(has_points, scores, -jnp.inf), y_test, sizes)

    columns = z.unit.T, x_test.T, z.origin, z.exponent
    matrix = jax.lax.map(accuracies, columns)
    return jnp.where(discrete.several(y)[None, :], matrix, 0)


def _weights(target: jax.Array, sizes: tuple[int, ...]) -> jax.Array:
    """Balanced weights of the points outside and inside each class `[P, 2]`.

    The weight is N/(V n_v) inside, over the V classes with points, and 1 outside. If
    V = 2, the points outside are the other class and have its weight.
    """
    number = jnp.sum(target, axis=1)
    rows = []
    for part in jnp.split(number, np.cumsum(sizes)[:-1]):
        classes = jnp.sum(part > 0)
        balanced = (classes * jnp.maximum(part, 1)).astype(jnp.float32)
        inside = jnp.sum(part).astype(jnp.float32) / balanced
        inside = jnp.where(part > 0, inside, 0)
        outside = jnp.where(classes == 2, jnp.sum(inside) - inside, 1)
        rows.append(jnp.stack([outside, inside], axis=1))
    return jnp.concatenate(rows)


def _accuracies(
    scores: jax.Array, labels: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """The share of points whose own class has the largest score, per factor `[F]`.

    The first class wins a tie, as in scikit-learn. So if a dimension has no information
    about two classes, their order decides which of them is predicted.
    """
    parts = jnp.split(scores, np.cumsum(sizes)[:-1])
    hits = [jnp.argmax(part, 0) == y for part, y in zip(parts, labels.T, strict=True)]
    correct = jnp.sum(jnp.stack(hits), axis=1).astype(scores.dtype)
    return correct / jnp.maximum(jnp.sum(labels >= 0, axis=0), 1)
