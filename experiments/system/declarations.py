"""The fields that entries of registries declare, besides those of the package.

An objective, a prior, a network or a data set says which fields of its section of a
config it reads. All that is derived from fields holds for these too: the command line,
its help, checks, columns of tables and labels.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from configs import base

# The fields of each entry by name; a `base.Parameter` is traced, a `base.Field` is not.
Declarations = Mapping[str, Mapping[str, Any]]

_WORDS = {word for field in base.FIELDS for word in field.split(".")}


def check(
    entry: str,
    section: str,
    fields: Mapping[str, Any],
    declared: Declarations,
    *,
    kinds: tuple[type, ...] = (base.Field,),
) -> None:
    """Checks the fields that an entry declares.

    Args:
        entry: The kind of entry and its name, such as "prior mine".
        section: The section of a config that has the fields, such as "prior".
        fields: The fields by name.
        declared: Those of entries of the same kind.
        kinds: What a field may be: `base.Field`, `base.Parameter`.

    Raises:
        ValueError: One line, for a field of another kind, a name that is not valid or
            is taken, or a field that the package or another entry has with another
            default.
    """
    own = entry.rpartition(" ")[2]
    others = every({n: declaration for n, declaration in declared.items() if n != own})
    for name, field in fields.items():
        if not isinstance(field, kinds):
            allowed = " or ".join(f"base.{kind.__name__}" for kind in kinds)
            raise ValueError(
                f"{entry}: its field {name} must be a {allowed}; got {field!r}."
            )
        namesake = base.FIELDS.get(f"{section}.{name}")
        if not name.isidentifier() or (namesake is None and name in _WORDS):
            raise ValueError(
                f"{entry}: names of fields must have letters, digits and underscores "
                f"only, and must not be those of other fields; got {name!r}."
            )
        for part, value, original in _parts(field, others.get(name, field), namesake):
            if value != original:
                raise ValueError(
                    f"{entry}: its field {name} must have the {part} that it has "
                    f"elsewhere, {original!r}; got {value!r}."
                )


def _parts(field: Any, other: Any, namesake: base.Field | None) -> Iterator[tuple]:
    """What must be equal, of a field and where else it is declared."""
    for part in field._fields:
        if part not in ("help", "rule"):
            yield part, getattr(field, part), getattr(other, part, None)
    if namesake is not None:
        traced = isinstance(field, base.Parameter)
        yield "default", (field.default,) if traced else field.default, namesake.default


def of_package(section: str, *names: str) -> dict[str, base.Field]:
    """The fields of the package with these names, for an entry that reads them."""
    return {name: base.FIELDS[f"{section}.{name}"] for name in names}


def every(
    declared: Declarations, entries: Collection[str] | None = None
) -> dict[str, Any]:
    """The fields by name that all or some entries declare, in order of registration."""
    chosen = declared if entries is None else [n for n in declared if n in entries]
    return {name: field for n in chosen for name, field in declared[n].items()}


def traced(fields: Mapping[str, Any]) -> dict[str, base.Parameter]:
    """Those of some fields that are traced."""
    return {
        n: field for n, field in fields.items() if isinstance(field, base.Parameter)
    }


def help_of(declared: Declarations, name: str) -> str:
    """What a declared field is, and of which entries."""
    meanings: dict[str, list[str]] = {}
    for entry, fields in declared.items():
        if name in fields:
            meanings.setdefault(fields[name].help, []).append(entry)
    return "; ".join(f"{text} ({', '.join(of)})" for text, of in meanings.items())
