"""Checks each field of a config by itself, against its description.

`checks` then checks which fields go together.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from configs import base
from decomp import minibatch, runs, schedules
from decomp.networks import convolution, initialisers
from experiments.data import catalogue, loaders
from experiments.models import divergences, networks, objectives, priors
from experiments.results import columns
from experiments.system import declarations
from experiments.system.terminal import short

_KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "values separated by commas",
}

FIGURES = (
    *("reconstruction_vs_score", "aggregate_posterior", "prior_density", "traversals"),
    *("reconstructions", "scores_by_setting", "ablation", "equivalence", "sparsity"),
)
# Fields whose columns the settings of every sweep have, in this order.
AXES = (
    *("prior.name", "prior.df", "prior.spike", "objective.name"),
    *("objective.divergence", "objective.beta", "objective.alpha", "objective.gamma"),
)
# The fields that entries of registries declare, by the field that names the entries.
_DECLARED: dict[str, Callable[[], declarations.Declarations]] = {
    "data.name": catalogue.declared,
    "model.network": networks.declared,
    "prior.name": priors.declared,
    "objective.name": objectives.declared,
    "objective.divergence": divergences.declared,
}
# Sections whose fields may have several values, and the exceptions: fields that say how
# to sweep or to record. Each value needs a program of its own, but for `_TRACED`.
_SWEPT = ("data", "model", "prior", "objective", "critic", "train")
_NOT_SWEPT = ("objective.sweep", "train.records")
_TRACED = ("train.learning_rate", "critic.learning_rate")
# The choices that the words of `base.Field.choices` mean, registered entries included.
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
    "layouts": lambda: runs.LAYOUTS,
    "figures": lambda: FIGURES,
    # A config also has the columns of the fields that it sweeps.
    "columns": lambda: tuple(map(column, axes())),
    "scores": lambda: tuple(columns.COLUMNS),
}
_WHOLE = 2**31 - 1  # the largest int32
_SMALL, _LARGE = 1e-30, 1e30  # well within float32


class Registered(NamedTuple):
    """A field that entries declare."""

    field: base.Field
    owner: str  # the field that names the entries, such as prior.name
    others: frozenset[str]  # the entries of this kind that do not read it
    unread: Any  # its value in settings of these other entries
    traced: bool  # whether all its values share a program


def check(config: ConfigDict) -> None:
    """Converts the tuples of a config to one type each, and checks every field.

    Args:
        config: An unlocked config, whose tuples are replaced.

    Raises:
        ValueError: One line that names the field, says what is allowed, and what came.
    """
    add_registered(config)
    same_fields(config, known())
    fields, of_axes = described(), axes()
    for name, field in fields.items():
        put(config, name, _uniform(name, field, get(config, name)))
    _sizes(config, fields)
    own_columns = tuple(map(column, swept(config)))
    for name, field in fields.items():
        allowed = choices(field) + (own_columns if field.choices == "columns" else ())
        single = field.parts is None
        accepts = allowed.__contains__ if single else set(allowed).issuperset
        words = f"{'one' if single else 'one or more'} of {allowed}"
        for value in values(config, name) if allowed else ():
            _require(name, value, accepts, words)
    for name, field in fields.items():
        parts = get(config, name) if name in of_axes else values(config, name)
        for value in parts if field.rule is not None else ():
            _require(name, value, field.rule.accepts, field.rule.words)


_LAST: list[tuple[dict, Mapping[str, Registered]]] = []  # declarations, their fields


def registered() -> Mapping[str, Registered]:
    """The fields that entries declare and describe, by name.

    A check of a config asks for them some hundred times, so they are collected again
    only after an entry has been added.

    Raises:
        ValueError: One line, for a field that entries of two kinds declare.
    """
    declared = {owner: entries() for owner, entries in _DECLARED.items()}
    if not _LAST or _LAST[0][0] != declared:
        _LAST[:] = [(declared, _registered(declared))]
    return _LAST[0][1]


def _registered(
    declared: Mapping[str, declarations.Declarations],
) -> dict[str, Registered]:
    fields: dict[str, Registered] = {}
    for owner, entries in declared.items():
        section = owner.partition(".")[0]
        for name, own in declarations.every(entries).items():
            others = frozenset(n for n, names in entries.items() if name not in names)
            text, unread = declarations.help_of(entries, name), own.default
            if traced := isinstance(own, base.Parameter):
                unread = unread if own.unread is None else own.unread
                field = base.Field((own.default,), text, own.rule, parts=float)
            else:
                field = own._replace(help=text)
            full = f"{section}.{name}"
            if full in fields:
                raise ValueError(
                    f"{full} must be declared by entries of one kind; got those of "
                    f"{fields[full].owner} and of {owner}."
                )
            fields[full] = Registered(field, owner, others, unread, traced)
    return fields


def reads(config: ConfigDict, field: Registered) -> bool:
    """Whether a config names an entry that reads a registered field."""
    names = get(config, field.owner)
    return not field.others.issuperset(names if isinstance(names, tuple) else [names])


def described() -> dict[str, base.Field]:
    """All fields in the order of their sections, with those that entries declare."""
    fields = base.FIELDS | _of_entries()
    sections = list(dict.fromkeys(name.partition(".")[0] for name in base.FIELDS))
    order = sorted(fields, key=lambda name: sections.index(name.partition(".")[0]))
    return {name: fields[name] for name in order}


def _of_entries() -> dict[str, base.Field]:
    """The fields that entries declare, and the schedules of weights among them."""
    fields = {name: entry.field for name, entry in registered().items()}
    traced = [name.split(".") for name, entry in registered().items() if entry.traced]
    weights = [name for section, name in traced if section == "objective"]
    return fields | {f"objective.schedule.{n}": base.schedule(n) for n in weights}


def may_be_swept(name: str) -> bool:
    """Whether a field that is not one of `axes` may have several values."""
    section = name.partition(".")[0]
    return section in _SWEPT and name not in (*_NOT_SWEPT, *axes())


def values(config: ConfigDict, name: str) -> tuple:
    """The values of a field that is swept, or its single value as `(value,)`."""
    value = get(config, name)
    is_axis = isinstance(value, tuple) and may_be_swept(name)
    if is_axis and described()[name].parts is not None:
        is_axis = any(isinstance(part, tuple) for part in value)
    return value if is_axis else (value,)


def swept(config: ConfigDict) -> tuple[str, ...]:
    """The fields with several values, except for those of `axes`."""
    return tuple(name for name in described() if len(values(config, name)) > 1)


def compiled(config: ConfigDict) -> tuple[str, ...]:
    """The fields with several values, each of which needs a program of its own."""
    return tuple(name for name in swept(config) if name not in _TRACED)


def column(field: str) -> str:
    """The column of the settings for a swept field, such as `learning_rate`."""
    section, *rest = field.split(".")
    if rest == ["name"]:
        return section
    entry = registered().get(field)
    is_traced = entry is not None and entry.traced
    is_short = is_traced or section not in ("prior", "critic")
    return "_".join(rest if is_short else [section, *rest])


def shown(value: Any) -> Any:
    """The value of a field in its column: a number or a string."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, bool) else value


def choices(field: base.Field) -> tuple:
    """The allowed values of a field, or of each part of its tuple; () for any."""
    if isinstance(field.choices, str):
        return _CHOICES[field.choices]()
    return field.choices


def known() -> ConfigDict:
    """All fields with their defaults, including those of registered entries."""
    return add_registered(base.get_config())


def axes() -> tuple[str, ...]:
    """The fields of which a sweep has a column even if they have a single value."""
    traced = (field for field, entry in registered().items() if entry.traced)
    return tuple(dict.fromkeys((*AXES, *traced)))


def add_registered(config: ConfigDict) -> ConfigDict:
    """Adds the fields of registered entries that an unlocked config lacks.

    Returns:
        The same config.

    Raises:
        ValueError: One line, if the config lacks their sections.
    """
    for field, described_field in _of_entries().items():
        section, name = _place(config, field)
        if name not in section:
            section[name] = described_field.default
    return config


def get(config: ConfigDict, field: str) -> Any:
    """The value of a field such as `objective.schedule.beta`."""
    section, name = _place(config, field)
    return section[name]


def put(config: ConfigDict, field: str, value: Any) -> None:
    """Sets a field of an unlocked config."""
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
    """The section of a field, and the field's name in it.

    Raises:
        ValueError: One line, if the config lacks the section.
    """
    *sections, name = field.split(".")
    section: Any = config
    for depth, part in enumerate(sections, start=1):
        section = section.get(part)
        if not isinstance(section, ConfigDict):
            start = ".".join(sections[:depth])
            inside = [n for n in described() if n.startswith(f"{start}.")]
            names = [n.removeprefix(f"{start}.").partition(".")[0] for n in inside]
            raise ValueError(_no_section(start, dict.fromkeys(names), section))
    return section, name


def _no_section(name: str, fields: Iterable[str], value: Any) -> str:
    return f"{name} must be a section with {', '.join(fields)}; got {short(value)}."


def _sizes(config: ConfigDict, fields: dict[str, base.Field]) -> None:
    """Checks that every number fits int32 or float32, and is at most `Field.most`."""
    for field, value in leaves(config):
        most = fields[field].most or _WHOLE
        for number in _flat(value):
            if type(number) is int and number > most:
                raise ValueError(
                    f"{field} must be at most {most:,}; got {number:.10g}."
                )
            if type(number) is float and not _in_float32(number):
                raise ValueError(
                    f"{field} must be between {_SMALL} and {_LARGE}; got {number}."
                )


def _flat(value: Any) -> Iterator[Any]:
    """The numbers or strings in a value, which may be a tuple of tuples."""
    for part in value if isinstance(value, tuple) else ():
        yield from _flat(part)
    if not isinstance(value, tuple):
        yield value


def _uniform(name: str, field: base.Field, value: Any) -> Any:
    """The value with parts of one type; a swept tuple of one value becomes the value.

    Raises:
        ValueError: For a part of another type, or an empty tuple.
    """
    nested = isinstance(value, tuple) and any(isinstance(v, tuple) for v in value)
    if field.parts is None:
        convert = float if isinstance(field.default, float) else lambda part: part
        if not isinstance(value, tuple):
            return convert(value)
        if not may_be_swept(name):
            return value
        several = tuple(map(convert, value))
    elif nested and may_be_swept(name):
        if not all(isinstance(part, tuple) for part in value):
            raise ValueError(
                f"{name} must be a tuple, or only tuples if it is swept; got "
                f"{short(value)}."
            )
        several = tuple(_uniform(name, field, part) for part in value)
    else:
        parts = elements(name, value, field.parts)
        if not parts and not field.may_be_empty:
            raise ValueError(f"{name} must have at least one value; got none.")
        return parts
    if not several:
        raise ValueError(f"{name} must have at least one value; got none.")
    return several if len(several) > 1 else several[0]


def _in_float32(number: float) -> bool:
    """Whether a number is well within float32; 0, infinity and NaN are."""
    return not math.isfinite(number) or not number or _SMALL <= abs(number) <= _LARGE


def _require(
    field: str, value: Any, accepts: Callable[[Any], bool], expected: str
) -> None:
    if not accepts(value):
        raise ValueError(f"{field} must be {expected}; got {short(value)}.")


def same_fields(config: ConfigDict, defaults: ConfigDict, prefix: str = "") -> None:
    """Checks the names and types of all fields.

    Args:
        config: The config to check, or a section of it.
        defaults: A config that has every field, or the same section of it.
        prefix: The name of the section and a dot, such as "train.".

    Raises:
        ValueError: One line, for an unknown or a missing field, or a value of another
            type.
    """
    for name in config:
        if name not in defaults:
            raise ValueError(
                f"there is no field {prefix}{name}; choices: {', '.join(defaults)}."
            )
    for name, default in defaults.items():
        field = prefix + name
        if isinstance(default, ConfigDict):
            if not isinstance(config.get(name), ConfigDict):
                raise ValueError(_no_section(field, default, config.get(name)))
            same_fields(config[name], default, f"{field}.")
        elif name not in config or not _fits(field, config[name], default):
            value = config.get(name)
            raise ValueError(
                f"{field} must be {_KINDS[type(default)]}; got {short(value)} "
                f"({type(value).__name__})."
            )


def expected(default: Any) -> str:
    """Describes the values that a field with this value accepts."""
    return _KINDS[type(default)]


def elements(field: str, value: tuple, cast: Callable[[Any], Any]) -> tuple:
    """The elements of a tuple as numbers or strings of one type.

    Args:
        field: The name of the field, for the error.
        value: The tuple. A string in it may have several elements, such as "3,inf".
        cast: The type of the elements: int, float or str.

    Raises:
        ValueError: One line that names the field, for an element of another type.

    >>> elements("prior.df", ("3,inf", 7), float)
    (3.0, inf, 7.0)
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
            f"{field} must be {cast.__name__} values separated by commas; "
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
    """Whether a value, or each swept value, has the type of the default."""
    if isinstance(value, tuple) and may_be_swept(field):
        parts = value if not isinstance(default, tuple) else ()
        return all(_like(part, default) for part in parts)
    return _like(value, default)


def _like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default; an int is also a float."""
    types = (int, float) if type(default) is float else type(default)
    both_or_none = isinstance(value, bool) == isinstance(default, bool)
    return both_or_none and isinstance(value, types)


def _cast(part: Any, cast: Callable[[Any], Any]) -> Any:
    """Casts a number or a string; raises TypeError for 1.5 as an int, and for True."""
    exact = cast is float and type(part) is int
    if not (exact or isinstance(part, str) or type(part) is cast):
        raise TypeError
    return cast(part)
