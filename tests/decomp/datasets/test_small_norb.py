import gzip
import json
import struct
import tracemalloc

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from decomp.datasets import raster, small_norb
from tests.decomp.datasets.test_fashion_mnist import without_a_network
from tests.faults import damage

TRAINING, TESTING = damage.norb(30), damage.norb(7)
FILES = damage.norb_files(training=TRAINING, testing=TESTING)
DAT, CAT, INFO = list(FILES)[:3]


def write(folder, files=FILES, *, suffix=""):
    for name, content in files.items():
        packed = gzip.compress(content, 1) if suffix else content
        (folder / f"{name}{suffix}").write_bytes(packed)
    return folder


def left(arrays, *, side=64):
    return raster.smaller(arrays["dat"][:, 0, :, :, None], side=side).reshape(
        len(arrays["dat"]), -1
    )


def assert_refused(folder, file, message):
    with pytest.raises(ValueError, match=message) as refusal:
        small_norb.load(str(folder), source="file")
    assert str(refusal.value).startswith(f"{file}: expected ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_both_sets_are_read_with_the_images_of_the_left_camera(tmp_path, suffix):
    write(tmp_path, suffix=suffix)
    data = small_norb.load(str(tmp_path), source="file")
    np.testing.assert_array_equal(
        data.pixels, np.concatenate([left(TRAINING), left(TESTING)])
    )
    order = np.arange(30)
    columns = [order % 5, order % 9, order % 18, order % 6, order % 10]
    np.testing.assert_array_equal(data.factors[:30], np.stack(columns, 1))
    assert data.factor_names[4] == "instance"
    assert (data.shape, len(data.pixels)) == ((64, 64, 1), 37)


def test_one_set_suffices_and_a_part_of_it_can_be_read(tmp_path):
    write(tmp_path, damage.norb_files(training=None, testing=TRAINING))
    places = np.array([0, 4, 29])
    data = small_norb.load(
        str(tmp_path), source="file", side=16, choose=lambda size: places
    )
    np.testing.assert_array_equal(data.pixels, left(TRAINING, side=16)[places])


def test_a_part_of_both_sets_is_read_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(small_norb, "_BLOCK", 8)
    write(tmp_path)
    both = np.concatenate([left(TRAINING), left(TESTING)])
    order = np.array([*range(30), *range(7)])
    for places in ([1, 7, 8, 29, 30, 36], [36, 2, 30, 2]):
        data = small_norb.load(
            str(tmp_path), source="file", choose=lambda _, p=places: np.array(p)
        )
        np.testing.assert_array_equal(data.pixels, both[places])
        np.testing.assert_array_equal(data.factors[:, 0], order[places] % 5)


def test_a_file_of_one_lighting_is_read(tmp_path):
    info = TRAINING["info"].copy()
    info[:, 3] = 2
    write(tmp_path, damage.norb_files(training=TRAINING | {"info": info}, testing=None))
    data = small_norb.load(str(tmp_path), source="file")
    np.testing.assert_array_equal(data.factors[:, 3], np.full(30, 2))


def head(*numbers):
    return struct.pack(f"<{len(numbers)}i", *numbers)


INFOS = TRAINING["info"]
BYTES, INTEGERS = small_norb._BYTES, small_norb._INTEGERS
BAD = {
    "empty": (DAT, b"", "8 bytes more; the data end early"),
    "labels": (DAT, FILES[CAT], "0x1e3d4c55 and 4 axes; got 0x1e3d4c54 and 1"),
    "axes": (INFO, head(INTEGERS, 9), "and 2 axes; got 0x1e3d4c54 and 9"),
    "header": (INFO, head(INTEGERS, 2, 30), "12 bytes more; the data end early"),
    "many": (DAT, head(BYTES, 4, 24301, 2, 96, 96), r"2, 96, 96\]; got \[24301, 2"),
    "negative": (CAT, head(INTEGERS, 1, -1, 1, 1), r"\[N ≤ 24300\]; got \[-1\]"),
    "right only": (DAT, head(BYTES, 4, 30, 1, 96, 96), r"got \[30, 1, 96, 96\]"),
    "cut": (DAT, FILES[DAT][:-1], "bytes more; the data end early"),
    "longer": (DAT, FILES[DAT] + b"0", "the end of the data; got more"),
    "longer info": (INFO, FILES[INFO] + b"0", "the end of the data; got more"),
    "fewer": (INFO, damage.matrix(INFOS[:9]), r"extents \[30, 4\]; got \[9, 4\]"),
    "fewer images": (DAT, damage.matrix(TRAINING["dat"][:9]), "30 images, as .* got 9"),
    "category": (
        CAT,
        damage.matrix(TRAINING["cat"] + 1),
        r"category 0\.\.4; got 1\.\.5",
    ),
    "azimuth": (INFO, damage.matrix(INFOS + 1), "azimuths 0, 2, …, 34; got odd"),
    "lighting": (INFO, damage.matrix(INFOS * 2), r"elevation 0\.\.8; got 0\.\.16"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_matrices_are_named(tmp_path, case):
    name, content, message = BAD[case]
    write(tmp_path, FILES | {name: content})
    file = CAT if case == "category" else name
    expected = INFO if case == "category" else file
    assert_refused(tmp_path, tmp_path / expected, message)


def test_a_file_that_expands_too_far_is_read_up_to_its_declared_size(tmp_path):
    write(tmp_path)
    (tmp_path / INFO).write_bytes(gzip.compress(FILES[INFO] + bytes(20_000_000)))
    tracemalloc.start()
    assert_refused(tmp_path, tmp_path / INFO, "the end of the data; got more")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_damaged_and_absent_files_are_named(tmp_path):
    assert_refused(tmp_path, tmp_path, f"a folder with {DAT}.gz and the like; got none")
    write(tmp_path, suffix=".gz")
    path = tmp_path / f"{DAT}.gz"
    path.write_bytes(path.read_bytes()[:5000])
    assert_refused(tmp_path, path, "an intact file; got the error")
    path.unlink()
    assert_refused(tmp_path, tmp_path / DAT, f"this file or {DAT}.gz; got none")
    with pytest.raises(ValueError, match="unknown source 'web'; known: 'file', 'tfds'"):
        small_norb.load(source="web")


def test_downloaded_files_need_no_network(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    builder = tfds.builder("smallnorb", data_dir=tmp_path, try_gcs=False)
    folder = tmp_path / "downloads" / "smallnorb"
    folder.mkdir(parents=True)
    for url, info in builder.url_infos.items():
        path = folder / resource.get_dl_fname(url, info.checksum)
        path.write_bytes(gzip.compress(FILES[info.filename.removesuffix(".gz")], 1))
        note = {"dataset_names": ["smallnorb"], "original_fname": info.filename}
        path.with_name(f"{path.name}.INFO").write_text(
            json.dumps(note | {"urls": [url]})
        )
    data = small_norb.load(str(tmp_path), source="tfds")
    assert len(data.pixels) == 37
    features = builder.info.features
    names = [name for name in small_norb.FACTOR_NAMES if name != "instance"]
    sizes = [features[f"label_{name}"].num_classes for name in names]
    assert (*sizes, features["instance"].num_classes) == small_norb.FACTOR_SIZES


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    with pytest.raises(ConnectionError, match=f"manual/{DAT}.gz"):
        small_norb.load(str(tmp_path), source="tfds")
