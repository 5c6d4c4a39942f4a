"""Tables of factors as users and their programs write them."""

import numpy as np
import pytest

from decomp.datasets import images
from tests.decomp.datasets.test_images import (
    DISCS,
    ROWS,
    TABLE,
    assert_refused,
    folder_of,
)
from tests.faults import damage

TABLES = {
    "empty": ("", None),
    "header": (TABLE.replace("file", "name"), "a header of file and names of factors"),
    "no factors": ("file\n0.png", "a header of file and names of factors"),
    "twice a name": (
        TABLE.replace("place", "hue"),
        "all different; got 'file,hue,hue'",
    ),
    "row left out": ("\n".join(ROWS[:-1]), "a row for each image; got none of 5.png"),
    "row too many": (
        TABLE + "\n9.png,1,a",
        "for each image; got 9.png, which is no image",
    ),
    "path": (
        TABLE + "\n../0.png,1,a",
        r"for each image; got \.\./0.png, which is no image",
    ),
    "row twice": (TABLE + "\n0.png,1,a", "for each image; got 0.png twice"),
    "ragged": (TABLE + "\n6.png,1", "expected 3 fields in a row; got 2 in row 8"),
    "no value": (TABLE.replace(",0,a", ",,a", 1), "a value of hue everywhere; got ''"),
    "missing": (TABLE.replace(",b", ",NA"), "a value of place everywhere; got 'NA'"),
    "a folder": (None, "expected an intact file; got the error"),
    "quotes": (TABLE + '\n"', "expected an intact file; got the error"),
    "NUL": (TABLE.replace("1.png", "1\0.png"), "expected "),
}


@pytest.mark.parametrize("case", TABLES)
def test_bad_tables_are_named(tmp_path, case):
    table, message = TABLES[case]
    folder_of(tmp_path)
    if table is None:
        (tmp_path / "factors.csv").mkdir()
    else:
        (tmp_path / "factors.csv").write_text(table)
    words = message or "a header of file and names of factors"
    assert_refused(tmp_path, tmp_path / "factors.csv", words)


def test_a_table_in_another_encoding_is_named(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "factors.csv").write_bytes(b"file,\xff\xfe\n")
    words = "expected a text in UTF-8; got other bytes"
    assert_refused(tmp_path, tmp_path / "factors.csv", words)
    (tmp_path / "factors.csv").write_text("file,hue\n0.png,grün", encoding="latin-1")
    assert_refused(tmp_path, tmp_path / "factors.csv", words)


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
    "the rows' numbers": "\n".join(
        f"{i - 1 if i else ''},{row}" for i, row in enumerate(ROWS)
    ),
    "the rows' numbers again": "\n".join(
        f"{i - 1 if i else 'Unnamed: 0'},{row}" for i, row in enumerate(ROWS)
    ),
    "a comma at the end": TABLE.replace("\n", ",\n") + ",",
    "the file last": "\n".join(
        ",".join([*row.split(",")[1:], row.split(",")[0]]) for row in ROWS
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_of_other_formats_are_read(tmp_path, case, encoding):
    folder_of(tmp_path)
    (tmp_path / "factors.csv").write_bytes(WRITTEN[case].encode(encoding))
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.factors.T, [[0, 1, 2] * 2, [0, 1] * 3])
    assert data.factor_names == ("hue", "place")


def test_decimal_commas_are_read_between_semicolons(tmp_path):
    folder_of(tmp_path)
    values = ["10,5", "9,25", "-1", "9,25", "0,5", "10,5"]
    rows = [f"{i}.png;{value}" for i, value in enumerate(values)]
    (tmp_path / "factors.csv").write_text("\n".join(["file;angle", *rows]))
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.factors[:, 0], [3, 2, 0, 2, 1, 3])


def test_names_may_have_any_letters_and_accents_of_any_system(tmp_path):
    place = tmp_path / "Grüße 日本"
    place.mkdir()
    for name in ("e\u0301.png", '日本, "1".png'):  # é as macOS writes it
        (place / name).write_bytes(damage.photo(DISCS[0]))
    text = 'file,hue\n"日本, ""1"".png",rot\n\u00e9.png,grün\n'
    (place / "factors.csv").write_text(text, encoding="utf-8")
    data = images.load(str(place))
    np.testing.assert_array_equal(data.factors[:, 0], [0, 1])
