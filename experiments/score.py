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
import zipfile
from collections.abc import Sequence

import jax
import numpy as np

from decomp.metrics import dci, discrete, mig, sheet
from experiments import files
from experiments.drawing import matrices
from experiments.progress import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after one line for arrays that cannot be scored."""
    try:
        options = _parser().parse_args(arguments)
        codes, factors, scales = _load(options)
        lines = sheet.sheet(
            jax.random.key(options.seed),
            codes,
            factors,
            scales=scales,
            metrics=sheet.FAST if options.fast else sheet.METRICS,
        )
        say(table(lines))
        if options.out:
            for path in write(
                pathlib.Path(options.out), lines, codes, factors, options
            ):
                say(str(path))
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        print(f"experiments.score: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
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


def _load(
    options: argparse.Namespace,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Codes, factors and scales, if any; nothing is unpickled."""
    if options.arrays:
        with np.load(options.arrays, allow_pickle=False) as archive:
            missing = {"codes", "factors"} - set(getattr(archive, "files", ()))
            if missing:
                raise ValueError(
                    f"{options.arrays}: expected arrays 'codes' and 'factors'; "
                    f"missing {', '.join(sorted(missing))}."
                )
            return archive["codes"], archive["factors"], archive.get("scales")
    if not (options.codes and options.factors):
        raise ValueError("expected --codes and --factors, or --arrays.")
    scales = _array(options.scales) if options.scales else None
    return _array(options.codes), _array(options.factors), scales


def _array(path: str) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: expected one array; got an archive.")
    return array


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="experiments.score",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--codes", help=".npy of codes [N, D]")
    parser.add_argument("--factors", help=".npy of factors [N, F]")
    parser.add_argument("--scales", help=".npy of deviations [N, D], or none")
    parser.add_argument(
        "--arrays", help=".npz with 'codes', 'factors' and any 'scales'"
    )
    parser.add_argument("--out", help="folder for the tables and pictures")
    parser.add_argument(
        "--fast", action="store_true", help="leave the trees of DCI out"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random votes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
