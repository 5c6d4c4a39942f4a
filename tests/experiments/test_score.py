import json

import numpy as np
import pytest

from decomp.metrics import sheet
from experiments import score

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, 4, (300, 2))
CODES = FACTORS + 0.1 * RNG.normal(size=(300, 2))


def test_arrays_never_seen_get_a_sheet_and_its_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sheet, "FAST", ("mig", "sap", "active units"))
    np.save(tmp_path / "z.npy", CODES)
    np.save(tmp_path / "v.npy", FACTORS)
    out = tmp_path / "out"
    arguments = [f"--codes={tmp_path}/z.npy", f"--factors={tmp_path}/v.npy", "--fast"]
    assert score.main([*arguments, f"--out={out}"]) == 0
    printed = capsys.readouterr().out
    assert "| mig " in printed
    lines = json.loads((out / "sheet.json").read_text())
    assert {line["metric"] for line in lines} == {"mig", "sap", "active units"}
    names = {"sheet.md", "sheet.csv", "sheet.json", "information.png"}
    assert names < {path.name for path in out.iterdir()}
    assert str(out / "information.png") in printed


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": CODES}, "expected arrays codes and factors; got ['codes']"),
        ({"codes": CODES, "factors": FACTORS[:3]}, "300 codes and 3 rows"),
        ({"codes": CODES * np.nan, "factors": FACTORS}, "expected finite codes"),
        ({"codes": CODES.astype(str), "factors": FACTORS}, "expected numbers"),
        (
            {"codes": CODES.astype(object), "factors": FACTORS},
            "pickled objects, which are never loaded",
        ),
        ({"codes": CODES[:1], "factors": FACTORS[:1]}, "2 or more"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(tmp_path, capsys, arrays, message):
    np.savez(tmp_path / "both.npz", **arrays)
    assert score.main([f"--arrays={tmp_path}/both.npz", "--fast"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--arrays=/nowhere.npz"], ["--codes=a.npy"]]
)
def test_missing_files_are_refused_in_one_line(capsys, arguments):
    assert score.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
