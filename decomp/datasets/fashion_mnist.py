"""Fashion-MNIST: grey images of 28 × 28 pixels of clothes and shoes, in ten classes.

The 60,000 training images are read from a file or downloaded by tensorflow-datasets;
`garments` draws a stand-in that needs neither.

| file                                             | images                        |
| ------------------------------------------------ | ----------------------------- |
| train-images-idx3-ubyte, train-labels-idx1-ubyte | IDX, with .gz or without      |
| .npz                                             | `images` uint8 [N, 28, 28] or |
|                                                  | [N, 784], `labels` int [N]    |

Source: Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from decomp.datasets.readers import download, npz

CLASS_NAMES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
_IMAGES, _LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_SIDE = 28  # pixels
_MOST = 70_000  # images of the training and the test set
_MOST_BYTES = _MOST * (_SIDE**2 + 8) + 2048  # images, int64 labels and two headers


class LabelledImages(NamedTuple):
    """Images with their classes, in the order of the file."""

    pixels: np.ndarray  # [N, 784] uint8, row by row from the top, 0 the background
    labels: np.ndarray  # [N] uint8, places in CLASS_NAMES


def load(path: str = "", *, source: str) -> LabelledImages:
    """Loads the data set.

    Args:
        path: With "file", an .npz, the folder of the IDX training files, or an IDX file
            of images with its labels beside it; with "tfds", the data folder, by
            default that of tensorflow-datasets.
        source: "file" or "tfds".

    Returns:
        Images and labels; N = 60,000 unless the file has another number.
    """
    download.check_source(source, "file", "tfds")
    if source == "tfds":
        names = (f"{_IMAGES}.gz", f"{_LABELS}.gz")
        return _read_pair(*download.fetch("fashion_mnist", names, path))
    return _read(Path(path).expanduser())


def _read(path: Path) -> LabelledImages:
    if path.suffix.lower() == ".npz":
        arrays = npz.read(path, ("images", "labels"), most=_MOST_BYTES)
        with npz.naming(path):
            return _checked(arrays["images"], arrays["labels"])
    images = path / _IMAGES if path.is_dir() else path
    labels = images.name.replace("images-idx3", "labels-idx1")
    if labels == images.name:
        raise ValueError(
            f"{path}: expected a folder, an .npz or a file named like {_IMAGES}."
        )
    return _read_pair(*(_existing(file) for file in (images, images.with_name(labels))))


def _read_pair(images: Path, labels: Path) -> LabelledImages:
    """Reads an IDX file of images and the IDX file of their labels."""
    pixels = _idx(images, _SIDE, _SIDE)
    classes = _idx(labels)
    with npz.naming(labels):
        return _checked(pixels, classes)


def _existing(path: Path) -> Path:
    """The file of this name, or of the name with .gz added or removed."""
    zipped = path.suffix == ".gz"
    other = path.with_suffix("") if zipped else path.with_name(f"{path.name}.gz")
    for file in (path, other):
        if file.is_file():
            return file
    raise ValueError(f"{path}: expected this file or {other.name}; got neither.")


def _checked(images: np.ndarray, labels: np.ndarray) -> LabelledImages:
    count = len(images) if images.ndim else 0
    if not 0 < count <= _MOST or images.shape[1:] not in ((_SIDE, _SIDE), (_SIDE**2,)):
        raise ValueError(
            f"expected images [N ≤ 70000, 28, 28]; got {list(images.shape)}"
        )
    if labels.shape != (count,):
        raise ValueError(f"expected labels [{count}]; got {list(labels.shape)}")
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"expected images uint8, labels integer; got {images.dtype}, {labels.dtype}"
        )
    if not 0 <= labels.min() <= labels.max() < len(CLASS_NAMES):
        raise ValueError(f"expected labels 0..9; got {labels.min()}..{labels.max()}")
    pixels = np.ascontiguousarray(images).reshape(count, _SIDE**2)
    return LabelledImages(pixels, labels.astype(np.uint8))


def _idx(path: Path, *sides: int) -> np.ndarray:
    """Reads bytes `[N, *sides]`: magic number, extents (big-endian), then the bytes.

    Never reads more than the header declares, whatever a zipped file expands to.
    """
    with npz.naming(path), path.open("rb") as raw:
        file = npz.unzipped(raw)
        magic, *shape = (
            int.from_bytes(file.read(4), "big") for _ in range(2 + len(sides))
        )
        expected = 0x0801 + len(sides)  # unsigned bytes, number of axes
        if magic != expected:
            raise ValueError(f"expected the magic number {expected}; got {magic}")
        if shape[1:] != list(sides) or not 0 < shape[0] <= _MOST:
            extents = ", ".join(["N ≤ 70000", *map(str, sides)])
            raise ValueError(f"expected extents [{extents}]; got {shape}")
        size = math.prod(shape)
        data = file.read(size + 1)  # beyond the end, where gzip compares the checksum
        if len(data) != size:
            amount = "fewer" if len(data) < size else "more"
            raise ValueError(f"expected {size} bytes behind the header; got {amount}")
    return np.frombuffer(data, np.uint8).reshape(shape)
