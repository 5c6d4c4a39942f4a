"""The project, the citation and the changelog agree on a release."""

import pathlib
import re
import tomllib

from decomp import extras

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_same_in_the_project_the_citation_and_the_changes():
    citation = (ROOT / "CITATION.cff").read_text()
    newest = re.findall(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.M)[0]
    assert re.findall(r"^version: (.+)$", citation, re.M) == [PROJECT["version"]]
    assert newest == PROJECT["version"]
    assert f"license: {PROJECT['license']}" in citation


def test_the_citation_has_the_date_of_the_changelog_if_there_is_a_release():
    citation = (ROOT / "CITATION.cff").read_text()
    (newest,) = re.findall(
        r"^## \S+, (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )[:1]
    dates = [] if newest == "not released" else [newest]
    assert re.findall(r"^date-released: (.+)$", citation, re.M) == dates


def test_an_extra_that_an_error_names_is_there():
    assert extras.EXTRAS["tensorboardX"] == "tensorboard"
    assert set(extras.EXTRAS.values()) <= set(PROJECT["optional-dependencies"])
