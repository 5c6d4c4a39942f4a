"""Damaged and hostile files of arrays, and the commands that read them."""

import gzip
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from tests.faults import damage
from tests.faults.damage import BadInput, flipped

SPARSE = ("--config=configs/sparse.py:smoke", "--config.data.source=file")
SHAPES = (
    "--config=configs/shapes_anisotropic.py:laptop,smoke",
    "--config.data.source=file",
)


def bad_inputs(folder: pathlib.Path) -> list[BadInput]:
    """All bad inputs; `folder` will hold their files."""
    return [*_sprites(folder), *_clothes()]


def _sprites(folder: pathlib.Path) -> list[BadInput]:
    good = damage.sprites()
    images, classes = good["imgs"], good["latents_classes"]
    whole, hdf5 = damage.npz(good), damage.hdf5(good)
    head = damage.declaring("(737280, 64, 64)")
    table = damage.npy(classes)

    def bad(**changes: np.ndarray) -> bytes:
        return damage.npz(good | changes)

    npz = [
        ("empty", b"", "expected an intact file; got the error"),
        ("text", b"no archive" * 50, "expected an intact file; got the error"),
        ("cut", whole[: len(whole) // 2], "expected an intact file; got the error"),
        ("flipped", flipped(whole, 5000), "Bad CRC-32"),
        (
            "absent",
            damage.npz({"x": images}),
            "expected arrays imgs and latents_classes",
        ),
        ("narrow", bad(imgs=images[:, :32]), "expected imgs [N ≤ 737280, 64, 64]"),
        ("fewer", bad(latents_classes=classes[:7]), "expected classes [16, 6]; got [7"),
        ("float", bad(imgs=images / 2), "expected imgs of type uint8; got float64"),
        ("grey", bad(imgs=images * np.uint8(9)), "expected pixels 0 and 1; got 9"),
        ("twice", bad(latents_classes=classes * 0), "expected every class once"),
        ("class 99", bad(latents_classes=classes + [0, 0, 0, 99, 0, 0]), "got 99"),
        ("NaN", bad(latents_classes=classes * np.nan), "an integer type; got float64"),
        ("pickled", bad(imgs=np.array([{}])), "got pickled objects, which are never"),
        ("pickled classes", bad(latents_classes=np.array([print])), "pickled objects"),
        (
            "bomb",
            damage.bomb("imgs.npy", head, 64, {"latents_classes.npy": table}),
            "[",
        ),
        (
            "bomb of classes",
            damage.bomb("latents_classes.npy", head, 64, {"imgs.npy": head}),
            "expected at most 35,390,464 bytes of arrays; got 67,108",
        ),
        (
            "lzma",
            damage.archive({"imgs.npy": head}, zipfile.ZIP_LZMA),
            "expected arrays stored or deflated",
        ),
        (
            "path",
            damage.archive({"../../imgs.npy": head, "/etc/passwd": b""}),
            "expected arrays imgs and latents_classes; got ['../../imgs'",
        ),
    ]
    other = folder / "other.hdf5"
    h5 = [
        ("empty", b"", "expected an intact file; got the error"),
        ("other", b"\x89HDF\r\n\x1a\n" + bytes(500), "expected an intact file"),
        ("cut", hdf5[: len(hdf5) // 2], "expected an intact file; got the error"),
        ("narrow", damage.hdf5({**good, "imgs": images[:, :32]}), "[N ≤ 737280, 64"),
        (
            "no classes",
            damage.hdf5(good, lambda file: file.__delitem__("latents")),
            "expected datasets imgs and latents/classes; got ['imgs']",
        ),
        ("bomb", damage.hdf5(good, damage.chunk_bomb), "got one that expands to more"),
        *(
            (name, damage.hdf5(good, change), "expected imgs in the file itself; got")
            for name, change in damage.outside(other)
        ),
    ]
    return [
        BadInput(
            f"dsprites .{kind} {name}", "dsprites", (f"{{}}/a.{kind}",), files, words
        )
        for kind, table in (("npz", npz), ("hdf5", h5))
        for name, content, words in table
        for files in [{f"a.{kind}": content, "other.hdf5": hdf5}]
    ] + [
        BadInput(
            "dsprites no file", "dsprites", ("{}/no.npz",), {}, "got no such file"
        ),
        BadInput(
            "dsprites folder", "dsprites", ("{}",), {}, "expected a file .npz, .hdf5"
        ),
        BadInput("dsprites nothing", "dsprites", (), {}, "required: file"),
        *(
            BadInput(
                f"data.path .{kind}",
                "main",
                (*SHAPES, f"--config.data.path={{}}/a.{kind}"),
                {f"a.{kind}": b""},
                "expected an intact file",
            )
            for kind in ("npz", "hdf5")
        ),
    ]


def _clothes() -> list[BadInput]:
    good = damage.clothes()
    images, labels = damage.idx(good["images"]), damage.idx(good["labels"])
    few = bytes.fromhex("00000803 ffffffff 0000001c 0000001c")
    pairs: list[tuple[str, Callable[[bytes], bytes], bytes, str]] = [
        ("empty", bytes, b"", "expected the magic number 2051; got 0"),
        ("cut", bytes, images[:-1], "bytes behind the header; got fewer"),
        ("longer", bytes, images + b"0", "bytes behind the header; got more"),
        ("labels", bytes, labels, "expected the magic number 2051; got 2049"),
        ("many", bytes, few, "expected extents [N ≤ 70000, 28, 28]; got [4294967295"),
        ("cut .gz", lambda c: gzip.compress(c)[:99], images, "expected an intact file"),
        ("bomb", lambda c: damage.gzip_bomb(c, 64), images, "header; got more"),
    ]
    name, labels_name = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    arrays = [
        ("pickled", {**good, "labels": np.array([print])}, "pickled objects"),
        ("classes", {**good, "labels": good["labels"] + 9}, "labels 0..9; got 9..18"),
        ("float", {**good, "images": good["images"] / 255}, "images uint8, labels int"),
        (
            "names",
            {"x": good["images"]},
            "expected arrays images and labels; got ['x']",
        ),
    ]
    path = "--config.data.path={}"
    return [
        *(
            BadInput(
                f"fashion_mnist {title}",
                "main",
                (*SPARSE, path),
                {name: pack(content), labels_name: labels},
                words,
            )
            for title, pack, content, words in pairs
        ),
        *(
            BadInput(
                f"fashion_mnist .npz {title}",
                "main",
                (*SPARSE, f"{path}/a.npz"),
                {"a.npz": damage.npz(table)},
                words,
            )
            for title, table, words in arrays
        ),
        BadInput(
            "fashion_mnist .npz bomb",
            "main",
            (*SPARSE, f"{path}/a.npz"),
            {"a.npz": damage.bomb("images.npy", b"", 64, {"labels.npy": b""})},
            "expected at most 55,442,048 bytes of arrays; got 67,108,864",
        ),
    ]
