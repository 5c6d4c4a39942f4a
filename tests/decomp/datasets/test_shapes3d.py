import io
import json
import zlib

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from decomp.datasets import shapes3d
from decomp.datasets.readers import hdf5
from tests.decomp.datasets.test_fashion_mnist import without_a_network
from tests.faults import damage

URL = "https://storage.googleapis.com/3d-shapes/3dshapes.h5"
SHA256 = "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785"
ARRAYS = damage.shapes()
PIXELS = ARRAYS["images"].reshape(damage.SHAPES, -1)


def write(path, *, arrays=ARRAYS, **options):
    path.write_bytes(damage.shapes_file(arrays, **options))
    return path


def assert_refused(path, message):
    with pytest.raises(ValueError, match=message) as refusal:
        shapes3d.load(str(path), source="file")
    assert str(refusal.value).startswith(f"{path}: expected ")
    assert "\n" not in str(refusal.value)


def test_a_class_is_the_rank_of_a_value_of_the_factor(tmp_path):
    data = shapes3d.load(str(write(tmp_path / "a.h5")), source="file")
    np.testing.assert_array_equal(data.pixels, PIXELS)
    np.testing.assert_array_equal(data.factors, ARRAYS["classes"])
    assert data.shape == (64, 64, 3)
    assert tuple(data.factors.max(0) + 1) == shapes3d.FACTOR_SIZES
    assert len(data.factor_names) == 6


@pytest.mark.parametrize("chunks", [(1, 64, 64, 3), (20, 64, 32, 3), None])
@pytest.mark.parametrize("places", [[0, 1, 2, 30, 47], [7], list(range(0, 48, 9))])
def test_a_part_is_read_for_any_chunks(tmp_path, chunks, places):
    options = {} if chunks else {"compression": None}
    path = write(tmp_path / "a.h5", chunks=chunks, **options)
    sizes = []

    def choose(size):
        sizes.append(size)
        return np.array(places)

    data = shapes3d.load(str(path), source="file", choose=choose)
    assert sizes == [48]
    np.testing.assert_array_equal(data.pixels, PIXELS[places])
    np.testing.assert_array_equal(data.factors, ARRAYS["classes"][places])


def test_rows_come_in_blocks_and_each_chunk_is_read_once(tmp_path):
    with h5py.File(write(tmp_path / "a.h5"), "r") as file:
        places = np.array([0, 3, 4, 5, 9, 40, 47])
        parts = list(hdf5.rows(file["images"], places, block=5))
    assert [len(part) for part in parts] == [3, 2, 1, 1]
    np.testing.assert_array_equal(np.concatenate(parts).reshape(7, -1), PIXELS[places])


def test_few_rows_of_tall_chunks_need_little_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", chunks=(48, 8, 64, 3))
    monkeypatch.setattr(hdf5, "_LARGEST", 10 * 64 * 64 * 3)
    heights = []

    class RecordingDataset:
        """A dataset that records how many rows are read at once."""

        def __init__(self, data):
            self.chunks, self.shape, self.dtype = data.chunks, data.shape, data.dtype
            self.data = data

        def __getitem__(self, part):
            heights.append(part.stop - part.start)
            return self.data[part]

    places = np.array([0, 3, 9, 10, 11, 40, 47])
    with h5py.File(path, "r") as file:
        parts = list(hdf5.rows(RecordingDataset(file["images"]), places, block=2))
    assert max(heights) <= 10
    np.testing.assert_array_equal(np.concatenate(parts).reshape(7, -1), PIXELS[places])


def test_smaller_images_are_averages(tmp_path):
    data = shapes3d.load(str(write(tmp_path / "a.h5")), source="file", side=8)
    means = ARRAYS["images"].reshape(48, 8, 8, 8, 8, 3).mean((2, 4)).reshape(48, -1)
    np.testing.assert_allclose(data.pixels, means, atol=0.51)
    assert data.shape == (8, 8, 3)


def file_with(**arrays):
    return damage.shapes_file(ARRAYS | arrays)


def edited_file(change):
    buffer = io.BytesIO(file_with())
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def bomb(file):
    content = zlib.compress(bytes(2**24), 9)
    file["images"].id.write_direct_chunk((5, 0, 0, 0), content)


LABELS = ARRAYS["labels"]
MANY = np.stack([np.arange(48.0)] * 6, axis=1)
BAD = {
    "grey": (
        file_with(images=ARRAYS["images"][..., :1]),
        r"64, 3\]; got \[48, 64, 64,",
    ),
    "fewer": (file_with(labels=LABELS[:7]), r"labels \[48, 6\]; got \[7, 6\]"),
    "float": (file_with(images=ARRAYS["images"] / 255), "of type uint8 .* got float64"),
    "words": (file_with(labels=LABELS.astype("S")), "labels of numbers; got uint8 and"),
    "NaN": (file_with(labels=LABELS * np.nan), "finite values of floor_hue; got nan"),
    "classes": (file_with(labels=MANY), "at most 10 values of floor_hue; got 48"),
    "no labels": (edited_file(lambda f: f.__delitem__("labels")), r"got \['images'\]"),
    "lzf": (
        damage.shapes_file(ARRAYS, compression="lzf"),
        "expected gzip, shuffle or fletcher32; got filters",
    ),
    "bomb": (edited_file(bomb), "one that expands to more"),
    "cut": (file_with()[:5000], "expected an intact file; got the error"),
    "text": (b"no archive" * 100, "expected an intact file; got the error"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(tmp_path, case):
    content, message = BAD[case]
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    assert_refused(path, message)


def test_a_file_of_one_shape_is_read(tmp_path):
    labels = LABELS.copy()
    labels[:, 4] = 2.0
    path = write(tmp_path / "a.h5", arrays=ARRAYS | {"labels": labels})
    data = shapes3d.load(str(path), source="file")
    np.testing.assert_array_equal(data.factors[:, 4], np.zeros(48))
    others = [0, 1, 2, 3, 5]
    np.testing.assert_array_equal(data.factors[:, others], ARRAYS["classes"][:, others])


def test_images_come_in_the_chosen_order(tmp_path):
    places = np.array([40, 3, 3, 17])
    path = write(tmp_path / "a.h5")
    data = shapes3d.load(str(path), source="file", choose=lambda size: places)
    np.testing.assert_array_equal(data.pixels, PIXELS[places])
    np.testing.assert_array_equal(data.factors, ARRAYS["classes"][places])


def test_a_chunk_that_is_not_needed_is_not_expanded(tmp_path):
    path = tmp_path / "bad.h5"
    path.write_bytes(BAD["bomb"][0])
    data = shapes3d.load(str(path), source="file", choose=lambda _: np.arange(5))
    np.testing.assert_array_equal(data.pixels, PIXELS[:5])


def test_absent_files_and_unknown_sources_are_named(tmp_path):
    assert_refused(tmp_path / "no.h5", "expected an HDF5 file of 3D Shapes; got none")
    with pytest.raises(ValueError, match="unknown source 'web'; known: 'file', 'tfds'"):
        shapes3d.load(source="web")


def test_a_downloaded_file_needs_no_network(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    folder = tmp_path / "downloads" / "shapes3d"
    folder.mkdir(parents=True)
    path = write(folder / resource.get_dl_fname(URL, SHA256))
    note = {"dataset_names": ["shapes3d"], "original_fname": "3dshapes.h5"}
    path.with_name(f"{path.name}.INFO").write_text(json.dumps(note | {"urls": [URL]}))
    data = shapes3d.load(str(tmp_path), source="tfds")
    np.testing.assert_array_equal(data.pixels, PIXELS)
    builder = tfds.builder("shapes3d", data_dir=tmp_path, try_gcs=False)
    rows = [row for _, row in builder._generate_examples(path)]
    assert set(rows[0]) == set(builder.info.features)
    for i, name in enumerate(shapes3d.FACTOR_NAMES):
        ranks = [row[f"label_{name}"] for row in rows]
        np.testing.assert_array_equal(ranks, data.factors[:, i])
        assert (
            builder.info.features[f"label_{name}"].num_classes
            == (shapes3d.FACTOR_SIZES[i])
        )


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    with pytest.raises(ConnectionError) as refusal:
        shapes3d.load(str(tmp_path), source="tfds")
    place = tmp_path / "downloads" / "manual" / "3dshapes.h5"
    for part in (URL, f"{place} (sha256 {SHA256})"):
        assert part in str(refusal.value)
