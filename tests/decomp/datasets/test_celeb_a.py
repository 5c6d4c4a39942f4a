import io
import json
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from decomp.datasets import celeb_a, raster
from tests.decomp.datasets.test_fashion_mnist import without_a_network
from tests.faults import damage

FACES = damage.discs(5, 218, 178)
JPEGS = {
    f"{i:06d}.jpg": damage.photo(face, "JPEG", quality=95, subsampling=0)
    for i, face in enumerate(FACES, start=1)
}
SMALL = raster.smaller(FACES, side=64).reshape(5, -1)


def archived(files, prefix="img_align_celeba/"):
    return damage.archive({prefix + name: content for name, content in files.items()})


def write(path, content):
    path.write_bytes(content)
    return path


def assert_same(data, places=slice(None)):
    difference = np.abs(data.pixels.astype(int) - SMALL[places].astype(int))
    assert difference.mean() < 3  # of the compression
    assert data.shape == (64, 64, 3)
    assert data.factors.shape == (len(data.pixels), 0)
    assert data.factor_names == ()


def assert_refused(path, message):
    with pytest.raises(ValueError, match=message) as refusal:
        celeb_a.load(str(path), source="file")
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_a_folder_is_read_in_the_order_of_the_names(tmp_path):
    for name, content in reversed(JPEGS.items()):
        write(tmp_path / name, content)
    write(tmp_path / "list_attr_celeba.txt", b"not read")
    assert_same(celeb_a.load(str(tmp_path), source="file"))


def test_an_archive_is_not_unpacked_and_other_entries_are_ignored(tmp_path):
    others = {"../../escape.txt": b"0", "__MACOSX/._000001.jpg": b"0"}
    files = {f"img_align_celeba/{name}": data for name, data in JPEGS.items()}
    path = write(tmp_path / "a.zip", damage.archive(files | others))
    assert_same(celeb_a.load(str(path), source="file"))
    assert list(tmp_path.iterdir()) == [path]


def test_names_in_an_archive_are_never_paths(tmp_path):
    names = [f"../../{name}" for name in JPEGS]
    files = dict(zip(names, JPEGS.values(), strict=True))
    path = write(tmp_path / "a.zip", damage.archive(files))
    assert_same(celeb_a.load(str(path), source="file"))
    assert not (tmp_path.parent.parent / "000001.jpg").exists()


def test_only_the_chosen_images_are_decoded(tmp_path):
    broken = JPEGS | {"000002.jpg": b"not a photograph"}
    path = write(tmp_path / "a.zip", archived(broken))
    places = np.array([0, 3])
    data = celeb_a.load(str(path), source="file", choose=lambda size: places)
    assert_same(data, places)


def large():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("000001.jpg", bytes(2**24 + 1))
    return buffer.getvalue()


BAD = {
    "empty": (b"", "expected an intact file; got the error"),
    "no images": (damage.archive({"a.txt": b""}), "1 to 202,599 files .jpg; got 0"),
    "cut": (archived(JPEGS)[:9000], "expected an intact file; got the error"),
    "text": (archived({"1.jpg": b"no photograph"}), "1.jpg'.*PNG or JPEG image; got"),
    "cut photograph": (
        archived({"1.jpg": JPEGS["000001.jpg"][:900]}),
        "PNG or JPEG image; got the error 'image file is truncated",
    ),
    "small": (archived({"1.jpg": damage.photo(FACES[0, :32], "JPEG")}), "got 32×178"),
    "large file": (large(), "of 16,777,216 bytes at most; got 16,777,217 of '000001"),
    "flipped": (
        damage.flipped(archived(JPEGS), 1000),
        "'img_align_celeba/000001.jpg'|",
    ),
    "lzma": (damage.archive({"1.jpg": b""}, zipfile.ZIP_LZMA), "stored or deflated"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_archives_are_named(tmp_path, case):
    content, message = BAD[case]
    assert_refused(write(tmp_path / "a.zip", content), message)


def test_absent_and_empty_folders_are_named(tmp_path):
    assert_refused(tmp_path / "none", "expected a folder of JPEG files or a .zip")
    words = "expected 1 to 202,599 files .jpg or .jpeg, in it or in sub-folders; got an"
    assert_refused(tmp_path, words)


def test_photographs_may_be_in_a_folder_of_the_archive(tmp_path):
    inside = tmp_path / "img_align_celeba"
    inside.mkdir()
    (inside / "000001.jpg").write_bytes(JPEGS["000001.jpg"])
    (inside / "._000001.jpg").write_bytes(b"no photograph")
    data = celeb_a.load(str(tmp_path), source="file")
    assert np.abs(data.pixels - SMALL[:1].astype(int)).mean() < 4
    with pytest.raises(ValueError, match="unknown source 'web'; known: 'file', 'tfds'"):
        celeb_a.load(source="web")


def registered_archive(tmp_path):
    builder = tfds.builder("celeb_a", data_dir=tmp_path, try_gcs=False)
    (archive,) = (
        (url, info)
        for url, info in builder.url_infos.items()
        if info.filename == "img_align_celeba.zip"
    )
    return archive


def test_a_downloaded_archive_needs_no_network(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    url, info = registered_archive(tmp_path)
    folder = tmp_path / "downloads" / "celeb_a"
    folder.mkdir(parents=True)
    path = folder / resource.get_dl_fname(url, info.checksum)
    write(path, archived(JPEGS))
    note = {"dataset_names": ["celeb_a"], "original_fname": info.filename}
    path.with_name(f"{path.name}.INFO").write_text(json.dumps(note | {"urls": [url]}))
    assert_same(celeb_a.load(str(tmp_path), source="tfds"))


def test_an_archive_downloaded_by_hand_must_be_the_official_one(tmp_path, monkeypatch):
    without_a_network(monkeypatch)
    folder = tmp_path / "downloads" / "manual"
    folder.mkdir(parents=True)
    _, info = registered_archive(tmp_path)
    with pytest.raises(ConnectionError, match="manual/img_align_celeba.zip"):
        celeb_a.load(str(tmp_path), source="tfds")
    write(folder / "img_align_celeba.zip", archived(JPEGS))
    with pytest.raises(ValueError, match=f"expected sha256 {info.checksum}"):
        celeb_a.load(str(tmp_path), source="tfds")
