"""The tables in the documents agree with the registries."""

import ast
import json
import re
import subprocess
import sys

import pytest

from experiments import reference
from experiments.config import settings
from experiments.data import catalogue
from experiments.models import divergences, networks, objectives, priors
from experiments.plots import style
from experiments.results import labels
from experiments.system import documents, registry
from tests.experiments.small_plane import config_of

TABLES = reference.tables()


@pytest.mark.parametrize("name", TABLES)
def test_a_document_has_the_tables_of_the_registries(name, tmp_path):
    original = reference.ROOT / name
    copy = tmp_path / "copy.md"
    copy.write_bytes(original.read_bytes())
    documents.write(copy, TABLES[name])
    assert copy.read_text() == original.read_text(), "run `make reference`"


def test_results_are_read_with_the_labels_of_the_registries():
    stored = json.loads(labels.PACKAGE.read_text(encoding="utf-8"))
    assert stored == reference.names_shown(), "run `make reference`"


def test_a_name_has_one_label_in_all_registries():
    tables = (objectives.OBJECTIVES, divergences.DIVERGENCES, priors.PRIORS)
    for table in (*tables, networks.NETWORKS, catalogue.SETS):
        for name in registry.published(table):
            assert style.number(name) == labels.label(name) == table[name].label


def test_a_report_shows_labels_of_the_data_and_the_network_without_jax():
    code = (
        "import sys; from experiments.report import about\n"
        "data = {'name': 'dsprites', 'source': 'rendered'}\n"
        "model = {'network': 'dense', 'hidden': [128, 64], 'latents': 5}\n"
        "config = {'data': data, 'model': model}\n"
        "print(dict(about._of_config(config, [(16, 16, 1)])))\n"
        "model |= {'network': ['conv', 'dense'], 'hidden': [[8], [8, 4]]}\n"
        "data |= {'name': ['heads', 'moons']}\n"
        "print(dict(about._of_config(config, None)))\n"
        "assert 'jax' not in sys.modules"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    first, second = map(ast.literal_eval, process.stdout.splitlines())
    assert first["Data"] == "dSprites, 16×16 pixels, rendered"
    assert first["Network"] == "dense layers 128-64, 5 latents"
    assert second["Data"] == "heads | moons"
    assert second["Network"].startswith(
        "convolutions of Table 1a | dense layers 8 | 8-4, "
    )


def cells():
    """Names of each row, whether they are divergences, priors of a column, the mark."""
    header, _, *rows = TABLES["decomp/OBJECTIVES.md"]["combinations"].splitlines()
    columns = [re.findall(r"`(\w+)`", part) for part in header.split("|")[2:-1]]
    for row in rows:
        first, *marks = row.split("|")[1:-1]
        names = re.findall(r"`(\w+)`", first)
        for priors_of_column, mark in zip(columns, marks, strict=True):
            yield names, "D:" in first, priors_of_column, mark.strip()


@pytest.mark.slow
def test_the_table_of_combinations_is_what_configs_accept():
    names_in_table = {"objectives": set(), "divergences": set(), "priors": set()}
    for names, is_divergence, column, mark in cells():
        names_in_table["priors"].update(column)
        names_in_table["divergences" if is_divergence else "objectives"].update(names)
        for name in names:
            for prior in column:
                objective = "alpha_beta" if is_divergence else name
                divergence = name if is_divergence else "kl_prior_aggregate"
                config = config_of(prior, objective, divergence)
                if "own groups" in mark:
                    with config.unlocked():
                        config.objective.groups, config.objective.gamma = (2,), (1.0,)
                try:
                    settings.validate(config)
                    accepted = True
                except ValueError:
                    accepted = False
                assert accepted == mark.startswith("✓"), (name, prior)
    assert names_in_table["objectives"] == registry.published(objectives.OBJECTIVES)
    assert names_in_table["divergences"] == set(
        divergences.names()
    ) & registry.published(divergences.DIVERGENCES)
    assert names_in_table["priors"] == registry.published(priors.PRIORS)


def test_a_block_replaces_the_text_between_its_marks(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("a\n<!-- x -->\n<!-- end -->\n<!-- y -->\nold\n<!-- end -->\nb\n")
    documents.write(path, {"x": "1", "y": "2\n3"})
    assert path.read_text() == (
        "a\n<!-- x -->\n1\n<!-- end -->\n<!-- y -->\n2\n3\n<!-- end -->\nb\n"
    )
    with pytest.raises(ValueError, match="has no mark <!-- z -->"):
        documents.write(path, {"z": ""})


def test_a_table_escapes_the_bar():
    assert documents.table(["a"], [["p(x|z)"]]) == "| a |\n| --- |\n| p(x\\|z) |"
