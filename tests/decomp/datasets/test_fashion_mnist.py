import gzip
import json
import socket
import struct
import tracemalloc

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from decomp.datasets import fashion_mnist

URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
}
COUNT = 7
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), np.uint8)
LABELS = np.array([9, 0, 3, 3, 7, 1, 8], np.uint8)
IMAGES_FILE = struct.pack(">4I", 0x803, COUNT, 28, 28) + PIXELS.tobytes()
LABELS_FILE = struct.pack(">2I", 0x801, COUNT) + LABELS.tobytes()


def write(folder, images=IMAGES_FILE, labels=LABELS_FILE, *, split="train", suffix=""):
    pack = gzip.compress if suffix else bytes
    (folder / f"{split}-images-idx3-ubyte{suffix}").write_bytes(pack(images))
    (folder / f"{split}-labels-idx1-ubyte{suffix}").write_bytes(pack(labels))
    return folder


def write_npz(path, **changes):
    np.savez_compressed(path, **{"images": PIXELS, "labels": LABELS} | changes)
    return path


def assert_same(images):
    np.testing.assert_array_equal(images.pixels, PIXELS.reshape(COUNT, 784))
    np.testing.assert_array_equal(images.labels, LABELS)
    assert (images.pixels.dtype, images.labels.dtype) == (np.uint8, np.uint8)


def assert_refused(path, file, message):
    with pytest.raises(ValueError, match=message) as refusal:
        fashion_mnist.load(str(path), source="file")
    assert str(refusal.value).startswith(f"{file}: expected ")
    assert "\n" not in str(refusal.value)


def without_a_network(monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_contains_the_training_images(tmp_path, suffix):
    assert_same(fashion_mnist.load(str(write(tmp_path, suffix=suffix)), source="file"))


@pytest.mark.parametrize("labels_suffix", ["", ".gz"])
def test_a_file_of_images_finds_its_labels(tmp_path, labels_suffix):
    write(tmp_path, split="t10k", suffix=".gz")
    packed = tmp_path / "t10k-labels-idx1-ubyte.gz"
    if not labels_suffix:
        packed.with_suffix("").write_bytes(LABELS_FILE)
        packed.unlink()
    images = tmp_path / "t10k-images-idx3-ubyte.gz"
    assert_same(fashion_mnist.load(str(images), source="file"))


@pytest.mark.parametrize("shape", [(COUNT, 28, 28), (COUNT, 784)])
def test_an_npz_gives_the_same_images(tmp_path, shape):
    columns_first = np.asfortranarray(PIXELS.reshape(shape))
    path = write_npz(
        tmp_path / "a.npz", images=columns_first, labels=LABELS.astype(int)
    )
    assert_same(fashion_mnist.load(str(path), source="file"))


HEADER = struct.Struct(">4I")
BAD_IMAGES = {
    "empty": (b"", "the magic number 2051; got 0"),
    "short header": (IMAGES_FILE[:10], r"28\]; got \[7, 0, 0\]"),
    "shorter header": (IMAGES_FILE[:4], r"\[N ≤ 70000, 28, 28\]; got \[0,"),
    "labels": (LABELS_FILE, "the magic number 2051; got 2049"),
    "no images": (HEADER.pack(0x803, 0, 28, 28), r"28\]; got \[0, 28, 28\]"),
    "too many": (HEADER.pack(0x803, 2**32 - 1, 28, 28), r"got \[4294967295, 28"),
    "wide": (HEADER.pack(0x803, COUNT, 28, 32), r"28\]; got \[7, 28, 32\]"),
    "cut": (IMAGES_FILE[:-1], "5488 bytes behind the header; got fewer"),
    "longer": (IMAGES_FILE + b"\0", "5488 bytes behind the header; got more"),
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_files_of_images_are_named(tmp_path, case, suffix):
    content, message = BAD_IMAGES[case]
    write(tmp_path, images=content, suffix=suffix)
    assert_refused(tmp_path, tmp_path / f"train-images-idx3-ubyte{suffix}", message)


BAD_LABELS = {
    "no count": (LABELS_FILE[:4], r"extents \[N ≤ 70000\]; got \[0\]"),
    "images": (IMAGES_FILE, "the magic number 2049; got 2051"),
    "fewer": (struct.pack(">2I", 0x801, 6) + bytes(6), r"labels \[7\]; got \[6\]"),
    "ten": (LABELS_FILE[:-1] + b"\x0a", r"labels 0\.\.9; got 0\.\.10"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_files_of_labels_are_named(tmp_path, case):
    content, message = BAD_LABELS[case]
    write(tmp_path, labels=content)
    assert_refused(tmp_path, tmp_path / "train-labels-idx1-ubyte", message)


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage behind"])
def test_damaged_gzip_files_are_named(tmp_path, damage):
    path = write(tmp_path, suffix=".gz") / "train-images-idx3-ubyte.gz"
    data = bytearray(path.read_bytes())
    data[-6] ^= damage == "flipped"  # this byte is of the checksum at the end
    data += b"garbage" * (damage == "garbage behind")
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    assert_refused(tmp_path, path, "an intact file; got the error")


def test_a_file_that_expands_too_far_is_read_up_to_its_declared_size(tmp_path):
    write(tmp_path, images=IMAGES_FILE + bytes(20_000_000), suffix=".gz")
    tracemalloc.start()
    file = tmp_path / "train-images-idx3-ubyte.gz"
    assert_refused(tmp_path, file, "bytes behind the header; got more")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


BAD_ARRAYS = {
    "shape": ({"images": PIXELS[:, 1:]}, r"28, 28\]; got \[7, 27, 28\]"),
    "scalar": ({"images": np.uint8(3)}, r"28, 28\]; got \[\]"),
    "float": ({"images": PIXELS / 255}, "images uint8, labels integer; got float64"),
    "words": ({"labels": np.array(["a"] * 7)}, "labels integer; got uint8, <U1"),
    "negative": ({"labels": LABELS - np.int64(1)}, r"labels 0\.\.9; got -1\.\.8"),
    "count": ({"labels": LABELS[:5]}, r"labels \[7\]; got \[5\]"),
    "pickled": (
        {"labels": np.array([{}] * 7)},
        "pickled objects, which are never loaded",
    ),
    "large": ({"images": np.zeros(56_000_000, np.uint8)}, "at most 55,442,048 bytes"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_named(tmp_path, case):
    changes, message = BAD_ARRAYS[case]
    path = write_npz(tmp_path / "bad.npz", **changes)
    assert_refused(path, path, message)


def test_files_without_an_archive_and_absent_arrays_are_named(tmp_path):
    path = tmp_path / "bad.npz"
    assert_refused(path, path, "expected a file; got none")
    path.write_bytes(b"no archive")
    assert_refused(path, path, "an intact file; got the error")
    whole = write_npz(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(path, path, "an intact file; got the error")
    np.savez(path, x_train=PIXELS)
    assert_refused(path, path, r"images and labels; got \['x_train'\]")


def test_absent_files_are_named(tmp_path):
    file = tmp_path / "train-images-idx3-ubyte"
    assert_refused(tmp_path, file, "this file or train-images-idx3-ubyte.gz")
    other = tmp_path / "train.csv"
    assert_refused(other, other, "a folder, an .npz or a file named like train-images")


def test_an_unknown_source_is_named():
    with pytest.raises(ValueError, match="unknown source 'web'; known: 'file', 'tfds'"):
        fashion_mnist.load(source="web")


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    with pytest.raises(ConnectionError) as refusal:
        fashion_mnist.load(str(tmp_path), source="tfds")
    message = str(refusal.value)
    assert "\n" not in message
    for name, sha256 in SHA256.items():
        place = tmp_path / "downloads" / "manual" / name
        for part in (URL + name, f"{place} (sha256 {sha256})"):
            assert part in message


def test_downloaded_files_need_no_network(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    write(tmp_path, suffix=".gz")
    folder = tmp_path / "downloads" / "fashion_mnist"
    folder.mkdir(parents=True)
    for name, sha256 in SHA256.items():
        url = URL + name
        path = folder / resource.get_dl_fname(url, sha256)
        (tmp_path / name).replace(path)
        note = {"dataset_names": ["fashion_mnist"], "original_fname": name}
        path.with_name(f"{path.name}.INFO").write_text(
            json.dumps(note | {"urls": [url]})
        )
    assert_same(fashion_mnist.load(str(tmp_path), source="tfds"))


def test_files_downloaded_by_hand_must_be_the_official_ones(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    folder = tmp_path / "downloads" / "manual"
    folder.mkdir(parents=True)
    write(folder, suffix=".gz")
    name, sha256 = next(iter(SHA256.items()))
    with pytest.raises(ValueError, match=f"{name}: expected sha256 {sha256}"):
        fashion_mnist.load(str(tmp_path), source="tfds")


def test_classes_have_the_order_of_tensorflow_datasets(tmp_path):
    builder = tfds.builder("fashion_mnist", data_dir=tmp_path, try_gcs=False)
    names = [
        name.lower().split("/")[0] for name in builder.info.features["label"].names
    ]
    assert tuple(names) == fashion_mnist.CLASS_NAMES
