"""The tables of a report: means with intervals, and the definitions of scores."""

import math
import re
from collections.abc import Container, Sequence
from typing import Any

from scipy import special

from experiments.plots import style
from experiments.report.markup import Html, join, tag
from experiments.results import columns, reading, summary

_DIGITS = 9  # significant digits of a run's score: those of float32


def scores_of(results: reading.Results) -> list[str]:
    """Names of the scores: those in figures first, then as in summary.csv."""
    rows = results.summary or []
    names = dict.fromkeys(name for row in rows for name in row.cells)
    return list(dict.fromkeys([*_of_figures(results, names), *names]))


def drawn(results: reading.Results) -> list[str]:
    """The scores in the figures, or the first score if the figures have none."""
    scores = scores_of(results)
    return _of_figures(results, scores) or scores[:1]


def _of_figures(results: reading.Results, names: Container[str]) -> list[str]:
    scores = results.config.get("figure_score")
    return (
        [name for name in scores if name in names] if isinstance(scores, list) else []
    )


def unit(score: str) -> str:
    """The unit of a score: nats, or "" for a pure number."""
    return "nats" if re.search(r"\bnats\b", columns.COLUMNS.get(score, "")) else ""


def labels(results: reading.Results) -> list[str]:
    """A text for each setting of summary.csv, such as "learned, β = 4"."""
    settings = [row.setting for row in results.summary or []]
    names = _varying(settings)
    return [style.describe(setting, names) for setting in settings]


def means(results: reading.Results) -> Html:
    """A row per setting and a column per score: mean ± half-width, and a bar."""
    rows, scores = results.summary or [], scores_of(results)
    names = _varying([row.setting for row in rows])
    spans = {score: _span([row.cells.get(score) for row in rows]) for score in scores}
    head = [
        _head(style.symbol(name), class_=_kind(rows[0].setting[name])) for name in names
    ]
    head += [_head("n"), _head("failed")]
    head += [
        _head(
            columns.name(score),
            unit(score),
            data_score=score,
            title=columns.COLUMNS.get(score),
        )
        for score in scores
    ]
    body = []
    for place, row in enumerate(rows):
        n, failed = _counts(row)
        cells = [
            tag(
                "th" if i == 0 else "td",
                style.number(row.setting[name]),
                scope="row" if i == 0 else None,
                data_value=_sortable(row.setting[name]),
                class_=_kind(row.setting[name]),
            )
            for i, name in enumerate(names)
        ]
        cells += [tag("td", n, data_value=n)]
        cells += [
            tag("td", failed, data_value=failed, class_="failed" if failed else None)
        ]
        cells += [_cell(row.cells.get(score), *spans[score]) for score in scores]
        body.append(tag("tr", *cells, data_setting=place))
    return tag(
        "table",
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_="means sortable",
    )


def definitions(scores: Sequence[str]) -> Html:
    """The definition of each score, with its unit and its column in the files."""
    pairs = [
        join(
            tag("dt", columns.name(score), " ", tag("code", score)),
            tag("dd", columns.COLUMNS.get(score, "not described")),
        )
        for score in scores
    ]
    return tag("dl", *pairs, class_="definitions")


def runs(results: reading.Results) -> dict[str, Any]:
    """The table of runs as columns, which the page shows, sorts and filters."""
    scores = scores_of(results)
    lines = list((results.scores or {}).values())
    places = {
        tuple(row.setting.items()): place
        for place, row in enumerate(results.summary or [])
    }
    names = list(results.summary[0].setting) if results.summary else []
    most = max(
        (row.cells[s].n for row in results.summary or [] for s in row.cells), default=0
    )
    return {
        "scores": scores,
        "names": [columns.name(score) for score in scores],
        "units": [unit(score) for score in scores],
        "settings": labels(results),
        "run": [_whole(line.get("run")) for line in lines],
        "seed": [_whole(line.get("seed")) for line in lines],
        "setting": [
            places.get(tuple((n, line.get(n)) for n in names), -1) for line in lines
        ],
        "status": [_status(line) for line in lines],
        "values": [[_rounded(line.get(score)) for line in lines] for score in scores],
        "quantiles": [
            round(float(special.stdtrit(df, 0.975)), 5) for df in range(1, most)
        ],
    }


def _varying(settings: list[reading.Setting]) -> list[str]:
    return (style.varying(settings) or list(settings[0])[:1]) if settings else []


def _head(name: str, unit: str = "", **attributes: Any) -> Html:
    small = tag("small", unit) if unit else ""
    button = tag("button", tag("span", name), small, type="button")
    return tag("th", button, scope="col", **attributes)


def _kind(value: reading.Value) -> str | None:
    """The class of a cell: texts are left-aligned, numbers right-aligned."""
    return None if isinstance(value, float) else "word"


def _counts(row: reading.RunRow) -> tuple[int, int]:
    cells = row.cells.values()
    return max(c.n for c in cells), max(c.failed for c in cells)


def _span(cells: Sequence[reading.Cell | None]) -> tuple[float, float]:
    """Ends of the axis for the intervals of a column."""
    values = [
        value
        for cell in cells
        if cell is not None
        for value in (cell.low, cell.mean, cell.high)
        if math.isfinite(value)
    ]
    return (min(values), max(values)) if values else (0.0, 0.0)


def _cell(cell: reading.Cell | None, first: float, last: float) -> Html:
    if cell is None or not math.isfinite(cell.mean):
        return tag("td", "–")
    words = summary.mean_and_half(cell).replace("-", "−")
    return tag("td", words, bar(cell, first, last), data_value=repr(cell.mean))


def bar(cell: reading.Cell, first: float, last: float) -> Html:
    """The bar of a cell's interval, on the axis of its column with width 100."""
    if not last > first:
        return Html("")

    def place(value: float) -> float:
        return round(100 * (value - first) / (last - first), 1)

    known = math.isfinite(cell.low)
    low, high = (place(v) if known else place(cell.mean) for v in (cell.low, cell.high))
    middle = place(cell.mean)
    return tag(
        "svg",
        tag("path", d=f"M{low} 4H{high}"),
        tag("path", d=f"M{middle} 1V7"),
        class_="bar",
        viewBox="-2 0 104 8",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _sortable(value: reading.Value) -> str:
    if isinstance(value, float):
        return repr(value).replace("inf", "Infinity")  # for JavaScript
    return value or ""


def _status(line: dict[str, reading.Value]) -> str:
    if line.get("status") == "ok":
        return "ok"
    at = line.get("diverged_at")
    where = (
        f" at step {at:,.0f}" if isinstance(at, float) else f" at {at}" if at else ""
    )
    term = f", {bad} first" if (bad := line.get("first_bad")) else ""
    return f"{line.get('status')}{where}{term}"


def _whole(value: reading.Value) -> int:
    return int(value) if isinstance(value, float) else -1


def _rounded(value: reading.Value) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else None
