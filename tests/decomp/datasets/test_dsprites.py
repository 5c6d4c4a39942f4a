import hashlib
import logging

import jax
import numpy as np
import pytest

from decomp.datasets import dsprites
from decomp.datasets.readers import cache

SHA256_OF_THE_SET = "3a228f4037ef3d42a42588e0e01f1078aa2df13cfa17584e88c95ed9fb5672da"
SHA256_OF_EVERY_17TH_OUTLINE = {
    "square": "4918cadf9d0b7ea7aee46cabd3e770dd6ef75517724e947f9f68883581ee27ce",
    "ellipse": "0dea0e12c2a1be60c02d033fade6818fc1d584312beb044762d00e48d2ecb39a",
    "heart": "d39c23d101515807025c99eb6797f313b73af270f9d6e2edb3f646b662b28f00",
}
WHITE_PIXELS = [  # one row per shape, one column per scale
    [3776336, 5436826, 7398772, 9664768, 12232848, 15103336],
    [2963222, 4265652, 5807622, 7585198, 9598546, 11850710],
    [2298902, 3310840, 4505825, 5886006, 7448043, 9195412],
]
# A frame of the animation published with the data set: the heart at scale 5,
# orientation 13, x 0, y 0. The rest of the frame is black.
REAL_FRAME = """
...#######.........
..###########......
.##################
##################.
##################.
##################.
#################..
.################..
.################..
...#############...
......##########...
.....###########...
.....###########...
.....##########....
.....##########....
.....#########.....
......#######......
.......#####.......
"""
REAL_FRAME_TOP, REAL_FRAME_LEFT = 9, 5


def images(*classes: list[int]) -> np.ndarray:
    packed = dsprites.render(np.array(classes))
    return np.unpackbits(packed, axis=1).reshape(-1, 64, 64)


def some_factors(count: int) -> np.ndarray:
    index = np.random.default_rng(0).choice(737_280, count, replace=False)
    return dsprites.factor_classes()[np.sort(index)]


def test_the_whole_set_has_the_bits_and_white_pixels_of_the_data_set(
    tmp_path, monkeypatch, caplog
):
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("DECOMP_CACHE", str(tmp_path / "a_file" / "below"))
    data = dsprites.load()
    assert hashlib.sha256(data.packed.data).hexdigest() == SHA256_OF_THE_SET
    white = np.bitwise_count(data.packed).reshape(3, 6, -1).sum(axis=2, dtype=np.int64)
    np.testing.assert_array_equal(white, WHITE_PIXELS)
    np.testing.assert_array_equal(data.factors, dsprites.factor_classes())
    assert data.source == "rendered"
    assert len(caplog.messages) == 1
    assert "kept in memory only" in caplog.messages[0]


def test_rendering_a_part_gives_the_pinned_bits():
    factors = dsprites.factor_classes()
    part = factors[dsprites.flat_index(factors) // 1024 % 17 == 0]
    packed = dsprites.render(part)
    for shape, expected in enumerate(SHA256_OF_EVERY_17TH_OUTLINE.values()):
        of_shape = np.ascontiguousarray(packed[part[:, 0] == shape])
        assert hashlib.sha256(of_shape.data).hexdigest() == expected


def test_the_published_frame_is_rendered_pixel_by_pixel():
    rows = [[pixel == "#" for pixel in row] for row in REAL_FRAME.split()]
    height, width = np.shape(rows)
    expected = np.zeros((64, 64), np.uint8)
    expected[
        REAL_FRAME_TOP : REAL_FRAME_TOP + height,
        REAL_FRAME_LEFT : REAL_FRAME_LEFT + width,
    ] = rows
    np.testing.assert_array_equal(images([2, 5, 13, 0, 0])[0], expected)


def test_a_square_is_white_where_its_inequality_holds():
    angle, half = 2 * np.pi * 7 / 39, 9.6 * 0.8
    across = np.arange(64) + 0.5 - (16 + 32 * 20 / 31)
    down = (np.arange(64) + 0.5 - (16 + 32 * 4 / 31))[:, None]
    u = np.cos(angle) * across - np.sin(angle) * down
    v = np.sin(angle) * across + np.cos(angle) * down
    distance = np.maximum(abs(u), abs(v)) - half
    clear = abs(distance) > 1 / 128  # vertices are rounded to 1/256 pixel
    image = images([0, 3, 7, 20, 4])[0]
    np.testing.assert_array_equal(image[clear], (distance < 0)[clear])
    assert clear.sum() > 4000


def test_a_full_turn_changes_nothing_and_a_move_shifts_by_32_pixels():
    start, turned, right, lower = images(
        [2, 4, 0, 0, 0], [2, 4, 39, 0, 0], [2, 4, 0, 31, 0], [2, 4, 0, 0, 31]
    )
    np.testing.assert_array_equal(turned, start)
    np.testing.assert_array_equal(right, np.roll(start, 32, axis=1))
    np.testing.assert_array_equal(lower, np.roll(start, 32, axis=0))


def test_images_come_in_the_order_of_their_factors():
    factors = some_factors(200)
    shuffled = np.random.default_rng(1).permutation(200)
    packed = dsprites.render(factors[shuffled])
    np.testing.assert_array_equal(packed, dsprites.render(factors)[shuffled])
    assert dsprites.render(factors[:0]).shape == (0, 512)


def test_flat_index_counts_the_factor_classes():
    factors = dsprites.factor_classes()
    np.testing.assert_array_equal(dsprites.flat_index(factors), np.arange(737_280))
    with pytest.raises(ValueError, match=r"0\.\.39 of factor 'orientation'; got 40"):
        dsprites.flat_index(np.array([0, 0, 40, 0, 0]))


def test_unpack_gives_the_pixels_inside_jit():
    packed = dsprites.render(some_factors(6)).reshape(2, 3, 512)
    pixels = jax.jit(dsprites.unpack)(packed)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, np.unpackbits(packed, axis=-1))


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_pooled_counts_white_pixels(side):
    dense = np.random.default_rng(0).integers(0, 256, (3, 512), np.uint8)
    packed = np.concatenate(
        [dsprites.render(some_factors(50)), dense, np.full((1, 512), 255, np.uint8)]
    )
    width = 64 // side
    pixels = np.unpackbits(packed, axis=1).reshape(-1, side, width, side, width)
    counts = dsprites.pooled(packed, side=side, block=20)
    assert counts.dtype == np.uint8
    np.testing.assert_array_equal(
        counts, pixels.sum(axis=(2, 4)).reshape(-1, side * side)
    )


def test_pooled_refuses_other_sides_with_the_choices():
    with pytest.raises(ValueError, match="expected side 8, 16, 32 or 64; got 12"):
        dsprites.pooled(np.zeros((1, 512), np.uint8), side=12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "web"}, "unknown source 'web'; known: 'rendered', 'file', 'tfds'"),
        ({"path": "a.npz"}, "source 'rendered' reads no path; got 'a.npz'"),
    ],
)
def test_load_refuses_unknown_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        dsprites.load(**arguments)


@pytest.mark.parametrize("damage", ["none", "shorter", "empty", "one bit"])
def test_a_cached_array_is_used_only_if_it_is_undamaged(tmp_path, caplog, damage):
    array = np.random.default_rng(0).integers(0, 256, (9, 8), np.uint8)
    sha256 = hashlib.sha256(array.data).hexdigest()
    path, arrays = tmp_path / "folder" / "array", []

    def make() -> np.ndarray:
        arrays.append(array)
        return array

    cache.bytes_of(path, make, sha256=sha256, row_bytes=8)
    data = bytearray(path.read_bytes())
    data[5] ^= damage == "one bit"
    path.write_bytes({"shorter": data[:40], "empty": b""}.get(damage, data))
    caplog.set_level(logging.WARNING)
    second = cache.bytes_of(path, make, sha256=sha256, row_bytes=8)
    np.testing.assert_array_equal(second, array)
    assert len(arrays) == (1 if damage == "none" else 2)
    assert len(caplog.messages) == len(arrays) - 1
    assert path.read_bytes() == array.tobytes()
    assert list(path.parent.iterdir()) == [path]


def test_an_array_with_another_checksum_is_never_cached(tmp_path):
    with pytest.raises(RuntimeError, match="array: expected sha256 00; computed"):
        cache.bytes_of(
            tmp_path / "array",
            lambda: np.zeros((2, 8), np.uint8),
            sha256="00",
            row_bytes=8,
        )
    assert not list(tmp_path.iterdir())
