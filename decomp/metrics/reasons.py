"""Why an entry of the sheet has no value, and what a conventional value rests on.

What a metric makes of a degenerate input stands in its docstring; here it is told
beside the number.
"""

from collections.abc import Sequence

import numpy as np

from decomp.metrics import inputs, units
from decomp.metrics.definitions import ENTRIES, Entry
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
_MOST_CLASSES = 1_000  # each has a classifier of its own
_OF_ONE_FACTOR = {
    "z-max variance": "with one factor that varies every vote is told",
    "kim_mnih": "with one factor that varies every vote is told",
    "modularity": "0 by convention: with one factor that varies it is 0/0",
    "infom": "0 by convention: with one factor that varies it is 0/0",
    "dci disentanglement": (
        "1 by convention of a latent that matters: with one factor that varies it is "
        "0/0"
    ),
}

_OF_NAN = {
    "explicitness": "no class has points among both those fitted and those scored",
    "z-max variance": "no two points differ in one factor alone",
}


def refusal(name: tuple[str, str], found: Factors) -> str:
    """Why an entry cannot be computed of such factors; empty if it can."""
    few = len(found.classes) < 2
    used = [f for f in range(len(found.names)) if f not in found.constant]
    labels = [f for f in used if f in found.labels]
    large = [f for f in used if found.sizes[f] > _MOST_CLASSES]
    if not ENTRIES[name].of_factors:
        return ""
    if few:
        return f"of {len(found.classes)} points without a missing factor"
    if not used:
        return "every factor is constant"
    if name[0] == "higgins" and len(used) == 1:
        return "it tells factors apart, and one alone varies"
    if name in _OF_NUMBERS and labels:
        return (
            f"it needs numbers; factor {found.names[labels[0]]} holds labels, which "
            "have no order"
        )
    if name in _FITTED and large:
        return (
            f"it fits at most {_MOST_CLASSES:,} classes; factor "
            f"{found.names[large[0]]} has {found.sizes[large[0]]:,}"
        )
    return ""


def remark(name: tuple[str, str], value: float, z: Codes, found: Factors) -> str:
    """What a value rests on, if that is a convention, or why it is not finite.

    Args:
        name: The entry, as metric and variant.
        value: Its value.
        z: Codes of the run.
        found: The factors.
    """
    metric = name[0]
    moving = int(np.sum(np.asarray(units.active(z))))
    if bool(units.broken(z)):
        return "a code is not finite"
    if np.isnan(value):
        return _OF_NAN.get(metric, "of these points it is 0/0")
    if np.isinf(value):
        linear = metric == "gaussian total correlation"
        return "the codes are linearly dependent" if linear else "it exceeds float32"
    if moving == 0:
        return "every latent is constant"
    if metric == "infoc" and moving == 1:
        return "0 by convention: with one latent that varies it is 0/0"
    if len(found.names) - len(found.constant) == 1:
        return _OF_ONE_FACTOR.get(metric, "")
    return ""


INTERVALS = (
    "An interval of 95 % holds the score of other points of the same source, as half "
    "samples of these tell: of infinitely many where the bias is taken off, and of as "
    "many as here where votes or points to fit are drawn."
)

DIFFERENCES = (
    "An interval of 95 % holds the difference on as many other points of the same "
    "source, as half samples of these tell."
)


def no_interval(scores: np.ndarray) -> str:
    """Why the scores of half samples give no interval; empty if they do."""
    missing = int(np.sum(~np.isfinite(scores)))
    if missing:
        return f"no interval: {missing} of {len(scores)} half samples have no score"
    return ""


def of_bias(found: Interval) -> str:
    """The bias of a value, where it is more than a quarter of its standard error.

    Less has no effect on coverage: Efron & Tibshirani 1993, Sec. 10.3.
    """
    if abs(found.bias) <= 0.25 * found.stderr:
        return ""
    return f"its bias, about {found.bias:+.4f}, is taken off in the interval"


def notes(z: Codes, found: Factors, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What the rules of `inputs` made of the codes of a run and the factors."""
    latents = np.flatnonzero(~np.asarray(units.active(z)))
    total = len(found.classes)
    every = [f for f in range(len(found.names)) if found.sizes[f] == total > 2]
    lines = (
        *(
            (
                count,
                f"factor {name} is missing in {count:,} of {total:,} points, which are "
                "left out of what is measured of it",
            )
            for name, count in zip(found.names, found.missing, strict=True)
        ),
        (
            found.constant,
            f"{_named(found, found.constant)} constant and left out of every score",
        ),
        (
            found.continuous,
            f"{_named(found, found.continuous)} continuous, with more than "
            f"{inputs.MAX_VALUES} distinct numbers or as you say: "
            f"{_treatment(found, entries)}",
        ),
        (every, f"{_named(found, every)} of as many classes as there are points"),
        (
            latents.size and not bool(units.broken(z)),
            f"{_list('latent', list(map(str, latents)))} constant",
        ),
    )
    return tuple(f"{line}." for is_so, line in lines if is_so)


def _treatment(found: Factors, entries: Sequence[Entry]) -> str:
    """What the entries make of a continuous factor."""
    sizes = {found.sizes[f] for f in found.continuous}
    of_factors = [entry for entry in entries if entry.of_factors]
    as_numbers = [", ".join(entry.name) for entry in of_factors if entry.numbers]
    cut = f"cut into {', '.join(map(str, sorted(sizes)))} bins of equal width"
    if not as_numbers:
        return cut
    names = f"taken as it is by {'; '.join(as_numbers)}"
    return names if len(as_numbers) == len(of_factors) else f"{names}, {cut} by others"


def _named(found: Factors, columns: Sequence[int]) -> str:
    return _list("factor", [found.names[f] for f in columns])


def _list(word: str, names: list[str]) -> str:
    """Such as "factors 1 and 2 are"."""
    if len(names) == 1:
        return f"{word} {names[0]} is"
    return f"{word}s {', '.join(names[:-1])} and {names[-1]} are" if names else ""
