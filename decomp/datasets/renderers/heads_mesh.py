"""The heads of `heads` as meshes of triangles.

Head coordinates: x to the viewer's right, y up, z towards the viewer of a face that
looks straight ahead. Vertices are computed by sums, products, quotients, square roots
and sines rounded to 2⁻¹⁶, so that every machine makes the same ones.
"""

from typing import NamedTuple

import numpy as np

from decomp.datasets.renderers import heads_shape
from decomp.datasets.renderers.heads_shape import Identity

_COLUMNS, _ROWS = 128, 88  # vertices around the head, and from its top to its bottom
_NECK_COLUMNS, _NECK_ROWS = 40, 10


class Mesh(NamedTuple):
    """Triangles in head coordinates, counter-clockwise from outside."""

    position: np.ndarray  # [3, V] float32
    normal: np.ndarray  # [3, V] float32, of length 1
    albedo: np.ndarray  # [V] float32, the share of light that is reflected
    triangles: np.ndarray  # [T, 3] int32


def mesh(who: Identity) -> Mesh:
    """The head and the neck of an identity as one mesh."""
    head, neck = _head(who), _neck(who)
    shift = head.position.shape[1]
    return Mesh(
        np.concatenate([head.position, neck.position], axis=1),
        np.concatenate([head.normal, neck.normal], axis=1),
        np.concatenate([head.albedo, neck.albedo]),
        np.concatenate([head.triangles, neck.triangles + np.int32(shift)]),
    )


def sine(angle: np.ndarray | np.floating) -> np.ndarray:
    """The sine of radians, rounded to 2⁻¹⁶, float32: the same on every machine."""
    return (np.rint(np.sin(angle) * 2**16) / 2**16).astype(np.float32)


def _head(who: Identity) -> Mesh:
    t = np.arange(_COLUMNS) / (_COLUMNS / 2) - 1
    turn = np.pi * (0.4 * t + 0.6 * t * t * t)[None, :]  # denser near the face
    rise = np.pi * (0.5 - np.arange(_ROWS) / (_ROWS - 1))[:, None]
    flat = sine(rise + np.pi / 2)  # the cosine
    u = flat * sine(turn)  # directions [rows, columns]
    v = sine(rise) + 0 * u
    w = flat * sine(turn + np.pi / 2)
    position = heads_shape.positions(who, u, v, w)
    normal = _normals(position)
    albedo = heads_shape.albedo(who, u, v, w) * _occlusion(position, normal)
    return _grid(position, normal, albedo)


def _neck(who: Identity) -> Mesh:
    """A tube that widens into shoulders below the picture."""
    turn = 2 * np.pi * (np.arange(_NECK_COLUMNS) / _NECK_COLUMNS - 0.5)[None, :]
    t = (np.arange(_NECK_ROWS) / (_NECK_ROWS - 1)).astype(np.float32)[:, None]
    radius = 0.34 + 0.08 * who.neck + 0.3 * t * t * t
    x = (radius + 0.6 * t * t * t * t) * sine(turn)
    z = radius * sine(turn + np.pi / 2) * (1 - 0.25 * t) - 0.16
    y = -0.35 - 1.75 * t + 0 * x
    position = np.stack([x, y, z])
    shadow = 0.55 + 0.4 * heads_shape.ramp(t, 0.15, 0.6)  # the shadow of the chin
    albedo = heads_shape.skin(who) * shadow + 0 * x
    return _grid(position, _normals(position), albedo)


def _normals(position: np.ndarray) -> np.ndarray:
    """Outward normals `[3, rows, columns]`, from neighbours in the grid."""
    ax, ay, az = (np.roll(p, -1, axis=1) - np.roll(p, 1, axis=1) for p in position)
    bx, by, bz = (_down(p, 1) - _down(p, -1) for p in position)
    x, y, z = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax
    length = np.sqrt((x * x + y * y) + z * z)
    length = np.where(length > 0, length, np.float32(1))  # neighbours meet at the poles
    normal = np.stack([x / length, y / length, z / length])
    normal[:, 0], normal[:, -1] = normal[:, 1], normal[:, -2]
    return normal


def _down(p: np.ndarray, step: int) -> np.ndarray:
    """Values one row further down (up for −1); the last row is repeated."""
    rows = np.clip(np.arange(len(p)) + step, 0, len(p) - 1)
    return p[rows]


def _occlusion(position: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The share of ambient light, 0.35 to 1: less where the surface is hollow."""
    hollow = np.zeros_like(normal[0])
    for step in (3, 7):
        for p, n in zip(position, normal, strict=True):
            around = (np.roll(p, step, axis=1) + np.roll(p, -step, axis=1)) + (
                _down(p, step) + _down(p, -step)
            )
            hollow = hollow + (around * np.float32(0.25) - p) * n
    return 1 - np.clip(4 * hollow, 0, np.float32(0.65))


def _grid(position: np.ndarray, normal: np.ndarray, albedo: np.ndarray) -> Mesh:
    """Two triangles for each square of a grid that closes around its columns."""
    rows, columns = albedo.shape
    row, column = (part.ravel() for part in np.indices((rows - 1, columns)))
    a, b = row * columns + column, row * columns + (column + 1) % columns
    c, d = a + columns, b + columns
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    return Mesh(
        position.reshape(3, -1),
        normal.reshape(3, -1),
        albedo.ravel(),
        triangles.astype(np.int32),
    )
