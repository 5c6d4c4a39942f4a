import numpy as np
import pytest
from PIL import Image

from decomp.datasets import images, photos
from experiments.faults import damage, good

DISCS = good.discs(6, 20, 30)
GREY = DISCS.max(-1)
ROWS = ["file,hue,place"] + [f"{i}.png,{i % 3},{'ab'[i % 2]}" for i in range(6)]
TABLE = "\n".join(ROWS)


def folder_of(place, pictures=DISCS, *, kind="png", table=""):
    place.mkdir(exist_ok=True)
    for i, picture in enumerate(pictures):
        (place / f"{i}.{kind}").write_bytes(good.photo(picture))
    if table:
        (place / "factors.csv").write_text(table)
    return place


def npz_of(path, **arrays):
    path.write_bytes(damage.npz(arrays))
    return path


def assert_refused(place, start, message, **options):
    with pytest.raises(ValueError, match=message) as refusal:
        images.load(str(place), **options)
    assert str(refusal.value).startswith(f"{start}: ")
    assert "\n" not in str(refusal.value)


def test_a_folder_of_colour(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "README.txt").write_text("not an image")
    (tmp_path / "more.png").mkdir()
    found = images.load(str(tmp_path))
    np.testing.assert_array_equal(found.pixels, DISCS.reshape(6, -1))
    assert (found.shape, found.factors.shape) == ((20, 30, 3), (6, 0))


def test_a_folder_of_grey_images_has_one_channel(tmp_path):
    found = images.load(str(folder_of(tmp_path, GREY, kind="PNG")))
    np.testing.assert_array_equal(found.pixels, GREY.reshape(6, -1))
    assert found.shape == (20, 30, 1)


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path):
    found = images.load(str(folder_of(tmp_path, [GREY[0], DISCS[1]])))
    assert found.shape == (20, 30, 3)
    np.testing.assert_array_equal(found.pixels[0], GREY[0].repeat(3))


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK"])
def test_other_kinds_of_pixels_are_converted(tmp_path, mode):
    kind = "jpg" if mode == "CMYK" else "png"
    flat = np.full((8, 8, 3), 255, np.uint8)
    Image.fromarray(flat).convert(mode).save(tmp_path / f"a.{kind}")
    found = images.load(str(tmp_path))
    assert found.shape == (8, 8, 1 if mode in ("1", "LA") else 3)
    assert found.pixels.min() >= 254


def test_images_of_many_sizes_are_averaged_down_to_one(tmp_path):
    pictures = [np.full((20, 30), 9, np.uint8), np.full((64, 40), 7, np.uint8)]
    folder_of(tmp_path, pictures)
    words = "images of one size, .* got 20×30 of 0.png and 64×40 of 1.png"
    assert_refused(tmp_path, tmp_path, words)
    found = images.load(str(tmp_path), side=16)
    assert found.shape == (16, 16, 1)
    assert [*np.unique(found.pixels[0]), *np.unique(found.pixels[1])] == [9, 7]
    words = "expected 32×32 pixels or more; got 20×30"
    assert_refused(tmp_path, tmp_path / "0.png", words, side=32)


def test_factors_of_a_folder_are_ranks_by_the_name_of_the_file(tmp_path):
    header, *rows = ROWS
    folder_of(tmp_path, table="\n".join([f"\ufeff{header}", *rows[::-1], ""]))
    found = images.load(str(tmp_path))
    np.testing.assert_array_equal(found.factors.T, [[0, 1, 2] * 2, [0, 1] * 3])
    assert found.factor_names == ("hue", "place")


def test_a_part_of_a_folder_has_the_classes_of_the_whole(tmp_path):
    folder_of(tmp_path, table=TABLE)
    (tmp_path / "3.png").write_bytes(b"not looked at")
    found = images.load(str(tmp_path), choose=lambda size: np.array([2, 5]))
    np.testing.assert_array_equal(found.pixels, DISCS[[2, 5]].reshape(2, -1))
    np.testing.assert_array_equal(found.factors, [[2, 0], [2, 1]])


TABLES = {
    "empty": ("", None),
    "header": (TABLE.replace("file", "name"), "a header of file and names of factors"),
    "no factors": ("file\n0.png", "a header of file and names of factors"),
    "twice a name": (
        TABLE.replace("place", "hue"),
        "all different; got 'file,hue,hue'",
    ),
    "row left out": ("\n".join(ROWS[:-1]), "a row for each image; got none of 5.png"),
    "row too many": (TABLE + "\n9.png,1,a", "for each image; got 9.png, not there"),
    "path": (TABLE + "\n../0.png,1,a", r"for each image; got \.\./0.png, not there"),
    "row twice": (TABLE + "\n0.png,1,a", "for each image; got 0.png twice"),
    "ragged": (TABLE + "\n6.png,1", "expected 3 fields in a row; got 2 in row 8"),
    "constant": (TABLE.replace(",b", ",a"), "2 to 1,000 values of place; got 1"),
    "quotes": (TABLE + '\n"', "expected an intact file; got the error"),
    "NUL": (TABLE.replace("1.png", "1\0.png"), "expected "),
}


@pytest.mark.parametrize("case", TABLES)
def test_bad_tables_are_named(tmp_path, case):
    table, message = TABLES[case]
    folder_of(tmp_path)
    (tmp_path / "factors.csv").write_text(table)
    words = message or "a header of file and names of factors"
    assert_refused(tmp_path, tmp_path / "factors.csv", words)


def test_a_table_that_is_no_text_is_named(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "factors.csv").write_bytes(b"file,\xff\xfe\n")
    assert_refused(tmp_path, tmp_path / "factors.csv", "an intact file; got the error")


PNG = good.photo(DISCS[0])
FILES = {
    "empty": (b"", "a PNG or JPEG image; got the error"),
    "text": (b"no image", "a PNG or JPEG image; got the error"),
    "cut": (PNG[: len(PNG) // 2], "a PNG or JPEG image; got the error"),
    "GIF": (good.photo(GREY[0], "GIF"), "a PNG or JPEG image; got the error"),
    "16 bits": (
        good.photo(GREY[0].astype(np.uint16)),
        "8 bits a channel; got the mode",
    ),
    "bomb": (
        PNG[:16] + (30_000).to_bytes(4, "big") * 2 + PNG[24:],
        "a PNG or JPEG image; got the error|at most 67,108,864 pixels; got 30000×30000",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_images_are_named(tmp_path, case):
    content, message = FILES[case]
    folder_of(tmp_path)
    (tmp_path / "3.png").write_bytes(content)
    assert_refused(tmp_path, tmp_path / "3.png", message)


def test_an_image_of_too_many_pixels_is_never_expanded(tmp_path):
    flat = Image.new("1", (8193, 8192))
    flat.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 20_000
    words = "at most 67,108,864 pixels; got 8192×8193"
    assert_refused(tmp_path, tmp_path / "a.png", words)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    folder_of(tmp_path)
    monkeypatch.setattr(photos, "_MOST_BYTES", 100)
    assert_refused(tmp_path, tmp_path / "0.png", "expected at most 100 bytes; got")


def test_more_pixels_than_memory_are_refused(tmp_path, monkeypatch):
    folder_of(tmp_path)
    monkeypatch.setattr(images, "_MOST_BYTES", 6 * 20 * 30 * 3 - 1)
    words = "expected at most 10,799 bytes of pixels; got 10,800"
    assert_refused(tmp_path, tmp_path, words)


def test_absent_empty_and_other_places_are_named(tmp_path):
    words = "expected a folder of PNG or JPEG images, or an .npz"
    assert_refused(tmp_path / "none", tmp_path / "none", words)
    assert_refused(tmp_path, tmp_path, "1 to 1,000,000 files .png or .jpg; got 0")
    path = tmp_path / "no.npz"
    assert_refused(path, path, "expected a file; got none")


@pytest.mark.parametrize("pictures", [GREY, GREY[..., None], DISCS])
def test_an_npz_has_grey_or_coloured_images(tmp_path, pictures):
    found = images.load(str(npz_of(tmp_path / "a.npz", images=pictures)))
    np.testing.assert_array_equal(found.pixels, pictures.reshape(6, -1))
    assert found.shape == (20, 30, 3 if pictures is DISCS else 1)
    assert found.factors.shape == (6, 0)


def test_factors_of_an_npz_are_ranks_and_may_have_names(tmp_path):
    factors = np.array([[10, -3], [20, -3], [20, 5], [10, 5], [30, 5], [30, 5]])
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=factors)
    found = images.load(str(path), side=8, choose=lambda size: np.array([4, 5]))
    np.testing.assert_array_equal(found.factors, [[2, 1], [2, 1]])
    assert found.factor_names == ("factor_0", "factor_1")
    assert found.shape == (8, 8, 3)
    names = np.array(["hue", "place"])
    npz_of(path, images=DISCS, factors=factors, factor_names=names)
    assert images.load(str(path)).factor_names == ("hue", "place")


TWO = np.arange(12).reshape(6, 2)
ARRAYS = {
    "names": ({"x": DISCS}, r"expected arrays images; got \['x'\]"),
    "flat": ({"images": DISCS.reshape(6, -1)}, r"C 1 or 3; got \[6, 1800\]"),
    "alpha": ({"images": DISCS[..., [0, 1, 2, 2]]}, r"got \[6, 20, 30, 4\]"),
    "none": ({"images": DISCS[:0]}, r"got \[0, 20, 30, 3\]"),
    "float": ({"images": DISCS / 255}, "images of type uint8; got float64"),
    "pickled": ({"images": np.array([{}])}, "pickled objects, which are never loaded"),
    "one row": ({"images": DISCS, "factors": TWO[0]}, r"factors \[6, F\]; got \[2\]"),
    "fewer": ({"images": DISCS, "factors": TWO[:5]}, r"factors \[6, F\]; got \[5, 2\]"),
    "no columns": ({"images": DISCS, "factors": TWO[:, :0]}, r"got \[6, 0\]"),
    "constant": ({"images": DISCS, "factors": TWO * 0}, "values of factor_0; got 1"),
    "NaN": ({"images": DISCS, "factors": TWO * np.nan}, "finite values of factor_0"),
    "complex": (
        {"images": DISCS, "factors": TWO * 1j},
        "numbers or texts; got complex",
    ),
    "factor names": (
        {"images": DISCS, "factors": TWO, "factor_names": np.array(["a"])},
        "expected factor_names, 2 texts; got <U1",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_arrays_are_named(tmp_path, case):
    arrays, message = ARRAYS[case]
    path = npz_of(tmp_path / "a.npz", **arrays)
    assert_refused(path, path, message)


def test_an_npz_is_not_made_larger(tmp_path):
    path = npz_of(tmp_path / "a.npz", images=DISCS)
    assert_refused(path, path, "32×32 pixels or more; got 20×30", side=32)
