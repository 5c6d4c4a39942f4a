"""Good files of every kind and functions that read them, for `fuzz` to damage."""

import gzip
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from decomp.datasets import (
    cars3d,
    celeb_a,
    dsprites,
    fashion_mnist,
    images,
    mpi3d,
    shapes3d,
    small_norb,
)
from decomp.datasets.readers import npz
from tests.faults import damage


class Loader(NamedTuple):
    """A good file and the function that reads it."""

    name: str
    content: bytes
    load: Callable[[pathlib.Path], object]


def all_of(folder: pathlib.Path) -> list[Loader]:
    """Good files with the functions that read them."""
    sprites, clothes, codes = damage.sprites(), damage.clothes(), damage.codes()
    labels = "train-labels-idx1-ubyte"
    (folder / labels).write_bytes(damage.idx(clothes["labels"]))
    images, packed = damage.idx(clothes["images"]), damage.npz(clothes, compressed=True)

    def read_arrays(path: pathlib.Path) -> object:
        return npz.read(path, most=2**30)

    def load_dsprites(path: pathlib.Path) -> object:
        return dsprites.load(str(path), source="file")

    def load_clothes(path: pathlib.Path) -> object:
        return fashion_mnist.load(str(path), source="file")

    return [
        *_photographs(folder),
        *_published(folder),
        Loader("a.npz", damage.npz(sprites), load_dsprites),
        Loader("b.npz", damage.npz(sprites, compressed=True), load_dsprites),
        Loader("c.hdf5", damage.hdf5(sprites), load_dsprites),
        Loader("train-images-idx3-ubyte", images, load_clothes),
        Loader("train-images-idx3-ubyte.gz", gzip.compress(images), load_clothes),
        Loader("d.npz", packed, load_clothes),
        Loader("e.npz", damage.npz(codes), read_arrays),
        Loader("f.npy", damage.npy(codes["codes"]), read_arrays),
    ]


def _photographs(folder: pathlib.Path) -> list[Loader]:
    """Good files of the photographic data sets, in their own folders."""
    (folder / "norb").mkdir()
    (folder / "own").mkdir()
    toys = damage.norb_files(training=damage.norb(3), testing=None)
    for name, content in toys.items():
        (folder / "norb" / name).write_bytes(content)
    discs = damage.discs(4, 24, 20)
    faces = {"1.jpg": damage.photo(discs[0], "JPEG")}
    table = b"file,hue\n0.png,1\n1.png,2\n"
    for i in (0, 1):
        (folder / "own" / f"{i}.png").write_bytes(damage.photo(discs[i]))
    (folder / "own" / "factors.csv").write_bytes(table)

    def load_shapes(path: pathlib.Path) -> object:
        return shapes3d.load(str(path), source="file", side=8)

    def load_norb(path: pathlib.Path) -> object:
        return small_norb.load(str(path.parent), source="file", side=8)

    def load_faces(path: pathlib.Path) -> object:
        return celeb_a.load(str(path), source="file", side=8)

    def load_own(path: pathlib.Path) -> object:
        return images.load(str(path if path.suffix == ".npz" else path.parent), side=8)

    own = {"images": discs, "factors": np.arange(8).reshape(4, 2)}
    return [
        Loader("g.h5", damage.shapes_file(damage.shapes()), load_shapes),
        *(Loader(f"norb/{name}", content, load_norb) for name, content in toys.items()),
        Loader("h.zip", damage.archive(faces), load_faces),
        Loader("i.npz", damage.npz(own, compressed=True), load_own),
        Loader("own/0.png", damage.photo(discs[0]), load_own),
        Loader("own/factors.csv", table, load_own),
    ]


def _published(folder: pathlib.Path) -> list[Loader]:
    """Good files of the data sets that users must download themselves."""
    (folder / "cars").mkdir()
    (car,) = map(damage.car_file, damage.cars(1).values())

    def load_mpi3d(path: pathlib.Path) -> object:
        return mpi3d.load(str(path), side=8)

    def load_cars(path: pathlib.Path) -> object:
        return cars3d.load(str(path.parent if path.suffix == ".mat" else path), side=8)

    return [
        Loader("j.npz", damage.npz(damage.mpi3d(4)), load_mpi3d),
        Loader("k.npz", damage.npz(damage.mpi3d(4), compressed=True), load_mpi3d),
        Loader("l.tar.gz", damage.cars_archive({"a": car, "b": car}), load_cars),
        Loader("cars/m.mat", car, load_cars),
    ]
