"""Which fields a config has, and of what type each is: those of `configs/base.py`."""

from collections.abc import Callable, Iterator
from typing import Any

from ml_collections import ConfigDict

_KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "values with commas between",
}
_LONG = 200  # characters of a value that a message shows


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


def short(value: Any) -> str:
    """A value as a message shows it."""
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"


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
