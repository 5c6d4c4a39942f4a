"""Scores anyone's arrays with every metric.

    python -m experiments.score --codes=codes.npy --factors=factors.npy --out=FOLDER
    python -m experiments.score --arrays=both.npz --fast

Prints the sheet of `decomp.metrics.sheet` and writes it to FOLDER as sheet.md,
sheet.csv and sheet.json, with pictures of the mutual information and the importances.
With --scales, the deviations of Gaussian posteriors around the codes, the MIG under
the aggregate posterior is one of its lines.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import jax
import numpy as np

from decomp.datasets import npz
from decomp.metrics import dci, discrete, mig, sheet
from experiments import files, shell, startup
from experiments.drawing import matrices
from experiments.progress import say

_MOST_BYTES = 2**34  # of arrays, expanded
_LARGEST = 1e30  # of a code, well inside float32


@shell.command("experiments.score")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after one line for arrays that cannot be scored."""
    options = _parser().parse_args(arguments)
    startup.check_platform()
    codes, factors, scales = _load(options)
    lines = _lines(options, codes, factors, scales)
    say(table(lines))
    if options.out:
        for path in write(options.out, lines, codes, factors, options):
            say(str(path))
    return 0


def table(lines: Sequence[sheet.Line]) -> str:
    """The sheet as a Markdown table, with the spread between variants below."""
    cells = [("metric", "variant", "value", "definition", "source")]
    cells += [(*line[:2], f"{line.value:.4f}", *line[3:]) for line in lines]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    rows = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    spreads = [f"{name} {value:.4f}" for name, value in sheet.spread(lines).items()]
    rows += ["", f"Largest − smallest of the variants: {', '.join(spreads)}."]
    return "\n".join(rows)


def write(
    folder: pathlib.Path,
    lines: Sequence[sheet.Line],
    codes: np.ndarray,
    factors: np.ndarray,
    options: argparse.Namespace,
) -> list[pathlib.Path]:
    """Writes the sheet and its pictures; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / "sheet.md", (table(lines) + "\n").encode())
    files.write_csv(folder / "sheet.csv", sheet.Line._fields, lines)
    files.write_json(folder / "sheet.json", [line._asdict() for line in lines])
    classes, sizes = discrete.classes(factors, bins=20)
    gap = mig.score(codes.astype(np.float32), classes, sizes=sizes)
    entropy = np.maximum(np.asarray(gap.entropy), 1e-12)
    pictures = {"information": np.asarray(gap.information) / entropy}
    if not options.fast:
        key = jax.random.fold_in(jax.random.key(options.seed), 1)
        preset = dci.score(key, codes.astype(np.float32), classes, preset="tripod")
        pictures["importance"] = np.asarray(preset.importance)
    written = [folder / f"sheet.{suffix}" for suffix in ("md", "csv", "json")]
    for name, matrix in pictures.items():
        written += matrices.draw(folder / name, matrix, name)
    return written


def _lines(
    options: argparse.Namespace,
    codes: np.ndarray,
    factors: np.ndarray,
    scales: np.ndarray | None,
) -> list[sheet.Line]:
    """The sheet; an error names the files."""
    named = options.arrays or f"{options.codes} and {options.factors}"
    try:
        _check("codes", codes, -_LARGEST)
        if scales is not None:
            _check("scales", scales, 1 / _LARGEST)
        return sheet.sheet(
            jax.random.key(options.seed),
            codes,
            factors,
            scales=scales,
            metrics=sheet.FAST if options.fast else sheet.METRICS,
        )
    except ValueError as error:
        raise ValueError(f"{named}: {error}") from error


def _check(name: str, table: np.ndarray, low: float) -> None:
    if table.dtype.kind not in "biuf":
        raise ValueError(f"expected numbers in {name} [N, D]; got {table.dtype}.")
    if not ((low <= table) & (table <= _LARGEST)).all():
        raise ValueError(
            f"expected finite {name} [N, D] from {low:g} to {_LARGEST:g}; some are not."
        )


def _load(
    options: argparse.Namespace,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Codes, factors and scales, if any; nothing is unpickled."""
    if options.arrays and not (options.codes or options.factors or options.scales):
        path = options.arrays
        if path.suffix != ".npz":
            raise ValueError(f"{path}: expected a file .npz; got {path.suffix!r}.")
        found = npz.read(
            path, ("codes", "factors"), optional=("scales",), most=_MOST_BYTES
        )
        return found["codes"], found["factors"], found.get("scales")
    if options.arrays or not (options.codes and options.factors):
        raise ValueError("expected --codes and --factors, or --arrays alone.")
    scales = _array(options.scales) if options.scales else None
    return _array(options.codes), _array(options.factors), scales


def _array(path: pathlib.Path) -> np.ndarray:
    if path.suffix != ".npy":
        raise ValueError(f"{path}: expected a file .npy; got {path.suffix!r}.")
    return npz.read(path, most=_MOST_BYTES)[""]


def _parser() -> argparse.ArgumentParser:
    parser = shell.parser(
        "experiments.score",
        __doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for name, words in {
        "--codes": ".npy of codes [N, D]",
        "--factors": ".npy of factors [N, F]",
        "--scales": ".npy of deviations [N, D], or none",
        "--arrays": ".npz with 'codes', 'factors' and any 'scales'",
        "--out": "folder for the tables and pictures",
    }.items():
        parser.add_argument(name, type=shell.path, help=words)
    parser.add_argument(
        "--fast", action="store_true", help="leave the trees of DCI out"
    )
    parser.add_argument(
        "--seed", type=shell.whole(0), default=0, help="of the random votes"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
