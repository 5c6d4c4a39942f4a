"""Means with 95 % intervals over the runs of each setting."""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special


class Row(NamedTuple):
    """One score of one setting."""

    setting: dict[str, Any]
    score: str
    n: int  # number of runs in the mean
    failed: int  # number of runs left out because they diverged
    mean: float
    sd: float  # over runs, with n − 1 in the denominator
    low: float  # end of the 95 % t-interval of the mean
    high: float


def interval(
    values: np.ndarray, *, comparisons: int = 1
) -> tuple[float, float, float, float]:
    """Mean, standard deviation, and 95 % interval of the mean, of `[n]` values.

    The interval is mean ± t_{0.975, n−1} · s/√n, for normal values with unknown mean
    and variance; that of a single value is NaN. For m comparisons, 0.975 is replaced by
    1 − 0.025/m, so that all intervals have a joint coverage of 95 % (Bonferroni).

    Source: Mathieu et al. 2018, App. B.1.
    """
    n = len(values)
    mean = float(np.mean(values)) if n else math.nan
    if n < 2:
        return mean, math.nan, math.nan, math.nan
    sd = float(np.std(values, ddof=1))
    half = float(special.stdtrit(n - 1, 1 - 0.025 / comparisons)) * sd / math.sqrt(n)
    return mean, sd, mean - half, mean + half


def summarise(
    settings: Sequence[dict[str, Any]],
    setting: np.ndarray,
    ok: np.ndarray,
    scores: Mapping[str, np.ndarray],
    lacks: Mapping[str, np.ndarray] | None = None,
) -> list[Row]:
    """Summarises every score over the runs of every setting.

    Args:
        settings: Columns of each setting.
        setting: The setting of each run, an index `[R]`.
        ok: Whether each run counts `[R]`; the others are reported as failed.
        scores: Values by name `[R]`.
        lacks: For some scores, whether each run lacks it `[R]`; such runs do not count.
    """
    rows, lacks = [], lacks or {}
    for index, columns in enumerate(settings):
        for name, values in scores.items():
            members = (setting == index) & ~lacks.get(name, np.zeros_like(ok))
            chosen, failed = members & ok, int(np.sum(members & ~ok))
            statistics = interval(np.asarray(values, np.float64)[chosen])
            rows.append(Row(columns, name, int(chosen.sum()), failed, *statistics))
    return rows


def table(rows: Sequence[Row], shown: Container[str] | None = None) -> str:
    """A Markdown table with a row per setting and mean ± half-width per score.

    Args:
        rows: Statistics.
        shown: Scores to show; by default all.
    """
    rows = [row for row in rows if shown is None or row.score in shown]
    varying = _varying([row.setting for row in rows])
    names = list(dict.fromkeys(row.score for row in rows))
    header = [*varying, "n", "failed", *names]
    lines = {}
    for row in rows:
        key = tuple(row.setting.values())
        start = [show(row.setting[name]) for name in varying]
        line = lines.setdefault(key, [*start, str(row.n), str(row.failed)])
        line.append(mean_and_half(row))
    cells = [header, *lines.values()]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    aligned = [
        "| " + " | ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([aligned[0], rule, *aligned[1:]])


def show(value: Any) -> str:
    """A setting's value for a table."""
    if isinstance(value, float):
        return "∞" if math.isinf(value) else f"{value:g}"
    return str(value)


def mean_and_half(row: Any) -> str:
    """A mean ± the half-width of its interval, with two digits of the half-width.

    Args:
        row: A row with `mean`, `low` and `high`; a mean of NaN gives a dash.
    """
    if math.isnan(row.mean):
        return "–"
    if math.isnan(row.low):
        return f"{row.mean:.4g}"
    half = row.high - row.mean
    digits = max(0, 1 - math.floor(math.log10(half))) if half > 0 else 3
    return f"{row.mean:.{digits}f} ± {half:.{digits}f}"


def _varying(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The columns that differ between settings, or the first if none does."""
    names = list(settings[0])
    varying = [name for name in names if len({row[name] for row in settings}) > 1]
    return varying or names[:1]
