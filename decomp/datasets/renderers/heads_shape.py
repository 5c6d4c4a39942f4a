"""The shape of the heads of `heads`: a sphere with smooth bumps.

A point of a head is given by a direction (u, v, w) from its centre: u to the viewer's
right, v up, w towards the viewer of a face that looks straight ahead. The unit of
positions is half the height of a head. A bump is (1 − d²)³ for d < 1 and 0 beyond,
where d is the distance from its centre in units of its width.
"""

from typing import NamedTuple

import numpy as np

NUM_IDENTITIES = 50
_SEED = 3


class Identity(NamedTuple):
    """The features of a head, each in [0, 1)."""

    width: float
    depth: float
    jaw: float  # width of the jaw
    chin: float  # how far the chin protrudes
    cheeks: float
    nose_length: float
    nose_width: float
    brow: float  # height of the brow bone
    eyes: float  # distance between the eyes
    lips: float  # fullness of the lips
    mouth: float  # width of the mouth
    ears: float
    hair: float  # volume of the hair
    length: float  # length of the hair at the sides
    hairline: float  # height of the hairline
    shade: float  # lightness of the hair
    skin: float
    neck: float  # width of the neck


def identity(index: int) -> Identity:
    """The features of one of the fifty heads, from the raw bits of Philox."""
    count = len(Identity._fields)
    bits = np.random.Philox(_SEED).random_raw(NUM_IDENTITIES * count)
    uniform = (bits >> 40).astype(np.float32) / np.float32(2**24)
    return Identity(*uniform.reshape(NUM_IDENTITIES, count)[index])


def skin(who: Identity) -> float:
    """The share of light that bare skin reflects."""
    return 0.36 + 0.5 * who.skin


def positions(who: Identity, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The point of the surface in each direction.

    Args:
        who: A head.
        u: Component of the directions to the right, float32 `[rows, columns]`.
        v: Component upwards, of the same shape.
        w: Component towards the viewer, of the same shape.

    Returns:
        x, y and z, float32 `[3, rows, columns]`.
    """
    face = ramp(w, 0.0, 0.5)  # 1 in front
    below = ramp(-v, 0.1, 0.9)
    # A horizontal section is an ellipse above and squarer at the jaw.
    square = 1 + below * (np.sqrt(1 + v * v) - 1)
    x = u * square * (0.68 + 0.1 * who.width)
    x = x * (1 - (0.36 - 0.24 * who.jaw) * below * below)
    z = w * square * (0.84 + 0.1 * who.depth) + 0.2 * ramp(-v, 0.3, 1.0)
    z = z - 0.1 * face * (1 - u * u)  # a flat face
    for height, across, up, half_width, half_height in _features(who):
        z = z + face * height * _bump(u - across, v - up, half_width, half_height)
        if across:
            z = z + face * height * _bump(u + across, v - up, half_width, half_height)
    hair = _hairy(who, u, v, w)
    ear = _bump(w + 0.08, v + 0.1, 0.17, 0.24 + 0.08 * who.ears) * (1 - hair)
    x = x + (0.08 + 0.12 * who.ears) * ear * ramp(u * u, 0.3, 0.8) * u
    grown = (0.03 + 0.16 * who.hair) * hair * hair
    return np.stack([x * (1 + grown), v * (1 + 0.6 * grown), z * (1 + grown)])


def _features(who: Identity) -> tuple:
    """Bumps of the face: height, position across and up, half width, half height.

    A bump that does not lie on the middle line is on both sides.
    """
    eyes = 0.34 + 0.08 * who.eyes
    tip = -0.25 - 0.14 * who.nose_length
    wide = 0.13 + 0.07 * who.nose_width
    full, span = 0.03 + 0.06 * who.lips, 0.24 + 0.12 * who.mouth
    return (
        (-0.15, eyes - 0.03, 0.03, 0.3, 0.2),  # sockets
        (0.09, eyes, 0.0, 0.19, 0.12),  # eyeballs
        (0.02 + 0.09 * who.brow, eyes - 0.08, 0.19, 0.36, 0.14),
        (0.13, 0.0, 0.04, 0.14, 0.4),  # bridge of the nose
        (0.12, 0.0, tip / 2, wide, 0.34),
        (0.14 + 0.08 * who.nose_length, 0.0, tip, wide + 0.04, 0.17),
        (0.08, wide - 0.02, tip - 0.03, 0.1, 0.1),  # nostrils
        (0.01 + 0.09 * who.cheeks, 0.55, -0.2, 0.34, 0.32),
        (0.08, 0.0, -0.6, 0.45, 0.26),  # the teeth behind the lips
        (full, 0.0, -0.535, span, 0.08),
        (full, 0.0, -0.665, span - 0.03, 0.09),
        (-0.06, 0.0, -0.6, span + 0.05, 0.04),  # between the lips
        (0.02 + 0.12 * who.chin, 0.0, -0.87, 0.4, 0.18),
    )


def albedo(who: Identity, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The share of light that the surface reflects in each direction (u, v, w).

    Layers cover each other: brows, whites of the eyes, irises, lids, lips, mouth, hair.
    """
    face = ramp(w, 0.2, 0.4)
    bare = skin(who)
    out = abs(u) - (0.34 + 0.08 * who.eyes)  # from the middle of an eye, outwards
    span = 0.24 + 0.12 * who.mouth
    layers = (
        (_bump(out + 0.02, v - 0.2 + 0.15 * out, 0.24, 0.065), 0.2 * bare),
        (_bump(out, v, 0.155, 0.085), np.float32(0.95)),
        (_bump(out, v - 0.01, 0.075, 0.095), np.float32(0.03)),
        (_bump(out, v - 0.08, 0.2, 0.035), 0.3 * bare),
        (_bump(u, v + 0.6, span, 0.13), 0.55 * bare),
        (_bump(u, v + 0.6, span, 0.03), 0.2 * bare),
    )
    colours = bare + 0 * u
    for place, colour in layers:
        colours = _mix(colours, colour, face * ramp(place, 0.05, 0.35))
    hair = ramp(_hairy(who, u, v, w), 0.0, 0.5)
    return _mix(colours, 0.03 + 0.7 * who.shade * who.shade * who.shade, hair)


def _hairy(who: Identity, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """1 where hair grows, 0 where skin is bare."""
    front = 0.6 + 0.25 * who.hairline
    low = 0.3 - 1.3 * who.length * who.length  # its end at the sides and at the back
    nape = low - 0.5 * ramp(-w, 0.0, 0.5)
    line = _mix(front + 0 * v, nape, ramp(-w, -0.6, 0.2))
    soft = 0.09 + 0.15 * who.length * who.length
    return ramp(v - line, -soft, soft)


def _bump(dx: np.ndarray, dy: np.ndarray, sx: float, sy: float) -> np.ndarray:
    """(1 − d²)³ where d² = (dx/sx)² + (dy/sy)² < 1, else 0."""
    dx, dy = dx / np.float32(sx), dy / np.float32(sy)
    rest = np.maximum(1 - (dx * dx + dy * dy), np.float32(0))
    return rest * rest * rest


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rises from 0 at `low` to 1 at `high`, with slope 0 at both."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _mix(
    below: np.ndarray, above: np.ndarray | np.float32 | float, share: np.ndarray
) -> np.ndarray:
    """Mixes `below`, at a share of 0, and `above`, at a share of 1."""
    return below + share * (above - below)
