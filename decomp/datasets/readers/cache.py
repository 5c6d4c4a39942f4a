"""Arrays cached on disk, which are used only if their checksum is right."""

import hashlib
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

_log = logging.getLogger(__name__)


def folder() -> Path:
    """`$DECOMP_CACHE`, or `~/.cache/decomp` if that is not set.

    If the home folder is unknown, it is a path at which nothing can be written.
    """
    try:
        return Path(os.environ.get("DECOMP_CACHE") or "~/.cache/decomp").expanduser()
    except RuntimeError:
        return Path(os.devnull, "home folder is not known")


def bytes_of(
    path: Path, make: Callable[[], np.ndarray], *, sha256: str, row_bytes: int
) -> np.ndarray:
    """Reads the array of known checksum at `path`, or makes it and writes it there.

    A damaged file is replaced, and a folder that cannot be written to is no error; each
    gives one line in the log. The file is memory-mapped, so processes share its memory.

    Args:
        path: The file, which has the bytes of the array and nothing else.
        make: Computes the array, uint8 `[N, row_bytes]`.
        sha256: Hexadecimal checksum of the array's bytes.
        row_bytes: Length of the last axis.

    Returns:
        uint8 `[N, row_bytes]`, read-only if it was read from the file.
    """
    content = _read(path, sha256=sha256)
    if content is not None:
        return content.reshape(-1, row_bytes)
    array = make()
    digest = _sha256(array)
    if digest != sha256:
        raise RuntimeError(f"{path.name}: expected sha256 {sha256}; computed {digest}.")
    try:
        _write(path, array)
    except OSError as error:
        _log.warning(
            "%s cannot be written; the array is kept in memory only (%s).", path, error
        )
    return array


def _read(path: Path, *, sha256: str) -> np.ndarray | None:
    try:
        content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: the file is empty
        _log.warning("%s cannot be read and is made again (%s).", path, error)
        return None
    digest = _sha256(content)
    if digest == sha256:
        return content
    _log.warning("%s is damaged and is made again (its sha256 is %s).", path, digest)
    return None


def _write(path: Path, array: np.ndarray) -> None:
    """Writes beside `path`, then renames: readers see the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with open(partial, "xb") as file:
            file.write(np.ascontiguousarray(array).data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
