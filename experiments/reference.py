"""Writes the tables of names in the documents, from the registries of the code.

    python -m experiments.reference      # make reference

The tables are between the marks of README.md, decomp/OBJECTIVES.md and the README.md of
configs, decomp/metrics, decomp/datasets and experiments/benchmarks; the last one has
measurements on accelerators. The labels of entries, which results are read with, are
written to experiments/results/labels.json. Tests compare all of these with the
registries, so run this command after you add an entry.
"""

import math
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from configs.base import Parameter
from decomp.metrics import definitions, intervals
from experiments.benchmarks import measured
from experiments.config import fields
from experiments.data import catalogue, loaders
from experiments.models import divergences, networks, objectives, priors
from experiments.results import columns, labels
from experiments.system import atomic_files, commands, documents, registry
from experiments.system.terminal import say

ROOT = pathlib.Path(__file__).parent.parent
# Where the documents list the choices that entries add to, by their word in a field.
_DOCUMENTED = {
    "data sets": "[data sets](../decomp/datasets/README.md)",
    "networks": "[networks](../decomp/OBJECTIVES.md#networks)",
    "priors": "[priors](../decomp/OBJECTIVES.md#priors)",
    "objectives": "[objectives](../decomp/OBJECTIVES.md#objectives)",
    "divergences": "[divergences](../decomp/OBJECTIVES.md#divergences)",
    "metrics": "[metrics](../decomp/metrics/README.md) and auto",
    "columns": "columns of settings.json",
    "scores": "[scores](../decomp/metrics/README.md#scores-of-a-sweep)",
}
_MARKS = ("✓", "✓ ν > 2", "✓ its own groups, γ = 1", "–")


@commands.command("experiments.reference")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error for a file without a mark."""
    parser = commands.parser("experiments.reference", (__doc__ or "").splitlines()[0])
    parser.parse_args(arguments)
    for path, blocks in tables().items():
        say(str(documents.write(ROOT / path, blocks)))
    atomic_files.write_json(labels.PACKAGE, names_shown())
    say(str(labels.PACKAGE))
    return 0


def names_shown() -> dict[str, dict[str, Any]]:
    """What `experiments.results.labels` knows of the package's entries, by kind."""
    tables = (objectives.OBJECTIVES, divergences.DIVERGENCES, priors.PRIORS)
    tables = (*tables, networks.NETWORKS, catalogue.SETS)
    entries = [entry for table in tables for entry in _published(table)]
    parameters = objectives.read_by(_names(objectives.OBJECTIVES))
    parameters |= priors.read_by(_names(priors.PRIORS))
    parameters |= divergences.read_by(_names(divergences.DIVERGENCES))
    return {
        "words": {entry.name: entry.label for entry in entries},
        "symbols": {name: parameter.symbol for name, parameter in parameters.items()},
        "shown": {
            e.name: labels.SHOWN[e.name] for e in entries if e.name in labels.SHOWN
        },
        "formulas": {o.name: o.notation for o in _published(objectives.OBJECTIVES)},
    }


def tables() -> dict[str, dict[str, str]]:
    """The tables of each file, by the names of their marks."""
    assert loaders.names()  # importing the loaders registers the data sets
    return {
        "README.md": {"implemented": _implemented()},
        "configs/README.md": {"fields": _fields()},
        "decomp/OBJECTIVES.md": {
            "objectives": _objectives(),
            "divergences": _divergences(),
            "priors": _priors(),
            "combinations": combinations(),
            "networks": _networks(),
        },
        "decomp/metrics/README.md": {"metrics": _metrics(), "columns": _columns()},
        "decomp/datasets/README.md": {"data sets": _data_sets()},
        "experiments/benchmarks/README.md": {"accelerators": measured.table()},
    }


def _published(table: dict[str, Any]) -> list[Any]:
    """The entries of a registry that come with the package."""
    return [table[name] for name in table if name in registry.published(table)]


def _names(table: dict[str, Any]) -> list[str]:
    return [entry.name for entry in _published(table)]


def _divergence_names() -> list[str]:
    """The divergences that a config may choose."""
    return [d.name for d in _published(divergences.DIVERGENCES) if d.chosen]


def _implemented() -> str:
    """The names of everything that is implemented."""
    rows = {
        "[objectives](decomp/OBJECTIVES.md)": _names(objectives.OBJECTIVES),
        "[divergences](decomp/OBJECTIVES.md#divergences) D": _divergence_names(),
        "[priors](decomp/OBJECTIVES.md#priors)": _names(priors.PRIORS),
        "[networks](decomp/OBJECTIVES.md#networks)": _names(networks.NETWORKS),
        "[metrics](decomp/metrics/README.md)": dict.fromkeys(
            name for name, _ in definitions.ENTRIES
        ),
        "[data sets](decomp/datasets/README.md)": _names(catalogue.SETS),
    }
    lines = [
        [kind, " ".join(f"`{name}`" for name in names)] for kind, names in rows.items()
    ]
    return documents.table(["", "names"], lines)


def _fields() -> str:
    """Every field of a config."""
    rows = []
    for name, field in fields.described().items():
        allowed = field.rule.words if field.rule else ""
        if field.choices in _DOCUMENTED:
            allowed = _DOCUMENTED[field.choices]
        elif field.choices:
            allowed = ", ".join(map(str, fields.choices(field)))
        rows.append([f"`{name}`", f"`{_shown(field.default)}`", field.help, allowed])
    return documents.table(["field", "default", "what it is", "allowed"], rows)


def _shown(default: object) -> str:
    """A default value as typed on the command line."""
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "()"
    return str(default) if default != "" else "''"


def _objectives() -> str:
    rows = []
    for entry in _published(objectives.OBJECTIVES):
        reads = [
            f"{own.symbol} (`objective.{n}`): {own.help}"
            if isinstance(own, Parameter)
            else f"`objective.{n}`: {own.help}"
            for n, own in entry.fields.items()
        ]
        measure = {objectives.FREE: "any", divergences.NONE: "–"}.get(entry.divergence)
        rows.append(
            [
                f"`{entry.name}`",
                entry.label,
                entry.notation,
                "; ".join(reads) or "–",
                measure or divergences.DIVERGENCES[entry.divergence].label,
                entry.source,
            ]
        )
    head = ["name", "objective", "maximises", "reads", "D(q, p)", "source"]
    return documents.table(head, rows)


def _divergences() -> str:
    rows = []
    for entry in _published(divergences.DIVERGENCES):
        if entry.chosen:
            needs = ["a prior that factorises over latents"] * bool(entry.factorised)
            needs += ["the prior's covariance"] * entry.covariance
            needs += ["a critic, which is trained beside the VAE"] * bool(entry.critic)
            row = [
                f"`{entry.name}`",
                entry.label,
                "; ".join(needs) or "–",
                entry.source,
            ]
            rows.append(row)
    return documents.table(["name", "divergence", "needs", "source"], rows)


def _priors() -> str:
    rows = [
        [
            f"`{entry.name}`",
            entry.label,
            "yes" if entry.factorised else "no",
            "yes" if entry.kl else "no",
            ", ".join(f"`prior.{name}`" for name in entry.fields) or "–",
            entry.source or "–",
        ]
        for entry in _published(priors.PRIORS)
    ]
    head = ["name", "prior", "factorises", "KL in closed form", "reads", "source"]
    return documents.table(head, rows)


def combinations() -> str:
    """Which objectives and priors go together; equal rows and columns are merged."""
    names = _names(priors.PRIORS)
    pairs = [
        (f"`{o.name}`", o.name, "kl_prior_aggregate")
        for o in _published(objectives.OBJECTIVES)
    ]
    pairs += [(f"D: `{name}`", "alpha_beta", name) for name in _divergence_names()]
    marks = {
        label: tuple(_mark(objective, divergence, prior) for prior in names)
        for label, objective, divergence in pairs
    }
    columns_alike = _grouped(
        (prior, tuple(row[i] for row in marks.values()))
        for i, prior in enumerate(names)
    )
    rows_alike = _grouped(
        (label, (label.startswith("D:"), row)) for label, row in marks.items()
    )
    firsts = [names.index(group[0]) for group in columns_alike.values()]
    lines = [
        [" ".join(group).replace(" D:", ""), *(row[i] for i in firsts)]
        for (_, row), group in rows_alike.items()
    ]
    heads = (" ".join(f"`{name}`" for name in g) for g in columns_alike.values())
    return documents.table(["", *heads], lines)


def _grouped(pairs: Iterable[tuple[str, tuple]]) -> dict[tuple, list[str]]:
    """The names that have the same value, by value, in their order."""
    groups: dict[tuple, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(value, []).append(name)
    return groups


def _mark(objective: str, divergence: str, prior: str) -> str:
    """Whether an objective and a divergence go with a prior, and on what condition."""

    def works(df: float, groups: tuple[int, ...]) -> bool:
        row = {"objective": objective, "divergence": divergence, "prior": prior}
        row |= {"df": df, "alpha": 1.0, "gamma": 1.0}
        return not objectives.refusal(row, groups=groups, prior_groups=(2,))

    terms = (2.0, ()), (math.inf, ()), (math.inf, (2,))
    return next(
        (m for m, t in zip(_MARKS, terms, strict=False) if works(*t)), _MARKS[-1]
    )


def _networks() -> str:
    rows = [
        [f"`{entry.name}`", entry.label, entry.source]
        for entry in _published(networks.NETWORKS)
    ]
    return documents.table(["name", "network", "source"], rows)


def _metrics() -> str:
    rows = [
        [
            *(f"`{name}`", preset, entry.definition, entry.source),
            entry.resampling(intervals.DEFAULT),
        ]
        for (name, preset), entry in definitions.ENTRIES.items()
    ]
    header = ["row", "variant", "definition", "source", "interval from"]
    return documents.table(header, rows)


def _columns() -> str:
    """The scores of a run of a sweep, and the metric that adds each of them."""
    names = {*columns.OF_FACTORS, *columns.OF_CODES}
    rows = [
        [f"`{name}`", columns.name(name), text, "yes" if name in names else ""]
        for name, text in columns.COLUMNS.items()
    ]
    head = ["column", "label", "what it is", "`evaluate.metrics`"]
    return documents.table(head, rows)


def _data_sets() -> str:
    rows = []
    for entry in _published(catalogue.SETS):
        shape = "×".join(map(str, entry.shape)) or "of any size"
        images = entry.rendered or entry.most
        grid = ", ".join(f"{name} {size}" for name, size in entry.grid)
        rows.append(
            [
                f"`{entry.name}`",
                entry.label,
                "points of the plane" if entry.labels == catalogue.PLANE else shape,
                f"{images:,}" if images else "–",
                grid or _LABELS[entry.labels],
                ", ".join(entry.sources),
            ]
        )
    head = ["name", "data set", "example", "images", "factors and classes", "source"]
    return documents.table(head, rows)


_LABELS = {
    "factors": "those of its files",
    "class": "one class",
    "none": "none",
    "file": "those of your files, if there are any",
    catalogue.PLANE: "one class: the arm or moon of a point",
}

if __name__ == "__main__":
    sys.exit(main())
