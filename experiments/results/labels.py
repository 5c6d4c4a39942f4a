"""The labels of entries in figures and reports.

An entry carries its label. But results are read without JAX, and so without the
registries: labels.json beside this file has the labels of the package's entries, as
`make reference` writes them. Those that a config file registers are stored in the
workdir as a labels.json of the same form, and are added when the workdir is read.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.results import columns
from experiments.system import registry

PACKAGE = pathlib.Path(__file__).with_name("labels.json")
# The labels of objectives, divergences, priors, networks and data sets; the symbols of
# columns of the settings; the fields of a section that reports show beside its entry;
# what each objective maximises.
WORDS: dict[str, str] = {}
SYMBOLS: dict[str, str] = {}
SHOWN: dict[str, list[str]] = {}
FORMULAS: dict[str, str] = {}
_KINDS = ("words", "symbols", "scores", "shown", "formulas")
_OWN: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}


def add_entry(
    table: dict[str, Any],
    entry: Any,
    kind: str,
    *,
    shown: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Adds an entry to a registry, and its label.

    Args:
        table: The registry, entries by name.
        entry: The entry, which has a name, a label and, if it is an objective, a
            notation of what it maximises.
        kind: The kind of entry, such as "prior".
        shown: Fields of the entry's section of a config that reports show beside it.
        parameters: Traced numbers that it reads, which have a symbol, by name.

    Raises:
        ValueError: One line, for a name that is not valid or is taken.
    """
    registry.add(table, entry, kind)
    own = bool(registry.published(table))  # then a config file adds it
    _add("words", WORDS, entry.name, entry.label, own=own)
    if formula := getattr(entry, "notation", ""):
        _add("formulas", FORMULAS, entry.name, formula, own=own)
    if shown:
        _add("shown", SHOWN, entry.name, [*shown], own=own)
    for name, parameter in (parameters or {}).items():
        _add("symbols", SYMBOLS, name, parameter.symbol, own=own)


def _add(
    kind: str, table: dict[str, Any], name: str, value: Any, *, own: bool = True
) -> None:
    table[name] = value
    if own:
        _OWN[kind][name] = value


def add_score(name: str, label: str, text: str, *, of_factors: bool) -> None:
    """Adds the label and the definition of a score."""
    columns.add(name, label, text, of_factors=of_factors)
    _OWN["scores"][name] = [label, text, of_factors]


def label(name: str) -> str:
    """The label of an entry; other names unchanged."""
    return WORDS.get(name, name)


def own() -> dict[str, dict[str, Any]]:
    """The added labels, as in labels.json; empty if there are none."""
    return {kind: dict(words) for kind, words in _OWN.items() if words}


def learn(content: Any) -> None:
    """Adds the labels of a labels.json.

    Raises:
        ValueError: One line, if the contents are not valid.
    """
    try:
        _learn_words(content, own=True)
        for name, (label, text, of_factors) in content.get("scores", {}).items():
            add_score(str(name), str(label), str(text), of_factors=bool(of_factors))
    except (AttributeError, TypeError, ValueError):
        raise ValueError("expected the words, symbols and scores of a sweep") from None


def _learn_words(content: Any, *, own: bool) -> None:
    for name, word in content.get("words", {}).items():
        _add("words", WORDS, str(name), str(word), own=own)
    for name, symbol in content.get("symbols", {}).items():
        _add("symbols", SYMBOLS, str(name), str(symbol), own=own)
    for name, fields in content.get("shown", {}).items():
        _add("shown", SHOWN, str(name), [str(field) for field in fields], own=own)
    for name, formula in content.get("formulas", {}).items():
        _add("formulas", FORMULAS, str(name), str(formula), own=own)


def path(workdir: pathlib.Path) -> pathlib.Path:
    """The path of a workdir's labels."""
    return workdir / "labels.json"


_learn_words(json.loads(PACKAGE.read_text(encoding="utf-8")), own=False)
