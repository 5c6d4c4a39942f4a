"""Downloads the original files of a data set by tensorflow-datasets.

TensorFlow itself is not needed: tensorflow-datasets supplies the addresses, the
checksums and the download folder, and the caller reads the files.
"""

import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from decomp import extras

_TIMEOUT = 3  # seconds; tensorflow-datasets alone retries for minutes


class _File(NamedTuple):
    url: str
    sha256: str
    by_hand: Path  # where a user may put the file


def check_source(source: str, *sources: str) -> None:
    """Raises ValueError for a source that is not among those known."""
    if source not in sources:
        raise ValueError(
            f"unknown source {source!r}; known: {', '.join(map(repr, sources))}."
        )


def fetch(data_set: str, names: Sequence[str], folder: str = "") -> list[Path]:
    """Finds files that were downloaded or put there by hand, or downloads them.

    Args:
        data_set: Its name in tensorflow-datasets.
        names: The wanted files, as tensorflow-datasets names them.
        folder: Data folder of tensorflow-datasets; by default `$TFDS_DATA_DIR`, else
            `~/tensorflow_datasets`.

    Returns:
        Paths in the order of `names`; checksums were verified after the download.
    """
    extras.require("tensorflow_datasets")
    import tensorflow_datasets as tfds

    default = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = Path(folder or default).expanduser()
    builder = tfds.builder(data_set, data_dir=root, try_gcs=False)
    downloads = root / "downloads"
    manual = downloads / "manual"
    registered = {
        str(info.filename): _File(url, str(info.checksum), manual / str(info.filename))
        for url, info in (builder.url_infos or {}).items()
    }
    files = [registered[name] for name in names]
    missing = [
        file
        for file in files
        if not (file.by_hand.exists() or _downloaded(downloads, file.url))
    ]
    if missing:
        _check_connection(missing)
    manager = tfds.download.DownloadManager(
        download_dir=downloads,
        manual_dir=manual,
        url_infos=builder.url_infos,
        dataset_name=builder.name,
        force_checksums_validation=True,
    )
    return [_get(manager, file) for file in files]


def _get(manager: Any, file: _File) -> Path:
    from tensorflow_datasets.core.download import download_manager, util

    try:
        return Path(manager.download(file.url))
    except download_manager.NonMatchingChecksumError as error:
        raise ValueError(
            f"{file.by_hand}: expected sha256 {file.sha256} of {file.url}; "
            "got another file."
        ) from error
    except (OSError, util.DownloadError) as error:
        raise _failure([file], " ".join(str(error).split()).rstrip(".")) from error


def _downloaded(downloads: Path, url: str) -> bool:
    """Whether the record of a finished download names the address."""
    notes = (note for note in downloads.rglob("*.INFO") if note.is_file())
    return any(
        url in note.read_text(encoding="utf-8", errors="replace") for note in notes
    )


def _check_connection(files: list[_File]) -> None:
    url = urlsplit(files[0].url)
    proxy = getproxies().get(url.scheme)
    address = urlsplit(proxy or files[0].url)
    try:
        host, port = address.hostname or "", address.port
    except ValueError as error:
        raise _failure(files, f"expected a proxy; got {proxy} ({error})") from error
    problem = _connect(host, port or (80 if address.scheme == "http" else 443))
    if problem:
        raise _failure(files, f"no connection to {host} ({problem})")


def _connect(host: str, port: int) -> str:
    """Why there is no connection, or ""; looking up the name has no timeout."""
    problems = [f"no answer in {_TIMEOUT} s"]

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=_TIMEOUT).close()
            problems.append("")
        except (OSError, UnicodeError) as error:
            problems.append(str(error))

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_TIMEOUT)
    return problems[-1]


def _failure(files: list[_File], problem: str) -> ConnectionError:
    urls = " and ".join(file.url for file in files)
    places = " and ".join(f"{file.by_hand} (sha256 {file.sha256})" for file in files)
    return ConnectionError(
        f"cannot download {urls}: {problem}; these files may be put there by hand: "
        f"{places}."
    )
