"""Metrics of disentanglement for plain arrays of codes and factors.

Each metric is one file. `score` computes all of them, as `python -m experiments.score`
does, and `compare` scores two representations of the same points.

All metrics share the rules of `decomp.metrics.inputs`, which say what codes and factors
may be, when a factor is continuous, and what a constant or missing value does.
"""

import importlib
from typing import Any

__all__ = [
    "active_units",
    "compare",
    "comparison",
    "containers",
    "dci",
    "dcimig",
    "definitions",
    "discrete",
    "edi",
    "entry",
    "higgins",
    "hoyer",
    "infoe",
    "infomec",
    "inputs",
    "intervals",
    "irs",
    "jemmig",
    "kim_mnih",
    "measures",
    "mig",
    "mig_sup",
    "modularity",
    "over_runs",
    "picture",
    "preset",
    "reasons",
    "rmig",
    "sap",
    "score",
    "sheet",
    "solvers",
    "tables",
    "udr",
    "units",
    "unsupervised",
    "z_max_variance",
]


def score(codes: Any, factors: Any, *, seed: int = 0, **options: Any) -> Any:
    """Scores a representation by the published variants of each metric.

    DCI with the published forests and boosted trees takes minutes, and is only computed
    if `metrics` names it. The default `forest` has a fifth of the trees.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`, or the
            codes of several runs `[R, N, D]`.
        factors: Factors `[N, F]`, or a single factor `[N]`. The columns of a data frame
            give their names. Missing values (NaN, None, masked) are left out and
            counted.
        seed: Seed of all random draws, such as the votes.
        **options: Options of `sheet.sheet`, such as `metrics=["mig", "dci"]`, or
            `intervals=100` for a 95 % interval of each value.

    Returns:
        A `tables.Sheet`, which has `.values`, `.to_csv(path)` and `.plot()`; for
        several runs a `tables.Sheets`, a list of sheets that is shown as their means.

    Raises:
        ValueError: For an unknown metric, or for arrays that cannot be scored.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> score(factors, factors, metrics=["mig, locatello"]).values
    {'mig, locatello': 1.0}
    """
    import jax
    import numpy as np

    from decomp.metrics import sheet

    if np.ndim(factors) == 1 and not hasattr(factors, "columns"):
        factors = np.ma.asarray(factors) if np.ma.isMaskedArray(factors) else factors
        factors = np.asanyarray(factors)
        factors = factors if factors.dtype.names else factors[:, None]
    make = sheet.many if np.ndim(codes) == 3 else sheet.sheet
    return make(jax.random.key(seed), codes, factors, **options)


def compare(
    codes: Any, others: Any, factors: Any, *, intervals: int = 100, **options: Any
) -> Any:
    """Compares two representations of the same points, with 95 % intervals.

    Each difference is the score of `others` minus the score of `codes`.

    Args:
        codes: One code per data point `[N, D]`.
        others: Other codes of the same points, with any number of latents.
        factors: The factors, as in `score`.
        intervals: Number of half samples of the points, see `metrics.intervals`.
        **options: Options of `score`.

    Returns:
        A `comparison.Differences`: a list of lines with the ends `low` and `high` of
        each interval.

    Raises:
        ValueError: As in `score`.

    >>> factors = [[a, b] for a in range(4) for b in range(4)] * 4
    >>> missing = [[a, 0] for a, b in factors]
    >>> str(compare(missing, factors, factors, metrics=["active units"]))[:34]
    'active units, 0.01  +1.0000  1.000'
    """
    from decomp.metrics import comparison

    sheets = [
        score(each, factors, intervals=intervals, **options) for each in (codes, others)
    ]
    return comparison.compare(*sheets)


def __getattr__(name: str) -> Any:
    """Imports a module of this package when it is first used."""
    if name == "kim_mnih_presets":  # the name that it had before 0.1
        name = "kim_mnih"
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
