"""Every bad input is refused in one line; random input never ends in a traceback."""

import pytest

from configs import base
from experiments.config import fields, settings
from experiments.plots import all_figures
from tests.experiments.test_command_line import command
from tests.faults import attempts, damage, fuzz


def test_every_bad_input_is_refused_in_one_line_that_says_what_is_expected(tmp_path):
    cases = list(attempts.cases(tmp_path))
    assert len({case.name for case in cases}) == len(cases) > 200
    outcomes = attempts.run_cases(tmp_path, cases)
    assert [line for line in map(attempts.complaint, outcomes) if line] == []
    assert not any(outcome.traceback for outcome in outcomes)
    assert max(outcome.seconds for outcome in outcomes) < 10


def test_random_inputs_end_in_a_result_or_in_one_line(tmp_path):
    counts = fuzz.run(4, seed=0, folder=tmp_path)
    assert counts.failures == []
    assert counts.refused > 10


@pytest.mark.slow
def test_many_random_inputs_end_in_a_result_or_in_one_line(tmp_path):
    counts = fuzz.run(120, seed=1, folder=tmp_path)
    assert counts.failures == []
    assert counts.refused > 1000


@pytest.mark.slow  # test_command_line ends a process, the test above reads such a file
def test_bad_input_ends_a_process_in_one_line(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(damage.gzip_bomb(b"", 16))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"")
    process = command(
        "--config=configs/sparse.py:smoke",
        "--config.data.source=file",
        f"--config.data.path={tmp_path}",
        f"--workdir={tmp_path / 'w'}",
    )
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1
    assert "expected the magic number 2051; got 0" in process.stderr


def test_the_names_of_figures_in_a_config_are_those_that_can_be_drawn():
    assert set(fields.FIGURES) == set(all_figures.FIGURES)


def test_every_number_of_a_config_has_a_limit():
    for name, value in fields.leaves(base.get_config()):
        if type(value) is int:
            config = base.get_config()
            section, _, field = name.rpartition(".")
            place = fields.get(config, section) if section else config
            place[field] = 2**31
            with pytest.raises(ValueError, match=f"{name} must be"):
                settings.validate(config)
