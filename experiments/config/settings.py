"""Checks a config, and expands its axes to the settings of the sweep."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.config import checks, fields
from experiments.models import objectives, priors
from experiments.results import columns

COLUMNS = tuple(map(fields.column, fields.AXES))  # the columns of every sweep
_TAKEN = {"run", "seed", "status", *columns.COLUMNS}  # other columns of scores.csv


class ProgramSettings(NamedTuple):
    """The settings of a sweep that one compiled program trains."""

    config: ConfigDict  # with one value of each field that needs a program of its own
    rows: list[dict[str, Any]]  # its settings: values by column of the sweep
    first: int  # index of its first setting among those of the sweep


def validate(config: ConfigDict) -> tuple[ConfigDict, list[ProgramSettings]]:
    """Checks a config; returns a copy with uniform tuples, and its programs.

    Settings share a program if they differ only in traced numbers, in priors of one
    family, or in objectives that may be swept together. Programs are in the order in
    which they are trained.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked(), config.ignore_type():
        fields.check(config)
    axes = _axes(config)
    checks.number_of_runs(config, list(map(len, axes.values())))
    checks.axes(config)
    programs = _programs(config, axes)
    for program in programs:
        checks.combinations(program.config, program.rows)
        checks.check(program.config, program.rows)
    return config, programs


def _programs(config: ConfigDict, axes: Mapping[str, tuple]) -> list[ProgramSettings]:
    """The settings of a config whose fields are valid, by program."""
    alone = {field: fields.column(field) for field in fields.compiled(config)}
    registered = [
        (fields.column(field), fields.column(own.owner), own)
        for field, own in fields.registered().items()
    ]
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for values in _combinations(config, axes):
        row = dict(zip(axes, values, strict=True))
        row = _canonical(row, config, registered)
        fixed = tuple(row[column] for column in alone.values())
        of_samples = objectives.OBJECTIVES[row["objective"]].importance_weighted
        own = row["objective"] if of_samples else ""
        key = (fixed, priors.program(row["prior"]), own)
        groups.setdefault(key, []).append(row)
    found, first = [], 0
    for (fixed, *_), several in groups.items():
        named = zip(alone.values(), fixed, strict=True)
        shown = {column: fields.shown(value) for column, value in named}
        rows = [row | shown for row in several]
        rows = list({tuple(row.values()): row for row in rows}.values())
        chosen = dict(zip(alone, fixed, strict=True))
        for field in ("prior", "objective"):
            present = {row[field] for row in rows}
            names = config[field].name
            chosen[f"{field}.name"] = tuple(n for n in names if n in present)
        found.append(ProgramSettings(fields.replaced(config, chosen), rows, first))
        first += len(rows)
    return found


def rows(programs: Iterable[ProgramSettings]) -> list[dict[str, Any]]:
    """The settings of a sweep, each a dict by column."""
    return [row for program in programs for row in program.rows]


def own_programs(config: ConfigDict) -> dict[str, tuple]:
    """Fields whose values need programs of their own, and these values."""
    found = {field: fields.values(config, field) for field in fields.compiled(config)}
    if len({priors.program(name) for name in config.prior.name}) > 1:
        found["prior.name"] = config.prior.name
    known = objectives.OBJECTIVES
    alone = [n for n in config.objective.name if known[n].importance_weighted]
    if alone and len(set(config.objective.name)) > 1:
        found["objective.name"] = config.objective.name
    return found


def _axes(config: ConfigDict) -> dict[str, tuple]:
    """The values of every column; columns that few sweeps have come first."""
    known, swept = fields.registered(), fields.swept(config)
    traced = (f for f in fields.axes() if f not in fields.AXES)
    read = (f for f in traced if fields.reads(config, known[f]))
    found = {}
    for field in (*swept, *fields.AXES, *read):
        name = fields.column(field)
        if name in found or name in _TAKEN:
            raise ValueError(
                f"{field} would be the column {name} of scores.csv, which has another "
                "column of this name; choose another name for the field."
            )
        get = fields.values if field in swept else fields.get
        found[name] = get(config, field)
    return found


def _combinations(
    config: ConfigDict, axes: Mapping[str, tuple]
) -> Iterable[tuple[Any, ...]]:
    """The values of every setting, in the order of the axes."""
    if config.objective.sweep == "product":
        return itertools.product(*axes.values())
    lengths = {name: len(axis) for name, axis in axes.items()}
    length = max(lengths.values())
    if not set(lengths.values()) <= {1, length}:
        raise ValueError(
            "objective.sweep = zip needs axes of equal length, or of length 1; "
            f"got {lengths}."
        )
    stretched = [axis * length if len(axis) == 1 else axis for axis in axes.values()]
    return zip(*stretched, strict=True)


def _canonical(
    row: dict[str, Any],
    config: ConfigDict,
    registered: Iterable[tuple[str, str, fields.Registered]],
) -> dict[str, Any]:
    """The setting with neutral values in columns that have no effect on it."""
    named = row | {"divergence": objectives.divergence(row)}
    for name, owner, own in registered:
        entry = named.get(owner, fields.get(config, own.owner))
        if name in row and entry in own.others:
            row[name] = own.unread
    objective = objectives.OBJECTIVES[row["objective"]]
    if objective.divergence != objectives.FREE:
        row["divergence"] = objective.divergence
    elif objectives.divergence(row) == objectives.NONE:
        one, *others = config.objective.divergence
        row["divergence"] = objectives.NONE if others else one  # it has no weight
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
