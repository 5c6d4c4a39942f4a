"""The style that all figures share: type, colours, names of columns and scores."""

import io
import math
import pathlib
import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from experiments.results import columns, labels
from experiments.results.reading import RunRow, Setting, Value
from experiments.system import atomic_files

DPI = 200  # pixels per inch of a PNG

_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

RC = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "figure.titlesize": 12,
    "axes.unicode_minus": True,
}
GREY = "0.45"
LOST = "every run diverged"  # the text for a setting without a picture

# Okabe & Ito's colours, safe for colour-blind readers, each with its own marker.
_SERIES = [
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
]


_PRIORS = ("isotropic", "pca", "learned", "student_t")  # the first of these, always


def lost(axes: Axes) -> None:
    """Writes, instead of a picture, that every run of the setting diverged."""
    axes.set(xticks=[], yticks=[])
    axes.text(
        *(0.5, 0.5, LOST),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
    )


def grid(axes: Axes) -> None:
    """Draws faint lines at the ticks, below everything else."""
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def new(width: float, height: float, title: str = "", note: str = "") -> Figure:
    """An empty figure with a title above and a note below; sizes are in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(textwrap.fill(title, int(width * 11)))
    if note:
        wrapped = textwrap.fill(note, int(width * 16))
        figure.supxlabel(wrapped, x=0.5, fontsize=9, color=GREY)
    return figure


def save(figure: Figure, stem: pathlib.Path) -> list[pathlib.Path]:
    """Writes stem.png and stem.pdf."""
    # `with_suffix` would treat the 8 of `spike_0.8` as a suffix.
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in _UNDATED]
    for path, kind in zip(paths, _UNDATED, strict=True):
        atomic_files.write(path, drawn(figure, kind))
    return paths


def drawn(figure: Figure, kind: str, **options: Any) -> bytes:
    """The figure as "png" or "pdf", without dates: equal data give equal bytes."""
    buffer, options = io.BytesIO(), {"dpi": DPI} | options
    figure.savefig(buffer, format=kind, metadata=_UNDATED[kind], **options)
    return buffer.getvalue()


def series(names: list[Value]) -> dict[Value, dict[str, Any]]:
    """A colour and a marker for each line; those of a known prior are fixed."""
    priors = [*_PRIORS] if any(name in _PRIORS for name in names) else []
    order = [*priors, *(name for name in names if name not in priors)]
    looks = [_SERIES[order.index(name) % len(_SERIES)] for name in names]
    return {
        name: {"color": colour, "marker": marker}
        for name, (colour, marker) in zip(names, looks, strict=True)
    }


def number(value: Value) -> str:
    """A setting's value as printed, such as 0.3, 16, ∞; texts without underscores."""
    if isinstance(value, float | int):
        return "∞" if math.isinf(value) else f"{value:.4g}".replace("-", "−")
    if value is None:
        return "none"
    return labels.WORDS.get(value, value.replace("_", " "))


def rank(value: Value) -> tuple:
    """The sort key of a setting's value: numbers by size, then texts."""
    if isinstance(value, float):
        return (0, value, "")
    return (1, 0.0, value or "")


def slug(value: Value) -> str:
    """A setting's value as part of a file name."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isalnum() or c in ".-_" else "_" for c in text)


def symbol(name: str) -> str:
    """The symbol of a column of the settings."""
    return labels.SYMBOLS.get(name, name.replace("_", " "))


def describe(setting: Setting, names: list[str]) -> str:
    """Some columns of a setting as a text, such as "Student-t, ν = 3"."""
    words = []
    for name in names:
        value = setting[name]
        if isinstance(value, float):
            words.append(f"{symbol(name)} = {number(value)}")
        elif value is not None:
            words.append(number(value))
    return ", ".join(words)


def varying(settings: list[Setting]) -> list[str]:
    """The columns in which some of the settings differ."""
    return [name for name in settings[0] if len({s[name] for s in settings}) > 1]


def score(name: str, *, per: str) -> str:
    """The axis label of a score; `per` is the word for one example."""
    return columns.axis(name).replace("{example}", per)


def runs(rows: list[RunRow], scores: list[str]) -> str:
    """The note about how many runs a point summarises."""
    cells = [[row.cells[s] for s in scores if s in row.cells] for row in rows]
    counts = {cell.n for group in cells for cell in group}
    failed = sum(max((cell.failed for cell in group), default=0) for group in cells)
    low, high = min(counts), max(counts)
    words = f"n = {low}" if low == high else f"n = {low}–{high}"
    lost = f" ({failed} diverged, left out)" if failed else ""
    band = "; band and bars: 95 % t-interval of the mean" if high > 1 else ""
    return f"{words} run{'s' if high > 1 else ''} per point{lost}{band}"
