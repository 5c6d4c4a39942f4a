"""Small good files of the image data sets, in the layout of the real ones."""

import io
import tarfile
from typing import Any

import h5py
import numpy as np
import scipy.io
from PIL import Image

from decomp.datasets import mpi3d as mpi3d_set
from decomp.datasets import shapes3d

SHAPES = 48  # images
_HUES = np.arange(10) / 10
_VALUES = (
    *(_HUES, _HUES, _HUES),
    *(np.linspace(0.75, 1.25, 8), np.arange(4.0), np.linspace(-30, 30, 15)),
)
_TRAINING, _TESTING = (
    "smallnorb-5x46789x9x18x6x2x96x96-training",
    "smallnorb-5x01235x9x18x6x2x96x96-testing",
)


def shapes() -> dict[str, np.ndarray]:
    """Coloured squares on coloured floors, under the names of 3D Shapes."""
    rng = np.random.default_rng(0)
    classes = np.stack(
        [np.arange(SHAPES) % size for size in shapes3d.FACTOR_SIZES], axis=1
    )
    images = rng.integers(0, 40, (SHAPES, 64, 64, 3)).astype(np.uint8)
    for image, (floor, wall, hue, size, *_) in zip(images, classes, strict=True):
        image[32:, :, 0] += np.uint8(20 * floor)
        image[:32, :, 1] += np.uint8(20 * wall)
        image[24 : 30 + 2 * size, 24:40, 2] += np.uint8(20 * hue)
    labels = [values[column] for values, column in zip(_VALUES, classes.T, strict=True)]
    return {"images": images, "labels": np.stack(labels, axis=1), "classes": classes}


def shapes_file(arrays: dict[str, np.ndarray], **options: Any) -> bytes:
    """The bytes of an HDF5 file of 3D Shapes; `options` are those of its images."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        options = {
            "chunks": (5, *arrays["images"].shape[1:]),
            "compression": 4,
        } | options
        file.create_dataset("images", data=arrays["images"], **options)
        file["labels"] = arrays["labels"]
    return buffer.getvalue()


def matrix(array: np.ndarray, magic: int | None = None) -> bytes:
    """The bytes of a matrix of Small NORB: its header has three extents at least."""
    number = magic or {1: 0x1E3D4C55, 4: 0x1E3D4C54}[array.itemsize]
    extents = [*array.shape, *[1] * (3 - array.ndim)]
    return np.array([number, array.ndim, *extents], "<i4").tobytes() + array.tobytes()


def norb(count: int = 30) -> dict[str, np.ndarray]:
    """Pairs of images in the layout of Small NORB, the right ones black."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, 2, 96, 96), np.uint8)
    images[:, 1] = 0
    order = np.arange(count)
    columns = [order % 10, order % 9, 2 * (order % 18), order % 6]
    return {
        "dat": images,
        "cat": (order % 5).astype("<i4"),
        "info": np.stack(columns, axis=1).astype("<i4"),
    }


def norb_files(*, training: dict | None, testing: dict | None) -> dict[str, bytes]:
    """Names and bytes of the matrices of a set, or of both."""
    sets = {_TRAINING: training, _TESTING: testing}
    return {
        f"{stem}-{kind}.mat": matrix(array)
        for stem, arrays in sets.items()
        for kind, array in (arrays or {}).items()
    }


def mpi3d(count: int = 24) -> dict[str, np.ndarray]:
    """A part of MPI3D, discs in place of objects, with its classes."""
    columns = [np.arange(count) % size for size in mpi3d_set.FACTOR_SIZES]
    return {"images": discs(count), "factors": np.stack(columns, axis=1)}


def cars(count: int = 2) -> dict[str, np.ndarray]:
    """The arrays of Cars3D by the names of their files: a bar for each of the views."""
    found = {}
    for i in range(count):
        images = np.zeros((128, 128, 3, 24, 4), np.uint8)
        for azimuth, elevation in np.ndindex(24, 4):
            bar = images[:, :, i % 3, azimuth, elevation]
            bar[8 * elevation : 8 * elevation + 16, 5 * azimuth : 5 * azimuth + 8] = 255
        found[f"car_{i + 1:03d}_mesh"] = images
    return found


def car_file(images: np.ndarray, *, compressed: bool = True) -> bytes:
    """The bytes of the MATLAB file of a car, with its mask in front."""
    buffer = io.BytesIO()
    arrays = {"mask": np.zeros((4, 4)), "im": images}
    scipy.io.savemat(buffer, arrays, do_compression=compressed)
    return buffer.getvalue()


def cars_archive(files: dict[str, bytes]) -> bytes:
    """The bytes of the archive of Cars3D; other files stand before and behind."""
    buffer = io.BytesIO()
    names = {f"data/cars/{name}.mat": content for name, content in files.items()}
    others = {"data/cars/list.txt": b"\n".join(name.encode() for name in files)}
    last = {"data/shapes48.mat": bytes(700), "data/cars/._car_001_mesh.mat": b"no"}
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        folder = tarfile.TarInfo("data/cars")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in (others | names | last).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def photo(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image `[H, W]` or `[H, W, C]`, uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def discs(count: int = 24, height: int = 64, width: int = 64) -> np.ndarray:
    """Coloured discs that move, uint8 `[N, H, W, 3]`."""
    y, x = np.mgrid[:height, :width]
    images = np.zeros((count, height, width, 3), np.uint8)
    for i, image in enumerate(images):
        centre = height * (i % 4 + 1) / 5, width * (i // 4 % 3 + 1) / 4
        inside = np.hypot(y - centre[0], x - centre[1]) < min(height, width) / 6
        image[inside, i % 3] = 255
    return images
