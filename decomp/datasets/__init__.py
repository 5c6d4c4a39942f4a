"""Data sets as arrays with their factors: drawn, read from files, or downloaded."""

__all__ = [
    "cars3d",
    "celeb_a",
    "classes",
    "clusters",
    "dsprites",
    "fashion_mnist",
    "garments",
    "heads",
    "images",
    "moons",
    "mpi3d",
    "pinwheel",
    "principal",
    "raster",
    "readers",
    "renderers",
    "selection",
    "shapes3d",
    "shuffle",
    "small_norb",
]
