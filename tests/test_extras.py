"""An optional package belongs to an extra, which the error of its absence names."""

import importlib.util
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

import experiments
from decomp import extras

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "orbax": "orbax-checkpoint",
    "absl": "absl-py",
}


def distribution(package):
    return DISTRIBUTIONS.get(package, package.replace("_", "-"))


def names(requirements):
    return {re.match(r"[\w-]+", line)[0] for line in requirements}


@pytest.mark.parametrize("package", extras.EXTRAS)
def test_the_extra_that_an_error_names_installs_the_package(package):
    assert distribution(package) in names(EXTRAS[extras.EXTRAS[package]])


def test_the_extra_of_the_harness_installs_every_package_that_it_checks():
    checked = {distribution(package) for package in experiments.PACKAGES}
    of_library = {distribution(package) for package in extras.EXTRAS}
    installed = names(EXTRAS["experiments"]) | of_library
    assert "decomp-vae[networks,metrics,datasets]" in EXTRAS["experiments"]
    assert checked <= installed


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_package_is_named_with_the_command_that_installs_it():
    with pytest.raises(ModuleNotFoundError) as caught:
        extras.require("sklearn")
    assert str(caught.value) == (
        "sklearn is not installed; it belongs to the extra 'metrics': "
        "pip install 'decomp-vae[metrics]'"
    )


@pytest.mark.usefixtures("nothing_installed")
def test_a_notebook_without_the_harness_packages_gets_an_import_error():
    with pytest.raises(ModuleNotFoundError, match="make setup"):
        experiments.check_packages()


def test_a_command_without_the_packages_of_the_harness_ends_in_one_line():
    process = subprocess.run(
        [sys.executable, "-S", "-m", "experiments.score", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": ""},
    )
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("experiments: flax, sklearn, ")
    assert "run `make setup`" in line
