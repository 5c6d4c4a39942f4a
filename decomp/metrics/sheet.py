"""A sheet: all metrics of one representation, with the definition of each.

The variants of a metric often differ more than methods do, and `spread` says by how
much. scikit-learn fits DCI on the host; `FAST` leaves out its trees, and the trees that
take minutes per run are only computed if they are named. The other metrics are
compiled, and `many` computes them for many runs at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import inputs, over_runs, reasons, units
from decomp.metrics import intervals as resampled
from decomp.metrics.definitions import ENTRIES, MAPS, Entry, find
from decomp.metrics.entry import Maps
from decomp.metrics.inputs import Factors
from decomp.metrics.tables import Sheet, SheetLine, Sheets
from decomp.metrics.units import Codes

# Is called with what is computed ("values" or "intervals"), how many there are, and how
# many there will be.
Report = Callable[[str, int, int], None]

METRICS = tuple(dict.fromkeys(metric for metric, _ in ENTRIES))
FAST = tuple(
    f"{metric}, eastwood" if metric.startswith("dci ") else metric for metric in METRICS
)


class GivenPosteriors(NamedTuple):
    """The posteriors of some entries, in two units."""

    own_units: Gaussian  # leaves [..., N, D], in the units of each latent's means
    as_given: Gaussian  # leaves [..., N, D], float32


class _Points(NamedTuple):
    """The inputs of all entries, with leaves `[R, N, …]`, or of one run."""

    codes: Codes
    posteriors: GivenPosteriors | None
    factors: Factors
    complete: tuple[Factors, np.ndarray]  # the points that have all factors, their rows

    def of(self, entry: Entry) -> tuple[Factors, np.ndarray]:
        """The factors for an entry, and their rows."""
        if entry.apart or not entry.of_factors:
            return self.factors, np.arange(len(self.factors.classes))
        return self.complete

    def groups(self, names: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
        """Groups of (codes or posteriors, factors, the entries that use them)."""
        kinds: dict[tuple[bool, int], list[tuple[str, str]]] = {}
        for name in names:
            entry = find(name)
            kind = entry.posteriors, len(self.of(entry)[1])
            kinds.setdefault(kind, []).append(name)
        groups = []
        for (posteriors, count), members in kinds.items():
            codes = self.posteriors if posteriors else self.codes
            table, rows = self.of(find(members[0]))
            if count < len(self.factors.classes):
                codes = _subset(codes, rows)
            groups.append((codes, table, members))
        return groups


def _subset(codes: Any, rows: np.ndarray) -> Any:
    """Some data points of codes or posteriors, leaves `[…, N, D]`."""
    if isinstance(codes, Codes):
        return units.rows(codes, jnp.asarray(rows))
    return jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=-2), codes)


def nowhere(stage: str, done: int, total: int) -> None:
    """Ignores how far a sheet is; the default of `report`."""
    del stage, done, total


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
    maps: Sequence[str] = (),
    report: Report = nowhere,
) -> Sheet:
    """The chosen metrics of a representation; by default all except the slow trees.

    The rules of `inputs` decide which factors and codes are constant, continuous or
    missing, and the notes of the sheet say so. A metric that cannot be computed has a
    line with NaN and the reason, and affects no other line.

    Args:
        key: A random key, which is used up.
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Factors `[N, F]`, discrete or continuous.
        scales: Standard deviations of Gaussian posteriors around the codes `[N, D]`,
            which add the metrics of posteriors, such as the exact MIG.
        metrics: Names from `METRICS` or `FAST`, or of metrics that you registered in
            `definitions`; "metric, variant" names one variant.
        bins: Number of bins of equal width of a continuous factor.
        continuous: Factors that are continuous whatever their values, by index or name.
        discrete: Factors that are classes whatever their values.
        names: Names of the factors; by default the table's own, if it has any.
        intervals: Number of half samples for the 95 % interval of each value, such as
            100, see `intervals`; 0 for no intervals.
        maps: The maps to compute besides, see `picture`: "information", "importance".
        report: Called as `report("values", done, total)` whenever some values have been
            computed, and then in the same way with "intervals".

    Returns:
        A line per metric and variant.

    Raises:
        ValueError: For an unknown metric, or for arrays that cannot be scored.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(sheet(jax.random.key(0), factors, factors, metrics=["mig, locatello"]))
    mig, locatello  1.0000
    """
    table = inputs.of_rank(codes, "codes", 2)
    bad = (~np.isfinite(table.astype(np.float64))).any(axis=1)
    if bad.any():
        raise ValueError(
            f"codes [N, D] must be finite; {bad.sum()} of {len(table)} rows have NaN "
            "or infinity."
        )
    scales = None if scales is None else inputs.of_rank(scales, "scales", 2)[None]
    options: dict[str, Any] = {"continuous": continuous, "discrete": discrete}
    options |= {"names": names, "metrics": metrics, "bins": bins}
    options |= {"scales": scales, "intervals": intervals, "maps": maps}
    options["report"] = lambda stage, *counts: report(stage.split()[0], *counts)
    return many(key, table[None], factors, **options)[0]


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
    maps: Sequence[str] = (),
    block: int = 64,
    report: Report = nowhere,
) -> Sheets:
    """The sheets of many runs on the same data points, with the same random draws.

    The runs are distributed over the devices; to use all CPU cores, first set
    `jax_num_cpu_devices` to their number. Up to rounding, a line does not depend on the
    other runs or on the other metrics.

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
        intervals: As in `sheet`; all runs use the same half samples.
        maps: As in `sheet`.
        block: Runs on a device at once; memory is about `4 · block · N · D` floats.
        report: As in `sheet`, but with "intervals of run 1 of 20" and so on.

    Raises:
        ValueError: For an unknown metric, or for arrays that cannot be scored.
    """
    if intervals and intervals < resampled.LEAST:
        raise ValueError(
            f"intervals must be {resampled.LEAST} half samples or more, or 0 for none; "
            f"got {intervals}."
        )
    unknown = [name for name in maps if name not in MAPS]
    if unknown:
        raise ValueError(f"unknown map '{unknown[0]}'; choices: {', '.join(MAPS)}.")
    entries = _chosen(metrics, posteriors=scales is not None)
    treatment = {"continuous": continuous, "discrete": discrete, "names": names}
    factor_table = inputs.factors(factors, bins=bins, incomplete=True, **treatment)
    table = _rows(codes, factor_table)
    z = inputs.codes(table, rank=3)
    of_posteriors = any(ENTRIES[name].posteriors for name in entries)
    q = _posteriors(table, scales) if of_posteriors else None
    points = _Points(z, q, factor_table, inputs.complete(factor_table))
    entry_of_map = {name: MAPS[name].name for name in maps}
    values, problems = _values(
        key, points, [*entries, *entry_of_map.values()], block, report
    )
    matrices = {name: values[entry_of_map[name]] for name in maps}
    sheets = Sheets()
    for r in range(len(table)):
        run_z, run_q = jax.tree.map(lambda leaf, r=r: leaf[r], (z, q))
        run = _Points(run_z, run_q, factor_table, points.complete)
        plain = _lines(entries, r, run, values, problems)
        plain.maps = _maps({name: m[r] for name, m in matrices.items()}, run)
        stage = f"intervals of run {r + 1} of {len(table)}"
        sheets.append(_with_intervals(plain, key, run, intervals, report, stage))
    return sheets


def spread(lines: Sequence[SheetLine]) -> dict[str, float]:
    """The largest minus the smallest value of each metric with several variants."""
    values: dict[str, list[float]] = {}
    for line in lines:
        if not np.isnan(line.value):
            values.setdefault(line.metric, []).append(line.value)
    return {name: max(v) - min(v) for name, v in values.items() if len(v) > 1}


def parse(text: str) -> tuple[str, ...]:
    """The names of metrics in a text, separated by commas or semicolons.

    "mig, 50 bins, sap" is one variant of MIG and all variants of SAP. "dci" is short
    for all metrics whose name begins with it.

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
    """The names of the chosen entries, in the order of the registry."""
    names = []
    for name in metrics:
        matches = _entries(name)
        if not matches:
            raise _unknown(name)
        if all(ENTRIES[match].posteriors for match in matches) and not posteriors:
            raise ValueError(f"metric '{name}' needs scales of posteriors; got None.")
        names += matches
    left_out = {n for n, e in ENTRIES.items() if e.posteriors and not posteriors}
    return [name for name in ENTRIES if name in names and name not in left_out]


def _entries(name: str) -> list[tuple[str, str]]:
    """The entries with the name "metric" or "metric, variant"."""
    metric, comma, variant = (part.strip() for part in name.partition(","))
    word, every = _plain(metric), _metrics()
    exact = [other for other in every if _plain(other) == word]
    longer = [other for other in every if _plain(other).startswith(f"{word} ")]
    matches = exact or longer
    return [
        key
        for key, entry in ENTRIES.items()
        if entry.metric in matches
        and (_plain(entry.variant) == _plain(variant) if comma else entry.unasked)
    ]


def _metrics() -> tuple[str, ...]:
    """The names of all metrics, including those that were registered."""
    return tuple(dict.fromkeys(metric for metric, _ in ENTRIES))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().lower())


def _unknown(name: str) -> ValueError:
    return ValueError(f"unknown metric '{name}'; choices: {', '.join(_metrics())}.")


def _rows(codes: Any, factor_table: Factors) -> np.ndarray:
    """The codes as an array `[R, N, D]`, where N is also the number of factors."""
    table = inputs.of_rank(codes, "codes", 3)
    total = len(factor_table.classes)
    if table.shape[1] != total or total < 2:
        runs = f" in each of {len(table)} runs" if len(table) > 1 else ""
        raise ValueError(
            "codes and factors must have the same number of rows, at least 2; got "
            f"{table.shape[1]} codes{runs} and {total} rows of factors."
        )
    return table


def _posteriors(table: np.ndarray, scales: Any) -> GivenPosteriors:
    """The posteriors of each run, leaves `[R, N, D]`."""
    scales = inputs.of_rank(scales, "scales", 3)
    if scales.shape != table.shape:
        raise ValueError(
            f"scales must have the shape of the codes, {table.shape[1:]} per run; got "
            f"{scales.shape[1:]}."
        )
    if (scales <= 0).any():
        raise ValueError("scales [N, D] must be positive; some are not.")
    pairs = zip(table, scales, strict=True)
    each = [inputs.posteriors(Gaussian(*pair)) for pair in pairs]
    own_units = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    return GivenPosteriors(own_units, Gaussian(*map(inputs.real, (table, scales))))


def _values(
    key: jax.Array,
    points: _Points,
    entries: Sequence[tuple[str, str]],
    block: int,
    report: Report,
) -> tuple[dict[tuple[str, str], np.ndarray], dict[tuple[str, str], str]]:
    """The values `[R]` of each entry, and the reasons of entries without values."""
    refusals = {
        name: reasons.refusal(name, points.of(find(name))[0]) for name in entries
    }
    problems = {name: reason for name, reason in refusals.items() if reason}
    nan = np.full(len(points.codes.unit), np.nan)
    values = {name: nan for name in problems}
    candidates = [name for name in entries if name not in problems]
    count = _counter(report, "values", len(candidates))
    for codes, table, names in points.groups(candidates):
        group_values, errors = over_runs.measure(
            key, codes, table.table, table.sizes, names, block=block, report=count
        )
        values, problems = values | group_values, problems | errors
    return values, problems


def _counter(report: Report, stage: str, total: int) -> over_runs.Report:
    """A function that adds to a number, and reports it for a stage."""
    number = 0

    def count(more: int) -> None:
        nonlocal number
        number += more
        report(stage, number, total)

    return count


def _lines(
    entries: Sequence[tuple[str, str]],
    run: int,
    points: _Points,
    values: dict[tuple[str, str], np.ndarray],
    problems: dict[tuple[str, str], str],
) -> Sheet:
    """The sheet of a run."""
    total = len(points.factors.classes)

    def line(name: tuple[str, str]) -> SheetLine:
        entry, value = ENTRIES[name], float(values[name][run])
        table, rows = points.of(entry)
        note = problems.get(name) or reasons.remark(name, value, points.codes, table)
        if len(rows) < total and not np.isnan(value):
            few = f"for the {len(rows):,} points that have all factors"
            note = "; ".join(filter(None, (note, few)))
        texts = entry.definition, entry.source, note
        return SheetLine(*name, value, *texts, points=len(rows))

    table = points.factors
    missing = dict(zip(table.names, table.missing, strict=True))
    return Sheet(
        map(line, entries),
        reasons.notes(points.codes, table, [ENTRIES[name] for name in entries]),
        num_points=total,
        missing={name: count for name, count in missing.items() if count},
    )


def _maps(matrices: Mapping[str, np.ndarray], points: _Points) -> Maps | None:
    """The maps of a run; None without maps, or for one that cannot be computed."""
    if not matrices:
        return None
    shape = points.codes.unit.shape[-1], len(points.factors.names)
    computed = {name: m for name, m in matrices.items() if m.shape == shape}
    nothing = np.zeros(shape, np.float32)  # if every factor is constant
    information = computed.get("information", nothing)
    return Maps(points.factors.names, information, computed.get("importance"))


def _with_intervals(
    lines: Sheet,
    key: jax.Array,
    points: _Points,
    number: int,
    report: Report,
    stage: str,
) -> Sheet:
    """The sheet with an interval for each finite value, from `number` half samples."""
    names = [line[:2] for line in lines if np.isfinite(line.value)]
    if not number or not names:
        return lines
    least = resampled.LEAST_POINTS
    counts: dict[str, Any] = {"num_points": lines.num_points, "maps": lines.maps}
    counts["missing"] = lines.missing
    if min(line.points for line in lines if line[:2] in names) < least:
        note = f"Intervals need {least} points or more."
        return Sheet(lines, [*lines.notes, note], **counts)
    halves: dict[tuple[str, str], np.ndarray] = {}
    problems: dict[tuple[str, str], str] = {}
    count = _counter(report, stage, len(names))
    for codes, table, members in points.groups(names):
        scores, errors = resampled.measure(
            key, codes, table.table, table.sizes, members, halves=number, report=count
        )
        halves, problems = halves | scores, problems | errors
    sparse = reasons.sparse(points.factors, [ENTRIES[name] for name in names])
    notes = [*lines.notes, reasons.INTERVALS, *([sparse] if sparse else [])]
    complete = [
        _line_with_interval(line, halves.get(line[:2]), problems) for line in lines
    ]
    return Sheet(complete, notes, halves=halves, **counts)


def _line_with_interval(
    line: SheetLine,
    scores: np.ndarray | None,
    problems: Mapping[tuple[str, str], str],
) -> SheetLine:
    """A line with its interval; without an interval, its note gives the reason."""
    entry = ENTRIES[line[:2]]
    if scores is None:
        reason = problems.get(line[:2], "")
        reason = f"no interval: {reason}" if reason else ""
        return line._replace(note="; ".join(filter(None, (line.note, reason))))
    reason = reasons.no_interval(scores)
    if reason:
        return line._replace(note="; ".join(filter(None, (line.note, reason))))
    interval = resampled.interval(entry, line.value, scores, line.points)
    note = "; ".join(filter(None, (line.note, reasons.of_bias(interval))))
    how = entry.resampling(len(scores))
    ends = {"low": interval.low, "high": interval.high, "bias": interval.bias}
    return line._replace(**ends, resampling=how, note=note)
