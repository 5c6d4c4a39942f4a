import numpy as np
import pytest

from decomp.datasets import images
from tests.faults import damage

DISCS = damage.discs(6, 20, 30)


GREY = DISCS.max(-1)


ROWS = ["file,hue,place"] + [f"{i}.png,{i % 3},{'ab'[i % 2]}" for i in range(6)]


TABLE = "\n".join(ROWS)


def folder_of(place, pictures=DISCS, *, kind="png", table=""):
    place.mkdir(exist_ok=True)
    for i, picture in enumerate(pictures):
        (place / f"{i}.{kind}").write_bytes(damage.photo(picture))
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


def test_a_folder_of_colour_images_is_read(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "README.txt").write_text("not an image")
    (tmp_path / "more.png").mkdir()
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.pixels, DISCS.reshape(6, -1))
    assert (data.shape, data.factors.shape) == ((20, 30, 3), (6, 0))


def test_a_folder_of_grey_images_has_one_channel(tmp_path):
    data = images.load(str(folder_of(tmp_path, GREY, kind="PNG")))
    np.testing.assert_array_equal(data.pixels, GREY.reshape(6, -1))
    assert data.shape == (20, 30, 1)


def test_one_coloured_image_makes_all_of_them_coloured(tmp_path):
    data = images.load(str(folder_of(tmp_path, [GREY[0], DISCS[1]])))
    assert data.shape == (20, 30, 3)
    np.testing.assert_array_equal(data.pixels[0], GREY[0].repeat(3))


def test_images_of_many_sizes_are_averaged_down_to_one(tmp_path):
    pictures = [np.full((20, 30), 9, np.uint8), np.full((64, 40), 7, np.uint8)]
    folder_of(tmp_path, pictures)
    words = "images of one size, .* got 20×30 of 0.png and 64×40 of 1.png"
    assert_refused(tmp_path, tmp_path, words)
    data = images.load(str(tmp_path), side=16)
    assert data.shape == (16, 16, 1)
    assert [*np.unique(data.pixels[0]), *np.unique(data.pixels[1])] == [9, 7]
    words = "expected 32×32 pixels or more; got 20×30"
    assert_refused(tmp_path, tmp_path / "0.png", words, side=32)


def test_factors_of_a_folder_are_ranks_by_the_name_of_the_file(tmp_path):
    header, *rows = ROWS
    folder_of(tmp_path, table="\n".join([f"\ufeff{header}", *rows[::-1], ""]))
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.factors.T, [[0, 1, 2] * 2, [0, 1] * 3])
    assert data.factor_names == ("hue", "place")


def test_a_part_of_a_folder_has_the_classes_of_the_whole(tmp_path):
    folder_of(tmp_path, table=TABLE)
    (tmp_path / "3.png").write_bytes(b"not looked at")
    data = images.load(str(tmp_path), choose=lambda size: np.array([2, 5]))
    np.testing.assert_array_equal(data.pixels, DISCS[[2, 5]].reshape(2, -1))
    np.testing.assert_array_equal(data.factors, [[2, 0], [2, 1]])


def test_more_pixels_than_memory_are_refused(tmp_path, monkeypatch):
    folder_of(tmp_path)
    monkeypatch.setattr(images, "_MOST_BYTES", 6 * 20 * 30 * 3 - 1)
    words = "expected at most 10,799 bytes of pixels; got 10,800"
    assert_refused(tmp_path, tmp_path, words)


def test_absent_empty_and_other_places_are_named(tmp_path):
    words = "expected a folder of PNG or JPEG images, an .npz or an .npy"
    assert_refused(tmp_path / "none", tmp_path / "none", words)
    words = "1 to 1,000,000 files .png or .jpg, in it or in sub-folders; got an empty"
    assert_refused(tmp_path, tmp_path, words)
    path = tmp_path / "no.npz"
    assert_refused(path, path, "expected a file; got none")


@pytest.mark.parametrize("pictures", [GREY, GREY[..., None], DISCS])
def test_an_npz_has_grey_or_coloured_images(tmp_path, pictures):
    data = images.load(str(npz_of(tmp_path / "a.npz", images=pictures)))
    np.testing.assert_array_equal(data.pixels, pictures.reshape(6, -1))
    assert data.shape == (20, 30, 3 if pictures is DISCS else 1)
    assert data.factors.shape == (6, 0)


def test_factors_of_an_npz_are_ranks_and_may_have_names(tmp_path):
    factors = np.array([[10, -3], [20, -3], [20, 5], [10, 5], [30, 5], [30, 5]])
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=factors)
    data = images.load(str(path), side=8, choose=lambda size: np.array([4, 5]))
    np.testing.assert_array_equal(data.factors, [[2, 1], [2, 1]])
    assert data.factor_names == ("factor_0", "factor_1")
    assert data.shape == (8, 8, 3)
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
    "channels first": ({"images": DISCS.transpose(0, 3, 1, 2)}, r"\[6, 3, 20, 30\]"),
    "name twice": (
        {"images": DISCS, "factors": TWO, "factor_names": np.array(["a", "a"])},
        "all different; got a twice",
    ),
    "NaN": ({"images": DISCS, "factors": TWO * np.nan}, "finite values of factor_0"),
    "complex": (
        {"images": DISCS, "factors": TWO * 1j},
        "numbers or strings; got complex",
    ),
    "factor names": (
        {"images": DISCS, "factors": TWO, "factor_names": np.array(["a"])},
        "expected factor_names, 2 strings; got <U1",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_arrays_are_named(tmp_path, case):
    arrays, message = ARRAYS[case]
    path = npz_of(tmp_path / "a.npz", **arrays)
    assert_refused(path, path, message)


def test_images_in_an_npz_are_not_enlarged(tmp_path):
    path = npz_of(tmp_path / "a.npz", images=DISCS)
    assert_refused(path, path, "32×32 pixels or more; got 20×30", side=32)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_come_in_the_chosen_order(tmp_path, save, order):
    path = tmp_path / "A.NPZ"
    with path.open("wb") as file:
        save(file, images=np.asarray(DISCS, order=order), factors=TWO)
    places = np.array([5, 0, 0, 3])
    data = images.load(str(path), choose=lambda size: places)
    np.testing.assert_array_equal(data.pixels, DISCS[places].reshape(4, -1))
    np.testing.assert_array_equal(data.factors, (TWO[places] - [0, 1]) // 2)
    folder_of(tmp_path / "own")
    data = images.load(str(tmp_path / "own"), choose=lambda size: places)
    np.testing.assert_array_equal(data.pixels, DISCS[places].reshape(4, -1))


def test_an_npy_contains_images_alone(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    data = images.load(str(tmp_path / "a.npy"), choose=lambda size: np.array([4]))
    np.testing.assert_array_equal(data.pixels, GREY[4].reshape(1, -1))
    assert data.factors.shape == (1, 0)


def test_a_factor_may_have_one_value(tmp_path):
    factors = np.stack([np.full(6, 3.5), np.arange(6)], axis=1)
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=factors)
    np.testing.assert_array_equal(images.load(str(path)).factors[:, 0], np.zeros(6))
    folder_of(tmp_path / "own", table=TABLE.replace(",b", ",a"))
    data = images.load(str(tmp_path / "own"))
    np.testing.assert_array_equal(data.factors.T, [[0, 1, 2] * 2, [0] * 6])


def test_one_factor_may_be_a_row_and_texts_may_be_bytes(tmp_path):
    names = np.array([b"hue"])
    texts = np.array([b"b", b"a", b"b", b"c", b"a", b"a"])
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=texts, factor_names=names)
    data = images.load(str(path))
    np.testing.assert_array_equal(data.factors[:, 0], [1, 0, 1, 2, 0, 0])
    assert data.factor_names == ("hue",)


SYSTEM = (
    *(".DS_Store", "Thumbs.db", "._0.png", ".hidden.png", "desktop.ini", "README.txt"),
    *("__MACOSX/0.png", ".ipynb_checkpoints/0-checkpoint.png", "@eaDir/0.png/a.jpg"),
)


@pytest.mark.parametrize("inside", ["", "a/"])
def test_system_files_and_hidden_files_are_ignored(tmp_path, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    folder_of(tmp_path / inside)
    for name in SYSTEM:
        path = tmp_path / inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no image")
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.pixels, DISCS.reshape(6, -1))


def with_classes(place):
    """Writes images into nested sub-folders, and an empty sub-folder."""
    names = ("dog/x/1.png", "dog/0.JPG", "10/1.png", "9/1.jpeg", "9/a/b/c.PNG", "a.txt")
    for i, name in enumerate(names):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(damage.photo(np.full((8, 8), 40 * i, np.uint8)))
    (place / "empty").mkdir()
    return place


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    data = images.load(str(with_classes(tmp_path)))
    assert (data.factor_names, data.class_names) == (("class",), ("10", "9", "dog"))
    np.testing.assert_array_equal(data.factors[:, 0], [0, 1, 1, 2, 2])
    np.testing.assert_allclose(data.pixels[:, 0], [80, 120, 160, 40, 0], atol=1)


def test_a_table_adds_factors_to_the_sub_folders_or_replaces_them(tmp_path):
    rows = [
        "10/1.png,a",
        "9\\1.jpeg,b",
        "./9/a/b/c.PNG,a",
        "dog/0.JPG,a",
        "dog/x/1.png,b",
    ]
    table = with_classes(tmp_path) / "factors.csv"
    table.write_text("\n".join(["file,hue", *rows]))
    data = images.load(str(tmp_path))
    assert (data.factor_names, data.class_names) == (("class", "hue"), ())
    np.testing.assert_array_equal(
        data.factors, [[0, 0], [1, 1], [1, 0], [2, 0], [2, 1]]
    )
    table.write_text("\n".join(["file,class", *rows]))
    data = images.load(str(tmp_path))
    assert data.factor_names == ("class",)
    np.testing.assert_array_equal(data.factors[:, 0], [0, 1, 0, 0, 1])


def test_images_beside_sub_folders_hide_those_below_with_a_message(tmp_path):
    folder_of(with_classes(tmp_path))
    lines = []
    data = images.load(str(tmp_path), tell=lines.append)
    assert data.factors.shape == (6, 0)
    (line,) = lines
    assert "images in sub-folders, such as " in line
    assert line.endswith(" are left out")


def test_a_folder_without_images_is_refused_with_an_example_of_its_files(tmp_path):
    (tmp_path / "a").mkdir()
    assert_refused(tmp_path, tmp_path, "got no file that is not hidden")
    (tmp_path / "a" / "x.gif").write_bytes(b"")
    (tmp_path / "b.bmp").write_bytes(b"")
    assert_refused(tmp_path, tmp_path, "sub-folders; got 2 others, such as a/x.gif")


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder_of(tmp_path / "far")
    (tmp_path / "own" / "a").mkdir(parents=True)
    (tmp_path / "own" / "b").symlink_to(tmp_path / "far")
    (tmp_path / "own" / "a" / "up").symlink_to(tmp_path / "own")
    data = images.load(str(tmp_path / "own"))
    np.testing.assert_array_equal(data.pixels, DISCS.reshape(6, -1))
    lost = tmp_path / "far" / "9.png"
    lost.symlink_to(tmp_path / "nothing")
    assert_refused(tmp_path / "far", lost, "expected a file; got a link to nothing")


def test_pictures_in_other_formats_are_reported(tmp_path):
    folder_of(tmp_path)
    for i in range(3):
        (tmp_path / f"{i}.webp").write_bytes(damage.photo(DISCS[i], "WEBP"))
    lines = []
    assert len(images.load(str(tmp_path), tell=lines.append).pixels) == 6
    assert lines == ["  3 pictures of other kinds, such as 0.webp, are left out"]
