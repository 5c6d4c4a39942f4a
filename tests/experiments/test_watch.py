import json
import shutil

import pytest

from experiments import watch


def test_the_progress_of_a_sweep_and_its_means_are_shown(plane_results, capsys):
    assert watch.main([str(plane_results)]) == 0
    output = capsys.readouterr().out
    assert "4 of 4 runs have finished, 1 diverged" in output
    header, _, *rows = [line for line in output.splitlines() if line.startswith("|")]
    assert "reconstruction" in header
    assert len(rows) == 2


def test_an_unfinished_sweep_shows_how_many_runs_are_done(
    plane_results, tmp_path, capsys
):
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
def test_a_folder_without_a_sweep_is_refused_in_one_line(tmp_path, capsys, options):
    assert watch.main([str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1
