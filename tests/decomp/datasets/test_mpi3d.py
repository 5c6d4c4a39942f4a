import numpy as np
import pytest

from decomp.datasets import mpi3d
from tests.decomp.datasets import sparse_archive
from tests.faults import damage

PART = damage.mpi3d(24)


def place_of(classes, sizes):
    """The row of a combination by the formula of the authors."""
    place = 0
    for value, size in zip(classes, sizes, strict=True):
        place = place * size + value
    return place


@pytest.mark.parametrize("colours", [6, 4])
def test_the_published_file_has_a_row_for_each_combination(tmp_path, colours):
    sizes = (colours, colours, 2, 3, 3, 40, 40)
    count = colours**2 * 28_800
    combinations = [(0,) * 7, (0, 0, 0, 0, 0, 0, 39), (1, 2, 1, 2, 0, 39, 1)]
    combinations += [(colours - 1, colours - 1, 1, 2, 2, 39, 39)]
    rows = {
        place_of(classes, sizes): 10 * i for i, classes in enumerate(combinations, 1)
    }
    path = sparse_archive.write(tmp_path / "mpi3d_toy.npz", (count, 64, 64, 3), rows)
    sizes_of_choice = []

    def choose(size):
        sizes_of_choice.append(size)
        return np.array([*rows, 5])

    data = mpi3d.load(str(path), side=8, choose=choose)
    assert sizes_of_choice == [count]
    np.testing.assert_array_equal(data.factors[:4], combinations)
    np.testing.assert_array_equal(data.factors[4], [0, 0, 0, 0, 0, 0, 5])
    np.testing.assert_array_equal(data.pixels[:, 0], [10, 20, 30, 40, 0])
    assert data.shape == (8, 8, 3)
    assert data.factor_names == mpi3d.FACTOR_NAMES


@pytest.mark.parametrize("compressed", [False, True])
def test_a_part_of_the_set_contains_its_classes(tmp_path, compressed):
    path = tmp_path / "a.npz"
    path.write_bytes(damage.npz(PART, compressed=compressed))
    data = mpi3d.load(str(path), choose=lambda size: np.array([20, 3]))
    np.testing.assert_array_equal(data.factors, PART["factors"][[20, 3]])
    np.testing.assert_array_equal(
        data.pixels, PART["images"][[20, 3]].reshape(2, 64 * 64 * 3)
    )


def test_other_sources_are_named(tmp_path):
    with pytest.raises(ValueError, match="unknown source 'tfds'; known: 'file'"):
        mpi3d.load(str(tmp_path), source="tfds")


BAD = {
    "count": ({"images": PART["images"]}, r"1036800 or 460800, .* got uint8 \[24, 64"),
    "float": (PART | {"images": PART["images"] / 1}, "got float64"),
    "names": ({"imgs": PART["images"]}, r"expected arrays images; got \['imgs'\]"),
    "negative": (PART | {"factors": PART["factors"] - 1}, "object_color 0..5; got -1"),
    "real": (PART | {"factors": PART["factors"] / 1}, "of whole numbers; got float64"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(tmp_path, case):
    arrays, message = BAD[case]
    path = tmp_path / "a.npz"
    path.write_bytes(damage.npz(arrays))
    with pytest.raises(ValueError, match=message) as refusal:
        mpi3d.load(str(path))
    assert str(refusal.value).startswith(f"{path}: expected ")
    assert "\n" not in str(refusal.value)
