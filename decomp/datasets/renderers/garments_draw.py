"""Silhouettes of ten kinds of garment, with soft edges and a little shading.

An image is a product of coverages: the share of a pixel's column, row, or width across
a bar that lies within the outline. Units are pixels; x counts from the middle, y from
the top row.
"""

from typing import NamedTuple

import numpy as np

SIDE = 28  # pixels
_X = np.arange(SIDE, dtype=np.float32) - 13.5  # of pixel centres
_Y = np.arange(SIDE, dtype=np.float32)[:, None]
_OUT = np.abs(_X)  # distance from the axis of symmetry
_PAIRS = (_Y % 4 < 2).astype(np.float32)  # 1 in two rows, 0 in the next two

Term = np.ndarray | float  # broadcast to [n, 28, 28]


class GarmentFactors(NamedTuple):
    """The factors of n garments of one kind, each in [0, 1], float32 `[n, 1, 1]`."""

    brightness: np.ndarray
    width: np.ndarray
    length: np.ndarray  # the height, for a shoe and a bag
    sleeve: np.ndarray  # length of the sleeves
    spread: np.ndarray  # angle of the sleeves
    neck: np.ndarray  # depth of the neckline
    flare: np.ndarray  # additional width at the bottom
    stripes: np.ndarray  # contrast of the stripes
    opening: np.ndarray  # width of a coat's opening, or between the legs of trousers
    sole: np.ndarray  # thickness of the sole
    heel: np.ndarray  # height of the heel
    straps: np.ndarray  # width of the straps
    handle: np.ndarray  # height of the handle


def image(label: int, v: GarmentFactors) -> np.ndarray:
    """Draws n garments of one kind.

    Args:
        label: Place in `fashion_mnist.CLASS_NAMES`.
        v: Leaves `[n, 1, 1]`.

    Returns:
        float32 `[n, 28, 28]`, from 0, the background, to 1.
    """
    draw, _ = _KINDS[label]
    return draw(v) * (0.45 + 0.55 * v.brightness)


def used() -> np.ndarray:
    """Which factors a class uses, bool `[10, 13]`."""
    names = GarmentFactors._fields
    return np.array([[name in names[:3] + own for name in names] for _, own in _KINDS])


def _t_shirt(v: GarmentFactors) -> np.ndarray:
    half, bottom, reach = 5 + 2 * v.width, 20 + 6 * v.length, 2 + 4 * v.sleeve
    cuff = half + 0.8 * reach, 4 + reach
    image = _sleeved(half, bottom, cuff, _cloth(half, v.stripes))
    return image * (1 - _oval(_OUT, _Y - 2, 3, 1.5 + 3 * v.neck))


def _trouser(v: GarmentFactors) -> np.ndarray:
    waist, hip, bottom = 3 + 1.5 * v.width, 4 + 2 * v.width, 21 + 6 * v.length
    outer = _through(_Y, (1, waist), (8, hip), (bottom, hip - 1.5 + 3.5 * v.flare))
    inner = _through(_Y, (8, -1), (9, 0.2), (bottom, 0.4 + 2.4 * v.opening))
    image = 0.95 * _within(_Y, 0.5, bottom) * _within(_OUT, inner, outer)
    image = image * (1 - 0.3 * _within(_OUT, -1, 0.5) * _within(_Y, 3, 9))  # the fly
    return image * (1 - 0.35 * _within(_Y, 2.5, 3.5))  # the belt


def _pullover(v: GarmentFactors) -> np.ndarray:
    half, bottom = 4.5 + 2 * v.width, 20 + 6 * v.length
    cuff = half + 0.5 + 4 * v.spread, bottom - 1.5
    image = _sleeved(half, bottom, cuff, _cloth(half, v.stripes))
    image = image * (1 - 0.3 * _within(_Y, bottom - 2, bottom - 1.2))  # the rib
    return image * (1 - _oval(_OUT, _Y - 2, 3, 1.2 + 3 * v.neck))


def _dress(v: GarmentFactors) -> np.ndarray:
    half, bottom = 2.5 + 2 * v.width, 20 + 7 * v.length
    hem = half + 0.5 + 5 * v.flare
    side = _through(_Y, (1, half), (4, half + 1), (11, half - 0.5), (bottom, hem))
    image = _within(_Y, 0.5, bottom) * _within(_OUT, -1, side) * _cloth(side, 0)
    image = image * (1 - 0.35 * _within(_Y, 10.5, 11.5))  # the belt
    return image * (1 - _oval(_OUT, _Y, 2.2, 1 + 5 * v.neck))


def _coat(v: GarmentFactors) -> np.ndarray:
    half, bottom = 5 + 2.5 * v.width, 22 + 5 * v.length
    cuff = half + 0.5 + 4 * v.spread, bottom - 4
    image = _sleeved(half, bottom, cuff, _cloth(half, 0))
    front = _through(_Y, (1, 3), (9, 0.2), (bottom, 0.2 + 2.2 * v.opening))
    lapels = _within(_OUT, front, front + 1.3) * _within(_Y, 0, 9)
    return image * (1 - 0.4 * lapels) * (1 - 0.9 * _within(_OUT, -1, front))


def _sandal(v: GarmentFactors) -> np.ndarray:
    left, right = -8.5 - 4.5 * v.width, 8 + 5 * v.width
    heel = 20 - 8 * v.heel  # the height of its upper end
    sole = _through(_X, (-2, 21), (right - 3, heel))
    image = 0.9 * _within(_X, left, right) * _within(_Y, sole, sole + 2)
    image = _paint(image, _within(_X, right - 2.2, right) * _within(_Y, heel, 23), 0.9)
    toe, instep, sides = (left + 2, 21), (left + 7.5, 14.5), (left + 10, 21)
    ankle, back = (right - 7, heel - 3 - 4 * v.length), (right - 1, heel)
    for start, end in ((toe, instep), (instep, sides), (instep, ankle), (ankle, back)):
        image = _paint(image, _bar(_X, start, end, 0.9 + 1.4 * v.straps), 0.7)
    return image


def _shirt(v: GarmentFactors) -> np.ndarray:
    half, bottom, reach = 4.5 + 2 * v.width, 21 + 6 * v.length, 3 + 13 * v.sleeve
    cuff = half + (0.1 + 0.35 * v.spread) * reach, 4.5 + reach
    image = _sleeved(half, bottom, cuff, _cloth(half, 0))
    buttons = _within(_OUT, -1, 1) * _PAIRS * _within(_Y, 6, bottom)
    collar = _within(_Y + 1.6 * _OUT, 5.5, 7) * _within(_Y, 1, 7)
    return image * (1 - 0.5 * buttons) * (1 - 0.6 * collar)


def _sneaker(v: GarmentFactors) -> np.ndarray:
    left, right = -9 - 4 * v.width, 8 + 5 * v.width
    ankle, sole = 13 - 4 * v.length, 21 - 2 * v.sole
    upper = _through(_X, (left, 18), (left + 4, 16.5), (0, ankle + 1), (3, ankle))
    inside = _within(_X, left, right)
    image = 0.7 * inside * _within(_Y, upper, sole)
    for place in (8, 11, 14):
        stripe = _within(_X + 0.5 * _Y, place, place + 1.2) * _within(_Y, 16, sole)
        image = image * (1 - 0.9 * v.stripes * stripe)
    image = image * (1 - 0.8 * _oval(_X - right + 5, _Y - ankle, 3.5, 1 + v.length))
    return _paint(image, inside * _within(_Y, sole, 22), 1)


def _bag(v: GarmentFactors) -> np.ndarray:
    half, top = 7 + 5 * v.width, 14 - 4 * v.length
    rise = 1.5 + 7 * v.handle
    hole = _oval(_OUT, _Y - top, 4.2, rise - 1.3)
    handle = _oval(_OUT, _Y - top, 5.5, rise) * (1 - hole)
    side = _through(_Y, (top, half - 4 * v.flare), (24, half))
    body = _within(_Y, top, 24.5) * _within(_OUT, -1, side)
    image = _paint(0.7 * handle, body, 0.9)
    image = image * (1 - 0.3 * _within(_Y, top + 4, top + 5))  # the flap
    return image * (1 - 0.7 * _within(_OUT, -1, 1) * _within(_Y, top + 3, top + 6))


def _ankle_boot(v: GarmentFactors) -> np.ndarray:
    left, right = -9 - 3 * v.width, 6 + 4 * v.width
    shaft, heel = 9 - 7 * v.length, 24 - 5 * v.heel
    sole = _through(_X, (-2, 24), (right - 4, heel))
    upper = _through(_X, (left, 20), (left + 4, 17.5), (-2, 14), (-1, shaft))
    inside = _within(_X, left, right)
    image = 0.8 * inside * _within(_Y, upper, sole)
    image = image * (1 - 0.3 * _within(_Y, shaft + 1.5, shaft + 2.3))  # the seam
    tread = _within(_Y, sole - 0.8 - 1.7 * v.sole, sole) * inside
    block = _within(_X, right - 4, right) * _within(_Y, heel, 24)
    return _paint(_paint(image, tread, 0.4), block, 0.5)


# For each class its drawing, and its factors besides brightness, width and length.
_KINDS = (
    (_t_shirt, ("sleeve", "neck", "stripes")),
    (_trouser, ("flare", "opening")),
    (_pullover, ("spread", "neck", "stripes")),
    (_dress, ("neck", "flare")),
    (_coat, ("spread", "opening")),
    (_sandal, ("heel", "straps")),
    (_shirt, ("sleeve", "spread")),
    (_sneaker, ("sole", "stripes")),
    (_bag, ("flare", "handle")),
    (_ankle_boot, ("sole", "heel")),
)


def _sleeved(half: Term, bottom: Term, cuff: tuple, cloth: Term) -> np.ndarray:
    """A body with sloping shoulders, `half` wide on either side, and two sleeves."""
    side = _through(_Y, (2, half), (10, half - 0.7), (bottom, half))
    body = _within(_Y, 1 + 0.3 * _OUT, bottom) * _within(_OUT, -1, side)
    return _paint(0.72 * _bar(_OUT, (half - 1.5, 4.5), cuff, 2.5), body, cloth)


def _cloth(half: Term, stripes: Term) -> np.ndarray:
    """The shade of cloth round a body: darker towards its sides, in stripes."""
    share = _OUT / half
    return (0.95 - 0.6 * stripes * _PAIRS) * (1 - 0.25 * share * share)


def _bar(x: np.ndarray, start: tuple, end: tuple, thickness: Term) -> np.ndarray:
    """A straight bar between two points."""
    (x0, y0), (x1, y1) = start, end
    across, down = x1 - x0, y1 - y0
    length = np.sqrt(across * across + down * down)
    across, down = across / length, down / length
    along = (x - x0) * across + (_Y - y0) * down
    beside = (x - x0) * down - (_Y - y0) * across
    return _within(along, 0, length) * _within(np.abs(beside), -1, thickness / 2)


def _oval(x: np.ndarray, y: np.ndarray, a: Term, b: Term) -> np.ndarray:
    """An ellipse around the origin with half axes a and b."""
    x, y = x / a, y / b
    return np.clip((1 - np.sqrt(x * x + y * y)) * np.minimum(a, b) + 0.5, 0, 1)


def _within(t: np.ndarray, low: Term, high: Term) -> np.ndarray:
    """How much of the unit interval around t lies between low and high."""
    return np.clip(np.minimum(t + 0.5, high) - np.maximum(t - 0.5, low), 0, 1)


def _paint(image: np.ndarray, cover: np.ndarray, shade: Term) -> np.ndarray:
    return image + cover * (shade - image)


def _through(t: np.ndarray, *knots: tuple[Term, Term]) -> np.ndarray:
    """The piecewise linear function through (t₀, y₀), (t₁, y₁), …, constant outside."""
    (start, value), *rest = knots
    for end, y in rest:
        value = value + (y - value) * np.clip((t - start) / (end - start), 0, 1)
        start = end
    return np.asarray(value)
