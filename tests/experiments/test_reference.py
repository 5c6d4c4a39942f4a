"""The tables of names in the documents are those of the registries."""

import re

import pytest

from experiments import reference
from experiments.config import settings
from experiments.models import divergences, objectives, priors
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


def cells():
    """Names of a row, whether they are divergences, priors of a column, what stands."""
    header, _, *rows = TABLES["decomp/OBJECTIVES.md"]["combinations"].splitlines()
    columns = [re.findall(r"`(\w+)`", part) for part in header.split("|")[2:-1]]
    for row in rows:
        first, *marks = row.split("|")[1:-1]
        names = re.findall(r"`(\w+)`", first)
        for of, mark in zip(columns, marks, strict=True):
            yield names, "D:" in first, of, mark.strip()


def test_the_table_of_what_goes_together_is_what_configs_accept():
    found = {"objectives": set(), "divergences": set(), "priors": set()}
    for names, is_divergence, column, mark in cells():
        found["priors"].update(column)
        found["divergences" if is_divergence else "objectives"].update(names)
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
                    works = True
                except ValueError:
                    works = False
                assert works == mark.startswith("✓"), (name, prior)
    assert found["objectives"] == registry.published(objectives.OBJECTIVES)
    assert found["divergences"] == set(divergences.names()) & registry.published(
        divergences.DIVERGENCES
    )
    assert found["priors"] == registry.published(priors.PRIORS)


def test_a_block_takes_the_place_of_what_was_between_its_marks(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("a\n<!-- x -->\n<!-- end -->\n<!-- y -->\nold\n<!-- end -->\nb\n")
    documents.write(path, {"x": "1", "y": "2\n3"})
    assert path.read_text() == (
        "a\n<!-- x -->\n1\n<!-- end -->\n<!-- y -->\n2\n3\n<!-- end -->\nb\n"
    )
    with pytest.raises(ValueError, match="has no mark <!-- z -->"):
        documents.write(path, {"z": ""})


def test_a_table_escapes_what_would_end_a_cell():
    assert documents.table(["a"], [["p(x|z)"]]) == "| a |\n| --- |\n| p(x\\|z) |"
