"""Checks each field of a config by itself, against `configs.base.FIELDS`.

`checks` has what goes together.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from ml_collections import ConfigDict

from configs import base
from experiments.data import catalogue, loaders
from experiments.models import divergences, networks, objectives, priors, schedules
from experiments.results import columns
from experiments.system import parallel
from experiments.system.terminal import short

_KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "values with commas between",
}

FIGURES = (
    *("reconstruction_vs_score", "aggregate_posterior", "prior_density", "traversals"),
    *("reconstructions", "scores_by_setting", "ablation", "equivalence", "sparsity"),
)
# Columns of a setting, and the fields that are swept for them.
AXES = {
    "prior": "prior.name",
    "df": "prior.df",
    "spike": "prior.spike",
    "objective": "objective.name",
    "divergence": "objective.divergence",
    "beta": "objective.beta",
    "alpha": "objective.alpha",
    "gamma": "objective.gamma",
}
# What the words of `base.Field.choices` stand for: entries that were registered count.
_CHOICES: dict[str, Callable[[], tuple]] = {
    "data sets": loaders.names,
    "sides": lambda: (0, *catalogue.SIDES),
    "looks": lambda: catalogue.LOOKS,
    "networks": networks.names,
    "priors": priors.names,
    "objectives": lambda: tuple(objectives.OBJECTIVES),
    "divergences": divergences.names,
    "schedules": lambda: tuple(schedules.SCHEDULES),
    "metrics": columns.metrics,
    "layouts": lambda: parallel.LAYOUTS,
    "figures": lambda: FIGURES,
    "columns": lambda: axes(),
    "scores": lambda: tuple(columns.COLUMNS),
}
_WHOLE = 2**31 - 1  # the largest that int32 holds
_SMALL, _LARGE = 1e-30, 1e30  # well inside float32


def check(config: ConfigDict) -> None:
    """Gives the tuples of a config one type each and checks every field by itself.

    Args:
        config: Unlocked; the tuples are replaced.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    _add_weights(config)
    same_fields(config, known())
    fields = described()
    for name, field in fields.items():
        if field.parts is not None:
            section, last = _place(config, name)
            section[last] = found = elements(name, section[last], field.parts)
            if not found and not field.may_be_empty:
                raise ValueError(f"{name} expects at least one value; got none.")
    _sizes(config, fields)
    for name, field in fields.items():
        if allowed := choices(field):
            one = field.parts is None
            accepts = allowed.__contains__ if one else set(allowed).issuperset
            _require(config, name, accepts, f"{'one' if one else 'some'} of {allowed}")
    for name, field in fields.items():
        if field.rule is not None:
            _require(config, name, field.rule.accepts, field.rule.words)


def described() -> dict[str, base.Field]:
    """Every field there is, those of registered weights too."""
    return _of_weights() | base.FIELDS


def _of_weights() -> dict[str, base.Field]:
    """The fields of the registered weights, each with its schedule."""
    weights = {
        f"objective.{name}": base.Field((weight.default,), weight.help, parts=float)
        for name, weight in objectives.weights().items()
    }
    steps = {
        f"objective.schedule.{name}": base.Field(
            "constant", f"how objective.{name} changes", choices="schedules"
        )
        for name in objectives.weights()
    }
    return weights | steps


def choices(field: base.Field) -> tuple:
    """What a field may say, or of a tuple each part."""
    if isinstance(field.choices, str):
        return _CHOICES[field.choices]()
    return field.choices


def known() -> ConfigDict:
    """Every field there is, with its default, those of registered weights too."""
    return _add_weights(base.get_config())


def axis(column: str) -> str:
    """The field that is swept for a column of the settings."""
    return AXES.get(column, f"objective.{column}")


def axes() -> tuple[str, ...]:
    """The columns that a sweep may have."""
    return (*AXES, *(name for name in objectives.weights() if name not in AXES))


def _add_weights(config: ConfigDict) -> ConfigDict:
    """The config, with the fields of weights that it does not have."""
    for name, field in _of_weights().items():
        section, last = _place(config, name)
        if last not in section:
            section[last] = field.default
    return config


def get(config: ConfigDict, field: str) -> Any:
    """The value of a field such as `objective.schedule.beta`."""
    section, name = _place(config, field)
    return section[name]


def _place(config: ConfigDict, field: str) -> tuple[ConfigDict, str]:
    *sections, name = field.split(".")
    for section in sections:
        config = config[section]
    return config, name


def _sizes(config: ConfigDict, fields: dict[str, base.Field]) -> None:
    """Every number has to fit int32 or float32, and arrays the memory of a machine."""
    for field, value in leaves(config):
        most = fields[field].most or _WHOLE
        for number in value if isinstance(value, tuple) else [value]:
            if type(number) is int and number > most:
                raise ValueError(
                    f"{field} expects at most {most:,}; got {number:.10g}."
                )
            if type(number) is float and not _in_float32(number):
                raise ValueError(
                    f"{field} expects numbers between {_SMALL} and {_LARGE}; "
                    f"got {number}."
                )


def _in_float32(number: float) -> bool:
    """Whether float32 holds a number; 0, infinity and NaN are for others to judge."""
    return not math.isfinite(number) or not number or _SMALL <= abs(number) <= _LARGE


def _require(
    config: ConfigDict, field: str, accepts: Callable[[Any], bool], expected: str
) -> None:
    value = get(config, field)
    if not accepts(value):
        raise ValueError(f"{field} expects {expected}; got {short(value)}.")


def same_fields(given: ConfigDict, known: ConfigDict, prefix: str = "") -> None:
    """Checks the names and types of all fields.

    Args:
        given: A config.
        known: One that has every field.
        prefix: Of the names of the fields.

    Raises:
        ValueError: For a field too many or too few, or a value of another type.
    """
    for name in given:
        if name not in known:
            raise ValueError(
                f"there is no field {prefix}{name}; choices: {', '.join(known)}."
            )
    for name, default in known.items():
        field = prefix + name
        if isinstance(default, ConfigDict):
            if not isinstance(given.get(name), ConfigDict):
                raise ValueError(
                    f"{field} expects a section with {', '.join(default)}; "
                    f"got {short(given.get(name))}."
                )
            same_fields(given[name], default, f"{field}.")
        elif name not in given or not _like(given[name], default):
            value = given.get(name)
            raise ValueError(
                f"{field} expects {_KINDS[type(default)]}; got {short(value)} "
                f"({type(value).__name__})."
            )


def expected(default: Any) -> str:
    """What may stand where a value like this one stands, in words."""
    return _KINDS[type(default)]


def elements(field: str, value: tuple, cast: Callable[[Any], Any]) -> tuple:
    """Casts the elements of a tuple; `3,inf` typed in a shell comes as one string.

    Raises:
        ValueError: Naming the field, for an element of another type.
    """
    parts = [
        part
        for element in value
        for part in (element.split(",") if isinstance(element, str) else [element])
    ]
    try:
        return tuple(_cast(part, cast) for part in parts)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{field} expects {cast.__name__} values with commas between; "
            f"got {short(value)}."
        ) from None


def leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All fields, such as `objective.schedule.beta`, and their values."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default; whole numbers are numbers."""
    wanted = (int, float) if type(default) is float else type(default)
    same = isinstance(value, bool) == isinstance(default, bool)
    return same and isinstance(value, wanted)


def _cast(part: Any, cast: Callable[[Any], Any]) -> Any:
    """A number from a number or a text; 1.5 is no whole number and True is none."""
    exact = cast is float and type(part) is int
    if not (exact or isinstance(part, str) or type(part) is cast):
        raise TypeError
    return cast(part)
