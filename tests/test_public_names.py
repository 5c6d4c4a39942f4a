"""`__all__` of each package lists what is public, for users and the API reference."""

import ast
import importlib
import pathlib
import pkgutil

import pytest

import decomp

PACKAGES = ["decomp"] + [
    module.name
    for module in pkgutil.walk_packages(decomp.__path__, "decomp.")
    if module.ispkg
]


def definitions(package):
    """Functions and classes that a package defines in its own `__init__.py`."""
    tree = ast.parse(pathlib.Path(package.__file__).read_text())
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, kinds)]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_its_public_modules_and_functions(name):
    package = importlib.import_module(name)
    files = [module.name for module in pkgutil.iter_modules(package.__path__)]
    lazy = ["fit", "load"] if name == "decomp" else []
    public = {each for each in [*files, *definitions(package), *lazy] if each[0] != "_"}
    assert package.__all__ == sorted(public)


def test_fit_and_load_are_the_functions_of_their_modules():
    from decomp import fitting, trained

    assert (decomp.fit, decomp.load) == (fitting.fit, trained.load)
