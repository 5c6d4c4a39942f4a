"""Decoded photographs: pixel formats, orientation, and damaged files."""

import numpy as np
import pytest
from PIL import Image

from decomp.datasets import images
from decomp.datasets.readers import photos
from tests.decomp.datasets.test_images import (
    DISCS,
    GREY,
    assert_refused,
    folder_of,
)
from tests.faults import damage


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK"])
def test_other_kinds_of_pixels_are_converted(tmp_path, mode):
    kind = "jpg" if mode == "CMYK" else "png"
    flat = np.full((8, 8, 3), 255, np.uint8)
    Image.fromarray(flat).convert(mode).save(tmp_path / f"a.{kind}")
    data = images.load(str(tmp_path))
    assert data.shape == (8, 8, 1 if mode in ("1", "LA") else 3)
    assert data.pixels.min() >= 254


PNG = damage.photo(DISCS[0])


FILES = {
    "empty": (b"", "a PNG or JPEG image; got a file of another kind"),
    "text": (b"no image", "a PNG or JPEG image; got a file of another kind"),
    "cut": (PNG[: len(PNG) // 2], "a PNG or JPEG image; got the error"),
    "GIF": (damage.photo(GREY[0], "GIF"), "got a file of another kind"),
    "WebP": (damage.photo(DISCS[0], "WEBP"), "got a file of another kind"),
    "cut JPEG": (
        damage.photo(DISCS[0], "JPEG")[:700],
        "got the error 'image file is tr",
    ),
    "16 bits": (
        damage.photo(GREY[0].astype(np.uint16)),
        "8 bits a channel; got the mode",
    ),
    "bomb": (
        PNG[:16] + (30_000).to_bytes(4, "big") * 2 + PNG[24:],
        "got a file of another kind|at most 67,108,864 pixels; got 30000×30000",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_images_are_named(tmp_path, case):
    content, message = FILES[case]
    folder_of(tmp_path)
    (tmp_path / "3.png").write_bytes(content)
    assert_refused(tmp_path, tmp_path / "3.png", message)


def test_an_image_of_too_many_pixels_is_never_expanded(tmp_path):
    flat = Image.new("1", (8193, 8192))
    flat.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 20_000
    words = "at most 67,108,864 pixels; got 8192×8193"
    assert_refused(tmp_path, tmp_path / "a.png", words)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    folder_of(tmp_path)
    monkeypatch.setattr(photos, "_MOST_BYTES", 100)
    assert_refused(tmp_path, tmp_path / "0.png", "expected at most 100 bytes; got")


# The side of the upright image that row 0 and column 0 of the file show, by the Exif
# orientation (Exif 2.3).
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def as_stored(upright, orientation):
    """The pixels that a camera stores for an upright image in an orientation."""
    row_0, column_0 = SIDES[orientation]
    height, width = upright.shape[:2]
    places = {"top": range(height), "bottom": range(height)[::-1]}
    places |= {"left": range(width), "right": range(width)[::-1]}
    across = row_0 in ("left", "right")
    return np.array(
        [
            [upright[(c, r) if across else (r, c)] for c in places[column_0]]
            for r in places[row_0]
        ]
    )


def with_exif_at_the_end(content):
    """A PNG whose EXIF follows its pixels."""
    chunks, place = [], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        chunks.append(content[place:end])
        place = end
    order = {b"eXIf": 1, b"IEND": 2}
    chunks.sort(key=lambda chunk: order.get(chunk[4:8], 0))
    return content[:8] + b"".join(chunks)


@pytest.mark.parametrize("orientation", SIDES)
def test_images_are_turned_upright(tmp_path, orientation):
    upright = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = damage.photo(as_stored(upright, orientation), exif=exif)
    for name, content in {"a": stored, "b": with_exif_at_the_end(stored)}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    (tmp_path / "c.png").write_bytes(damage.photo(upright))
    data = images.load(str(tmp_path))
    assert data.shape == (4, 6, 3)
    for row in data.pixels:
        np.testing.assert_array_equal(row, upright.reshape(-1))
    large = upright.repeat(16, 0).repeat(16, 1)  # JPEG keeps blocks of one colour
    content = damage.photo(
        as_stored(large, orientation), "JPEG", quality=100, exif=exif
    )
    pixels = photos.decode(content, "a", channels=3)
    assert pixels.shape == large.shape
    assert np.abs(pixels.astype(int) - large)[8::16, 8::16].max() < 40


@pytest.mark.parametrize("exif", [b"Exif\0\0no", b"Exif\0\0MM\0*\0\0\0\x08\0\x01"])
def test_damaged_exif_is_ignored(tmp_path, exif):
    for i in range(2):
        content = damage.photo(DISCS[i], "JPEG", exif=exif)
        (tmp_path / f"{i}.jpg").write_bytes(content)
    assert images.load(str(tmp_path)).shape == (20, 30, 3)


def test_a_name_with_a_line_break_stays_in_one_line(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "a\nb.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="got a file of another kind") as refusal:
        images.load(str(tmp_path))
    assert str(refusal.value).startswith(f"{tmp_path}/a\\nb.png: expected ")


def test_an_animation_is_read_as_its_first_image(tmp_path):
    first, *rest = (Image.fromarray(disc) for disc in DISCS[:3])
    first.save(tmp_path / "a.png", save_all=True, append_images=rest)
    first.save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=rest)
    data = images.load(str(tmp_path))
    np.testing.assert_array_equal(data.pixels[0], DISCS[0].reshape(-1))
    assert data.shape == (20, 30, 3)


def test_too_little_memory_for_an_image_is_reported(tmp_path, monkeypatch):
    def full(self, *arguments):
        raise MemoryError

    folder_of(tmp_path)
    monkeypatch.setattr(Image.Image, "convert", full)
    words = "too little memory is left to read it"
    assert_refused(tmp_path, tmp_path / "0.png", words)
