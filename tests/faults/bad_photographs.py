"""Damaged and hostile files of the image data sets, and the command that reads them."""

import gzip
import io
import zlib

import h5py
import numpy as np

from tests.faults import damage
from tests.faults.damage import BadInput

_Table = list[tuple[str, dict[str, bytes], str]]


def bad_inputs() -> list[BadInput]:
    """All files, each with the line that refuses it."""
    tables = {"shapes3d": _shapes(), "small_norb": _norb(), "celeb_a": _faces()}
    tables |= {"mpi3d": _arm(), "cars3d": _cars(), "images": _own()}
    return [
        BadInput(f"{name} {title}", "main", _arguments(name, files), files, words)
        for name, table in tables.items()
        for title, files, words in table
    ]


def _arguments(name: str, files: dict[str, bytes]) -> tuple[str, ...]:
    """The command line; it names a single file itself, several by their folder."""
    (first, *rest) = files
    place = "{}" if rest or first.endswith((".png", ".csv")) else f"{{}}/{first}"
    return (
        "--config=configs/images.py:smoke",
        f"--config.data.name={name}",
        f"--config.data.path={place}",
        "--config.data.side=16",
    )


def _shapes() -> _Table:
    arrays = damage.shapes()
    whole = damage.shapes_file(arrays)

    def changed(**others: np.ndarray) -> bytes:
        return damage.shapes_file(arrays | others)

    def bomb() -> bytes:
        buffer = io.BytesIO(whole)
        with h5py.File(buffer, "r+") as file:
            content = zlib.compress(bytes(2**24), 9)
            file["images"].id.write_direct_chunk((0, 0, 0, 0), content)
        return buffer.getvalue()

    return [
        ("empty", {"a.h5": b""}, "expected an intact file; got the error"),
        ("cut", {"a.h5": whole[: len(whole) // 2]}, "expected an intact file; got the"),
        ("few", {"a.h5": whole}, "data.points must be at most 48, or 0 for all; got 5"),
        (
            "grey",
            {"a.h5": changed(images=arrays["images"][..., :1])},
            "expected images [N ≤ 480000, 64, 64, 3]; got [48, 64, 64, 1]",
        ),
        (
            "NaN",
            {"a.h5": changed(labels=arrays["labels"] * np.nan)},
            "expected finite values of floor_hue; got nan",
        ),
        ("bomb", {"a.h5": bomb()}, "data.points must be at most 48"),
    ]


def _norb() -> _Table:
    files = damage.norb_files(training=damage.norb(), testing=None)
    images, categories, _ = files
    many = np.array([0x1E3D4C55, 4, 24_301, 2, 96, 96], "<i4").tobytes()
    bomb = gzip.compress(files[categories] + bytes(2**24), 9)
    return [
        ("nothing", {"a": b"", "b": b""}, "expected a folder with smallnorb-5x46789x9"),
        ("one file", {"a": b"", images: files[images]}, "-cat.mat.gz; got none"),
        ("magic", files | {categories: files[images]}, "got 0x1e3d4c55 and 4"),
        ("bomb", files | {categories: bomb}, "the end of the data; got more"),
        ("fewer", files | {categories: files[categories][:-4]}, "the data end early"),
        ("few", files, "data.points must be at most 30, or 0 for all"),
        ("many", files | {images: many}, "data.points must be at most 30"),
    ]


def _faces() -> _Table:
    face = damage.photo(damage.discs(1, 218, 178)[0], "JPEG")
    return [
        ("empty", {"a.zip": b""}, "expected an intact file; got the error"),
        ("no images", {"a.zip": damage.archive({"../a": b""})}, "files .jpg; got 0"),
        ("few", {"a.zip": damage.archive({"1.jpg": face})}, "must be at most 1, or 0"),
    ]


def _arm() -> _Table:
    part = damage.mpi3d()

    def packed(**others: np.ndarray) -> dict[str, bytes]:
        return {"a.npz": damage.npz(part | others)}

    alone = {"a.npz": damage.npz({"images": part["images"]})}
    return [
        ("empty", {"a.npz": b""}, "expected an intact file; got the error"),
        ("few", packed(), "data.points must be at most 24, or 0 for all; got 5"),
        ("part", alone, "uint8 [1036800 or 460800, 64, 64, 3]; got uint8 [24, 64, 6"),
        ("side", packed(images=part["images"][:, :32]), "got uint8 [24, 32, 64, 3]"),
        ("columns", packed(factors=part["factors"][:, :6]), "got int64 [24, 6]"),
        ("classes", packed(factors=part["factors"] + 1), "object_color 0..5; got 1..6"),
    ]


def _cars() -> _Table:
    (name, images), *_ = damage.cars(1).items()
    file = damage.car_file(images)
    whole = damage.cars_archive({name: file})
    bomb = damage.car_file(np.zeros((128, 128, 3, 24, 40), np.uint8))

    def fleet(content: bytes) -> dict[str, bytes]:
        return {f"{i}.mat": content for i in range(6)}

    return [
        ("empty", {"a.tar.gz": b""}, "expected 1 to 183 files cars/*.mat"),
        ("cut", {"a.tar.gz": whole[: len(whole) // 2]}, "expected an intact file; got"),
        ("few", {"a.tar.gz": whole}, "data.points must be at most 96, or 0 for all"),
        ("text", fleet(b"no file"), "expected a file of MATLAB 5 to 7"),
        (
            "grey",
            fleet(damage.car_file(images[:, :, 0])),
            "got class 9 [128, 128, 24, 4]",
        ),
        ("bomb", fleet(bomb), "got class 9 [128, 128, 3, 24, 40]"),
        (
            "floats",
            fleet(damage.car_file(images / 255)),
            "got class 6 [128, 128, 3, 24,",
        ),
    ]


def _own() -> _Table:
    discs = damage.discs(512, 16, 16)
    ranks = np.arange(1024).reshape(512, 2) % 7

    def packed(**arrays: np.ndarray) -> dict[str, bytes]:
        return {"a.npz": damage.npz(arrays)}

    def folder(table: bytes, **others: bytes) -> dict[str, bytes]:
        return {"0.png": damage.photo(discs[0]), "factors.csv": table} | others

    large = damage.bomb("images.npy", b"", 64, {})
    return [
        ("text", {"a.npz": b"no archive"}, "expected an intact file; got the error"),
        ("names", packed(x=discs), "expected arrays images; got ['x']"),
        ("float", packed(images=discs / 255), "of type uint8; got float64"),
        ("pickled", packed(images=np.array([{}])), "pickled objects, which are never"),
        ("bomb", {"a.npz": large}, "expected an intact file; got the error"),
        ("small", packed(images=discs[:, :8]), "16×16 pixels or more; got 8×16"),
        (
            "continuous",
            packed(images=damage.discs(1001, 16, 16), factors=np.arange(1001)),
            "expected at most 1,000 values of factor_0; got 1,001",
        ),
        (
            "factors",
            packed(images=discs, factors=ranks[:9]),
            "expected factors [512, F]; got [9, 2]",
        ),
        ("table", folder(b"name,hue\n"), "a header of file and names of factors"),
        ("row", folder(b"file,hue\n1.png,3\n"), "a row for each image; got none of 0"),
        ("no text", folder(b"\xff\xfe\n"), "expected a text in UTF-8; got other bytes"),
        ("other", {"a.bmp": b""}, "a folder of PNG or JPEG images, an .npz or an .npy"),
        ("no image", {"0.png": b"no image"}, "data.points must be at most 1"),
    ]
