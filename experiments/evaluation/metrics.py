"""The metrics of `config.evaluate.metrics`, those of `decomp.metrics.definitions`.

A metric of one's own is registered in a config file, see `configs/your_own.py`:

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

# (codes [N, D], classes [N, F], sizes) to [], where sizes are the numbers of classes.
Value = Callable[[jax.Array, jax.Array, tuple[int, ...]], jax.Array]


class Metric(NamedTuple):
    """A metric that a config file adds."""

    name: str  # in `config.evaluate.metrics`, and the column of scores.csv
    label: str  # at the head of a table
    text: str  # what it is, with its unit
    value: Value
    of_factors: bool = True  # or of the codes alone


_OWN: dict[str, Metric] = {}
_TAKEN = frozenset(columns.COLUMNS)


def register(metric: Metric) -> None:
    """Makes a metric known to configs and to `decomp.metrics.sheet` by its name.

    Raises:
        ValueError: In one line, for a name that is taken by a score.
    """
    if metric.name in _TAKEN:
        raise ValueError(
            f"the name {metric.name} is taken by a score; expected another."
        )
    registry.add(_OWN, metric, "metric")

    def measure(key: Any, codes: Any, classes: Any, sizes: tuple[int, ...]) -> Any:
        del key
        if isinstance(codes, units.Codes):  # those of a sheet
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
    """The value of a metric `[]`, by the name of its column.

    Args:
        name: One of `columns.metrics`, other than auto.
        key: A metric that draws folds its name into it, so none depends on the others.
        codes: `[N, D]`.
        classes: `[N, F]`.
        sizes: Number of classes of each factor.
    """
    entry = definitions.columns()[name]
    own = jax.random.fold_in(key, zlib.crc32(name.encode())) if entry.draws else key
    return entry.measure(own, codes, classes, sizes)


def chosen(names: Sequence[str], num_factors: int) -> tuple[str, ...]:
    """The metrics asked for; auto is those of factors, or those of codes without any.

    Raises:
        ValueError: For metrics of factors where there are none.
    """
    factors = num_factors > 1
    every = columns.OF_FACTORS if factors else columns.OF_CODES
    auto = {n for n, e in definitions.columns().items() if e.column and e.column.auto}
    default = [name for name in every if name in auto]
    wanted = [m for name in names for m in (default if name == "auto" else [name])]
    if not factors and set(wanted) & set(columns.OF_FACTORS):
        found = "a class alone" if num_factors else "none"
        raise ValueError(
            f"evaluate.metrics = {tuple(names)} expects data with two factors or more; "
            f"got {found}, choices: {', '.join(columns.OF_CODES)}, auto."
        )
    return tuple(dict.fromkeys(wanted))


def check(names: Sequence[str], scored: Dataset, latents: int) -> None:
    """Raises ValueError for metrics that the data have no factors for, or that fail.

    Args:
        names: The metrics asked for, see `chosen`.
        scored: The data that is scored.
        latents: D, the width of the codes.
    """
    count, factors = scored.factors.shape
    codes = jax.ShapeDtypeStruct((count, latents), jnp.float32)
    classes = jax.ShapeDtypeStruct((count, factors), jnp.int32)
    sizes = tuple(int(column.max()) + 1 for column in scored.factors.T)
    for name in chosen(names, factors):
        if name not in _OWN:
            continue
        found = shapes(
            f"evaluate.metrics = {name}",
            lambda c, f, value=_OWN[name].value: value(c, f, sizes),
            codes,
            classes,
        )
        check_shape(f"evaluate.metrics = {name}", "one number", found, ())
