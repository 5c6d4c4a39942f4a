"""Writes files so that no reader sees them incomplete."""

import csv
import io
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.system import signals


def write(path: pathlib.Path, content: bytes) -> None:
    """Writes a complete file, or none if it fails.

    Raises:
        OSError: One line, naming the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with signals.writing():
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            raise OSError(f"cannot write {path}: {error.strerror or error}.") from error
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON, with `Infinity` for infinity, as Python reads it."""
    write(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def write_csv(
    path: pathlib.Path, header: Sequence[str], lines: Iterable[Sequence[Any]]
) -> None:
    """Writes a table, with enough digits to read floats back unchanged."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    write(path, text.getvalue().encode())


def write_npz(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name, uncompressed."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    write(path, buffer.getvalue())
