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
    "no value": (TABLE.replace("0,a", ",a", 1), "a value of hue of 0.png; got none"),
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
    words = "expected a folder of PNG or JPEG images, an .npz or an .npy"
    assert_refused(tmp_path / "none", tmp_path / "none", words)
    words = "1 to 1,000,000 files .png or .jpg, in it or in sub-folders; got an empty"
    assert_refused(tmp_path, tmp_path, words)
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
    "channels first": ({"images": DISCS.transpose(0, 3, 1, 2)}, r"\[6, 3, 20, 30\]"),
    "name twice": (
        {"images": DISCS, "factors": TWO, "factor_names": np.array(["a", "a"])},
        "all different; got a twice",
    ),
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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_rows_asked_for_come_in_the_order_asked_for(tmp_path, save, order):
    path = tmp_path / "A.NPZ"
    with path.open("wb") as file:
        save(file, images=np.asarray(DISCS, order=order), factors=TWO)
    asked = np.array([5, 0, 0, 3])
    found = images.load(str(path), choose=lambda size: asked)
    np.testing.assert_array_equal(found.pixels, DISCS[asked].reshape(4, -1))
    np.testing.assert_array_equal(found.factors, (TWO[asked] - [0, 1]) // 2)
    folder_of(tmp_path / "own")
    found = images.load(str(tmp_path / "own"), choose=lambda size: asked)
    np.testing.assert_array_equal(found.pixels, DISCS[asked].reshape(4, -1))


def test_an_npy_has_images_alone(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    found = images.load(str(tmp_path / "a.npy"), choose=lambda size: np.array([4]))
    np.testing.assert_array_equal(found.pixels, GREY[4].reshape(1, -1))
    assert found.factors.shape == (1, 0)


def test_a_factor_may_have_one_value(tmp_path):
    factors = np.stack([np.full(6, 3.5), np.arange(6)], axis=1)
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=factors)
    np.testing.assert_array_equal(images.load(str(path)).factors[:, 0], np.zeros(6))
    folder_of(tmp_path / "own", table=TABLE.replace(",b", ",a"))
    found = images.load(str(tmp_path / "own"))
    np.testing.assert_array_equal(found.factors.T, [[0, 1, 2] * 2, [0] * 6])


def test_one_factor_may_be_a_row_and_texts_may_be_bytes(tmp_path):
    names = np.array([b"hue"])
    texts = np.array([b"b", b"a", b"b", b"c", b"a", b"a"])
    path = npz_of(tmp_path / "a.npz", images=DISCS, factors=texts, factor_names=names)
    found = images.load(str(path))
    np.testing.assert_array_equal(found.factors[:, 0], [1, 0, 1, 2, 0, 0])
    assert found.factor_names == ("hue",)


# Where the pixel at (row, column) of an upright image stands in the file, as Exif 2.3
# has it: the file's row 0 and column 0 are the top and left, the top and right, ...
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def as_held(upright, orientation):
    """The pixels that a camera writes, one by one, of what it was held to."""
    row_0, column_0 = SIDES[orientation]
    height, width = upright.shape[:2]
    places = {"top": range(height), "bottom": range(height)[::-1]}
    places |= {"left": range(width), "right": range(width)[::-1]}
    across = row_0 in ("left", "right")
    return np.array(
        [
            [upright[(c, r) if across else (r, c)] for c in places[column_0]]
            for r in places[row_0]
        ]
    )


def with_late_notes(content):
    """A PNG whose EXIF stands behind its pixels."""
    chunks, place = [], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        chunks.append(content[place:end])
        place = end
    order = {b"eXIf": 1, b"IEND": 2}
    chunks.sort(key=lambda chunk: order.get(chunk[4:8], 0))
    return content[:8] + b"".join(chunks)


@pytest.mark.parametrize("orientation", SIDES)
def test_images_stand_as_the_camera_was_held(tmp_path, orientation):
    upright = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = good.photo(as_held(upright, orientation), exif=exif)
    for name, content in {"a": held, "b": with_late_notes(held)}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    (tmp_path / "c.png").write_bytes(good.photo(upright))
    found = images.load(str(tmp_path))
    assert found.shape == (4, 6, 3)
    for row in found.pixels:
        np.testing.assert_array_equal(row, upright.reshape(-1))
    large = upright.repeat(16, 0).repeat(16, 1)  # as JPEG keeps blocks of one colour
    content = good.photo(as_held(large, orientation), "JPEG", quality=100, exif=exif)
    found = photos.decode(content, "a", channels=3)
    assert found.shape == large.shape
    assert np.abs(found.astype(int) - large)[8::16, 8::16].max() < 40


@pytest.mark.parametrize("exif", [b"Exif\0\0no", b"Exif\0\0MM\0*\0\0\0\x08\0\x01"])
def test_damaged_exif_is_none(tmp_path, exif):
    for i in range(2):
        content = good.photo(DISCS[i], "JPEG", exif=exif)
        (tmp_path / f"{i}.jpg").write_bytes(content)
    assert images.load(str(tmp_path)).shape == (20, 30, 3)


SYSTEM = (
    *(".DS_Store", "Thumbs.db", "._0.png", ".hidden.png", "desktop.ini", "README.txt"),
    *("__MACOSX/0.png", ".ipynb_checkpoints/0-checkpoint.png", "@eaDir/0.png/a.jpg"),
)


@pytest.mark.parametrize("inside", ["", "a/"])
def test_files_of_systems_and_hidden_ones_are_no_images(tmp_path, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    folder_of(tmp_path / inside)
    for name in SYSTEM:
        path = tmp_path / inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no image")
    found = images.load(str(tmp_path))
    np.testing.assert_array_equal(found.pixels, DISCS.reshape(6, -1))


def classed(place):
    """Images in sub-folders, at some depth, and one without any."""
    names = ("dog/x/1.png", "dog/0.JPG", "10/1.png", "9/1.jpeg", "9/a/b/c.PNG", "a.txt")
    for i, name in enumerate(names):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(good.photo(np.full((8, 8), 40 * i, np.uint8)))
    (place / "empty").mkdir()
    return place


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    found = images.load(str(classed(tmp_path)))
    assert (found.factor_names, found.class_names) == (("class",), ("10", "9", "dog"))
    np.testing.assert_array_equal(found.factors[:, 0], [0, 1, 1, 2, 2])
    np.testing.assert_allclose(found.pixels[:, 0], [80, 120, 160, 40, 0], atol=1)


def test_a_table_adds_factors_to_the_sub_folders_or_replaces_them(tmp_path):
    rows = [
        "10/1.png,a",
        "9\\1.jpeg,b",
        "./9/a/b/c.PNG,a",
        "dog/0.JPG,a",
        "dog/x/1.png,b",
    ]
    table = classed(tmp_path) / "factors.csv"
    table.write_text("\n".join(["file,hue", *rows]))
    found = images.load(str(tmp_path))
    assert (found.factor_names, found.class_names) == (("class", "hue"), ())
    np.testing.assert_array_equal(
        found.factors, [[0, 0], [1, 1], [1, 0], [2, 0], [2, 1]]
    )
    table.write_text("\n".join(["file,class", *rows]))
    found = images.load(str(tmp_path))
    assert found.factor_names == ("class",)
    np.testing.assert_array_equal(found.factors[:, 0], [0, 1, 0, 0, 1])


def test_images_beside_sub_folders_are_all_and_the_rest_is_told(tmp_path):
    folder_of(classed(tmp_path))
    lines = []
    found = images.load(str(tmp_path), tell=lines.append)
    assert found.factors.shape == (6, 0)
    (line,) = lines
    assert "images in sub-folders, such as " in line
    assert line.endswith(" are left out")


def test_a_folder_without_images_is_told_by_what_it_has(tmp_path):
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
    found = images.load(str(tmp_path / "own"))
    np.testing.assert_array_equal(found.pixels, DISCS.reshape(6, -1))
    lost = tmp_path / "far" / "9.png"
    lost.symlink_to(tmp_path / "nothing")
    assert_refused(tmp_path / "far", lost, "expected a file; got a link to nothing")


WRITTEN = {
    "semicolons": TABLE.replace(",", ";"),
    "tabs": TABLE.replace(",", "\t"),
    "CRLF": TABLE.replace("\n", "\r\n"),
    "CR": TABLE.replace("\n", "\r"),
    "quotes": "\n".join('"' + row.replace(",", '","') + '"' for row in ROWS),
    "blanks": TABLE.replace(",", " , "),
    "quotes behind blanks": TABLE.replace(",a", ', "a"'),
    "a mark": "\ufeff" + TABLE,
    "a mark and semicolons": "\ufeff" + TABLE.replace(",", ";"),
    "an empty line": TABLE + "\n\n",
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_are_read_as_programs_write_them(tmp_path, case, encoding):
    folder_of(tmp_path)
    (tmp_path / "factors.csv").write_bytes(WRITTEN[case].encode(encoding))
    found = images.load(str(tmp_path))
    np.testing.assert_array_equal(found.factors.T, [[0, 1, 2] * 2, [0, 1] * 3])
    assert found.factor_names == ("hue", "place")


def test_numbers_with_commas_are_numbers_behind_semicolons(tmp_path):
    folder_of(tmp_path)
    values = ["10,5", "9,25", "-1", "9,25", "0,5", "10,5"]
    rows = [f"{i}.png;{value}" for i, value in enumerate(values)]
    (tmp_path / "factors.csv").write_text("\n".join(["file;angle", *rows]))
    found = images.load(str(tmp_path))
    np.testing.assert_array_equal(found.factors[:, 0], [3, 2, 0, 2, 1, 3])


def test_names_may_have_any_letters_and_accents_of_any_system(tmp_path):
    place = tmp_path / "Grüße 日本"
    place.mkdir()
    for name in ("e\u0301.png", '日本, "1".png'):  # é as macOS writes it
        (place / name).write_bytes(good.photo(DISCS[0]))
    text = 'file,hue\n"日本, ""1"".png",rot\n\u00e9.png,grün\n'
    (place / "factors.csv").write_text(text, encoding="utf-8")
    found = images.load(str(place))
    np.testing.assert_array_equal(found.factors[:, 0], [0, 1])


def test_too_little_memory_for_an_image_is_called_that(tmp_path, monkeypatch):
    def full(self, *arguments):
        raise MemoryError

    folder_of(tmp_path)
    monkeypatch.setattr(Image.Image, "convert", full)
    words = "too little memory is left to read it"
    assert_refused(tmp_path, tmp_path / "0.png", words)
