"""Arrays read row by row: the right rows, in little memory, from any kind of file."""

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
    """Writes an array into a file of the kind in its name; returns the header."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        save = np.savez_compressed if path.stem == "deflated" else np.savez
        save(path, first=np.arange(3), images=array)
    headers = npz.look(path)
    return headers["images" if path.suffix == ".npz" else ""]


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "deflated.npz"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["u1", ">i4", "f2", "U3", "bool"])
def test_rows_are_those_of_the_whole(tmp_path, monkeypatch, name, order, kind):
    array = np.asarray(WHOLE.astype(kind), order=order)
    header = stored(tmp_path / name, array)
    assert (header.shape, header.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(npz.whole(header, most=10**6), array)
    for block in (1, 500, 2**24):
        monkeypatch.setattr(npz, "_BLOCK", block)
        for places in PLACES:
            parts = list(npz.rows(header, np.array(places, int)))
            assert all(part.dtype == array.dtype for part in parts)
            result = np.concatenate(parts) if parts else array[:0]
            np.testing.assert_array_equal(result, array[places])


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "deflated.npz"])
def test_reading_rows_needs_the_memory_of_the_rows(tmp_path, monkeypatch, name):
    monkeypatch.setattr(npz, "_BLOCK", 2**18)
    header = stored(tmp_path / name, np.zeros((4000, 64, 64), np.uint8))  # 16 MB
    places = np.arange(0, 4000, 100)
    tracemalloc.start()
    rows = np.concatenate(list(npz.rows(header, places)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.shape == (40, 64, 64)
    # The memory holds the rows, a block, and Python's buffers of the archive.
    assert peak < 2 * rows.nbytes + 8 * 2**18 < 2.5e6


def test_an_archive_of_more_than_four_gigabytes_is_read_at_its_rows(tmp_path):
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
    header = stored(tmp_path / name, WHOLE.astype(np.uint8))
    content = header.path.read_bytes()
    header.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="expected ") as refusal:
        list(npz.rows(header, np.arange(50)))
    assert str(refusal.value).startswith(f"{header.path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("name", "places"), [("deflated", [1]), ("stored", range(50))])
def test_data_read_to_the_end_are_compared_with_the_checksum(tmp_path, name, places):
    header = stored(tmp_path / f"{name}.npz", WHOLE.astype(np.uint8))
    content = bytearray(header.path.read_bytes())
    for place in (header.entry.header_offset + 14, content.rindex(b"PK\x01\x02") + 16):
        content[place] ^= 1  # a bit of the CRC
    header.path.write_bytes(content)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        list(npz.rows(npz.look(header.path)["images"], np.array(places)))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 12.7 GiB"),
        OSError(12, "Cannot allocate memory"),
        OSError("Can't read data (memory allocation failed for raw data chunk)"),
    ],
)
def test_too_little_memory_is_reported(error):
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


@pytest.mark.skipif(
    sys.platform != "linux", reason="the limit of memory is that of Linux"
)
def test_a_part_is_read_although_the_whole_does_not_fit(tmp_path):
    paths = [tmp_path / name for name in ("stored.npz", "deflated.npz", "a.npy")]
    for path in paths:
        stored(path, np.zeros((10_000, 64, 64, 3), np.uint8))  # 123 MB
    process = subprocess.run(
        [sys.executable, "-c", LITTLE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = process.stdout.splitlines()
    assert lines[::2] == ["(10, 12288)"] * 3, process.stderr
    for path, line in zip(paths, lines[1::2], strict=True):
        start = f"{path}: too little memory is left to read it (Unable to allocate"
        assert line.startswith(start)
