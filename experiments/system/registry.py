"""Registries of entries by name, to which a config file may add."""

from typing import Any

_PUBLISHED: dict[int, frozenset[str]] = {}  # the package's names in each registry


def add(table: dict[str, Any], entry: Any, kind: str) -> None:
    """Adds an entry under its name; replaces one that a config file added before.

    Raises:
        ValueError: One line, for a name that is not valid or is taken.
    """
    name = entry.name
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"the name of a {kind} must have letters, digits and underscores only; got "
            f"{name!r}."
        )
    if name in published(table):
        raise ValueError(
            f"the name {name} is taken by a {kind} of the package; choose another."
        )
    table[name] = entry


def close(table: dict[str, Any]) -> None:
    """Marks the names in the registry as the package's."""
    _PUBLISHED[id(table)] = frozenset(table)


def published(table: dict[str, Any]) -> frozenset[str]:
    """The names of the entries that come with the package."""
    return _PUBLISHED.get(id(table), frozenset())
