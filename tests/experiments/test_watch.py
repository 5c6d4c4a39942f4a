import json
import shutil

import pytest

from experiments import watch
from tests.experiments import untrained
from tests.experiments.test_report import plane_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("watch") / "plane"
    return untrained.write(workdir, plane_config(), diverged=(1,))


def test_a_sweep_is_shown_as_it_stands(folder, capsys):
    assert watch.main([str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 runs have finished, 1 diverged" in printed
    header, _, *rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert "reconstruction" in header
    assert len(rows) == 2


def test_a_sweep_that_is_not_done_says_how_many_are(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "more")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "more" / "config.json").write_text(json.dumps(config | {"seeds": 9}))
    assert watch.main([str(tmp_path / "more")]) == 0
    assert "4 of 18 runs have finished" in capsys.readouterr().out


def test_before_the_first_block_nothing_has_finished(folder, tmp_path, capsys):
    for name in ("config.json", "settings.json"):
        shutil.copy(folder / name, tmp_path / name)
    assert watch.main([str(tmp_path)]) == 0
    assert "none of 4 runs has finished" in capsys.readouterr().out


def test_watching_ends_with_the_last_run(folder, capsys):
    assert watch.main([str(folder), "--every=60"]) == 0
    assert "4 of 4 runs" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--every=0"]])
def test_a_folder_that_is_no_sweep_is_refused_in_one_line(tmp_path, capsys, options):
    assert watch.main([str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1
