"""Images of a mesh: triangles are filled exactly, then lit from several directions.

Corners are rounded to 1/16 of a sample. Whether a sample lies in a triangle is then
decided in integers, and a sample on a shared edge belongs to only one triangle. Light
is computed per sample in float32, in a fixed order.
"""

from typing import NamedTuple

import numpy as np

from decomp.datasets.renderers.heads_mesh import Mesh

SIDE = 64  # pixels
_SAMPLES = 2  # along each side of a pixel
_WIDTH = SIDE * _SAMPLES
_PART = 16  # corners are rounded to this part of a sample
_SCALE = 25.0  # pixels per unit
_MIDDLE = 29.5  # the row of the head's centre
_AMBIENT, _GLOSS = 0.1, 0.12


class View(NamedTuple):
    """The samples that a mesh covers, sorted by their place."""

    place: np.ndarray  # [M] row · _WIDTH + column
    normal: np.ndarray  # [3, M] in head coordinates, of length 1
    albedo: np.ndarray  # [M]


def see(mesh: Mesh, rotation: np.ndarray) -> View:
    """The visible samples of a mesh, turned by `rotation` `[3, 3]`, from far away."""
    x, y, z = (_dot(line, mesh.position) for line in rotation)
    scale = np.float32(_SCALE * _SAMPLES * _PART)
    column = np.rint(x * scale).astype(np.int32) + SIDE * _SAMPLES * _PART // 2
    row = int(_MIDDLE * _SAMPLES * _PART) - np.rint(y * scale).astype(np.int32)
    owner, place, inner = _covered(column, row, mesh.triangles)
    corners = mesh.triangles[owner].T
    share = inner.astype(np.float32)  # exact: below 2^24
    share = share / ((share[0] + share[1]) + share[2])
    depth = np.rint(_dot(share, z[corners]) * np.float32(2**14)).astype(np.int64)
    rank = (depth + 2**20) * 2**31 + np.arange(len(owner))
    nearest = np.full(_WIDTH * _WIDTH, -1)
    np.maximum.at(nearest, place, rank)
    samples = nearest[nearest >= 0] % 2**31
    corners, share = corners[:, samples], share[:, samples]
    normal = [_dot(share, axis[corners]) for axis in mesh.normal]
    length = np.sqrt(_dot(normal, normal))
    return View(
        place=np.flatnonzero(nearest >= 0),
        normal=np.stack([axis / length for axis in normal]),
        albedo=_dot(share, mesh.albedo[corners]),
    )


def lit(view: View, lights: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Images of a view, one for each light.

    Args:
        view: From `see`.
        lights: Directions to the lights in head coordinates, of length 1, `[L, 3]`.
        eye: The direction to the viewer `[3]`.

    Returns:
        uint8 `[L, 64, 64]`, 0 the background.
    """
    pictures = np.empty((len(lights), SIDE, SIDE), np.uint8)
    for picture, direction in zip(pictures, lights, strict=True):
        half = direction + eye
        half = half / np.sqrt(_dot(half, half))
        front = np.maximum(_dot(view.normal, direction), np.float32(0))
        gloss = np.maximum(_dot(view.normal, half), np.float32(0))
        for _ in range(4):
            gloss = gloss * gloss
        colour = view.albedo * (front * np.float32(0.9) + np.float32(_AMBIENT))
        colour = colour + np.float32(_GLOSS) * gloss * front
        picture[:] = _picture(view.place, colour)
    return pictures


def _picture(place: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Averages the samples of each pixel; the levels of grey are the roots of light."""
    samples = np.zeros(_WIDTH * _WIDTH, np.float32)
    samples[place] = colour
    samples = samples.reshape(SIDE, 2, SIDE, 2)
    sums = (samples[:, 0, :, 0] + samples[:, 0, :, 1]) + (
        samples[:, 1, :, 0] + samples[:, 1, :, 1]
    )
    level = np.sqrt(np.minimum(sums * np.float32(0.25), np.float32(1)))
    return np.rint(level * np.float32(255)).astype(np.uint8)


def _covered(
    x: np.ndarray, y: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of a triangle that faces the viewer and a sample in it.

    Args:
        x: Columns of the vertices in 1/16 sample, int32 `[V]`.
        y: Their rows, downwards.
        triangles: `[T, 3]`.

    Returns:
        Triangle `[P]`, place of the sample `[P]`, and twice the areas opposite the
        three corners `[3, P]`, whose sum is twice the area of the triangle.
    """
    cx, cy = x[triangles.T], y[triangles.T]  # [3, T]
    doubled = (cx[1] - cx[0]) * (cy[2] - cy[0]) - (cx[2] - cx[0]) * (cy[1] - cy[0])
    (faces,) = np.nonzero(doubled < 0)
    left, wide = _span(cx[:, faces])
    top, high = _span(cy[:, faces])
    (some,) = np.nonzero(wide * high)
    faces, count = faces[some], (wide * high)[some]
    cx, cy = cx[:, faces], cy[:, faces]
    nth = np.arange(count.sum(), dtype=np.int32)
    nth -= np.repeat((np.cumsum(count) - count).astype(np.int32), count)
    down, across = np.divmod(nth, np.repeat(wide[some], count))
    column = np.repeat(left[some], count) + across
    row = np.repeat(top[some], count) + down
    inner, inside = [], np.ones(len(nth), bool)
    for a, b in ((1, 2), (2, 0), (0, 1)):
        area, least = _beside(cx[a], cy[a], cx[b], cy[b], count, column, row)
        inner.append(area)
        inside &= area >= least
    (covered,) = np.nonzero(inside)
    owner = np.repeat(faces, count)[covered]
    place = (row * _WIDTH + column)[covered]
    return owner, place, np.stack([area[covered] for area in inner])


def _beside(
    x0: np.ndarray,
    y0: np.ndarray,
    x1: np.ndarray,
    y1: np.ndarray,
    count: np.ndarray,
    column: np.ndarray,
    row: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Twice the area between edges `[T]` and their samples `[P]`, `count` for each.

    Returns:
        The area, and the least that is inside: 0 or 1, so that a sample on an edge
        between two triangles is in one of them.
    """
    dx, dy = x1 - x0, y1 - y0
    start = dy * (_PART // 2 - x0) - dx * (_PART // 2 - y0)
    area = np.repeat(_PART * dy, count) * column + np.repeat(start, count)
    area -= np.repeat(_PART * dx, count) * row
    own = (dy > 0) | ((dy == 0) & (dx > 0))
    return area, np.repeat(np.where(own, 0, 1).astype(np.int32), count)


def _span(corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first sample whose centre a triangle can contain, and how many samples."""
    least = np.minimum(np.minimum(corner[0], corner[1]), corner[2])
    most = np.maximum(np.maximum(corner[0], corner[1]), corner[2])
    first = np.maximum(-((_PART // 2 - least) // _PART), 0)
    last = np.minimum((most - _PART // 2) // _PART, _WIDTH - 1)
    return first, np.maximum(last + 1 - first, 0)


def _dot(a: np.ndarray | list, b: np.ndarray | list) -> np.ndarray:
    """The sum of three products, in a fixed order."""
    return (a[0] * b[0] + a[1] * b[1]) + a[2] * b[2]
