"""Fetches the official dSprites file through the registry of tensorflow-datasets.

TensorFlow itself is not needed: tensorflow-datasets supplies the address, the checksum
and the download folder; `dsprites_files` reads what arrives.
"""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

_TIMEOUT = 3  # seconds; tensorflow-datasets alone retries for minutes


def fetch(folder: str = "") -> Path:
    """The official .hdf5 file: downloaded before, put there by hand, or downloaded now.

    Args:
        folder: Data folder of tensorflow-datasets; by default `$TFDS_DATA_DIR`, else
            `~/tensorflow_datasets`.

    Returns:
        Path of the file, its checksum verified when it arrived.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager

    default = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = Path(folder or default).expanduser()
    builder = tfds.builder("dsprites", data_dir=root, try_gcs=False)
    ((url, info),) = (builder.url_infos or {}).items()
    downloads = root / "downloads"
    manual = downloads / "manual"
    by_hand = manual / str(info.filename)
    if not (by_hand.exists() or _downloaded(downloads, url)):
        _check_connection(
            url,
            advice=f"put the file there by hand: {by_hand} (sha256 {info.checksum})",
        )
    manager = tfds.download.DownloadManager(
        download_dir=downloads,
        manual_dir=manual,
        url_infos=builder.url_infos,
        dataset_name=builder.name,
        force_checksums_validation=True,
    )
    try:
        return Path(manager.download(url))
    except download_manager.NonMatchingChecksumError as error:
        raise ValueError(
            f"{by_hand}: expected sha256 {info.checksum} of {url}; got another file."
        ) from error


def _downloaded(downloads: Path, url: str) -> bool:
    """Whether a note of a finished download names the address."""
    return any(url in note.read_text() for note in downloads.rglob("*.INFO"))


def _check_connection(url: str, *, advice: str) -> None:
    proxy = getproxies().get(urlsplit(url).scheme)
    address = urlsplit(proxy or url)
    host, port = address.hostname or "", address.port or 443
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT).close()
    except OSError as error:
        raise ConnectionError(
            f"cannot download {url}: no connection to {host} ({error}); {advice}."
        ) from error
