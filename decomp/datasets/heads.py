"""Fifty heads, from many sides and in many lights: grey images with four factors.

They stand in for the 3D faces of Paysan et al. 2009, which may not be redistributed, on
the grid that Chen et al. 2018 (arXiv:1802.04942) scored: 50 identities × 21 azimuths ×
11 elevations × 11 lightings are 127,050 images of 64 × 64 pixels. Heads are symmetric:
the opposite azimuth and light give the mirror image.

They are drawn by sums, products, quotients, square roots, and sines rounded to 2⁻¹⁶:
every machine draws the same bytes.
"""

import chex
import numpy as np

from decomp.datasets import raster
from decomp.datasets.readers import cache
from decomp.datasets.renderers import heads_mesh, heads_raster, heads_shape
from decomp.datasets.renderers.heads_raster import SIDE

FACTOR_NAMES = ("identity", "azimuth", "elevation", "lighting")
FACTOR_SIZES = (heads_shape.NUM_IDENTITIES, 21, 11, 11)
NUM_IMAGES = 127_050
SHA256 = "824eeac348fce6e7532c1efff21780451f8f295be18281e17099a804223b3857"

_AZIMUTH_STEP = 6.0  # degrees; class 10 looks at the viewer, higher ones to the right
_ELEVATION_STEP = 5.0  # class 5 looks straight ahead, higher ones down
_LIGHT_STEP = 14.0  # class 5 lights from the front, higher ones from the right
_LIGHT_HEIGHT = 0.45  # of a light above the viewer, as a share of its distance


def factor_classes() -> np.ndarray:
    """The factors of the whole set in canonical order, light fastest; `[N, 4]`."""
    grid = np.indices(FACTOR_SIZES, dtype=np.uint8)
    return np.ascontiguousarray(grid.reshape(len(FACTOR_SIZES), -1).T)


def load(*, tell: raster.Tell = raster.nothing) -> np.ndarray:
    """Loads the whole set in canonical order, uint8 `[127050, 4096]`.

    It is drawn once, in about a minute, and kept in `$DECOMP_CACHE` or
    `~/.cache/decomp`.

    Args:
        tell: Called with a line before the heads are drawn.
    """

    def draw() -> np.ndarray:
        tell(f"  drawing {NUM_IMAGES:,} heads takes a minute on a CPU")
        return render(factor_classes())

    return cache.bytes_of(
        cache.folder() / "heads",
        draw,
        sha256=SHA256,
        row_bytes=SIDE * SIDE,
    )


def render(classes: np.ndarray) -> np.ndarray:
    """Draws the images of the given classes.

    Args:
        classes: Integer classes `[M, 4]` in the order of `FACTOR_NAMES`.

    Returns:
        Levels of grey, uint8 `[M, 4096]`, row by row from the top, 0 the background.
    """
    chex.assert_shape(classes, (None, len(FACTOR_SIZES)))
    if ((classes < 0) | (classes >= np.array(FACTOR_SIZES))).any():
        raise ValueError(
            f"expected classes below {FACTOR_SIZES} of {FACTOR_NAMES}; got "
            f"{classes.min(axis=0)} to {classes.max(axis=0)}."
        )
    who, azimuth, elevation, light = classes.astype(np.int64).T
    middle = FACTOR_SIZES[1] // 2
    mirrored = azimuth < middle
    turn = abs(azimuth - middle)
    light = np.where(mirrored, FACTOR_SIZES[3] - 1 - light, light)
    images = np.empty((len(classes), SIDE, SIDE), np.uint8)
    for identity in np.unique(who):
        mesh = heads_mesh.mesh(heads_shape.identity(identity))
        own = np.flatnonzero(who == identity)
        for group in _groups((turn * FACTOR_SIZES[2] + elevation)[own]):
            members = own[group]
            pictures = _lit(
                mesh, turn[members[0]], elevation[members[0]], light[members]
            )
            flip = mirrored[members][:, None, None]
            images[members] = np.where(flip, pictures[:, :, ::-1], pictures)
    return images.reshape(len(classes), SIDE * SIDE)


def _groups(values: np.ndarray) -> list[np.ndarray]:
    """Groups of the places that have equal values."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


def _lit(
    mesh: heads_mesh.Mesh, turn: int, elevation: int, lights: np.ndarray
) -> np.ndarray:
    """Images `[L, 64, 64]` of a head that looks ahead or to the right."""
    rotation = _rotation(turn * _AZIMUTH_STEP, (elevation - 5) * _ELEVATION_STEP)
    view = heads_raster.see(mesh, rotation)
    angle = np.radians((lights - 5) * _LIGHT_STEP)
    across, ahead = heads_mesh.sine(angle), heads_mesh.sine(angle + np.pi / 2)
    height = np.float32(_LIGHT_HEIGHT)
    far = np.sqrt(np.float32(1) + height * height)
    towards = np.stack([across / far, height / far + 0 * across, ahead / far])  # [3, L]
    eye = np.array([[0], [0], [1]], np.float32)
    return heads_raster.lit(
        view, _back(rotation, towards).T, _back(rotation, eye)[:, 0]
    )


def _rotation(azimuth: float, elevation: float) -> np.ndarray:
    """The rotation of a head to the right, then down; in degrees, float32 `[3, 3]`."""
    (sa, ca), (se, ce) = (
        (heads_mesh.sine(angle), heads_mesh.sine(angle + np.pi / 2))
        for angle in (np.radians(azimuth), np.radians(elevation))
    )
    rows = [[ca, 0, sa], [se * sa, ce, -se * ca], [-ce * sa, se, ce * ca]]
    return np.array(rows, np.float32)


def _back(rotation: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Directions `[3, L]` as the turned head sees them."""
    columns = rotation.T[:, :, None]
    return (columns[:, 0] * directions[0] + columns[:, 1] * directions[1]) + (
        columns[:, 2] * directions[2]
    )
