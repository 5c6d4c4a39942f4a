import functools
import io
import struct
import tarfile
import zlib

import numpy as np
import pytest
import scipy.io

from decomp.datasets import cars3d
from decomp.datasets.readers import matlab
from tests.faults import damage

CARS = damage.cars(2)
(FIRST, SECOND) = CARS
SHAPE = (128, 128, 3, 24, 4)


@functools.cache
def files():
    """The files of the cars by name."""
    return {name: damage.car_file(images) for name, images in CARS.items()}


def expected(elevation, azimuth, car):
    """An image of 64 × 64 pixels: means of squares of the array that SciPy reads."""
    stored = scipy.io.loadmat(io.BytesIO(files()[(FIRST, SECOND)[car]]))["im"]
    image = stored[:, :, :, azimuth, elevation].reshape(64, 2, 64, 2, 3)
    return image.mean((1, 3)).reshape(-1)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The archives, the folder of the files, and the folders above it."""
    folder = tmp_path_factory.mktemp("cars3d")
    cars = folder / "data" / "cars"
    cars.mkdir(parents=True)
    for name, content in files().items():
        (cars / f"{name}.mat").write_bytes(content)
    (cars / "list.txt").write_text("\n".join(files()))
    (cars / ".DS_Store").write_text("")
    (folder / "data" / "shapes48.mat").write_bytes(b"no car")
    backwards = dict(reversed(files().items()))
    archive = folder / "nips2015-analogy-data.tar.gz"
    archive.write_bytes(damage.cars_archive(backwards))
    plain = folder / "a.tar"
    with tarfile.open(plain, "w") as tar:
        tar.add(folder / "data", "data")
    return {
        "archive": archive,
        "tar": plain,
        "cars": cars,
        "data": cars.parent,
        "above": folder,
    }


@pytest.mark.parametrize("place", ["archive", "tar", "cars", "data", "above"])
def test_cars_are_read_from_the_archive_or_a_folder(places, place):
    rows = np.array([96 + 4 * 23 + 3, 0, 4 * 7 + 2, 96])
    data = cars3d.load(str(places[place]), choose=lambda size: rows)
    classes = [(3, 23, 1), (0, 0, 0), (2, 7, 0), (0, 0, 1)]
    np.testing.assert_array_equal(data.factors, classes)
    for row, combination in zip(data.pixels, classes, strict=True):
        np.testing.assert_allclose(row, expected(*combination), atol=0.51)
    assert (data.shape, data.factor_names) == ((64, 64, 3), cars3d.FACTOR_NAMES)


def test_every_view_of_every_car_appears_once(places):
    data = cars3d.load(str(places["archive"]), side=8)
    assert data.pixels.shape == (192, 192)
    assert len({*map(tuple, data.factors.tolist())}) == 192
    np.testing.assert_array_equal(data.factors.max(0), [3, 23, 1])


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files_are_read_as_scipy_reads_them(compressed):
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 2), np.uint8)
    buffer = io.BytesIO()
    others = {"text": "im", "im2": array, "deep": {"im": 1.0}, "im": array, "z": 0.5}
    scipy.io.savemat(buffer, others, do_compression=compressed)
    result = matlab.array(buffer.getvalue(), "im", shape=(3, 4, 2))
    np.testing.assert_array_equal(result, array)


def test_matlab_files_of_the_other_byte_order_are_read():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)

    def element(kind, content):
        return (
            struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)
        )

    parts = element(6, struct.pack(">II", 9, 0)) + element(5, struct.pack(">II", 2, 3))
    parts += element(1, b"im") + element(2, array.tobytes("F"))
    content = b"MATLAB 5.0".ljust(124) + b"\1\0MI" + element(14, parts)
    np.testing.assert_array_equal(matlab.array(content, "im", shape=(2, 3)), array)


HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"


def bomb():
    content = zlib.compress(struct.pack("<II", 14, 2**31) + bytes(2**26), 9)
    return HEADER + struct.pack("<II", 15, len(content)) + content


def cut():
    return damage.car_file(CARS[FIRST], compressed=False)[:5000]


BAD = {
    "empty": (bytes, "expected a file of MATLAB 5 to 7"),
    "7.3": (
        lambda: b"MATLAB 7.3".ljust(124) + b"\0\2IM",
        "expected a file of MATLAB 5 to 7",
    ),
    "nothing": (lambda: HEADER, "expected an array im; got none"),
    "bomb": (bomb, "got none"),
    "cut": (cut, "of im; got fewer"),
    "grey": (lambda: damage.car_file(CARS[FIRST][:, :, 0]), r"\[128, 128, 24, 4\]"),
    "float": (lambda: damage.car_file(CARS[FIRST] / 1.0), "uint8 .* got class 6"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(tmp_path, case):
    content, message = BAD[case]
    (tmp_path / "a.mat").write_bytes(content())
    with pytest.raises(ValueError, match=message) as refusal:
        cars3d.load(str(tmp_path))
    assert str(refusal.value).startswith(f"{tmp_path}, 'a.mat': expected ")
    assert "\n" not in str(refusal.value)


def test_bad_archives_are_named(tmp_path):
    path = tmp_path / "a.tar.gz"
    whole = damage.cars_archive({"a": b"", "b": bytes(100)})
    many = damage.cars_archive({f"{i}": b"" for i in range(184)})
    for content, message in (
        (whole[:-40], "expected an intact file; got the error"),
        (b"no archive" * 200, "expected an intact file; got the error"),
        (b"", r"expected 1 to 183 files cars/\*.mat, all different; got 0"),
        (many, "all different; got 184"),
        (whole, "'data/cars/a.mat': expected a file of MATLAB 5 to 7"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as refusal:
            cars3d.load(str(path))
        assert str(refusal.value).startswith(f"{path}")
    with pytest.raises(ValueError, match="expected nips2015-analogy-data.tar.gz or"):
        cars3d.load(str(tmp_path / "none"))
