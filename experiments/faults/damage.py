"""Files as they should be, and what can be wrong with them, from bytes to bombs."""

import gzip
import io
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np

from decomp.datasets import dsprites

Change = Callable[[bytes], bytes]

_STEP = 46_080  # every so manieth image of dSprites: 16 of them
_MEGABYTE = bytes(2**20)


class Given(NamedTuple):
    """A command and the files it is given; `{}` stands for their folder."""

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
    """An archive of whose members one expands to many megabytes of zeros."""
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
    """Puts a chunk into `imgs` that expands to 16 MiB in place of 16 kB."""
    file["imgs"].id.write_direct_chunk((0, 0, 0), zlib.compress(16 * _MEGABYTE, 9))


def outside(target: pathlib.Path) -> Iterator[tuple[str, Callable[[h5py.File], None]]]:
    """Ways in which an HDF5 file may point at others."""

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
    """A file with one bit flipped."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def corrupted(content: bytes, rng: np.random.Generator) -> bytes:
    """A file cut, with bytes flipped, put in, or left out, at random."""
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
