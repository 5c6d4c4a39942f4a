"""Checks a config, and expands its axes to the settings of a sweep."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.config import checks, fields
from experiments.models import objectives, priors
from experiments.results import columns

COLUMNS = tuple(map(fields.column, fields.AXES))  # the columns of every sweep
_OTHERS = {"run", "seed", "status", *columns.COLUMNS}  # other columns of scores.csv


class ProgramSettings(NamedTuple):
    """The settings of a sweep that one compiled program trains."""

    config: ConfigDict  # has one value of each field that needs a program of its own
    rows: list[dict[str, Any]]  # the settings of the program, each a dict by column
    first: int  # index of the first of them among the settings of the sweep


def validate(config: ConfigDict) -> tuple[ConfigDict, list[ProgramSettings]]:
    """Checks a config, and divides its settings into programs.

    Settings share a program if they differ only in traced numbers, in priors of one
    family, or in objectives that may be swept together.

    Returns:
        A copy of the config whose tuples have parts of one type each, and the programs
        in the order in which they are trained.

    Raises:
        ValueError: One line that names the field, says what is allowed, and what came.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked(), config.ignore_type():
        fields.check(config)
    axes = _axes(config)
    checks.number_of_runs(config, list(map(len, axes.values())))
    checks.axes(config)
    programs = _programs(config, axes)
    checks.effects(config, rows(programs))
    for program in programs:
        checks.combinations(program.config, program.rows)
        checks.sizes(program.config, program.rows)
    return config, programs


def _programs(config: ConfigDict, axes: Mapping[str, tuple]) -> list[ProgramSettings]:
    """The settings of a config whose fields are valid, by program."""
    compiled = {field: fields.column(field) for field in fields.compiled(config)}
    registered = [
        (fields.column(field), fields.column(own.owner), own)
        for field, own in fields.registered().items()
    ]
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for values in _combinations(config, axes):
        row = dict(zip(axes, values, strict=True))
        row = _canonical(row, config, registered)
        constants = tuple(row[column] for column in compiled.values())
        of_samples = objectives.OBJECTIVES[row["objective"]].importance_weighted
        own = row["objective"] if of_samples else ""
        key = (constants, priors.program(row["prior"]), own)
        groups.setdefault(key, []).append(row)
    programs, first = [], 0
    for (constants, *_), members in groups.items():
        pairs = zip(compiled.values(), constants, strict=True)
        cells = {column: fields.shown(value) for column, value in pairs}
        rows = [row | cells for row in members]
        rows = list({tuple(row.values()): row for row in rows}.values())
        changes = dict(zip(compiled, constants, strict=True))
        for section in ("prior", "objective"):
            entries = {row[section] for row in rows}
            names = config[section].name
            changes[f"{section}.name"] = tuple(n for n in names if n in entries)
        programs.append(ProgramSettings(fields.replaced(config, changes), rows, first))
        first += len(rows)
    return programs


def rows(programs: Iterable[ProgramSettings]) -> list[dict[str, Any]]:
    """The settings of a sweep, each a dict by column."""
    return [row for program in programs for row in program.rows]


def own_programs(config: ConfigDict) -> dict[str, tuple]:
    """The fields whose values need programs of their own, with these values."""
    values = {field: fields.values(config, field) for field in fields.compiled(config)}
    if len({priors.program(name) for name in config.prior.name}) > 1:
        values["prior.name"] = config.prior.name
    names = set(config.objective.name)
    of_samples = any(objectives.OBJECTIVES[n].importance_weighted for n in names)
    if of_samples and len(names) > 1:
        values["objective.name"] = config.objective.name
    return values


def _axes(config: ConfigDict) -> dict[str, tuple]:
    """The values of every column; columns that few sweeps have come first."""
    registered, swept = fields.registered(), fields.swept(config)
    others = (f for f in fields.axes() if f not in fields.AXES)
    others = (f for f in others if fields.reads(config, registered[f]))
    values: dict[str, tuple] = {}
    for field in (*swept, *fields.AXES, *others):
        name = fields.column(field)
        if name in values or name in _OTHERS:
            raise ValueError(
                f"{field} would be the column {name} of scores.csv, which has another "
                "column of this name; choose another name for the field."
            )
        get = fields.values if field in swept else fields.get
        values[name] = get(config, field)
    return values


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
    """The setting with neutral values in columns that have no effect on it.

    Args:
        row: A setting, which is changed.
        config: A config whose fields are valid.
        registered: Of each registered field: its column, that of its entries, and it.
    """
    entries = row | {"divergence": objectives.divergence(row)}
    for name, owner, own in registered:
        entry = entries.get(owner, fields.get(config, own.owner))
        if name in row and entry in own.others:
            row[name] = own.unread
    objective = objectives.OBJECTIVES[row["objective"]]
    if objective.divergence != objectives.FREE:
        row["divergence"] = objective.divergence
    elif objectives.divergence(row) == objectives.NONE:
        first, *others = config.objective.divergence
        row["divergence"] = objectives.NONE if others else first  # it has no weight
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
