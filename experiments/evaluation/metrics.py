"""The metrics of `config.evaluate.metrics`; `results.columns` says what each is.

A metric of one's own is registered in a config file, see `configs/your_own.py`:

    metrics.register(metrics.Metric("mine", "my score", "what it is", score))
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from decomp.metrics import hoyer, infomec, mig, modularity, sap, unsupervised
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


METRICS: dict[str, Value] = {
    "mig": lambda codes, classes, sizes: mig.score(codes, classes, sizes=sizes).score,
    "modularity": lambda codes, classes, sizes: (
        modularity.score(codes, classes, sizes=sizes).score
    ),
    "infom": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).score
    ),
    "infoc": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).compactness
    ),
    "hoyer": lambda codes, classes, sizes: hoyer.score(codes).score,
    "sap": lambda codes, classes, sizes: sap.r_squared(codes, classes).score,
    "gaussian_tc": lambda codes, classes, sizes: unsupervised.score(codes).score,
    "gaussian_wasserstein": lambda codes, classes, sizes: (
        unsupervised.score(codes).wasserstein_normalised
    ),
    "pairwise_information": lambda codes, classes, sizes: (
        unsupervised.score(codes).mutual_information
    ),
}


_OWN: dict[str, Metric] = {}
_TAKEN = frozenset(columns.COLUMNS)


def register(metric: Metric) -> None:
    """Makes a metric known to configs by its name.

    Raises:
        ValueError: In one line, for a name that is taken by a score.
    """
    if metric.name in _TAKEN:
        raise ValueError(
            f"the name {metric.name} is taken by a score; expected another."
        )
    registry.add(_OWN, metric, "metric")
    METRICS[metric.name] = metric.value
    labels.add_score(
        metric.name, metric.label, metric.text, of_factors=metric.of_factors
    )


def chosen(names: Sequence[str], num_factors: int) -> tuple[str, ...]:
    """The metrics asked for; auto is those of factors, or those of codes without any.

    Raises:
        ValueError: For metrics of factors where there are none.
    """
    factors = num_factors > 1
    every = columns.OF_FACTORS if factors else columns.OF_CODES
    default = [name for name in every if name not in _OWN]
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
        try:
            value = METRICS[name]
            found = jax.eval_shape(
                functools.partial(lambda v, c, f: v(c, f, sizes), value), codes, classes
            )
        except Exception as error:  # of whatever kind a user's function raises
            reason = " ".join(str(error).split())[:300]
            raise ValueError(
                f"evaluate.metrics = {name} cannot be computed: {reason}"
            ) from None
        if getattr(found, "shape", None) != ():
            raise ValueError(
                f"evaluate.metrics = {name} expects one number; got shape "
                f"{list(getattr(found, 'shape', ()))}."
            )
