import numpy as np
import pytest

from decomp.datasets import classes, raster

RNG = np.random.default_rng(0)


def test_whole_ratios_are_means_of_squares():
    images = RNG.integers(0, 256, (300, 32, 32, 3), np.uint8)
    means = images.reshape(300, 8, 4, 8, 4, 3).mean((2, 4))
    result = raster.smaller(images, side=8)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, np.floor(means + 0.5))


def test_other_ratios_weight_pixels_by_the_covered_area():
    image = np.zeros((1, 3, 3, 1), np.uint8)
    image[0, 1, 1] = 180  # each of the four pixels of 1.5 × 1.5 covers a quarter of it
    np.testing.assert_array_equal(raster.smaller(image, side=2), 20)


def test_reducing_96_pixels_to_64_keeps_the_mean():
    images = np.repeat(RNG.integers(0, 256, (4, 32, 32, 1), np.uint8), 3, 1).repeat(
        3, 2
    )
    result = raster.smaller(images, side=64).astype(float)
    assert abs(result.mean() - images.mean()) < 0.5
    np.testing.assert_array_equal(result[:, ::2, ::2], images[:, ::3, ::3])


def test_images_are_cropped_to_the_central_square():
    image = np.zeros((1, 4, 8, 1), np.uint8)
    image[:, :, 2:6] = 7
    np.testing.assert_array_equal(raster.smaller(image, side=4), 7)
    np.testing.assert_array_equal(raster.smaller(image, side=2), 7)
    np.testing.assert_array_equal(raster.smaller(image.swapaxes(1, 2), side=2), 7)


def test_images_are_not_enlarged():
    with pytest.raises(ValueError, match="16×16 pixels or more; got 12×20"):
        raster.smaller(np.zeros((1, 12, 20, 3), np.uint8), side=16)


def test_progress_is_reported_from_time_to_time_and_not_at_the_end(monkeypatch):
    now, lines = [0.0], []
    monkeypatch.setattr(raster.time, "monotonic", lambda: now[0])
    report = raster.progress(lines.append, 10_000)
    for count in (1, 2, 3000, 10_000):
        now[0] += 3
        report(count)
    assert lines == ["  2 of 10,000 images read"]


def test_classes_are_ranks_and_numbers_in_texts_are_sorted_as_numbers():
    columns = [
        np.array([0.5, -1.0, 0.5]),
        np.array(["10", "9", "8"]),
        np.array(["b", "10", "a"]),
    ]
    ranks = classes.ranked(columns, "abc")
    np.testing.assert_array_equal(ranks.T, [[1, 0, 1], [2, 1, 0], [2, 0, 1]])


def test_a_column_of_one_value_has_one_class():
    ranks = classes.ranked([np.full(3, 7.5), np.array(["a"] * 3)], "ab")
    np.testing.assert_array_equal(ranks, np.zeros((3, 2)))


def test_negative_labels_and_labels_with_gaps_are_ranks():
    ranks = classes.ranked([np.array([-5, 100, -5, 7])], "a")
    np.testing.assert_array_equal(ranks[:, 0], [0, 2, 0, 1])


def test_whole_numbers_that_are_equal_in_float64_are_two_classes():
    texts = np.array(["9007199254740993", "9007199254740992"])
    np.testing.assert_array_equal(classes.ranked([texts], "a")[:, 0], [1, 0])


def test_images_are_gathered_in_the_chosen_order():
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)

    def read(increasing):
        assert (np.diff(increasing) >= 0).all()
        yield from np.split(images[increasing], [2, 3])

    places = raster.wanted(lambda size: np.array([7, -9, 3, 3, 8]), 9)
    np.testing.assert_array_equal(places, [7, 0, 3, 3, 8])
    options = {"tell": raster.nothing, "shape": (4, 4, 3)}
    pixels = raster.gathered(read, places, average=False, **options)
    np.testing.assert_array_equal(pixels, images[places].reshape(5, -1))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.arange(1001), "expected at most 1,000 values of hue; got 1,001"),
        (np.array([0.0, np.nan, 1.0]), "expected finite values of hue; got nan"),
        (np.array(["0", "inf"]), "expected finite values of hue; got inf"),
    ],
)
def test_a_column_that_is_no_factor_is_named(column, message):
    with pytest.raises(ValueError, match=message):
        classes.ranked([column], ["hue"])


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "a" * 61])
def test_names_that_cannot_be_printed_are_refused(name):
    with pytest.raises(
        ValueError, match="names of factors, 60 characters at most; got '"
    ):
        classes.ranked([np.arange(2)], [name])


def test_too_many_factors_are_named():
    with pytest.raises(ValueError, match="at most 256 factors; got 257"):
        classes.ranked([np.arange(2)] * 257, ["hue"] * 257)
