"""The metrics of `config.evaluate.metrics`, from `decomp.metrics.definitions`.

A metric of your own is registered in a config file, see `configs/your_own.py`:

    metrics.register(metrics.Metric("mine", "my score", "what it is", score))
"""

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import definitions, units
from decomp.own_functions import check_shape, shapes
from experiments.data.arrays import Dataset
from experiments.results import columns, labels
from experiments.system import registry

# Maps codes [N, D], classes [N, F] and the numbers of classes to a score [].
Value = Callable[[jax.Array, jax.Array, tuple[int, ...]], jax.Array]


class Metric(NamedTuple):
    """A metric that a config file adds."""

    name: str  # in `config.evaluate.metrics`, and the column of scores.csv
    label: str  # in the header of tables
    text: str  # its definition, with the unit
    value: Value
    of_factors: bool = True  # whether it needs factors, not only codes


_OWN: dict[str, Metric] = {}
_TAKEN = frozenset(columns.COLUMNS)


def register(metric: Metric) -> None:
    """Registers a metric under its name, for configs and `decomp.metrics.sheet`.

    Raises:
        ValueError: One line, if a score has this name.
    """
    if metric.name in _TAKEN:
        raise ValueError(f"the name {metric.name} is taken by a score; choose another.")
    registry.add(_OWN, metric, "metric")

    def measure(key: Any, codes: Any, classes: Any, sizes: tuple[int, ...]) -> Any:
        del key
        if isinstance(codes, units.Codes):  # called by a sheet
            codes = units.values(codes)
        return metric.value(codes, classes, sizes)

    definitions.register(
        definitions.Entry(
            *(metric.name, "own", measure, metric.text, ""),
            of_factors=metric.of_factors,
            column=definitions.ScoreColumn(metric.name, metric.label, auto=False),
        )
    )
    labels.add_score(
        metric.name, metric.label, metric.text, of_factors=metric.of_factors
    )


def score(
    name: str, key: jax.Array, codes: Any, classes: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """The value `[]` of the metric of a column.

    Args:
        name: One of `columns.metrics`, but not auto.
        key: A random key; a metric folds its name into it, and so does not depend on
            other metrics.
        codes: `[N, D]`.
        classes: `[N, F]`.
        sizes: Number of classes of each factor.
    """
    entry = definitions.columns()[name]
    own = jax.random.fold_in(key, zlib.crc32(name.encode())) if entry.draws else key
    return entry.measure(own, codes, classes, sizes)


def chosen(names: Sequence[str], num_factors: int) -> tuple[str, ...]:
    """The chosen metrics; auto means those of factors, or of codes if there are none.

    Raises:
        ValueError: For metrics of factors if there are no factors.
    """
    factors = num_factors > 1
    every = columns.OF_FACTORS if factors else columns.OF_CODES
    auto = {n for n, e in definitions.columns().items() if e.column and e.column.auto}
    default = [name for name in every if name in auto]
    metrics = [m for name in names for m in (default if name == "auto" else [name])]
    if not factors and set(metrics) & set(columns.OF_FACTORS):
        kind = "a class alone" if num_factors else "none"
        raise ValueError(
            f"evaluate.metrics = {tuple(names)} expects data with two factors or more; "
            f"got {kind}, choices: {', '.join(columns.OF_CODES)}, auto."
        )
    return tuple(dict.fromkeys(metrics))


def check(names: Sequence[str], scored: Dataset, latents: int) -> None:
    """Raises ValueError for metrics that need factors the data lack, or that fail.

    Args:
        names: The chosen metrics, see `chosen`.
        scored: The data that are scored.
        latents: D, the width of the codes.
    """
    count, factors = scored.factors.shape
    codes = jax.ShapeDtypeStruct((count, latents), jnp.float32)
    classes = jax.ShapeDtypeStruct((count, factors), jnp.int32)
    sizes = tuple(int(column.max()) + 1 for column in scored.factors.T)
    for name in chosen(names, factors):
        if name not in _OWN:
            continue
        result = shapes(
            f"evaluate.metrics = {name}",
            lambda c, f, value=_OWN[name].value: value(c, f, sizes),
            codes,
            classes,
        )
        check_shape(f"evaluate.metrics = {name}", "one number", result, ())
