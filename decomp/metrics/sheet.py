"""One sheet: the metrics of a representation, with the definition beside each number.

Variants of one metric stand side by side, as they differ more than methods do; `spread`
says by how much. Every number is of the same codes and factors. DCI is fitted by
scikit-learn, so the sheet runs on the host; `FAST` leaves out its trees, and those that
take minutes a run are measured where they are named. The rest is compiled, and `many`
measures many runs by it at once.
"""

import csv
import html
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp import extras
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import inputs, over_runs, reasons, units
from decomp.metrics import intervals as resampled
from decomp.metrics.definitions import ENTRIES, Entry
from decomp.metrics.inputs import Factors
from decomp.metrics.units import Codes


class SheetLine(NamedTuple):
    """A number of the sheet."""

    metric: str
    variant: str
    value: float  # NaN where there is none, with the reason in the note
    definition: str
    source: str
    note: str = ""  # why there is no value, or which convention it rests on
    low: float | None = None  # ends of its interval of 95 %, see `intervals`
    high: float | None = None
    bias: float | None = None  # of the value, which the interval is rid of
    resampling: str = ""  # what the interval is from
    points: int = 0  # N that it is of; where factors are missing, at most so many


class Sheet(list[SheetLine]):
    """The lines of a sheet; `notes` say what was decided of its factors and codes.

    A notebook shows it as a table, and `print` as lines. With intervals, `halves` are
    the scores of half samples of the points, `[B]` by metric and variant.
    """

    def __init__(
        self,
        lines: Iterable[SheetLine] = (),
        notes: Sequence[str] = (),
        *,
        num_points: int = 0,
        missing: Mapping[str, int] | None = None,
        halves: Mapping[tuple[str, str], np.ndarray] | None = None,
    ):
        super().__init__(lines)
        self.notes = tuple(notes)
        self.num_points = num_points  # N
        self.missing = dict(missing or {})  # points that have no value, by factor
        self.halves = dict(halves or {})

    @property
    def values(self) -> dict[str, float]:
        """The numbers by "metric, variant"."""
        return {f"{line.metric}, {line.variant}": line.value for line in self}

    def __str__(self) -> str:
        """A line for each number, and the notes below."""
        width = max(map(len, self.values), default=0)
        lines = [
            f"{name:{width}}  {line.value:.4f}  {span(line)}".rstrip()
            for name, line in zip(self.values, self, strict=True)
        ]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        rows = [
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th", *["td"] * len(self)], cells(self), strict=True)
        ]
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{table}</table>{notes}"

    def to_csv(self, path: Any) -> None:
        """Writes the lines as a table, with a header."""
        with pathlib.Path(path).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([SheetLine._fields, *self])

    def plot(self, maps: Any = None) -> Any:
        """Draws the values with their intervals; returns Matplotlib's axes.

        Args:
            maps: Those of `picture.maps`, which are drawn beside the values.
        """
        extras.require("matplotlib")
        from matplotlib import pyplot

        from decomp.metrics import picture

        figure = pyplot.figure(figsize=picture.size(self, maps), layout="constrained")
        return picture.draw(figure, self, maps)


# Those of the package; a metric that was registered is chosen by its name.
METRICS = tuple(dict.fromkeys(metric for metric, _ in ENTRIES))
FAST = tuple(
    f"{metric}, eastwood" if metric.startswith("dci ") else metric for metric in METRICS
)


class GivenPosteriors(NamedTuple):
    """What entries of posteriors are measured of: the same Gaussians twice."""

    own_units: Gaussian  # leaves [..., N, D], in the units of each latent's means
    as_given: Gaussian  # leaves [..., N, D], float32


class _Points(NamedTuple):
    """What the entries are measured of, with leaves `[R, N, …]` or of one run."""

    codes: Codes
    posteriors: GivenPosteriors | None
    factors: Factors
    complete: tuple[Factors, np.ndarray]  # the rows without a missing factor

    def of(self, entry: Entry) -> tuple[Factors, np.ndarray]:
        """The factors that an entry is measured of, and their rows."""
        if entry.apart or not entry.of_factors:
            return self.factors, np.arange(len(self.factors.classes))
        return self.complete

    def groups(self, names: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
        """Codes or posteriors, factors, and the entries that are measured of them."""
        kinds: dict[tuple[bool, int], list[tuple[str, str]]] = {}
        for name in names:
            entry = ENTRIES[name]
            kind = entry.posteriors, len(self.of(entry)[1])
            kinds.setdefault(kind, []).append(name)
        groups = []
        for (posteriors, count), some in kinds.items():
            codes = self.posteriors if posteriors else self.codes
            found, rows = self.of(ENTRIES[some[0]])
            if count < len(self.factors.classes):
                codes = _taken(codes, rows)
            groups.append((codes, found, some))
        return groups


def _taken(codes: Any, rows: np.ndarray) -> Any:
    """Some data points of codes or posteriors, leaves `[…, N, D]`."""
    if isinstance(codes, Codes):
        return units.rows(codes, jnp.asarray(rows))
    return jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=-2), codes)


def sheet(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    scales: Any = None,
    metrics: Sequence[str] = METRICS,
    bins: int = inputs.BINS,
    continuous: Sequence[Any] | None = None,
    discrete: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    intervals: int = 0,
) -> Sheet:
    """Computes the chosen metrics, by default all but the trees that take minutes.

    What is constant, continuous or missing is decided as `inputs` says, and told in the
    notes of the sheet. A metric that cannot be computed has a line with NaN and the
    reason; the others stand.

    Args:
        key: A random key, which is used up.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Factors `[N, F]`, discrete or continuous.
        scales: Deviations of Gaussian posteriors around the codes `[N, D]`; with them
            what is measured of posteriors has lines too, as the exact MIG.
        metrics: Names from `METRICS`, or `FAST`, or of what was registered in
            `definitions`; "metric, variant" names one variant.
        bins: Equal-width bins of a factor that is continuous.
        continuous: Factors that are continuous whatever their values, by index or name.
        discrete: Factors that are classes whatever their values.
        names: Names of the factors; by default the table's own, if it has any.
        intervals: Half samples of the points that give each value its interval of
            95 %, such as 100, see `intervals`; 0 for none.

    Returns:
        A line per metric and variant.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.
    """
    table = inputs.of_rank(codes, "codes", 2)
    bad = (~np.isfinite(table.astype(np.float64))).any(axis=1)
    if bad.any():
        raise ValueError(
            f"expected finite codes [N, D]; {bad.sum()} of {len(table)} rows hold NaN "
            "or infinity."
        )
    scales = None if scales is None else inputs.of_rank(scales, "scales", 2)[None]
    options = {"continuous": continuous, "discrete": discrete, "names": names}
    kept = {"scales": scales, "metrics": metrics, "bins": bins}
    kept |= {"intervals": intervals}
    return many(key, table[None], factors, **kept, **options)[0]


def many(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    scales: Any = None,
    metrics: Sequence[str] = METRICS,
    bins: int = inputs.BINS,
    continuous: Sequence[Any] | None = None,
    discrete: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    intervals: int = 0,
    block: int = 64,
) -> list[Sheet]:
    """The sheets of many runs on the same data points, measured with the same draws.

    Runs are shared out among the devices; on CPU cores set `jax_num_cpu_devices` to
    their number first. A line is the same in company as alone, up to rounding, and does
    not depend on the other metrics chosen.

    Args:
        key: A random key, which is used up.
        codes: Codes of each run `[R, N, D]`; a run that is not finite scores NaN.
        factors: Factors `[N, F]`, discrete or continuous.
        scales: As in `sheet`, `[R, N, D]`.
        metrics: As in `sheet`.
        bins: As in `sheet`.
        continuous: As in `sheet`.
        discrete: As in `sheet`.
        names: As in `sheet`.
        intervals: As in `sheet`; the half samples of all runs are the same.
        block: Runs on a device at once; memory is about `4 · block · N · D` floats.

    Returns:
        The lines of each run.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.
    """
    if intervals and intervals < resampled.LEAST:
        raise ValueError(
            f"expected intervals from {resampled.LEAST} half samples or more, or 0 for "
            f"none; got {intervals}."
        )
    chosen = _chosen(metrics, posteriors=scales is not None)
    told = {"continuous": continuous, "discrete": discrete, "names": names}
    found = inputs.factors(factors, bins=bins, incomplete=True, **told)
    table = _rows(codes, found)
    z = inputs.codes(table, rank=3)
    of_posteriors = any(ENTRIES[name].posteriors for name in chosen)
    q = _posteriors(table, scales) if of_posteriors else None
    points = _Points(z, q, found, inputs.complete(found))
    values, problems = _values(key, points, chosen, block)
    sheets = []
    for r in range(len(table)):
        own, own_q = jax.tree.map(lambda leaf, r=r: leaf[r], (z, q))
        run = _Points(own, own_q, found, points.complete)
        plain = _lines(chosen, r, run, values, problems)
        sheets.append(_with_intervals(plain, key, run, intervals))
    return sheets


def spread(lines: Sequence[SheetLine]) -> dict[str, float]:
    """Largest minus smallest value of the variants of each metric that has several."""
    values: dict[str, list[float]] = {}
    for line in lines:
        if not np.isnan(line.value):
            values.setdefault(line.metric, []).append(line.value)
    return {name: max(v) - min(v) for name, v in values.items() if len(v) > 1}


def parse(text: str) -> tuple[str, ...]:
    """The names of metrics in a line, with commas or semicolons between.

    "mig, 50 bins, sap" is a variant of one metric and all variants of another; "dci"
    stands for the metrics that begin so.

    Raises:
        ValueError: For an unknown metric.
    """
    names = []
    for part in text.split(";"):
        words = [word.strip() for word in part.split(",") if word.strip()]
        while words:
            pair = _entries(", ".join(words[:2])) if len(words) > 1 else []
            name = ", ".join(words[: 2 if pair else 1])
            if not _entries(name):
                raise _unknown(name)
            names.append(name)
            words = words[2 if pair else 1 :]
    return tuple(names)


def _chosen(metrics: Sequence[str], *, posteriors: bool) -> list[tuple[str, str]]:
    """Entries by their names, in the order of the table."""
    wanted = []
    for name in metrics:
        found = _entries(name)
        if not found:
            raise _unknown(name)
        if all(ENTRIES[own].posteriors for own in found) and not posteriors:
            raise ValueError(f"'{name}' expects scales, those of the posteriors.")
        wanted += found
    left_out = {n for n, e in ENTRIES.items() if e.posteriors and not posteriors}
    return [name for name in ENTRIES if name in wanted and name not in left_out]


def _entries(name: str) -> list[tuple[str, str]]:
    """The entries that "metric" or "metric, variant" stands for."""
    metric, comma, variant = (part.strip() for part in name.partition(","))
    word, metrics = _plain(metric), _metrics()
    exact = [found for found in metrics if _plain(found) == word]
    begun = [found for found in metrics if _plain(found).startswith(f"{word} ")]
    known = exact or begun
    return [
        found
        for found, entry in ENTRIES.items()
        if entry.metric in known
        and (_plain(entry.variant) == _plain(variant) if comma else entry.unasked)
    ]


def _metrics() -> tuple[str, ...]:
    """The names of all metrics, the registered ones too."""
    return tuple(dict.fromkeys(metric for metric, _ in ENTRIES))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().lower())


def _unknown(name: str) -> ValueError:
    return ValueError(f"unknown metric '{name}'; choices: {', '.join(_metrics())}.")


def _rows(codes: Any, found: Factors) -> np.ndarray:
    """The codes `[R, N, D]`, as many as there are factors."""
    table = inputs.of_rank(codes, "codes", 3)
    total = len(found.classes)
    if table.shape[1] != total or total < 2:
        raise ValueError(
            "expected as many codes as factors, 2 or more; got "
            f"{table.shape[1]} codes and {total} rows of factors."
        )
    return table


def _posteriors(table: np.ndarray, scales: Any) -> GivenPosteriors:
    """The posteriors of each run, leaves `[R, N, D]`."""
    scales = inputs.of_rank(scales, "scales", 3)
    if scales.shape != table.shape:
        raise ValueError(
            f"expected scales of the shape of the codes, {table.shape[1:]} a run; got "
            f"{scales.shape[1:]}."
        )
    if (scales <= 0).any():
        raise ValueError("expected scales [N, D] above 0; some are not.")
    pairs = zip(table, scales, strict=True)
    each = [inputs.posteriors(Gaussian(*pair)) for pair in pairs]
    own_units = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    return GivenPosteriors(own_units, Gaussian(*map(inputs.real, (table, scales))))


def _values(
    key: jax.Array,
    points: _Points,
    chosen: Sequence[tuple[str, str]],
    block: int,
) -> tuple[dict[tuple[str, str], np.ndarray], dict[tuple[str, str], str]]:
    """Values of each run and entry, and why there are none."""
    refused = {
        name: reasons.refusal(name, points.of(ENTRIES[name])[0]) for name in chosen
    }
    problems = {name: reason for name, reason in refused.items() if reason}
    nan = np.full(len(points.codes.unit), np.nan)
    values = {name: nan for name in problems}
    for codes, found, names in points.groups([n for n in chosen if not refused[n]]):
        more, why = over_runs.measure(
            key, codes, found.table, found.sizes, names, block=block
        )
        values, problems = values | more, problems | why
    return values, problems


def _lines(
    chosen: Sequence[tuple[str, str]],
    run: int,
    points: _Points,
    values: dict[tuple[str, str], np.ndarray],
    problems: dict[tuple[str, str], str],
) -> Sheet:
    """The sheet of a run."""
    total = len(points.factors.classes)

    def line(name: tuple[str, str]) -> SheetLine:
        entry, value = ENTRIES[name], float(values[name][run])
        found, rows = points.of(entry)
        note = problems.get(name) or reasons.remark(name, value, points.codes, found)
        if len(rows) < total and not np.isnan(value):
            few = f"of the {len(rows):,} points without a missing factor"
            note = "; ".join(filter(None, (note, few)))
        told = value, entry.definition, entry.source, note
        return SheetLine(*name, *told, points=len(rows))

    found = points.factors
    missing = dict(zip(found.names, found.missing, strict=True))
    return Sheet(
        map(line, chosen),
        reasons.notes(points.codes, found, [ENTRIES[name] for name in chosen]),
        num_points=total,
        missing={name: count for name, count in missing.items() if count},
    )


def _with_intervals(
    lines: Sheet, key: jax.Array, points: _Points, number: int
) -> Sheet:
    """The sheet with an interval of each value that is finite, from so many halves."""
    names = [line[:2] for line in lines if np.isfinite(line.value)]
    if not number or not names:
        return lines
    least = resampled.LEAST_POINTS
    kept = {"num_points": lines.num_points, "missing": lines.missing}
    if min(line.points for line in lines if line[:2] in names) < least:
        note = f"Intervals need {least} points or more."
        return Sheet(lines, [*lines.notes, note], **kept)
    halves: dict[tuple[str, str], np.ndarray] = {}
    problems: dict[tuple[str, str], str] = {}
    for codes, found, some in points.groups(names):
        scores, why = resampled.measure(
            key, codes, found.table, found.sizes, some, halves=number
        )
        halves, problems = halves | scores, problems | why
    told = [
        _line_with_interval(line, line.points, halves.get(line[:2]), problems)
        for line in lines
    ]
    notes = [*lines.notes, reasons.INTERVALS]
    return Sheet(told, notes, halves=halves, **kept)


def _line_with_interval(
    line: SheetLine,
    num_points: int,
    scores: np.ndarray | None,
    problems: Mapping[tuple[str, str], str],
) -> SheetLine:
    """A line with its interval, or with the reason why there is none in its note."""
    entry = ENTRIES[line[:2]]
    if scores is None:
        reason = problems.get(line[:2], "")
        reason = f"no interval: {reason}" if reason else ""
        return line._replace(note="; ".join(filter(None, (line.note, reason))))
    reason = reasons.no_interval(scores)
    if reason:
        return line._replace(note="; ".join(filter(None, (line.note, reason))))
    found = resampled.interval(entry, line.value, scores, num_points)
    note = "; ".join(filter(None, (line.note, reasons.of_bias(found))))
    how = entry.resampling(len(scores))
    ends = {"low": found.low, "high": found.high, "bias": found.bias}
    return line._replace(**ends, resampling=how, note=note)


def cells(lines: Sequence[SheetLine]) -> list[tuple[str, ...]]:
    """The cells of a table of a sheet, with its header and without empty columns."""
    columns = {
        "metric": [line.metric for line in lines],
        "variant": [line.variant for line in lines],
        "value": [f"{line.value:.4f}" for line in lines],
    }
    others = {
        "95 % interval": [span(line) for line in lines],
        "definition": [line.definition for line in lines],
        "source": [line.source for line in lines],
        "interval from": [line.resampling for line in lines],
        "note": [line.note for line in lines],
    }
    columns |= {head: column for head, column in others.items() if any(column)}
    return [tuple(columns), *zip(*columns.values(), strict=True)]


def span(line: Any) -> str:
    """The interval of a line, such as "0.2107 … 0.2345"; empty if it has none."""
    return "" if line.low is None else f"{line.low:.4f} … {line.high:.4f}"
