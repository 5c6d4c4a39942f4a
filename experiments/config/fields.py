"""Checks each field of a config by itself, against `configs.base.FIELDS`.

`checks` has what goes together.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from configs import base
from decomp import minibatch, schedules
from decomp.networks import convolution, initialisers
from experiments.data import catalogue, loaders
from experiments.models import divergences, networks, objectives, priors
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
# Sections of which a field may have several values, most of which are swept one program
# after another, and the fields of them that say how to sweep or to record.
_SWEPT = ("data", "model", "prior", "objective", "critic", "train")
_NOT_SWEPT = ("objective.sweep", "train.records")
# Those of which several values share a program.
_TRACED = ("train.learning_rate",)
# What the words of `base.Field.choices` stand for: entries that were registered count.
_CHOICES: dict[str, Callable[[], tuple]] = {
    "data sets": loaders.names,
    "sides": lambda: (0, *catalogue.SIDES),
    "looks": lambda: catalogue.LOOKS,
    "networks": networks.names,
    "forms": lambda: (convolution.AUTO, *convolution.FORMS),
    "precisions": lambda: tuple(networks.PRECISIONS),
    "initialisers": lambda: initialisers.NAMES,
    "estimators": lambda: tuple(minibatch.ESTIMATORS),
    "priors": priors.names,
    "objectives": lambda: tuple(objectives.OBJECTIVES),
    "divergences": divergences.names,
    "schedules": lambda: tuple(schedules.SCHEDULES),
    "metrics": columns.metrics,
    "layouts": lambda: parallel.LAYOUTS,
    "figures": lambda: FIGURES,
    "columns": lambda: axes(),  # and those of what the config sweeps
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
        put(config, name, _uniform(name, field, get(config, name)))
    _sizes(config, fields)
    own = tuple(map(column, swept(config)))
    for name, field in fields.items():
        allowed = choices(field) + (own if field.choices == "columns" else ())
        one = field.parts is None
        accepts = allowed.__contains__ if one else set(allowed).issuperset
        for value in values(config, name) if allowed else ():
            _require(name, value, accepts, f"{'one' if one else 'some'} of {allowed}")
    for name, field in fields.items():
        for value in values(config, name) if field.rule is not None else ():
            _require(name, value, field.rule.accepts, field.rule.words)


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


def may_be_swept(name: str) -> bool:
    """Whether a field may have several values, but for the fields of `axes`, which may.

    Each value is a program of its own, save for those of `_TRACED`.
    """
    own = name in map(axis, axes())
    return name.partition(".")[0] in _SWEPT and name not in _NOT_SWEPT and not own


def values(config: ConfigDict, name: str) -> tuple:
    """The values of a field that is swept, or its one value `(value,)`."""
    value = get(config, name)
    several = isinstance(value, tuple) and may_be_swept(name)
    if several and described()[name].parts is not None:
        several = any(isinstance(part, tuple) for part in value)
    return value if several else (value,)


def swept(config: ConfigDict) -> tuple[str, ...]:
    """The fields with several values, but for those of `axes`."""
    return tuple(name for name in described() if len(values(config, name)) > 1)


def compiled(config: ConfigDict) -> tuple[str, ...]:
    """Those of the fields with several values of which each is compiled anew."""
    return tuple(name for name in swept(config) if name not in _TRACED)


def column(field: str) -> str:
    """The column of the settings for a field that is swept, as `train_steps`."""
    section, *rest = field.split(".")
    if rest == ["name"]:
        return section
    return "_".join([section, *rest] if section in ("prior", "critic") else rest)


def shown(value: Any) -> Any:
    """The value of a field in its column: a number or a text."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, bool) else value


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


def put(config: ConfigDict, field: str, value: Any) -> None:
    """Gives a field of an unlocked config a value."""
    section, name = _place(config, field)
    section[name] = value


def replaced(config: ConfigDict, changes: Mapping[str, Any]) -> ConfigDict:
    """A copy of a config with other values of some fields."""
    copy = config.copy_and_resolve_references()
    with copy.unlocked(), copy.ignore_type():
        for field, value in changes.items():
            put(copy, field, value)
    return copy


def _place(config: ConfigDict, field: str) -> tuple[ConfigDict, str]:
    *sections, name = field.split(".")
    for section in sections:
        config = config[section]
    return config, name


def _sizes(config: ConfigDict, fields: dict[str, base.Field]) -> None:
    """Every number has to fit int32 or float32, and arrays the memory of a machine."""
    for field, value in leaves(config):
        most = fields[field].most or _WHOLE
        for number in _flat(value):
            if type(number) is int and number > most:
                raise ValueError(
                    f"{field} expects at most {most:,}; got {number:.10g}."
                )
            if type(number) is float and not _in_float32(number):
                raise ValueError(
                    f"{field} expects numbers between {_SMALL} and {_LARGE}; "
                    f"got {number}."
                )


def _flat(value: Any) -> Iterator[Any]:
    """The parts of a tuple, of tuples in it too, or the value."""
    for part in value if isinstance(value, tuple) else ():
        yield from _flat(part)
    if not isinstance(value, tuple):
        yield value


def _uniform(name: str, field: base.Field, value: Any) -> Any:
    """The value with parts of one type, and a tuple of one value to sweep as that.

    Raises:
        ValueError: For an element of another type, or a tuple without any.
    """
    nested = isinstance(value, tuple) and any(isinstance(v, tuple) for v in value)
    if field.parts is None:
        wanted = float if isinstance(field.default, float) else lambda one: one
        if not isinstance(value, tuple):
            return wanted(value)
        if not may_be_swept(name):
            return value
        found = tuple(map(wanted, value))
    elif nested and may_be_swept(name):
        found = tuple(_uniform(name, field, one) for one in value)
    else:
        found = elements(name, value, field.parts)
        if not found and not field.may_be_empty:
            raise ValueError(f"{name} expects at least one value; got none.")
        return found
    if not found:
        raise ValueError(f"{name} expects at least one value; got none.")
    return found if len(found) > 1 else found[0]


def _in_float32(number: float) -> bool:
    """Whether float32 holds a number; 0, infinity and NaN are for others to judge."""
    return not math.isfinite(number) or not number or _SMALL <= abs(number) <= _LARGE


def _require(
    field: str, value: Any, accepts: Callable[[Any], bool], expected: str
) -> None:
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
        elif name not in given or not _fits(field, given[name], default):
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


def _fits(field: str, value: Any, default: Any) -> bool:
    """Whether a value, or each of those that are swept, has the type of the default."""
    if isinstance(value, tuple) and may_be_swept(field):
        parts = value if not isinstance(default, tuple) else ()
        return all(_like(part, default) for part in parts)
    return _like(value, default)


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
