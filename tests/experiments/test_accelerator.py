import json

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


def test_kept_rows_of_a_device_make_its_tables():
    rows = measured.read(measured.FOLDER / "nvidia_h200.jsonl")
    thousands = rows["rate conv 32 runs tf32 products"]["images_per_second"] / 1e3
    table = measured.table()
    assert "NVIDIA H200" in table
    assert f"| `products` | 177 | {thousands:,.0f} |" in table
