"""Entries by name: those of the papers, and those that a config file adds."""

from typing import Any

_PUBLISHED: dict[int, frozenset[str]] = {}  # of each table, the names that are taken


def add(table: dict[str, Any], entry: Any, kind: str) -> None:
    """Adds an entry under its name; one that a config file added before is replaced.

    Raises:
        ValueError: In one line, for a name that is none or is taken.
    """
    name = entry.name
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"a {kind} expects a name of letters, digits and underscores; got {name!r}."
        )
    if name in published(table):
        raise ValueError(
            f"the name {name} is taken by a {kind} of the package; expected another."
        )
    table[name] = entry


def close(table: dict[str, Any]) -> None:
    """From here on the names in the table are taken."""
    _PUBLISHED[id(table)] = frozenset(table)


def published(table: dict[str, Any]) -> frozenset[str]:
    """The names of the entries that come with the package."""
    return _PUBLISHED.get(id(table), frozenset())
