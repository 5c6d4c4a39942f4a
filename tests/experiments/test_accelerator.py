import json
import time

import pytest

from experiments.benchmarks import accelerator, measured


@pytest.fixture
def small(monkeypatch):
    """Leaves out the larger numbers of runs, to save time."""
    monkeypatch.setattr(accelerator, "_OTHER_RUNS", (1,))


@pytest.mark.slow
def test_the_rehearsal_runs_all_stages_and_resumes(tmp_path, small, capsys):
    stages = ["device", "rates", "forms", "figure", "paper_length"]
    options = ["--smoke", f"--out={tmp_path}", "--stages", *stages]
    assert accelerator.main(options) == 0
    rows = measured.read(tmp_path / "rows.jsonl")
    assert not [row for row in rows.values() if "error" in row or "begun" in row]
    assert rows["rate conv 32 runs float32 products"]["images_per_second"] > 0
    assert rows["error convolutions float32"]["gradient"] < 1e-6
    for name in ("figure_1_64", "figure_1_16"):
        assert (tmp_path / name / "summary.md").exists()
    before = (tmp_path / "rows.jsonl").read_text()
    assert accelerator.main(options) == 0
    assert (tmp_path / "rows.jsonl").read_text() == before


def test_a_row_that_fails_is_kept_and_the_stage_goes_on(tmp_path, capsys):
    session = accelerator.Session(tmp_path, float("inf"), True, 0.1)

    def fails():
        raise RuntimeError("no such\nkernel")

    accelerator._row(session, "first", fails)
    accelerator._row(session, "second", lambda: {"value": 1.0})
    accelerator._row(session, "second", fails)  # the row exists already
    rows = measured.read(session.file)
    assert rows["first"]["error"] == "RuntimeError: no such kernel"
    assert rows["second"]["value"] == 1.0


def test_a_row_in_which_the_process_died_is_not_repeated(tmp_path):
    session = accelerator.Session(tmp_path, float("inf"), True, 0.1)
    row = json.dumps({"row": "first", "begun": True})
    session.file.write_text(row + "\n")
    accelerator._row(session, "first", lambda: {"value": 1.0})
    assert "value" not in measured.read(session.file)["first"]


def test_a_sweep_that_was_stopped_goes_on_with_its_first_command(tmp_path, monkeypatch):
    session = accelerator.Session(tmp_path, time.monotonic() + 3600, True, 0.1)
    started = []

    class Process:
        def __init__(self, command):
            started.append(command[1:])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def terminate(self):
            pass

        def wait(self):
            return 143 if len(started) == 1 else 0

    monkeypatch.setattr(accelerator.subprocess, "Popen", Process)
    for steps in (100, 50, 25):  # fewer as less time is left
        accelerator._sweep(session, "figure", "config.py", {"train.steps": steps})
    assert len(started) == 2  # the third found the row finished
    assert started[0] == started[1]
    assert "--config.train.steps=100" in started[0]
    row = measured.read(session.file)["sweep figure"]
    assert row["command"] == started[0]
    assert "seconds" in row


def test_kept_rows_of_a_device_make_its_tables():
    rows = measured.read(measured.FOLDER / "nvidia_h200.jsonl")
    thousands = rows["rate conv 32 runs tf32 products"]["images_per_second"] / 1e3
    table = measured.table()
    assert "NVIDIA H200" in table
    assert f"| `products` | 186 | {thousands:,.0f} |" in table
