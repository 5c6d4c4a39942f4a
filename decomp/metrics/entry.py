"""An entry of the registry of metrics, which describes one variant of a metric."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# A function of (key, codes, classes [N, F], numbers of classes) that returns []. Codes
# are an array [N, D] or `units.Codes`. Metrics without random draws ignore the key, and
# metrics without factors ignore the classes.
Measure = Callable[[Any, Any, Any, tuple[int, ...]], Any]


class ScoreColumn(NamedTuple):
    """The column of scores.csv in which a sweep has a metric of the posterior means."""

    name: str  # the name in scores.csv and in `config.evaluate.metrics`
    label: str  # the header in tables
    axis: str = ""  # the label of an axis, with its unit; by default `label`
    auto: bool = True  # whether `config.evaluate.metrics` = auto measures it


class Entry(NamedTuple):
    """One variant of a metric: its computation, its texts and its properties."""

    metric: str
    variant: str
    measure: Measure
    definition: str  # with the unit, if the score has one
    source: str
    of_factors: bool = True  # whether it compares codes with factors
    draws: bool = False  # whether it uses the key
    posteriors: bool = False  # whether it takes posteriors, see `sheet.GivenPosteriors`
    compiled: bool = True  # whether it works under jit; else scikit-learn fits it
    unasked: bool = True  # whether a sheet computes it if only its metric is named
    column: ScoreColumn | None = None  # the column, if sweeps may measure it
    bounds: tuple[float, float] = (-math.inf, math.inf)  # of all possible scores
    # Whether it treats each factor separately, so that a missing value of one factor
    # (class −1) does not affect the others.
    apart: bool = False
    numbers: bool = False  # whether it takes an `inputs.FactorTable`, not classes
    beside: str = ""  # a metric with which it shares computation; by default its own
    halves: int | None = None  # the most half samples of an interval; None: no limit
    # A function of which the score is the field `part`; it is computed once for all
    # entries that share it.
    shared: Measure | None = None
    part: str = ""
    # The score is a mean over the first number of points, out of the second number that
    # the metric uses; None if it uses all points.
    counted: tuple[int, int] | None = None

    @property
    def stream(self) -> tuple[str, str]:
        """The name of its stream of random numbers, which is folded into the key."""
        return self.name if self.shared is None else ("shared", self.variant)

    def num_halves(self, asked: int) -> int:
        """The number of half samples of its interval: at most `asked` and `halves`."""
        return asked if self.halves is None else min(asked, self.halves)

    def resampling(self, asked: int, *, difference: bool = False) -> str:
        """How its interval, or that of a difference of two scores, is estimated."""
        words = f"{self.num_halves(asked)} half samples"
        if self.draws:
            return f"{words}, new draws"
        return words if difference else f"{words}, bias removed"

    @property
    def name(self) -> tuple[str, str]:
        """The key of the entry in `definitions.ENTRIES`."""
        return self.metric, self.variant


class Maps(NamedTuple):
    """The maps of a representation, which are matrices of latents and factors."""

    names: tuple[str, ...]  # names of the factors
    information: Any  # [D, F], I(z_d; v_f)/H(v_f) from 20 bins, in [0, 1]
    importance: Any | None = None  # [D, F], each column sums to 1

    def named(self) -> dict[str, Any]:
        """The matrices that are not None, by the keys of `definitions.MAPS`."""
        matrices = {"information": self.information, "importance": self.importance}
        return {name: m for name, m in matrices.items() if m is not None}


def scores(
    entries: Sequence[Entry],
    stream: Callable[[Entry], Any],
    codes: Any,
    table: Any,
    sizes: tuple[int, ...],
) -> tuple[Any, ...]:
    """The scores of codes by several entries.

    Args:
        entries: The entries.
        stream: Maps an entry to its random key.
        codes: The codes, as in `Measure`.
        table: The factors, an `inputs.FactorTable`.
        sizes: Number of classes of each factor.

    Returns:
        One score `[]` per entry.
    """
    results: dict[Any, Any] = {}
    values = []
    for entry in entries:
        factors = table if entry.numbers else table.classes
        if entry.shared is None:
            values.append(entry.measure(stream(entry), codes, factors, sizes))
            continue
        if entry.shared not in results:
            results[entry.shared] = entry.shared(stream(entry), codes, factors, sizes)
        values.append(getattr(results[entry.shared], entry.part))
    return tuple(values)
