"""Good files of each format, and damaged and hostile variants of them."""

import gzip
import io
import pathlib
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
import scipy.io
from PIL import Image

from decomp.datasets import dsprites, shapes3d
from decomp.datasets import mpi3d as mpi3d_set

_STEP = 46_080  # every 46,080th image of dSprites is used: 16 images
_MEGABYTE = bytes(2**20)


class BadInput(NamedTuple):
    """A command and its files; `{}` stands for their folder."""

    name: str
    command: str
    arguments: tuple[str, ...]
    files: dict[str, bytes]
    expects: str


def sprites() -> dict[str, np.ndarray]:
    """Sixteen images of dSprites, with their classes, under the names of its .npz."""
    factors = dsprites.factor_classes()[::_STEP].copy()
    images = np.unpackbits(dsprites.render(factors), axis=1).reshape(-1, 64, 64)
    return {
        "imgs": images,
        "latents_classes": np.insert(factors.astype(np.int64), 0, 0, axis=1),
    }


def clothes() -> dict[str, np.ndarray]:
    """Noise in the layout of Fashion-MNIST."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), np.uint8)
    return {"images": images, "labels": np.arange(40, dtype=np.uint8) % 10}


def codes() -> dict[str, np.ndarray]:
    """Codes and factors that can be scored."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (64, 2))
    return {"codes": factors + 0.1 * rng.normal(size=(64, 2)), "factors": factors}


def npz(arrays: dict[str, Any], *, compressed: bool = False) -> bytes:
    """The bytes of an .npz file; objects are pickled into it."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    """The bytes of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def hdf5(arrays: dict[str, np.ndarray], change: Callable | None = None) -> bytes:
    """The bytes of an .hdf5 file of dSprites; `change` may edit it before it closes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        images = arrays["imgs"]
        file.create_dataset(
            "imgs", data=images, chunks=(4, *images.shape[1:]), compression=4
        )
        file["latents/classes"] = arrays["latents_classes"]
        if change:
            change(file)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file."""
    return struct.pack(
        f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape
    ) + bytes(array)


def npy_header(text: str, *, version: int = 1) -> bytes:
    """An .npy header of any text, without data."""
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode("latin1")


def declaring(shape: str, dtype: str = "'|u1'") -> bytes:
    """An .npy header that declares any shape."""
    fields = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return npy_header(fields)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of any members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def bomb(name: str, head: bytes, megabytes: int, rest: dict[str, bytes]) -> bytes:
    """A ZIP archive with one member that expands to many megabytes of zeros."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for other, content in rest.items():
            file.writestr(other, content)
        with file.open(name, "w", force_zip64=True) as member:
            member.write(head)
            for _ in range(megabytes):
                member.write(_MEGABYTE)
    return buffer.getvalue()


def gzip_bomb(head: bytes, megabytes: int) -> bytes:
    """A gzip file that expands to `head` and many megabytes of zeros."""
    return gzip.compress(head + megabytes * _MEGABYTE, 9)


def chunk_bomb(file: h5py.File) -> None:
    """Puts a chunk into `imgs` that expands to 16 MiB instead of 16 kB."""
    file["imgs"].id.write_direct_chunk((0, 0, 0), zlib.compress(16 * _MEGABYTE, 9))


def outside(target: pathlib.Path) -> Iterator[tuple[str, Callable[[h5py.File], None]]]:
    """Ways in which an HDF5 file may refer to another file."""

    def link(file: h5py.File) -> None:
        del file["imgs"]
        file["imgs"] = h5py.ExternalLink(str(target), "imgs")

    def raw(file: h5py.File) -> None:
        del file["imgs"]
        place = [(str(target), 0, 16 * 64 * 64)]
        file.create_dataset("imgs", (16, 64, 64), np.uint8, external=place)

    def virtual(file: h5py.File) -> None:
        del file["imgs"]
        layout = h5py.VirtualLayout((16, 64, 64), np.uint8)
        layout[:] = h5py.VirtualSource(str(target), "imgs", (16, 64, 64))
        file.create_virtual_dataset("imgs", layout)

    yield from (("a link", link), ("raw data", raw), ("a virtual set", virtual))


def flipped(content: bytes, place: int) -> bytes:
    """A copy with one bit flipped at a byte."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def corrupted(content: bytes, rng: np.random.Generator) -> bytes:
    """A copy that is cut, or has bytes changed, inserted or removed, at random."""
    data = bytearray(content)
    kind = rng.integers(4)
    place = int(rng.integers(max(1, len(data))))
    if kind == 0:
        return bytes(data[:place])
    if kind == 1:
        for _ in range(int(rng.integers(1, 9))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        return bytes(data)
    length = int(rng.integers(1, 64))
    if kind == 2:
        data[place:place] = rng.bytes(length)
    else:
        del data[place : place + length]
    return bytes(data)


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
    """The bytes of a matrix of Small NORB, whose header has at least three extents."""
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
    """The matrix files of the training set, the test set, or both, by name."""
    sets = {_TRAINING: training, _TESTING: testing}
    return {
        f"{stem}-{kind}.mat": matrix(array)
        for stem, arrays in sets.items()
        for kind, array in (arrays or {}).items()
    }


def mpi3d(count: int = 24) -> dict[str, np.ndarray]:
    """A part of MPI3D with its classes; discs replace the objects."""
    columns = [np.arange(count) % size for size in mpi3d_set.FACTOR_SIZES]
    return {"images": discs(count), "factors": np.stack(columns, axis=1)}


def cars(count: int = 2) -> dict[str, np.ndarray]:
    """The arrays of Cars3D by file name, with one bar for each view."""
    cars = {}
    for i in range(count):
        images = np.zeros((128, 128, 3, 24, 4), np.uint8)
        for azimuth, elevation in np.ndindex(24, 4):
            bar = images[:, :, i % 3, azimuth, elevation]
            bar[8 * elevation : 8 * elevation + 16, 5 * azimuth : 5 * azimuth + 8] = 255
        cars[f"car_{i + 1:03d}_mesh"] = images
    return cars


def car_file(images: np.ndarray, *, compressed: bool = True) -> bytes:
    """The bytes of the MATLAB file of a car; its mask comes first."""
    buffer = io.BytesIO()
    arrays = {"mask": np.zeros((4, 4)), "im": images}
    scipy.io.savemat(buffer, arrays, do_compression=compressed)
    return buffer.getvalue()


def cars_archive(files: dict[str, bytes]) -> bytes:
    """The bytes of the archive of Cars3D, with other files around the cars."""
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
