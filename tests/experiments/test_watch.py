import json
import shutil

import pytest

from experiments import watch


def test_a_sweep_is_shown_as_it_stands(plane_results, capsys):
    assert watch.main([str(plane_results)]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 runs have finished, 1 diverged" in printed
    header, _, *rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert "reconstruction" in header
    assert len(rows) == 2


def test_a_sweep_that_is_not_done_says_how_many_are(plane_results, tmp_path, capsys):
    shutil.copytree(plane_results, tmp_path / "more")
    config = json.loads((plane_results / "config.json").read_text())
    (tmp_path / "more" / "config.json").write_text(json.dumps(config | {"seeds": 9}))
    assert watch.main([str(tmp_path / "more")]) == 0
    assert "4 of 18 runs have finished" in capsys.readouterr().out


def test_before_the_first_block_nothing_has_finished(plane_results, tmp_path, capsys):
    for name in ("config.json", "settings.json"):
        shutil.copy(plane_results / name, tmp_path / name)
    assert watch.main([str(tmp_path)]) == 0
    assert "none of 4 runs has finished" in capsys.readouterr().out


def test_watching_ends_with_the_last_run(plane_results, capsys):
    assert watch.main([str(plane_results), "--every=60"]) == 0
    assert "4 of 4 runs" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--every=0"]])
def test_a_folder_that_is_no_sweep_is_refused_in_one_line(tmp_path, capsys, options):
    assert watch.main([str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1
