"""One sheet: the metrics of a representation, with the definition beside each number.

Variants of one metric stand side by side, as they differ more than methods do; `spread`
says by how much. Every number is of the same codes and factors. DCI is fitted by
scikit-learn, so the sheet runs on the host; `FAST` leaves out its trees, which take
minutes a run. The rest is compiled, and `many` measures many runs by it at once.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from decomp.metrics import discrete, over_runs
from decomp.metrics.definitions import ENTRIES


class Line(NamedTuple):
    """A number of the sheet."""

    metric: str
    variant: str
    value: float  # NaN where a code is not finite
    definition: str
    source: str


METRICS = tuple(dict.fromkeys(metric for metric, _ in ENTRIES))
FAST = tuple(
    metric if metric != "dci disentanglement" else f"{metric}, eastwood"
    for metric in METRICS
)
_EXACT = ("mig", "exact")  # of posteriors


def sheet(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    scales: Any = None,
    metrics: Sequence[str] = METRICS,
    bins: int = 20,
) -> list[Line]:
    """Computes the chosen metrics, every published variant of each.

    Args:
        key: Consumed.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Factors `[N, F]`, discrete or continuous.
        scales: Deviations of Gaussian posteriors around the codes `[N, D]`; with them
            the exact MIG is a line too.
        metrics: Names from `METRICS`, or `FAST`; "metric, variant" names one variant.
        bins: Equal-width bins of a factor that is continuous.

    Returns:
        A line per metric and variant.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.
    """
    codes = np.asarray(codes)
    if codes.dtype.kind in "biuf" and not np.isfinite(codes).all():
        raise ValueError("expected finite codes [N, D]; some are NaN or infinite.")
    scales = None if scales is None else np.asarray(scales)[None]
    return many(key, codes[None], factors, scales=scales, metrics=metrics, bins=bins)[0]


def many(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    scales: Any = None,
    metrics: Sequence[str] = METRICS,
    bins: int = 20,
    block: int = 64,
) -> list[list[Line]]:
    """The sheets of many runs on the same data points, measured with the same draws.

    Runs are shared out among the devices; on CPU cores set `jax_num_cpu_devices` to
    their number first. A line is the same in company as alone, up to rounding, and does
    not depend on the other metrics chosen.

    Args:
        key: Consumed.
        codes: Codes of each run `[R, N, D]`; a run that is not finite scores NaN.
        factors: Factors `[N, F]`, discrete or continuous.
        scales: As in `sheet`, `[R, N, D]`.
        metrics: As in `sheet`.
        bins: As in `sheet`.
        block: Runs on a device at once; memory is about `4 · block · N · D` floats.

    Returns:
        The lines of each run.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.
    """
    chosen = _chosen(metrics, exact=scales is not None)
    codes, factors = _checked(codes, factors)
    if scales is not None and np.shape(scales) != codes.shape:
        raise ValueError(
            f"expected scales of the shape of the codes, {codes.shape[1:]} a run; "
            f"got {np.shape(scales)[1:]}."
        )
    classes, sizes = discrete.classes(factors, bins=bins)
    if max(sizes) < 2:
        raise ValueError("expected a factor with two values or more; every one has 1.")
    plain = [name for name in chosen if name != _EXACT]
    values = over_runs.measure(key, codes, classes, sizes, plain, block=block)
    if _EXACT in chosen:
        posteriors = codes, np.asarray(scales, codes.dtype)
        values |= over_runs.measure(
            key, posteriors, classes, sizes, [_EXACT], block=block
        )
    return [
        [Line(*name, float(values[name][run]), *ENTRIES[name][1:]) for name in chosen]
        for run in range(len(codes))
    ]


def spread(lines: Sequence[Line]) -> dict[str, float]:
    """Largest minus smallest value of the variants of each metric that has several."""
    values: dict[str, list[float]] = {}
    for line in lines:
        values.setdefault(line.metric, []).append(line.value)
    return {name: max(v) - min(v) for name, v in values.items() if len(v) > 1}


def _chosen(metrics: Sequence[str], *, exact: bool) -> list[tuple[str, str]]:
    """Entries by their names, in the order of the table."""
    known = {*METRICS, *(", ".join(name) for name in ENTRIES)}
    for name in metrics:
        if name not in known:
            raise ValueError(f"unknown metric '{name}'; choices: {', '.join(METRICS)}.")
    wanted = set(metrics)
    return [
        name
        for name in ENTRIES
        if wanted & {name[0], ", ".join(name)} and (exact or name != _EXACT)
    ]


def _checked(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes as float32 and factors, if they can be scored together."""
    codes, factors = np.asarray(codes), np.asarray(factors)
    for name, table, rank in (
        ("codes [N, D]", codes, 3),
        ("factors [N, F]", factors, 2),
    ):
        if table.ndim != rank or 0 in table.shape:
            raise ValueError(f"expected {name}; got shape {table.shape[rank - 2 :]}.")
        if table.dtype.kind not in "biuf":
            raise ValueError(f"expected numbers in {name}; got {table.dtype}.")
    if not np.isfinite(factors).all():
        raise ValueError("expected finite factors [N, F]; some are NaN or infinite.")
    num_points = codes.shape[1]
    if num_points != len(factors) or num_points < 2:
        raise ValueError(
            "expected as many codes as factors, 2 or more; got "
            f"{num_points} codes and {len(factors)} rows of factors."
        )
    return np.asarray(codes, np.float32), factors
