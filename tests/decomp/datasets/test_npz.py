"""Arrays read by their rows: the right ones, in little memory, of any kind of file."""

import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from decomp.datasets.readers import npz
from tests.decomp.datasets import sparse_archive
from tests.faults import damage

WHOLE = np.random.default_rng(0).integers(0, 250, (50, 4, 5, 3))
PLACES = [[0, 1, 2, 7, 8, 49], [3, 3, 4], [], list(range(50))]


def stored(path, array):
    """The array in a file of the kind that the name tells; its header, read."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        save = np.savez_compressed if path.stem == "deflated" else np.savez
        save(path, first=np.arange(3), images=array)
    found = npz.look(path)
    return found["images" if path.suffix == ".npz" else ""]


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "deflated.npz"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["u1", ">i4", "f2", "U3", "bool"])
def test_rows_are_those_of_the_whole(tmp_path, monkeypatch, name, order, kind):
    array = np.asarray(WHOLE.astype(kind), order=order)
    found = stored(tmp_path / name, array)
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(npz.whole(found, most=10**6), array)
    for block in (1, 500, 2**24):
        monkeypatch.setattr(npz, "_BLOCK", block)
        for places in PLACES:
            parts = list(npz.rows(found, np.array(places, int)))
            assert all(part.dtype == array.dtype for part in parts)
            got = np.concatenate(parts) if parts else array[:0]
            np.testing.assert_array_equal(got, array[places])


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "deflated.npz"])
def test_memory_is_that_of_the_rows(tmp_path, monkeypatch, name):
    monkeypatch.setattr(npz, "_BLOCK", 2**18)
    found = stored(tmp_path / name, np.zeros((4000, 64, 64), np.uint8))  # 16 MB
    places = np.arange(0, 4000, 100)
    tracemalloc.start()
    rows = np.concatenate(list(npz.rows(found, places)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.shape == (40, 64, 64)
    # The rows, a block, and what the Python that reads the archive holds of it.
    assert peak < 2 * rows.nbytes + 8 * 2**18 < 2.5e6


def test_an_archive_beyond_four_gigabytes_is_read_where_its_rows_stand(tmp_path):
    path = sparse_archive.write(tmp_path / "a.npz", (400_000, 64, 64, 3), {399_999: 7})
    assert zipfile.ZipFile(path).infolist()[0].file_size > 2**32
    (rows,) = npz.rows(npz.look(path)["images"], np.array([0, 399_999]))
    assert rows[0].max() == 0
    assert (rows[1] == 7).all()
    assert path.stat().st_blocks * 512 < 10**6


def test_sizes_are_compared_before_anything_is_read(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(damage.declaring("(1000000000, 64, 64, 3)"))
    with pytest.raises(ValueError, match="expected 12,288,000,000,000 bytes behind"):
        npz.look(path)


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "deflated.npz"])
def test_data_that_end_early_are_named(tmp_path, name):
    found = stored(tmp_path / name, WHOLE.astype(np.uint8))
    content = found.path.read_bytes()
    found.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="expected ") as refusal:
        list(npz.rows(found, np.arange(50)))
    assert str(refusal.value).startswith(f"{found.path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("name", "places"), [("deflated", [1]), ("stored", range(50))])
def test_what_is_read_to_its_end_is_compared_with_its_checksum(tmp_path, name, places):
    found = stored(tmp_path / f"{name}.npz", WHOLE.astype(np.uint8))
    content = bytearray(found.path.read_bytes())
    for place in (found.entry.header_offset + 14, content.rindex(b"PK\x01\x02") + 16):
        content[place] ^= 1  # the CRC
    found.path.write_bytes(content)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        list(npz.rows(npz.look(found.path)["images"], np.array(places)))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 12.7 GiB"),
        OSError(12, "Cannot allocate memory"),
        OSError("Can't read data (memory allocation failed for raw data chunk)"),
    ],
)
def test_too_little_memory_is_called_that(error):
    text = npz.problem(error)
    assert text.startswith("too little memory is left to read it (")
    assert npz.problem(ValueError(text)) == text


LITTLE = """
import re, resource, sys
import numpy as np
from decomp.datasets import images
status = open("/proc/self/status").read()
used = int(re.search(r"VmSize:\\s+(\\d+)", status)[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
for path in sys.argv[1:]:
    print(images.load(path, choose=lambda n: np.arange(0, n, 1000)).pixels.shape)
    try:
        images.load(path)
    except ValueError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_part_is_read_where_the_whole_does_not_fit(tmp_path):
    paths = [tmp_path / name for name in ("stored.npz", "deflated.npz", "a.npy")]
    for path in paths:
        stored(path, np.zeros((10_000, 64, 64, 3), np.uint8))  # 123 MB
    ended = subprocess.run(
        [sys.executable, "-c", LITTLE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert lines[::2] == ["(10, 12288)"] * 3, ended.stderr
    for path, line in zip(paths, lines[1::2], strict=True):
        start = f"{path}: too little memory is left to read it (Unable to allocate"
        assert line.startswith(start)
