"""Counts the pixels in which a dSprites file differs from the drawn images."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from decomp.datasets.readers import dsprites_files
from decomp.datasets.renderers import dsprites_render

_BLOCK = 16 * 1024  # images drawn at once
_NUM_SHOWN = 5


def differing_pixels(packed: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Counts the pixels in which images differ from those drawn for their classes.

    Args:
        packed: Packed images `[N, 512]`.
        factors: Their classes `[N, 5]`; canonical order is fastest.

    Returns:
        The number of differing pixels of every image, int64 `[N]`.
    """
    counts = np.zeros(len(packed), np.int64)
    for start in range(0, len(packed), _BLOCK):
        block = slice(start, start + _BLOCK)
        changed = packed[block] ^ dsprites_render.render(factors[block])
        counts[block] = np.bitwise_count(changed).sum(axis=1)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the comparison; returns 0 if equal, 1 if different, 2 for a bad file."""
    parser = argparse.ArgumentParser(
        prog="python -m decomp.datasets.dsprites",
        description="Compares an official dSprites file with the images drawn here.",
    )
    parser.add_argument("file", type=Path, help=".npz or .hdf5")

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    parser.error = refuse  # gives one line, as for every other error
    try:
        path = parser.parse_args(arguments).file.expanduser()
        packed, factors = dsprites_files.read(path)
    except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: unknown home
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    counts = differing_pixels(packed, factors)
    print("\n".join(_report(path, factors, counts)))
    return int(counts.any())


def _report(path: Path, factors: np.ndarray, counts: np.ndarray) -> list[str]:
    different = np.flatnonzero(counts)
    whole = dsprites_render.NUM_IMAGES
    lines = [
        f"file     {path}",
        f"factors  {len(factors):,} of the {whole:,} classes, each once",
        f"images   {len(different):,} of {len(counts):,} differ",
        f"pixels   {counts.sum():,} of {len(counts) * 64 * 64:,} differ",
    ]
    for image in different[:_NUM_SHOWN]:
        named = zip(dsprites_render.FACTOR_NAMES, factors[image].tolist(), strict=True)
        classes = " ".join(f"{name}={value}" for name, value in named)
        lines.append(f"         {classes}: {counts[image]:,}")
    if len(different) > _NUM_SHOWN:
        lines.append(f"         and {len(different) - _NUM_SHOWN:,} more images")
    return lines
