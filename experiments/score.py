"""Scores your arrays with every metric.

    python -m experiments.score --codes=codes.npy --factors=factors.npy --out=FOLDER
    python -m experiments.score --arrays=both.npz --fast
    python -m experiments.score --codes=a.npy --codes=b.npy --factors=factors.npy

The command prints the sheet of `decomp.metrics.sheet` and writes it to FOLDER as
sheet.md, sheet.csv and sheet.json, with a figure of the values and their intervals, of
the mutual information and of the importances. --scales gives the standard deviations of
Gaussian posteriors around the codes, and adds the MIG under the aggregate posterior.
Each value has a 95 % interval, see `decomp.metrics.intervals`; --intervals=0 leaves
them out. Two files of codes are compared: the result is how much the second scores
above the first. Factors may be numbers or labels; `names` in the .npz, the fields of a
structured array or the header of a CSV file name them for --continuous and --discrete.
Codes and scales may be CSV files, too. NaN, or an empty cell of a CSV file, is a
missing factor: it is left out and counted. How far the command is appears on stderr, so
that stdout has the sheet alone.
"""

import argparse
import csv
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import matplotlib.style
import numpy as np

from decomp.datasets.readers import npz
from decomp.metrics import comparison, intervals, picture, sheet, tables
from experiments.plots import style
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import StageProgress, say

_MOST_BYTES = 2**34  # that arrays may have when expanded
_MISSING = ("", "na", "nan", "none", "null")  # cells of a CSV file, in any case


@commands.command("experiments.score")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error for arrays that cannot be scored."""
    options = _parser().parse_args(arguments)
    devices.check_platform()
    arrays = _load(options)
    if options.codes and len(options.codes) == 2:
        return _compare(options, arrays)
    with StageProgress() as progress:
        lines = _lines(options, arrays, progress)
    say(table(lines))
    if options.out:
        for path in write(options.out, lines):
            say(str(path))
    return 0


def _compare(options: argparse.Namespace, arrays: dict[str, np.ndarray]) -> int:
    """Prints and writes how much the second codes score above the first."""
    with StageProgress() as progress:
        sheets = [
            _lines(options, arrays | {"codes": arrays[name]}, _of(progress, path))
            for name, path in zip(("codes", "others"), options.codes, strict=True)
        ]
    lines = comparison.compare(*sheets)
    text = differences(lines)
    say(f"The first codes are {options.codes[0]}, the second {options.codes[1]}.\n")
    say(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        atomic_files.write(options.out / "comparison.md", (text + "\n").encode())
        header = comparison.DifferenceLine._fields
        atomic_files.write_csv(options.out / "comparison.csv", header, lines)
        for suffix in ("md", "csv"):
            say(str(options.out / f"comparison.{suffix}"))
    return 0


def _of(report: sheet.Report, path: pathlib.Path) -> sheet.Report:
    """Adds the file of the codes to a stage, such as "values of a.npy"."""
    return lambda stage, *counts: report(f"{stage} of {path}", *counts)


def differences(lines: comparison.Differences) -> str:
    """A comparison as a Markdown table with notes below."""
    header = ("metric", "variant", "first", "second", "second − first", "95 % interval")
    cells: list[tuple[str, ...]] = [(*header, "differs", "definition", "note")]
    for line in lines:
        scores = f"{line.first:.4f}", f"{line.second:.4f}", f"{line.difference:+.4f}"
        words = "yes" if line.differs else "" if line.low is None else "not seen"
        row = (*line[:2], *scores, tables.span(line), words, line.definition, line.note)
        cells.append(row)
    rows = _aligned(cells)
    for note in notes(lines):
        rows += ["", note]
    return "\n".join(rows)


def table(lines: Sequence[tables.SheetLine]) -> str:
    """The sheet as a Markdown table, with notes and the spread of variants below.

    It has columns of intervals, and of reasons and conventions, if any line has them.
    """
    rows = _aligned(tables.cells(lines))
    spreads = [f"{name} {value:.4f}" for name, value in sheet.spread(lines).items()]
    for note in notes(lines):
        rows += ["", note]
    if spreads:
        between = (
            "The largest and the smallest value of the variants differ by this much"
        )
        rows += ["", f"{between}: {', '.join(spreads)}."]
    return "\n".join(rows)


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first row is the header."""
    cells = [tuple(cell.replace("|", "∣") for cell in row) for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return rows


def notes(lines: Sequence[Any]) -> list[str]:
    """Sentences about how factors and codes are treated."""
    return [note[:1].upper() + note[1:] for note in getattr(lines, "notes", ())]


def write(folder: pathlib.Path, lines: tables.Sheet) -> list[pathlib.Path]:
    """Writes the sheet and its maps; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.write(folder / "sheet.md", (table(lines) + "\n").encode())
    sentences = notes(lines)
    header = (*tables.SheetLine._fields, "notes")
    rows = [(*line, " ".join(sentences)) for line in lines]
    atomic_files.write_csv(folder / "sheet.csv", header, rows)
    entries = [line._asdict() | {"notes": sentences} for line in lines]
    atomic_files.write_json(folder / "sheet.json", entries)
    maps = lines.maps
    assert maps is not None  # `_lines` asks for them if there is a folder
    paths = [folder / f"sheet.{suffix}" for suffix in ("md", "csv", "json")]
    with matplotlib.style.context(["default", style.RC]):
        figure = style.new(*picture.size(lines, maps))
        picture.draw(figure, lines, maps)
        paths += style.save(figure, folder / "sheet")
        for name in maps.named():
            figure = style.new(*picture.map_size(maps))
            picture.draw_map(figure, maps, name)
            paths += style.save(figure, folder / name)
    return paths


def _maps(options: argparse.Namespace) -> tuple[str, ...]:
    """The maps to compute, if they are written: no forest if it should be fast."""
    if not options.out or len(options.codes or ()) == 2:
        return ()
    return ("information",) if options.fast else ("information", "importance")


def _lines(
    options: argparse.Namespace, arrays: dict[str, np.ndarray], report: sheet.Report
) -> tables.Sheet:
    """Computes the sheet; an error names the files."""
    metrics = sheet.FAST if options.fast else sheet.METRICS
    if options.metrics:
        metrics = [name for text in options.metrics for name in sheet.parse(text)]
    files = [*(options.codes or ()), options.factors]
    names = options.arrays or " and ".join(map(str, files))
    try:
        return sheet.sheet(
            jax.random.key(options.seed),
            arrays["codes"],
            arrays["factors"],
            scales=arrays.get("scales"),
            metrics=metrics,
            intervals=options.intervals,
            maps=_maps(options),
            report=report,
            **_kinds(options, arrays),
        )
    except ValueError as error:
        raise ValueError(f"{names}: {error}") from error


def _kinds(
    options: argparse.Namespace, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Which factors are continuous and which discrete, as typed, and their names."""
    kinds = {
        kind: [name for name in (getattr(options, kind) or "").split(",") if name]
        for kind in ("continuous", "discrete")
    }
    if "names" not in arrays:
        return kinds
    names = arrays["names"]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise ValueError(
            f"expected names as strings [F]; got {names.dtype} of shape {names.shape}."
        )
    return kinds | {"names": names.astype(str).tolist()}


def _load(options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Reads codes, factors and, if given, scales and names; nothing is unpickled."""
    if options.arrays and not (options.codes or options.factors or options.scales):
        path = options.arrays
        if path.suffix != ".npz":
            raise ValueError(f"{path}: expected a file .npz; got {path.suffix!r}.")
        optional = ("scales", "names")
        return npz.read(path, ("codes", "factors"), optional=optional, most=_MOST_BYTES)
    if options.arrays or not (options.codes and options.factors):
        raise ValueError("expected either --codes and --factors, or only --arrays.")
    if len(options.codes) > 2 or (len(options.codes) == 2 and options.scales):
        raise ValueError(
            "expected --codes once, or twice to compare without --scales; got "
            f"{len(options.codes)} files of codes."
        )
    names = ("codes", "others")[: len(options.codes)]
    paths = dict(zip(names, options.codes, strict=True))
    paths |= {"factors": options.factors}
    paths |= {"scales": options.scales} if options.scales else {}
    arrays = {name: _array(path) for name, path in paths.items() if name != "factors"}
    if options.factors.suffix == ".csv":
        names, arrays["factors"] = _csv(options.factors)
        return arrays | ({"names": np.array(names)} if names else {})
    return arrays | {"factors": _array(options.factors)}


def _array(path: pathlib.Path) -> np.ndarray:
    """An array of numbers, of an .npy or a .csv file."""
    if path.suffix == ".csv":
        _, table = _csv(path)
        return table
    if path.suffix != ".npy":
        raise ValueError(f"{path}: expected a file .npy or .csv; got {path.suffix!r}.")
    return npz.read(path, most=_MOST_BYTES)[""]


def _csv(path: pathlib.Path) -> tuple[list[str], np.ndarray]:
    """The header of a CSV file, if it has one, and its table `[N, F]`.

    The first row is a header if none of its cells is a number. A table of numbers is
    one of float64, NaN where a number is missing; one with labels is one of objects.
    """
    with npz.naming(path):
        npz.check_size(path.stat().st_size, _MOST_BYTES)
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = _without_blanks([*csv.reader(file)])
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"expected a CSV file in UTF-8; got {error}") from error
        for number, row in enumerate(rows, 1):
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"expected {len(rows[0])} cells in each row, as in the first; row "
                    f"{number} has {len(row)}"
                )
        named = bool(rows) and all(
            cell.lower() in _MISSING or _numbers([cell]) is None for cell in rows[0]
        )
        names = [cell or str(f) for f, cell in enumerate(rows[0])] if named else []
        columns = list(zip(*rows[len(names) > 0 :], strict=True))
        if not columns:
            raise ValueError("expected a table with a row or more below its header")
        return names, _table(columns)


def _without_blanks(lines: list[list[str]]) -> list[list[str]]:
    """The cells without spaces around them, and without empty lines.

    In a table of one column, an empty line between others is an empty cell.
    """
    rows = [[cell.strip() for cell in line] for line in lines]
    if any(len(row) > 1 for row in rows):
        return [row for row in rows if row]
    filled = [number for number, row in enumerate(rows) if row]
    inner = rows[filled[0] : filled[-1] + 1] if filled else []
    return [row or [""] for row in inner]


def _table(columns: Sequence[Sequence[str]]) -> np.ndarray:
    """Columns of cells as a table `[N, F]`, of float64 or of objects."""
    parts = [_numbers(column) for column in columns]
    numbers = [part for part in parts if part is not None]
    if len(numbers) == len(parts):
        return np.stack(numbers, axis=1)
    table = np.array(columns, object).T
    table[np.isin(np.char.lower(table.astype(str)), _MISSING)] = None
    for f, part in enumerate(parts):
        if part is not None:
            table[:, f] = [None if np.isnan(number) else number for number in part]
    return table


def _numbers(cells: Sequence[str]) -> np.ndarray | None:
    """Cells as numbers, NaN where one is missing; None if one is a label."""
    try:
        return np.array([np.nan if c.lower() in _MISSING else float(c) for c in cells])
    except ValueError:
        return None


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.score",
        __doc__.splitlines()[0],
        formatter_class=commands.WithDefaults,
    )
    parser.add_argument(
        "--codes",
        type=commands.path,
        action="append",
        help=".npy or .csv of codes [N, D]; give it twice to compare two",
    )
    for name, words in {
        "--factors": ".npy of factors [N, F], or a .csv, whose header names them",
        "--scales": ".npy or .csv of standard deviations [N, D]; optional",
        "--arrays": ".npz with 'codes' and 'factors', optionally 'scales' and 'names'",
    }.items():
        parser.add_argument(name, type=commands.path, help=words)
    parser.add_argument(
        "--out", type=commands.folder, help="folder for the tables and pictures"
    )
    parser.add_argument(
        "--metrics",
        action="append",
        help="metrics, such as mig,dci or 'mig, 50 bins; sap'; by default all",
    )
    parser.add_argument(
        "--continuous", help="factors that are continuous, by index or name"
    )
    parser.add_argument("--discrete", help="factors that are classes, by index or name")
    parser.add_argument(
        "--fast", action="store_true", help="leave the trees of DCI out"
    )
    parser.add_argument(
        "--intervals",
        type=commands.whole(0),
        default=intervals.DEFAULT,
        help="number of half samples for the 95 %% intervals; 0 for no intervals",
    )
    parser.add_argument(
        "--seed", type=commands.whole(0), default=0, help="seed of the random votes"
    )
    return parser


if __name__ == "__main__":
    devices.use_cores()
    sys.exit(main())
