r"""Reads a table of the factors of images, `factors.csv`.

A column `file` names the image, with / or \ between folders. Every other column is a
factor, except one without a name, in which pandas writes the numbers of the rows.
Columns are separated by commas, semicolons or tabs; with semicolons, 0,5 is a number,
as 0.5 is. The text is UTF-8, or UTF-16 with a byte-order mark.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decomp.datasets.readers import npz

_FILE = "file"
# The names that pandas gives to an index column, and to one that it has read again.
_NAMELESS = re.compile(r"$|Unnamed: \d+$")
_MOST_BYTES = 2**28
_BETWEEN = re.compile(r"[^,;\t\r\n]*([,;\t])")  # finds the first separator
_MARK = "\ufeff"  # the byte-order mark; Excel writes it before UTF-8 too
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Reads the values of the factors of images, in the order of their names.

    Args:
        path: The table.
        names: The names of the images, with / between folders.

    Returns:
        Strings `[N]` by name of the factor.

    Raises:
        ValueError: One line that begins with the path, if the table does not have
            exactly one row for each image.
    """
    with npz.naming(path):
        npz.check_size(path.stat().st_size, _MOST_BYTES)
        text = _text(path.read_bytes())
        between = match[1] if (match := _BETWEEN.match(text)) else ","
        header, *rows = _named(_rows(text, between))
        table = _by_file(rows)
        plain = [_plain(name) for name in names]
        _check_names(table, plain)
        columns = zip(*(table[name] for name in plain), strict=True)
        return {
            name: np.array(_with_points(column) if between == ";" else column)
            for name, column in zip(header[1:], columns, strict=True)
        }


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-16" if content[:2] in _UTF16 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("expected a text in UTF-8; got other bytes") from error
    return text.removeprefix(_MARK)


def _named(rows: list[list[str]]) -> list[list[str]]:
    """The rows with the column `file` first, and without columns that have no name."""
    header = rows[0]
    columns = [i for i, name in enumerate(header) if not _NAMELESS.match(name)]
    names = [header[i] for i in columns]
    if _FILE not in names or len(set(names)) < len(names) or len(names) < 2:
        raise ValueError(
            "expected a header of file and names of factors, all different; got "
            f"{','.join(header)[:200]!r}"
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"expected {len(header)} fields in a row; got {len(row)} in row "
                f"{number}"
            )
    columns.sort(key=lambda i: header[i] != _FILE)
    return [[row[i] for i in columns] for row in rows]


def _rows(text: str, between: str) -> list[list[str]]:
    """The rows that are not empty, without blanks around values; at least one."""
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=between,
            skipinitialspace=True,
            strict=True,
        )
        return [[cell.strip() for cell in row] for row in reader if row] or [[]]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _by_file(rows: list[list[str]]) -> dict[str, list[str]]:
    """The values of the factors by name of the file."""
    table: dict[str, list[str]] = {}
    for name, *values in rows:
        if _plain(name) in table:
            raise ValueError(f"expected a row for each image; got {name} twice")
        table[_plain(name)] = values
    return table


def _check_names(table: dict[str, list[str]], names: list[str]) -> None:
    """Checks that each image has a row and each row an image."""
    missing = [name for name in names if name not in table]
    strange = set(table).difference(names)
    if missing or strange:
        words = (
            f"none of {missing[0]}" if missing else f"{min(strange)}, which is no image"
        )
        raise ValueError(f"expected a row for each image; got {words}")
    if len(names) > len(table):
        raise ValueError(
            f"expected a row for each image; got {len(table):,} for {len(names):,}"
        )


def _plain(name: str) -> str:
    """A name with / between folders and composed accents, whatever system wrote it."""
    slashes = name.replace("\\", "/").removeprefix("./")
    return unicodedata.normalize("NFC", slashes)


def _with_points(column: Sequence[str]) -> Sequence[str]:
    """Replaces decimal commas by points, if all values are numbers."""
    pointed = [value.replace(",", ".") for value in column]
    try:
        np.array(pointed, np.float64)
    except ValueError:
        return column
    return pointed
