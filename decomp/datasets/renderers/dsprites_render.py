"""Draws every dSprites image by exact scan conversion, without a download.

A sprite is a closed polygon that is scaled, turned and moved; its vertices are rounded
to 1/256 pixel and a pixel is white iff its centre lies inside (left and bottom edges
belong to the inside, right and top edges do not). After the rounding every quantity is
an integer below 2^53, so the float64 arithmetic here is exact, and no vertex of the set
comes within 1e-7 of a rounding boundary: every machine draws the same bits.

An image is packed into 512 bytes as by `numpy.packbits`: row by row, 8 pixels a byte,
the leftmost pixel in the highest bit.

Source: Matthey et al. 2017, github.com/deepmind/dsprites-dataset; the outlines were
measured from the published images.
"""

import chex
import numpy as np

FACTOR_NAMES = ("shape", "scale", "orientation", "x", "y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
SHAPE_NAMES = ("square", "ellipse", "heart")
NUM_IMAGES = 737_280
NUM_BYTES = 512  # per packed image
SHA256 = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"

_NUM_OUTLINES = 3 * 6 * 40  # shape, scale, orientation
_NUM_POSITIONS = 32 * 32
_HALF = 9.6  # half the width of an unscaled square, pixels
_ALL_COLUMNS = np.uint64(2**64 - 1)


def factor_classes() -> np.ndarray:
    """The factors of the whole set in canonical order, `y` fastest; uint8 `[N, 5]`."""
    grid = np.indices(FACTOR_SIZES, dtype=np.uint8)
    return np.ascontiguousarray(grid.reshape(len(FACTOR_SIZES), -1).T)


def flat_index(factors: np.ndarray) -> np.ndarray:
    """The index of images in the canonical order.

    index = (((shape·6 + scale)·40 + orientation)·32 + x)·32 + y

    Args:
        factors: Integer classes `[..., 5]` in the order of `FACTOR_NAMES`.

    Returns:
        int64 `[...]`.
    """
    chex.assert_axis_dimension(factors, -1, len(FACTOR_SIZES))
    index = np.zeros(factors.shape[:-1], np.int64)
    for axis, (name, size) in enumerate(zip(FACTOR_NAMES, FACTOR_SIZES, strict=True)):
        column = factors[..., axis].astype(np.int64)
        if column.size and not (0 <= column.min() and column.max() < size):
            raise ValueError(
                f"expected classes 0..{size - 1} of factor {name!r}; "
                f"got {column.min()}..{column.max()}."
            )
        index = index * size + column
    return index


def render(classes: np.ndarray) -> np.ndarray:
    """Draws the images of the given classes.

    Args:
        classes: Integer classes `[M, 5]` in the order of `FACTOR_NAMES`.

    Returns:
        Packed images, uint8 `[M, 512]`.
    """
    chex.assert_shape(classes, (None, len(FACTOR_SIZES)))
    outlines, positions = np.divmod(flat_index(classes), _NUM_POSITIONS)
    packed = np.empty((len(classes), NUM_BYTES), np.uint8)
    order = np.argsort(outlines, kind="stable")
    starts = np.flatnonzero(np.diff(outlines[order])) + 1
    for members in np.split(order, starts) if len(order) else []:
        images = _images_at_every_position(int(outlines[members[0]]))
        packed[members] = images[positions[members]]
    return packed


def render_all() -> np.ndarray:
    """Draws the whole set in canonical order, uint8 `[737280, 512]`, in seconds."""
    packed = np.empty((_NUM_OUTLINES, _NUM_POSITIONS, NUM_BYTES), np.uint8)
    for outline in range(_NUM_OUTLINES):
        packed[outline] = _images_at_every_position(outline)
    return packed.reshape(NUM_IMAGES, NUM_BYTES)


def _images_at_every_position(outline: int) -> np.ndarray:
    """The 1024 images of one shape, scale and orientation, uint8 `[1024, 512]`."""
    shape, rest = divmod(outline, 6 * 40)
    scale, orientation = divmod(rest, 40)
    u, v = _polygon(shape)
    size, angle = 0.5 + 0.1 * scale, 2 * np.pi * orientation / 39
    x = size * (u * np.cos(angle) + v * np.sin(angle))  # [V]
    y = size * (-u * np.sin(angle) + v * np.cos(angle))
    centre = 16 + 32 * np.arange(32) / 31  # [32]
    x_snapped = np.floor(256 * (centre[:, None] + x) + 0.5)  # [32, V], 1/256 pixel
    y_snapped = np.floor(256 * (centre[:, None] + y) + 0.5)
    return _fill(x_snapped, y_snapped)


def _polygon(shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at scale 1 around the pivot, in pixels, y downwards; each `[V]`."""
    if shape == 0:
        return _HALF * np.array([-1, 1, 1, -1]), _HALF * np.array([-1, -1, 1, 1])
    if shape == 1:
        t = 2 * np.pi * np.arange(100) / 100
        return 1.33 * _HALF * np.cos(t), _HALF / 1.33 * np.sin(t)
    t = 2 * np.pi * np.arange(150) / 150
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _HALF * np.sin(t) ** 3, -_HALF * (height / 14.5 + 0.15)


def _fill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fills one polygon at every pair of an x offset and a y offset.

    An edge from (x0, y0) to (x1, y1) crosses the centre line of row r, 256 r + 128, iff
    min(y0, y1) < 256 r + 128 ≤ max(y0, y1); it then toggles every column from
    ⌈(x − 128) / 256⌉ on, with x where the edge meets the line.

    Args:
        x: Vertices at every x offset, in 1/256 pixel, `[32, V]`.
        y: The same for y.

    Returns:
        Packed images uint8 `[32 · 32, 512]`, y offset fastest.
    """
    offset, edge, row = _crossings(y)
    y0, y1 = y[offset, edge], np.roll(y, -1, axis=1)[offset, edge]  # [T] toggles
    x0, x1 = x.T[edge] - 128, np.roll(x, -1, axis=1).T[edge] - 128  # [T, 32]
    below, height = 256 * row + 128 - y0, y1 - y0
    meeting = x0 * (height - below)[:, None] + x1 * below[:, None]
    column = np.ceil(meeting / (256 * height)[:, None])
    toggled = _ALL_COLUMNS >> column.astype(np.uint64)  # bit 63 is column 0

    line = offset * 64 + row  # sorted by _crossings
    first = np.flatnonzero(np.diff(line, prepend=-1))
    inside = np.bitwise_xor.reduceat(toggled, first, axis=0)
    images = np.zeros((32, 32 * 64), ">u8")  # [x offset, (y offset, row)]
    images[:, line[first]] = inside.T
    return images.view(np.uint8).reshape(_NUM_POSITIONS, NUM_BYTES)


def _crossings(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every (y offset, edge, row) where an edge crosses a centre line, each `[T]`.

    They are sorted by y offset, then by row.
    """
    y_next = np.roll(y, -1, axis=1)
    first = np.floor((np.minimum(y, y_next) - 128) / 256).astype(np.int64) + 1
    last = np.floor((np.maximum(y, y_next) - 128) / 256).astype(np.int64)
    count = (last - first + 1).ravel()
    owner = np.repeat(np.arange(count.size), count)
    nth = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    row = first.ravel()[owner] + nth
    offset, edge = np.divmod(owner, y.shape[1])
    order = np.argsort(offset * 64 + row, kind="stable")
    return offset[order], edge[order], row[order]
