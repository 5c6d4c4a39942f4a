"""Effects with their intervals, and the expectation of a finding."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.findings import load
from experiments.findings.load import SweepTables
from experiments.results import summary

ABOVE, BELOW, NOT_ABOVE, SHOWN = "> 0", "< 0", "not > 0", ""


class Comparison(NamedTuple):
    """One effect, its interval, and the expectation of the finding."""

    label: str
    wanted: str  # "> 0", "< 0", "not > 0", "within m", or "" if it decides nothing
    mean: float
    low: float
    high: float
    n: int  # seeds, or minibatches

    @property
    def answer(self) -> str:
        """`yes` or `no` if the whole interval is on one side, else `open`."""
        if not self.wanted:
            return ""
        if self.wanted == NOT_ABOVE:
            return "no" if self.low > 0 else "yes"
        if self.wanted in (ABOVE, BELOW):
            sign = 1 if self.wanted == ABOVE else -1
            near, far = sorted((sign * self.low, sign * self.high))
            return "yes" if near > 0 else "no" if far < 0 else "open"
        margin = float(self.wanted.removeprefix("within "))
        if -margin < self.low and self.high < margin:
            return "yes"
        return "no" if self.low > margin or self.high < -margin else "open"


class Finding(NamedTuple):
    """One of the paper's statements with its comparisons."""

    name: str
    statement: str
    measure: str  # the compared quantity, with its unit
    sweeps: tuple[str, ...]
    comparisons: list[Comparison]

    @property
    def verdict(self) -> str:
        """The verdict: holds, does not hold, or a count of the comparisons that do."""
        answers = [c.answer for c in self.comparisons if c.wanted]
        yes, no, undecided = (answers.count(a) for a in ("yes", "no", "open"))
        if not no and not undecided:
            return "holds"
        if not yes:
            return "does not hold" if no else "open"
        parts = [f"holds in {yes} of {len(answers)}"]
        parts += [f"not in {no}"] if no else []
        parts += [f"open in {undecided}"] if undecided else []
        return ", ".join(parts)


def compared(parts: Sequence[tuple[str, str, np.ndarray]]) -> list[Comparison]:
    """Intervals with a joint coverage of 95 %, by Bonferroni's correction.

    Args:
        parts: Label, expectation, and values `[n]` of each comparison.

    Raises:
        load.Lacking: For a comparison of fewer than two values.
    """
    comparisons = []
    for label, criterion, values in parts:
        if len(values) < 2:
            raise load.Lacking(f"{label}: expected 2 seeds or more.")
        mean, _, low, high = summary.interval(values, comparisons=len(parts))
        comparisons.append(Comparison(label, criterion, mean, low, high, len(values)))
    return comparisons


def gap(
    sweep: SweepTables, score: str, above: Mapping[str, Any], below: Mapping[str, Any]
) -> np.ndarray:
    """Differences `[n]` of a score between two settings, paired by seed."""
    return load.paired(
        load.values(sweep, score, **above), load.values(sweep, score, **below)
    )


def written(comparison: Comparison) -> str:
    """An effect with its interval, rounded to the digits that the interval supports."""
    if not math.isclose(
        comparison.high - comparison.mean,
        comparison.mean - comparison.low,
        rel_tol=1e-6,
        abs_tol=1e-9,
    ):
        ends = f"{comparison.low:.2f} … {comparison.high:.2f}"
        return f"{comparison.mean:.2f} ({ends})"
    return plus_minus(comparison.mean, comparison.high - comparison.mean)


def mean_and_half(values: np.ndarray, comparisons: int) -> tuple[float, float]:
    """The mean and the half-width of one of several intervals that hold together."""
    mean, _, _, high = summary.interval(values, comparisons=comparisons)
    return mean, high - mean


def plus_minus(mean: float, half: float, sign: str = "+") -> str:
    """A mean and the half-width of its interval, with two digits of the latter."""
    digits = max(0, 1 - math.floor(math.log10(half))) if half > 0 else 3
    # The sign of −0.000 has no meaning.
    rounded = round(mean, digits) + 0.0
    return f"{rounded:{sign}.{digits}f} ± {half:.{digits}f}".replace("-", "−")
