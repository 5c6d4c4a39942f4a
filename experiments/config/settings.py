"""From a configuration to its settings: checks, and the axes of the sweep."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments.config import checks, fields
from experiments.models import objectives, priors

COLUMNS = tuple(fields.AXES)  # of every sweep


def validate(config: ConfigDict) -> ConfigDict:
    """Returns a copy whose tuples have one type each, or says what is wrong with it.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked():
        fields.check(config)
    checks.number_of_runs(config, [len(axis) for axis in _axes(config)])
    settings = rows(config)
    checks.combinations(config, settings)
    checks.check(config, settings)
    return config


def columns(config: ConfigDict) -> tuple[str, ...]:
    """The columns of the settings of a config: every sweep's, and further weights.

    A weight that few objectives have is a column where one of the config reads it.
    """
    read = objectives.read_by(config.objective.name)
    return (*COLUMNS, *(name for name in read if name not in COLUMNS))


def rows(config: ConfigDict) -> list[dict[str, Any]]:
    """The settings of a validated config, a dict over `columns` each."""
    names, axes = columns(config), _axes(config)
    if config.objective.sweep == "product":
        combinations = list(itertools.product(*axes))
    else:
        length = max(map(len, axes))
        if any(len(axis) not in (1, length) for axis in axes):
            lengths = dict(zip(names, map(len, axes), strict=True))
            raise ValueError(
                "objective.sweep = zip needs axes of equal length, or of length 1; "
                f"got {lengths}."
            )
        stretched = [axis * length if len(axis) == 1 else axis for axis in axes]
        combinations = list(zip(*stretched, strict=True))
    settings = [
        _canonical(dict(zip(names, values, strict=True)), config)
        for values in combinations
    ]
    return list({tuple(row.values()): row for row in settings}.values())


def _canonical(row: dict[str, Any], config: ConfigDict) -> dict[str, Any]:
    """The setting with neutral values of what its objective and prior do not read."""
    objective = objectives.OBJECTIVES[row["objective"]]
    for name, weight in objectives.weights().items():
        if name in row and name not in objective.weights:
            row[name] = weight.default
    if objective.divergence != objectives.FREE:
        row["divergence"] = objective.divergence
    elif objectives.divergence(row) == objectives.NONE:
        one, *others = config.objective.divergence
        row["divergence"] = objectives.NONE if others else one  # not weighed
    reads = priors.PRIORS[row["prior"]].reads
    for name, neutral in (("df", math.inf), ("spike", 0.0)):
        if name not in reads:
            row[name] = neutral
    return row


def differences(
    new: Mapping[str, Any], old: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """The fields in which two nested dicts differ, as `field: old -> new`."""
    lines = []
    for name in sorted(set(new) | set(old)):
        ours, theirs = new.get(name), old.get(name)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            lines += differences(ours, theirs, f"{prefix}{name}.")
        elif ours != theirs:
            lines.append(f"{prefix}{name}: {theirs} -> {ours}")
    return lines


def _axes(config: ConfigDict) -> list[tuple]:
    return [fields.get(config, fields.axis(name)) for name in columns(config)]
