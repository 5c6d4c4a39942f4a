"""Scores against each swept column, with the other columns at their baseline."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.plots import style
from experiments.results import reading


def ablation(results: reading.Results) -> dict[str, Figure]:
    """Draws a row of panels per score of `figure_score`, one panel per swept column.

    `figure_sweeps` of config.json names the columns. If there are several, a panel
    shows the settings whose other columns have their most frequent value, the baseline;
    if there is one, its panel shows every setting.

    Args:
        results: Results with summary.csv.

    Returns:
        One figure by name.
    """
    rows = reading.summary(results)
    names = results.config.get("figure_sweeps", [])
    scores = [
        name
        for name in results.config.get("figure_score", [])
        if any(name in row.cells for row in rows)
    ]
    if not scores or not names:
        raise reading.Missing(
            "figure_score or figure_sweeps names nothing that is in summary.csv"
        )
    for name in names:
        if name not in rows[0].setting:
            raise ValueError(f"config.json: {name!r} of figure_sweeps is no column.")
    usual = _usual(rows, names)
    figure = style.new(
        max(2.9 * len(names), 5.0) + 0.6,
        1.75 * len(scores) + 1.3,
        str(results.config.get("title", "")),
        f"{_baseline(usual, names)}{style.runs(rows, scores)}",
    )
    grid = figure.subplots(
        len(scores), len(names), sharex="col", sharey="row", squeeze=False
    )
    for name, column in zip(names, grid.T, strict=True):
        members = _members(rows, name, usual)
        for score, axes in zip(scores, column, strict=True):
            _panel(axes, members, name, score)
        words = _tick_words([row.setting[name] for row in members])
        slanted = max(map(len, words)) > 6
        column[-1].set_xticks(
            range(len(members)),
            words,
            rotation=35 if slanted else 0,
            ha="right" if slanted else "center",
            rotation_mode="anchor",
        )
        column[-1].set_xlabel(style.symbol(name))
    for score, axes in zip(scores, grid[:, 0], strict=True):
        words = style.score(score, per="example")
        axes.set_ylabel(words.replace("  (", "\n(").replace(", ", ",\n"))
    figure.align_ylabels(grid[:, 0])
    return {"ablation": figure}


def _usual(rows: list[reading.RunRow], names: list[str]) -> dict[str, reading.Value]:
    """The most frequent value of each column, if several columns are swept."""
    if len(names) == 1:
        return {}
    counts = {name: Counter(row.setting[name] for row in rows) for name in names}
    return {name: count.most_common(1)[0][0] for name, count in counts.items()}


def _members(
    rows: list[reading.RunRow], name: str, usual: dict[str, reading.Value]
) -> list[reading.RunRow]:
    """The settings that differ from the baseline in one column, sorted by it."""
    members = [
        row
        for row in rows
        if all(row.setting[k] == v for k, v in usual.items() if k != name)
    ]
    numeric = all(isinstance(row.setting[name], float) for row in members)
    return (
        sorted(members, key=lambda row: style.rank(row.setting[name]))
        if numeric
        else members
    )


def _panel(axes: Axes, members: list[reading.RunRow], name: str, score: str) -> None:
    cells = [row.cells.get(score) for row in members]
    places = [i for i, cell in enumerate(cells) if cell is not None]
    present = [cells[i] for i in places]
    mean = np.array([cell.mean for cell in present])
    low = np.array([cell.low for cell in present])
    high = np.array([cell.high for cell in present])
    ordered = all(isinstance(row.setting[name], float) for row in members)
    look = next(iter(style.series([name]).values()))
    if ordered:
        axes.fill_between(places, low, high, color=look["color"], alpha=0.18, lw=0)
    axes.vlines(places, low, high, color=look["color"], linewidth=0.9, alpha=0.8)
    axes.plot(places, mean, **look, linestyle="-" if ordered else "none")
    values = mean[np.isfinite(mean)]
    if values.size and values.min() > 0 and values.max() > 50 * values.min():
        axes.set_yscale("log")
        axes.set_ylim(bottom=values.min() / 4)  # as an interval may reach below 0
    style.grid(axes)
    axes.margins(x=0.08)


def _tick_words(values: list[reading.Value]) -> list[str]:
    """The labels of values below the axis; repeated values get distinct positions."""
    words = [style.number(value) for value in values]
    counts: Counter[str] = Counter()
    ticks = []
    for word in words:
        counts[word] += 1
        ticks.append(word if counts[word] == 1 else f"{word} ({counts[word]})")
    return ticks


def _baseline(usual: dict[str, reading.Value], names: list[str]) -> str:
    if not usual:
        return ""
    words = ", ".join(f"{style.symbol(n)} = {style.number(usual[n])}" for n in names)
    return f"baseline {words}; "
