import json

import numpy as np
import pytest

from decomp import metrics
from decomp.metrics import sheet
from experiments import score
from experiments.system import terminal

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, 4, (300, 2))
CODES = FACTORS + 0.1 * RNG.normal(size=(300, 2))


def test_arrays_of_a_user_get_a_sheet_and_its_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sheet, "FAST", ("mig", "hoyer", "active units"))
    np.save(tmp_path / "z.npy", CODES)
    np.save(tmp_path / "v.npy", FACTORS)
    out = tmp_path / "out"
    arguments = [f"--codes={tmp_path}/z.npy", f"--factors={tmp_path}/v.npy", "--fast"]
    assert score.main([*arguments, f"--out={out}", "--intervals=6"]) == 0
    output = capsys.readouterr().out
    assert "| mig " in output
    assert "| 95 % interval " in output
    assert "| 6 half samples, bias removed " in output
    assert "A 95 % interval, estimated from half samples" in output
    lines = json.loads((out / "sheet.json").read_text())
    assert {line["metric"] for line in lines} == {"mig", "hoyer", "active units"}
    assert all(line["low"] <= line["high"] for line in lines)
    names = {"sheet.md", "sheet.csv", "sheet.json", "sheet.png", "information.png"}
    assert names < {path.name for path in out.iterdir()}
    assert str(out / "information.png") in output


def test_progress_is_on_stderr_and_the_sheet_alone_on_stdout(
    tmp_path, capsys, monkeypatch
):
    np.savez(tmp_path / "both.npz", codes=CODES, factors=FACTORS)
    arguments = [f"--arrays={tmp_path}/both.npz", "--metrics=mig, locatello; hoyer"]
    arguments.append("--intervals=6")
    assert score.main(arguments) == 0
    output = capsys.readouterr()
    assert output.err == ""  # it took less than 30 s
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.0)
    assert score.main(arguments) == 0
    assert capsys.readouterr() == (
        output.out,
        "".join(
            f"  {number} of 2 {stage}\n"
            for stage in ("values", "intervals")
            for number in (1, 2)
        ),
    )
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", CODES)
    np.save(tmp_path / "v.npy", FACTORS)
    files = [f"--codes={tmp_path}/{name}.npy" for name in ("a", "b")]
    files += [f"--factors={tmp_path}/v.npy", *arguments[1:]]
    assert score.main(files) == 0
    stages = [line.split(" of 2 ")[1] for line in capsys.readouterr().err.splitlines()]
    assert stages[::2] == [
        f"{stage} of {tmp_path}/{name}.npy"
        for name in ("a", "b")
        for stage in ("values", "intervals")
    ]


def test_metrics_can_be_chosen_and_kinds_of_factors_are_reported(tmp_path, capsys):
    ages = np.arange(300) % 150
    arrays = {"factors": np.c_[FACTORS, ages], "names": ["shape", "size", "age"]}
    np.savez(tmp_path / "both.npz", codes=CODES, **arrays)
    arguments = [f"--arrays={tmp_path}/both.npz", "--metrics=mig, locatello", "--fast"]
    arguments.append("--intervals=0")
    out = tmp_path / "out"
    assert score.main([*arguments, "--metrics=active", f"--out={out}"]) == 0
    output = capsys.readouterr().out
    assert "Factor age is continuous" in output
    assert "interval" not in output
    lines = json.loads((out / "sheet.json").read_text())
    assert [line["metric"] for line in lines] == ["mig", "active units"]
    assert lines[0]["notes"] in ([line] for line in output.splitlines())
    assert "Factor age is continuous" in (out / "sheet.csv").read_text()
    assert score.main([*arguments, "--discrete=age"]) == 0
    assert "continuous" not in capsys.readouterr().out
    assert score.main([*arguments, "--continuous=height"]) == 2
    assert "no factor 'height'; choices: shape, size, age" in capsys.readouterr().err


def test_labels_constant_factors_and_missing_values_are_accepted(tmp_path, capsys):
    fields = np.zeros(300, [("shape", "U8"), ("colour", int), ("size", float)])
    fields["shape"] = np.array(["square", "ellipse", "heart", "ring"])[FACTORS[:, 0]]
    fields["size"] = FACTORS[:, 1]
    fields["size"][3] = np.nan
    np.save(tmp_path / "z.npy", CODES)
    np.save(tmp_path / "v.npy", fields)
    arguments = [f"--codes={tmp_path}/z.npy", f"--factors={tmp_path}/v.npy"]
    assert (
        score.main([*arguments, "--metrics=mig;sap, r_squared", "--intervals=0"]) == 0
    )
    output = capsys.readouterr().out
    assert "Factor size is missing in 1 of 300 points, which are left out" in output
    assert "Factor colour is constant and left out of every score." in output
    assert "it needs numbers; factor shape has labels" in output


def test_the_header_of_a_csv_file_names_the_factors(tmp_path, capsys):
    rows = [
        ["shape", "size"],
        *(["heart", "ring"][a % 2 :][:1] + [b] for a, b in FACTORS),
    ]
    rows[4][1], rows[5][0] = "", "NaN"
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "v.csv").write_text(text, encoding="utf-8")
    np.savetxt(tmp_path / "z.csv", CODES, delimiter=",", fmt="%.9g")
    arguments = [f"--codes={tmp_path}/z.csv", f"--factors={tmp_path}/v.csv"]
    arguments += ["--metrics=mig, locatello", "--intervals=0", "--discrete=size"]
    assert score.main(arguments) == 0
    output = capsys.readouterr().out
    for name in ("shape", "size"):
        assert f"Factor {name} is missing in 1 of 300 points" in output
    table = np.stack([FACTORS[:, 0] % 2, FACTORS[:, 1]], axis=1).astype(float)
    table[3, 1] = table[4, 0] = np.nan
    expected = metrics.score(CODES, table, metrics=["mig, locatello"])[0].value
    assert f"{expected:.4f}" in output


def test_an_empty_line_of_a_single_column_is_a_missing_value(tmp_path, capsys):
    cells = ["", "size", *map(str, FACTORS[:, 1]), "", ""]  # blank at both ends
    cells[5] = cells[9] = ""
    (tmp_path / "v.csv").write_text("\n".join(cells), encoding="utf-8")
    np.save(tmp_path / "z.npy", CODES)
    arguments = [f"--codes={tmp_path}/z.npy", f"--factors={tmp_path}/v.csv"]
    assert score.main([*arguments, "--metrics=mig, locatello", "--intervals=0"]) == 0
    output = capsys.readouterr().out
    assert "Factor size is missing in 2 of 300 points" in output
    kept = np.delete(np.arange(300), [3, 7])
    expected = metrics.score(
        CODES[kept], FACTORS[kept, 1:2], metrics=["mig, locatello"]
    )
    assert f"{expected[0].value:.4f}" in output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "expected 2 cells in each row, as in the first; row 3 has 1"),
        ("a,b\n", "expected a table with a row or more below its header"),
        ("", "expected a table with a row or more below its header"),
        ("a\n1\n2\n", "codes and factors must have the same number of rows"),
    ],
)
def test_a_csv_file_without_a_table_is_refused_in_one_line(
    tmp_path, capsys, text, message
):
    np.save(tmp_path / "z.npy", CODES)
    (tmp_path / "v.csv").write_text(text, encoding="utf-8")
    assert score.main([f"--codes={tmp_path}/z.npy", f"--factors={tmp_path}/v.csv"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "v.csv" in error
    assert error.count("\n") == 1


def test_two_files_of_codes_are_compared_on_the_same_points(tmp_path, capsys):
    half = CODES * [1, 0]
    for name, array in {"a": half, "b": CODES, "v": FACTORS}.items():
        np.save(tmp_path / f"{name}.npy", array)
    files = [
        f"--{key}={tmp_path}/{n}.npy" for key, n in (("codes", "a"), ("codes", "b"))
    ]
    files += [f"--factors={tmp_path}/v.npy", "--metrics=mig, locatello; active units"]
    assert score.main([*files, "--intervals=9", f"--out={tmp_path}/out"]) == 0
    output = capsys.readouterr().out
    assert (
        f"The first codes are {tmp_path}/a.npy, the second {tmp_path}/b.npy." in output
    )
    (row,) = [line for line in output.splitlines() if line.startswith("| mig ")]
    cells = [cell.strip() for cell in row.split("|")]
    low, high = map(float, cells[6].split(" … "))
    assert 0 < low < high
    assert cells[7] == "yes"
    assert (tmp_path / "out" / "comparison.md").read_text().strip() in output
    table = (tmp_path / "out" / "comparison.csv").read_text().splitlines()
    assert table[2].startswith("active units,0.01,1.0,2.0,1.0,1.0,1.0,")
    for more in ([files[0]], [f"--scales={tmp_path}/a.npy"]):
        assert score.main([*files, *more]) == 2
        assert "--codes once, or twice to compare" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": CODES}, "expected arrays codes and factors; got ['codes']"),
        ({"codes": CODES, "factors": FACTORS[:3]}, "300 codes and 3 rows"),
        ({"codes": CODES * np.nan, "factors": FACTORS}, "must be finite; 300 of 300"),
        ({"codes": CODES.astype(str), "factors": FACTORS}, "must be numbers; got <U"),
        (
            {"codes": CODES.astype(object), "factors": FACTORS},
            "pickled objects, which are never loaded",
        ),
        ({"codes": CODES[:1], "factors": FACTORS[:1]}, "at least 2"),
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
