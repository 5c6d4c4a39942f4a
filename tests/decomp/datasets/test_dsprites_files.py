import json
import socket
import threading
import time
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from decomp.datasets import dsprites
from decomp.datasets.renderers import dsprites_compare

URL = (
    "https://github.com/deepmind/dsprites-dataset/blob/master/"
    "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5?raw=true"
)
SHA256 = "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb"
FILE_NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"

FACTORS = dsprites.factor_classes()[::61440].copy()  # 12 rows
PACKED = dsprites.render(FACTORS)
IMAGES = np.unpackbits(PACKED, axis=1).reshape(-1, 64, 64)
CLASSES = np.insert(FACTORS.astype(np.int64), 0, 0, axis=1)  # colour first


def write(path, images=IMAGES, classes=CLASSES):
    if path.suffix == ".npz":
        np.savez_compressed(path, imgs=images, latents_classes=classes)
        return path
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=images, chunks=(5, 64, 64), compression=1)
        file["latents/classes"] = classes
        file["latents/values"] = np.zeros(classes.shape)
    return path


def without_a_network(monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.parametrize("suffix", [".npz", ".hdf5", ".h5"])
def test_a_file_agrees_with_the_rendered_set(tmp_path, suffix):
    path = str(write(tmp_path / f"part{suffix}"))
    data = dsprites.load(path, source="file")
    np.testing.assert_array_equal(data.packed, PACKED)
    np.testing.assert_array_equal(data.factors, FACTORS)
    assert (data.packed.dtype, data.factors.dtype) == (np.uint8, np.uint8)
    assert data.source == path


@pytest.mark.parametrize("suffix", [".npz", ".hdf5"])
def test_a_shuffled_file_is_sorted_into_canonical_order(tmp_path, caplog, suffix):
    order = np.random.default_rng(0).permutation(len(IMAGES))
    path = write(tmp_path / f"part{suffix}", IMAGES[order], CLASSES[order])
    data = dsprites.load(str(path), source="file")
    np.testing.assert_array_equal(data.packed, PACKED)
    np.testing.assert_array_equal(data.factors, FACTORS)
    assert "not in canonical order" in caplog.text


TWICE = CLASSES[[0, *range(11)]]
OUTSIDE = CLASSES + np.array([0, 0, 0, 40, 0, 0])
BAD_ARRAYS = [
    (IMAGES[:, :32], CLASSES, r"imgs \[N ≤ 737280, 64, 64\]; got \[12, 32, 64\]"),
    (IMAGES[:7], CLASSES, r"expected classes \[7, 6\]; got \[12, 6\]"),
    (IMAGES, CLASSES[:, 1:], r"expected classes \[12, 6\]; got \[12, 5\]"),
    (IMAGES[:0], CLASSES[:0], r"imgs \[N ≤ 737280, 64, 64\]; got \[0, 64, 64\]"),
    (IMAGES * np.uint8(255), CLASSES, "expected pixels 0 and 1; got 255"),
    (IMAGES.astype(np.float32), CLASSES, "imgs of type uint8; got float32"),
    (IMAGES, CLASSES.astype(np.float32), "an integer type; got float32"),
    (IMAGES, CLASSES + 1, "expected colour class 0"),
    (IMAGES, OUTSIDE, r"0\.\.39 of factor 'orientation'; got 40\.\."),
    (IMAGES, TWICE, r"every class once; got \[0, 0, 0, 0, 0\] more than once"),
]


@pytest.mark.parametrize("suffix", [".npz", ".hdf5"])
@pytest.mark.parametrize(("images", "classes", "message"), BAD_ARRAYS)
def test_bad_arrays_are_named(tmp_path, suffix, images, classes, message):
    path = tmp_path / f"bad{suffix}"
    if suffix == ".npz":
        np.savez(path, imgs=images, latents_classes=classes)
    else:
        with h5py.File(path, "w") as file:
            file["imgs"], file["latents/classes"] = images, classes
    assert_refused(path, message)


@pytest.mark.parametrize("suffix", [".npz", ".hdf5"])
def test_files_that_are_no_archives_are_named(tmp_path, suffix):
    path = tmp_path / f"bad{suffix}"
    assert_refused(path, "expected a dSprites file; got no such file")
    path.write_bytes(b"")
    assert_refused(path, "expected an intact file; got the error")
    path.write_bytes(b"no archive" * 100)
    assert_refused(path, "expected an intact file; got the error")
    whole = write(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(path, "expected an intact file; got the error")


def test_wrong_names_of_arrays_and_files_are_named(tmp_path):
    np.savez(tmp_path / "bad.npz", images=IMAGES)
    assert_refused(tmp_path / "bad.npz", r"imgs and latents_classes; got \['images'\]")
    with h5py.File(tmp_path / "bad.hdf5", "w") as file:
        file["images"] = IMAGES
    assert_refused(tmp_path / "bad.hdf5", r"imgs and latents/classes; got \['images'\]")
    assert_refused(tmp_path / "bad.mat", r"\.npz, \.hdf5 or \.h5; got '\.mat'")


@pytest.mark.parametrize("name", ["imgs", "latents_classes"])
def test_pickled_objects_are_never_loaded(tmp_path, name):
    arrays = {"imgs": IMAGES, "latents_classes": CLASSES}
    arrays[name] = np.array([{}, print], dtype=object)
    np.savez(tmp_path / "bad.npz", **arrays)
    assert_refused(tmp_path / "bad.npz", "pickled objects, which are never loaded")


def test_a_flipped_bit_in_an_archive_is_detected(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, imgs=IMAGES, latents_classes=CLASSES)  # stored, not compressed
    data = bytearray(path.read_bytes())
    data[zipfile.ZipFile(path).infolist()[0].header_offset + 5000] ^= 1
    path.write_bytes(data)
    assert_refused(path, "CRC")


def assert_refused(path, message):
    with pytest.raises(ValueError, match=message) as refusal:
        dsprites.load(str(path), source="file")
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_the_comparison_counts_pixels_and_names_classes(tmp_path, capsys):
    path = write(tmp_path / "part.npz")
    assert dsprites_compare.main([str(path)]) == 0
    assert "pixels   0 of 49,152 differ" in capsys.readouterr().out

    images = IMAGES.copy()
    images[3, 0, :3] = 1
    images[7, 63, 63] = 1
    path = write(tmp_path / "changed.hdf5", images)
    assert dsprites_compare.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert "images   2 of 12 differ" in output
    assert "pixels   4 of 49,152 differ" in output
    assert "shape=0 scale=4 orientation=20 x=0 y=0: 3" in output

    assert dsprites_compare.main([str(tmp_path / "none.npz")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "none.npz: expected a dSprites file" in message


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    with pytest.raises(ConnectionError) as refusal:
        dsprites.load(str(tmp_path), source="tfds")
    message = str(refusal.value)
    assert "\n" not in message
    for part in (URL, SHA256, str(tmp_path / "downloads" / "manual" / FILE_NAME)):
        assert part in message


def test_a_downloaded_file_needs_no_network(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    folder = tmp_path / "downloads" / "dsprites"
    folder.mkdir(parents=True)
    file = write(tmp_path / "mini.hdf5")
    path = file.replace(folder / resource.get_dl_fname(URL, SHA256))
    note = {"dataset_names": ["dsprites"], "original_fname": FILE_NAME, "urls": [URL]}
    path.with_name(path.name + ".INFO").write_text(json.dumps(note))

    data = dsprites.load(str(tmp_path), source="tfds")
    np.testing.assert_array_equal(data.packed, PACKED)
    np.testing.assert_array_equal(data.factors, FACTORS)

    builder = tfds.builder("dsprites", data_dir=tmp_path, try_gcs=False)
    rows = [row for _, row in builder._generate_examples(path)]
    assert set(rows[0]) == set(builder.info.features)
    images = np.stack([row["image"] for row in rows])
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    positions = [[row["label_x_position"], row["label_y_position"]] for row in rows]
    np.testing.assert_array_equal(positions, data.factors[:, 3:])


def test_a_file_downloaded_by_hand_must_be_the_official_one(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    folder = tmp_path / "downloads" / "manual"
    folder.mkdir(parents=True)
    write(folder / FILE_NAME)
    with pytest.raises(ValueError, match=f"{FILE_NAME}: expected sha256 {SHA256}"):
        dsprites.load(str(tmp_path), source="tfds")


def test_a_name_server_that_never_answers_times_out(tmp_path, monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: answer.wait(30) and [])
    start = time.monotonic()
    with pytest.raises(ConnectionError, match="no connection to github.com"):
        dsprites.load(str(tmp_path), source="tfds")
    answer.set()
    assert time.monotonic() - start < 10
