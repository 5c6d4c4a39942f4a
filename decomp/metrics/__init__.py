"""Metrics of disentanglement, one a file, on plain arrays of codes and factors.

`score` computes all of them, as `python -m experiments.score` does.

What they take, what is a class and what is continuous, and what a constant or missing
value does is one rule for all of them, in `decomp.metrics.inputs`.
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
    "udr",
    "units",
    "unsupervised",
    "z_max_variance",
]


def score(codes: Any, factors: Any, *, seed: int = 0, **options: Any) -> Any:
    """The sheet of a representation, with the published variants of each metric.

    DCI by the published forests and boosted trees takes minutes, and is computed when
    it is named; `forest` has a fifth of the trees.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`; or those of
            several runs `[R, N, D]`.
        factors: Factors `[N, F]`, or a single one `[N]`; a data frame names them. A
            missing value (NaN, None, masked) is left out and counted.
        seed: Of the random votes.
        **options: Those of `sheet.sheet`, such as `metrics=["mig", "dci"]`, and
            `intervals=100` for an interval of each value.

    Returns:
        A `sheet.Sheet`, which has `.values`, `.to_csv(path)` and `.plot()`; for several
        runs a list of them.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.

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
    """What other codes of the same points score above these, with intervals of 95 %.

    Args:
        codes: One code a data point `[N, D]`.
        others: Of the same points, with any number of latents.
        factors: As in `score`.
        intervals: Half samples of the points, see `metrics.intervals`.
        **options: Those of `score`.

    Returns:
        A `comparison.Differences`, a list of lines with their `low` and `high`.

    Raises:
        ValueError: As in `score`.

    >>> factors = [[a, b] for a in range(4) for b in range(4)] * 4
    >>> missing = [[a, 0] for a, b in factors]
    >>> str(compare(missing, factors, factors, metrics=["active units"]))[:34]
    'active units, 0.01  +1.0000  1.000'
    """
    from decomp.metrics import comparison

    both = [
        score(each, factors, intervals=intervals, **options) for each in (codes, others)
    ]
    return comparison.compare(*both)


def __getattr__(name: str) -> Any:
    """Kim & Mnih's metric under the name that its module had before 0.1."""
    if name == "kim_mnih_presets":
        return importlib.import_module("decomp.metrics.kim_mnih")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
