"""`make check` runs the tests that belong to what has changed."""

import pytest

from tests import changed


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("decomp/metrics/mig.py", "tests/decomp/metrics/test_mig.py"),
        ("decomp/metrics/mig.py", "tests/decomp/metrics/test_mig_exact.py"),
        ("experiments/report/score_tables.py", "tests/experiments/test_report.py"),
        ("experiments/models/objectives.py", "tests/experiments/test_objectives.py"),
        ("decomp/datasets/readers/npz.py", "tests/decomp/datasets/test_npz.py"),
        ("tests/decomp/test_losses.py", "tests/decomp/test_losses.py"),
        ("configs/pinwheel.py", "tests/experiments/test_configs.py"),
        ("README.md", "tests/test_readme.py"),
    ],
)
def test_a_changed_file_has_tests(path, test):
    assert test in changed.tests_of(path)


def test_a_file_without_tests_and_a_deleted_file_have_none():
    assert changed.tests_of("LICENSE") == set()
    assert changed.tests_of("tests/test_gone.py") == set()


def test_the_tests_of_structure_always_run():
    assert {"tests/test_floors.py", "tests/test_legend.py"} <= set(
        changed.tests_to_run()
    )
