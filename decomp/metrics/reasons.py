"""The notes of a sheet: reasons for missing values, and conventions behind others.

The docstring of a metric defines its score for degenerate inputs; the notes say so
beside the number.
"""

import re
from collections.abc import Sequence

import numpy as np

from decomp.metrics import inputs, units
from decomp.metrics.definitions import Entry, find
from decomp.metrics.inputs import Factors
from decomp.metrics.intervals import Interval
from decomp.metrics.units import Codes

_OF_NUMBERS = (
    ("sap", "r_squared"),
    ("dci disentanglement", "eastwood"),
    ("dci completeness", "eastwood"),
    ("dci informativeness", "eastwood"),
)
_FITTED = (("sap", "locatello"), ("explicitness", "locatello"), ("infoe", "balanced"))
_MOST_CLASSES = 1_000  # as each class has a classifier
_OF_ONE_FACTOR = {
    "z-max variance": "with one factor that varies, every vote is correct",
    "kim_mnih": "with one factor that varies, every vote is correct",
    "modularity": "0 by convention: with one factor that varies it is 0/0",
    "infom": "0 by convention: with one factor that varies it is 0/0",
    "dci disentanglement": (
        "1 by convention if a latent has importance: with one factor that varies it is "
        "0/0"
    ),
}

_OF_NAN = {
    "explicitness": "no class has both training and held-out points",
    "z-max variance": "no two points differ in one factor only",
}


def refusal(name: tuple[str, str], table: Factors) -> str:
    """The reason why an entry cannot be computed for these factors, or ""."""
    few = len(table.classes) < 2
    factors = [f for f in range(len(table.names)) if f not in table.constant]
    labels = [f for f in factors if f in table.labels]
    large = [f for f in factors if table.sizes[f] > _MOST_CLASSES]
    if not find(name).of_factors:
        return ""
    if few:
        count = len(table.classes)
        return f"it needs at least 2 points that have all factors; there are {count}"
    if not factors:
        return "every factor is constant"
    if name[0] == "higgins" and len(factors) == 1:
        return "it needs at least two factors that vary; one does"
    if name in _OF_NUMBERS and labels:
        return (
            f"it needs numbers; factor {table.names[labels[0]]} has labels, which have "
            "no order"
        )
    if name in _FITTED and large:
        return (
            f"it fits at most {_MOST_CLASSES:,} classes; factor "
            f"{table.names[large[0]]} has {table.sizes[large[0]]:,}"
        )
    return ""


def remark(name: tuple[str, str], value: float, z: Codes, table: Factors) -> str:
    """The reason why a value is not finite, or the convention behind it, or "".

    Args:
        name: The metric and the variant of the entry.
        value: The value of the entry.
        z: Codes of the run.
        table: The factors.
    """
    metric = name[0]
    num_active = int(np.sum(np.asarray(units.active(z))))
    if bool(units.broken(z)):
        return "a code is not finite"
    if np.isnan(value):
        return _OF_NAN.get(metric, "it is 0/0 for these points")
    if np.isinf(value):
        linear = metric == "gaussian total correlation"
        return "the codes are linearly dependent" if linear else "it exceeds float32"
    if num_active == 0:
        return "every latent is constant"
    if metric == "infoc" and num_active == 1:
        return "0 by convention: with one latent that varies it is 0/0"
    if len(table.names) - len(table.constant) == 1:
        return _OF_ONE_FACTOR.get(metric, "")
    return ""


INTERVALS = (
    "A 95 % interval, estimated from half samples of the points, is for the score of "
    "other points from the same source. If the bias is removed, it is for infinitely "
    "many points, cut into the bins of the given ones, and need not contain their "
    "value. If votes or points to fit are drawn, it is for as many points as are given."
)

DIFFERENCES = (
    "A 95 % interval, estimated from half samples of the points, is for the difference "
    "on the same number of other points from the same source."
)


def sparse(table: Factors, entries: Sequence[Entry]) -> str:
    """A note on intervals of plug-in information from few points per cell, or "".

    The cells are those of the bins that a definition names, and of the values of the
    factor that has the most, or of as many bins if it compares two latents.
    """
    names, values = [], max(table.sizes)
    for entry in entries:
        bins = re.search(r"(\d+) bins", entry.definition)
        if bins and not (entry.posteriors or entry.draws):
            width = int(bins[1])
            cells = width * (values if entry.of_factors else width)
            if len(table.classes) < 2 * cells:
                names.append(", ".join(entry.name))
    if not names:
        return ""
    return (
        f"{len(table.classes):,} points are fewer than two per cell of bins and "
        "values, so that the bias of plug-in information is not all removed, and these "
        "intervals contain the score in fewer than 95 % of draws: "
        f"{'; '.join(names)}."
    )


def no_interval(scores: np.ndarray) -> str:
    """The reason why the scores of half samples give no interval, or "".

    >>> no_interval(np.array([0.5, np.nan, 0.25]))
    'no interval: 1 of 3 half samples have no score'
    """
    missing = int(np.sum(~np.isfinite(scores)))
    if missing:
        return f"no interval: {missing} of {len(scores)} half samples have no score"
    return ""


def of_bias(interval: Interval) -> str:
    """A note on the bias of a value, or "" below a quarter of the standard error.

    A smaller bias hardly changes the coverage: Efron & Tibshirani 1993, Sec. 10.3.

    >>> of_bias(Interval(0.25, 0.75, bias=-0.125, stderr=0.25))
    'its bias, about -0.1250, is removed in the interval'
    """
    if abs(interval.bias) <= 0.25 * interval.stderr:
        return ""
    return f"its bias, about {interval.bias:+.4f}, is removed in the interval"


def notes(z: Codes, table: Factors, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Sentences on how the rules of `inputs` apply to these codes and factors."""
    latents = np.flatnonzero(~np.asarray(units.active(z)))
    total = len(table.classes)
    distinct = [f for f in range(len(table.names)) if table.sizes[f] == total > 2]
    lines = (
        *(
            (
                count,
                f"factor {name} is missing in {count:,} of {total:,} points, which are "
                "left out of its scores",
            )
            for name, count in zip(table.names, table.missing, strict=True)
        ),
        (
            table.constant,
            f"{_factors(table, table.constant)} constant and left out of every score",
        ),
        (
            table.continuous,
            f"{_factors(table, table.continuous)} continuous, by more than "
            f"{inputs.MAX_VALUES} distinct numbers or by your choice, and "
            f"{_treatment(table, entries)}",
        ),
        (
            distinct,
            f"{_factors(table, distinct)} discrete, with as many classes as points",
        ),
        (
            latents.size and not bool(units.broken(z)),
            f"{_subject('latent', list(map(str, latents)))} constant",
        ),
    )
    return tuple(f"{line}." for applies, line in lines if applies)


def _treatment(table: Factors, entries: Sequence[Entry]) -> str:
    """How the entries treat a continuous factor, as the end of a sentence."""
    sizes = {table.sizes[f] for f in table.continuous}
    of_factors = [entry for entry in entries if entry.of_factors]
    as_numbers = [", ".join(entry.name) for entry in of_factors if entry.numbers]
    cut = f"cut into {', '.join(map(str, sorted(sizes)))} bins of equal width"
    if not as_numbers:
        return cut
    names = f"used without bins by {'; '.join(as_numbers)}"
    if len(as_numbers) == len(of_factors):
        return names
    return f"{names}, and {cut} for the others"


def _factors(table: Factors, columns: Sequence[int]) -> str:
    """Subject and verb of a sentence about some factors."""
    return _subject("factor", [table.names[f] for f in columns])


def _subject(word: str, names: list[str]) -> str:
    """Subject and verb of a sentence, such as "factors 1 and 2 are"."""
    if len(names) == 1:
        return f"{word} {names[0]} is"
    return f"{word}s {', '.join(names[:-1])} and {names[-1]} are" if names else ""
