"""An entry of the registry of metrics: all that is known of one variant."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# (key, codes, classes [N, F], numbers of classes) to []. Codes are an array [N, D] or
# `units.Codes`; a metric that does not draw ignores the key, and one of codes alone the
# classes.
Measure = Callable[[Any, Any, Any, tuple[int, ...]], Any]


class ScoreColumn(NamedTuple):
    """A metric as a score of a sweep, of the posterior means of each run."""

    name: str  # in `config.evaluate.metrics`, and the column of scores.csv
    label: str  # at the head of a table
    axis: str = ""  # beside an axis of a figure, with its unit; "" for the label
    auto: bool = True  # whether `config.evaluate.metrics` = auto measures it


class Entry(NamedTuple):
    """All that is known of one variant of a metric."""

    metric: str
    variant: str
    measure: Measure
    definition: str  # with its unit, if it has one
    source: str
    of_factors: bool = True  # or of the codes alone
    draws: bool = False  # whether it uses the key
    posteriors: bool = False  # or codes; see `sheet.GivenPosteriors`
    compiled: bool = True  # or scikit-learn fits it on the host
    unasked: bool = True  # whether a sheet has it whose variants are not chosen
    column: ScoreColumn | None = None  # where sweeps may measure it
    bounds: tuple[float, float] = (-math.inf, math.inf)  # of any score
    # Whether it takes factors one by one, and leaves out the points of a class −1.
    apart: bool = False
    numbers: bool = False  # or classes: it takes an `inputs.FactorTable`
    beside: str = ""  # the metric whose work it shares; "" for its own
    halves: int | None = None  # half samples of its interval at most, see `intervals`
    # What its score is a `part` of, computed once for all entries that share it.
    shared: Measure | None = None
    part: str = ""
    # Points that it is a mean over, of the points that it takes, if it takes not all.
    counted: tuple[int, int] | None = None

    @property
    def stream(self) -> tuple[str, str]:
        """What its random numbers depend on, beside the key."""
        return self.name if self.shared is None else ("shared", self.variant)

    def num_halves(self, asked: int) -> int:
        """The half samples that its interval is from, if so many are asked for."""
        return asked if self.halves is None else min(asked, self.halves)

    def resampling(self, asked: int) -> str:
        """What its interval is from, in words."""
        how = "drawn anew" if self.draws else "less bias"
        return f"{self.num_halves(asked)} half samples, {how}"

    @property
    def name(self) -> tuple[str, str]:
        """The key in `ENTRIES`."""
        return self.metric, self.variant


def scores(
    entries: Sequence[Entry],
    stream: Callable[[Entry], Any],
    codes: Any,
    table: Any,
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The scores of codes and an `inputs.FactorTable` by some entries.

    Args:
        entries: The entries.
        stream: The key of an entry, by its `stream`.
        codes: As in `Measure`.
        table: The factors.
        sizes: Number of classes of each factor.
    """
    results: dict[Any, Any] = {}
    found = []
    for entry in entries:
        given = table if entry.numbers else table.classes
        if entry.shared is None:
            found.append(entry.measure(stream(entry), codes, given, sizes))
            continue
        if entry.shared not in results:
            results[entry.shared] = entry.shared(stream(entry), codes, given, sizes)
        found.append(getattr(results[entry.shared], entry.part))
    return tuple(found)
