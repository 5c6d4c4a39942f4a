"""Sensitivity: the same comparisons under other settings."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.findings import effects, load
from experiments.findings.load import SweepTables
from experiments.results import columns

# Sweeps, with their differences from shapes_anisotropic.py:laptop.
VARIANTS = {
    "shapes": "as `:laptop`: learning rate 2e-3, 2,500 steps",
    "lr5e-4": "learning rate 5e-4 (the authors' code)",
    "lr1e-4": "learning rate 1e-4 (the text)",
    "long": "10,000 steps",
    "ranks": "PCA ranks of the authors' code",
    "bfloat16": "products in bfloat16",
    "bfloat16_activations": "activations in bfloat16 too",
    "correlated": "scale and x correlated (`correlated.py`), scored on all images",
}
_ONE, _FOUR = {"beta": 1.0}, {"beta": 4.0}
_ISOTROPIC = {"prior": "isotropic"}
# Headings, with the two settings that are compared.
COMPARED = {
    "R1: isotropic, β = 4 − 1": (_ISOTROPIC | _FOUR, _ISOTROPIC | _ONE),
    "R2: PCA, β = 1": ({"prior": "pca"} | _ONE, _ISOTROPIC | _ONE),
    "R2: PCA, β = 4": ({"prior": "pca"} | _FOUR, _ISOTROPIC | _FOUR),
    "R3: learned, β = 1": ({"prior": "learned"} | _ONE, _ISOTROPIC | _ONE),
    "R3: learned, β = 4": ({"prior": "learned"} | _FOUR, _ISOTROPIC | _FOUR),
}
SCORES = ("kim_mnih_pruned", "kim_mnih_authors", "mig")


class Contrast(NamedTuple):
    """One variant and one score: means ± half-widths of the comparisons."""

    variant: str
    seeds: int
    reconstruction: tuple[float, float]  # isotropic, β = 1: mean and half-width, nats
    score: str
    effects: list[tuple[float, float] | None]  # as in COMPARED; None if not run


def lines(names: list[str]) -> Iterator[Contrast]:
    """The variants that were run, by every score; each line is corrected by itself."""
    for name in names:
        sweep = load.read(name)
        first = load.values(sweep, "reconstruction", **_ISOTROPIC, **_ONE)
        level = effects.mean_and_half(np.array(list(first.values())), 1)
        for score in SCORES:
            gaps = [_gap(sweep, score, *sides) for sides in COMPARED.values()]
            count = sum(gap is not None for gap in gaps)
            intervals = [
                None if g is None else effects.mean_and_half(g, count) for g in gaps
            ]
            yield Contrast(
                VARIANTS[name], len(first), level, columns.name(score), intervals
            )


def objectives(
    sweep: SweepTables, above: str, below: str
) -> list[tuple[float, list[tuple[float, float]]]]:
    """One objective minus another, paired by seed, at each β.

    Returns:
        β, and the mean and half-width for each of SCORES, jointly over the β of a
        score.
    """
    betas, results = load.levels(sweep, "beta"), []
    for beta in betas:
        sides = [{"objective": name, "beta": beta} for name in (above, below)]
        gaps = [effects.gap(sweep, score, *sides) for score in SCORES]
        results.append((beta, [effects.mean_and_half(gap, len(betas)) for gap in gaps]))
    return results


def precision(
    sweep: SweepTables, reference: SweepTables
) -> list[tuple[str, float, float, int]]:
    """Scores of one sweep minus those of another, the mean over settings, per seed.

    Args:
        sweep: A sweep in another precision, with some of the same settings.
        reference: A sweep in float32 with the same seeds.

    Returns:
        Score, mean difference, half-width with joint coverage, and number of seeds.
    """
    names = [name for name in ("loss", "reconstruction", "kl") if name in sweep.runs[0]]
    names.extend(SCORES)
    rows = []
    for score in names:
        ours, theirs = _by_seed(sweep, score), _by_seed(reference, score)
        gaps = load.paired(ours, theirs)
        rows.append((score, *effects.mean_and_half(gaps, len(names)), len(gaps)))
    return rows


def _gap(
    sweep: SweepTables, score: str, above: Mapping[str, Any], below: Mapping[str, Any]
) -> np.ndarray | None:
    """The differences per seed, or None if the sweep lacks a setting."""
    try:
        return effects.gap(sweep, score, above, below)
    except load.Lacking:
        return None


def _by_seed(sweep: SweepTables, score: str) -> dict[float, float]:
    """The mean over the settings, per seed."""
    scores: dict[float, list[float]] = {}
    for run in sweep.runs:
        seed, value = run["seed"], run[score]
        assert isinstance(seed, float)
        assert isinstance(value, float)
        scores.setdefault(seed, []).append(value)
    return {seed: float(np.mean(values)) for seed, values in scores.items()}
