"""Effects with their intervals, and what a finding expects of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments import summary
from experiments.findings import sweeps
from experiments.findings.sweeps import Sweep

ABOVE, BELOW, NOT_ABOVE, SHOWN = "> 0", "< 0", "not > 0", ""


class Comparison(NamedTuple):
    """One effect, its interval, and what the finding expects of it."""

    label: str
    wanted: str  # "> 0", "< 0", "not > 0", "within m", or "" if it decides nothing
    mean: float
    low: float
    high: float
    n: int  # seeds, or minibatches

    @property
    def agrees(self) -> bool:
        """Whether the interval is where the finding expects it."""
        if self.wanted == ABOVE:
            return self.low > 0
        if self.wanted == BELOW:
            return self.high < 0
        if self.wanted == NOT_ABOVE:
            return self.low <= 0
        margin = float(self.wanted.removeprefix("within "))
        return -margin < self.low and self.high < margin


class Finding(NamedTuple):
    """One of the paper's statements with its comparisons."""

    name: str
    statement: str
    measure: str  # what the comparisons are of, with the unit
    sweeps: tuple[str, ...]
    comparisons: list[Comparison]

    @property
    def verdict(self) -> str:
        """In words: holds, does not hold, or how many of its comparisons do."""
        deciding = [c.agrees for c in self.comparisons if c.wanted]
        if all(deciding):
            return "holds"
        if not any(deciding):
            return "does not hold"
        return f"holds in {sum(deciding)} of {len(deciding)}"


def compared(parts: Sequence[tuple[str, str, np.ndarray]]) -> list[Comparison]:
    """Intervals that hold together with 95 %, by Bonferroni's correction.

    Args:
        parts: Label, what is wanted, and values `[n]` of each comparison.
    """
    made = []
    for label, wanted, values in parts:
        mean, _, low, high = summary.interval(values, comparisons=len(parts))
        made.append(Comparison(label, wanted, mean, low, high, len(values)))
    return made


def gap(
    sweep: Sweep, score: str, above: Mapping[str, Any], below: Mapping[str, Any]
) -> np.ndarray:
    """Differences `[n]` of a score between two settings, paired by seed."""
    return sweeps.paired(
        sweeps.values(sweep, score, **above), sweeps.values(sweep, score, **below)
    )
