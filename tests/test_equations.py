"""The page of equations names functions that exist."""

import ast
import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).parent.parent / "decomp" / "EQUATIONS.md"
LINKS = re.findall(r"\[`(\w+)`\]\(([\w/]+\.py)\)", PAGE.read_text())


@pytest.mark.parametrize(("name", "path"), sorted(set(LINKS)))
def test_a_link_names_a_public_function_of_its_file(name, path):
    tree = ast.parse((PAGE.parent / path).read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert name in functions
    assert not name.startswith("_")


def test_every_numbered_equation_has_a_row():
    paper, review = PAGE.read_text().split("## The TC review")
    rows = re.findall(r"^\| ([^|]+) \|", paper, re.MULTILINE)
    numbers = {int(n) for row in rows for n in re.findall(r"\b\d+\b", row)}
    assert set(range(1, 13)) <= numbers
    rows = re.findall(r"^\| ([^|]+) \|", review, re.MULTILINE)
    assert {"1", "2", "4", "MWS", "MSS", "MIG"} <= {row.strip() for row in rows}
