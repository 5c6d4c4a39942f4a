import csv
import json
import math

import numpy as np
import pytest

from experiments.system import atomic_files


def failing():
    yield [1, 2]
    raise RuntimeError("power cut")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: atomic_files.write_csv(path, ["a", "b"], failing()),
        lambda path: atomic_files.write_json(path, {"x": object()}),
        lambda path: atomic_files.write(path, None),
    ],
)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, write):
    path = tmp_path / "table"
    path.write_bytes(b"old")
    with pytest.raises((RuntimeError, TypeError)):
        write(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "file"
    atomic_files.write(path, b"a long old content")
    atomic_files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_floats_are_read_back_unchanged(tmp_path):
    values = [0.1, 1 / 3, 1e-300, -0.0, float(np.float32(0.1)), math.inf, 2**53 + 2.0]
    atomic_files.write_csv(tmp_path / "t.csv", ["v"], [[v] for v in values])
    with (tmp_path / "t.csv").open(newline="") as file:
        numbers = [float(row["v"]) for row in csv.DictReader(file)]
    assert numbers == values
    atomic_files.write_json(tmp_path / "t.json", values)
    assert json.loads((tmp_path / "t.json").read_text()) == values


def test_arrays_are_read_back_unchanged(tmp_path):
    arrays = {
        "a/b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "c": np.asarray([True, False]),
        "d": np.int64(3),
    }
    atomic_files.write_npz(tmp_path / "t.npz", arrays)
    with np.load(tmp_path / "t.npz", allow_pickle=False) as stored:
        assert set(stored.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array)
            assert stored[name].dtype == np.asarray(array).dtype


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "gone" / "table.csv"
    with pytest.raises(
        OSError, match=r"cannot write .*table\.csv: No such file or dir"
    ):
        atomic_files.write(path, b"")
