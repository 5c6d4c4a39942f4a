import hashlib

import numpy as np
import pytest

from decomp.datasets import garments
from decomp.datasets.renderers import garments_draw

SHA256_OF_200 = "7f78bf3b6a7eb20fc847e1e996e9d7b6f72711da0f42f001261f57b18b6322b2"
USED = garments.used()


def corners(label):
    """The extremes of every factor that a class uses, in all combinations."""
    (columns,) = np.nonzero(USED[label])
    grid = np.indices((2,) * len(columns)).reshape(len(columns), -1).T
    factors = np.zeros((len(grid), len(garments.FACTOR_NAMES)))
    factors[:, columns] = grid
    return np.full(len(grid), label), factors


def test_a_seed_gives_the_pinned_bytes():
    sample = garments.sample(0, num_images=200)
    assert sample.pixels.shape == (200, 784)
    assert (sample.pixels.dtype, sample.labels.dtype) == (np.uint8, np.uint8)
    assert sample.factors.dtype == np.float32
    digest = hashlib.sha256()
    for array in sample:
        digest.update(np.ascontiguousarray(array).data)
    assert digest.hexdigest() == SHA256_OF_200


def test_fewer_images_are_the_first_of_many_and_another_seed_gives_others():
    many = garments.sample(1, num_images=40)
    few = garments.sample(1, num_images=23)
    for few_values, many_values in zip(few, many, strict=True):
        np.testing.assert_array_equal(few_values, many_values[:23])
    other = garments.sample(2, num_images=40)
    assert not np.array_equal(other.factors, many.factors)
    assert not np.array_equal(other.labels, many.labels)


def test_every_ten_images_contain_each_class_once():
    labels = garments.sample(num_images=300).labels.reshape(-1, 10)
    np.testing.assert_array_equal(np.sort(labels, axis=1), [np.arange(10)] * 30)
    assert len(np.unique(labels, axis=0)) == 30


def test_factors_are_uniform_where_used_and_zero_elsewhere():
    sample = garments.sample(num_images=2000)
    mask = USED[sample.labels]
    assert (sample.factors[~mask] == 0).all()
    values = np.sort(sample.factors[mask])
    assert 0 <= values[0]
    assert values[-1] < 1
    steps = np.arange(len(values)) / len(values)
    assert np.abs(values - steps).max() < 1.95 / np.sqrt(len(values))  # p = 0.001


def test_an_image_does_not_depend_on_its_neighbours():
    sample = garments.sample(num_images=90)
    order = np.random.default_rng(0).permutation(90)
    part = garments.render(sample.labels[order], sample.factors[order])
    np.testing.assert_array_equal(part, sample.pixels[order])
    assert garments.render(sample.labels[:0], sample.factors[:0]).shape == (0, 784)


@pytest.mark.parametrize("label", range(10))
def test_the_factors_of_a_class_and_no_others_change_its_image(label):
    factors = np.full((14, 13), 0.3) + 0.4 * np.eye(14, 13)
    pixels = garments.render(np.full(14, label), factors)
    differs = (pixels[:13] != pixels[13]).any(axis=1)
    np.testing.assert_array_equal(differs, USED[label])


def test_factors_other_than_the_common_ones_belong_to_one_to_three_classes():
    count = USED.sum(axis=0)
    np.testing.assert_array_equal(count[:3], [10, 10, 10])
    assert (1 <= count[3:]).all()
    assert (count[3:] <= 3).all()


@pytest.mark.parametrize("label", range(10))
def test_shades_stay_in_range_and_in_single_precision(label):
    _, factors = corners(label)
    columns = factors.astype(np.float32).T[:, :, None, None]
    image = garments_draw.image(label, garments_draw.GarmentFactors(*columns))
    assert image.shape == (len(factors), 28, 28)
    assert image.dtype == np.float32
    assert 0 <= image.min()
    assert 0.5 < image.max() <= 1


@pytest.mark.parametrize("name", ["t-shirt", "trouser", "pullover", "dress", "coat"])
def test_clothes_are_symmetric(name):
    pixels = garments.render(*corners(garments.CLASS_NAMES.index(name)))
    pixels = pixels.reshape(-1, 28, 28)
    np.testing.assert_array_equal(pixels, pixels[:, :, ::-1])


def test_brightness_scales_every_shade():
    label, factors = np.array([3, 3]), np.full((2, 13), 0.5)
    factors[:, 0] = 0, 1
    dark, bright = garments.render(label, factors).astype(float)
    np.testing.assert_allclose(dark, 0.45 * bright, atol=1)


@pytest.mark.parametrize(
    ("labels", "factors", "message"),
    [
        ([10], 0.5, r"expected labels 0\.\.9; got \[10\]"),
        ([0.5], 0.5, r"expected labels 0\.\.9; got \[0\.5\]"),
        ([3], 1.5, r"expected factors in \[0, 1\]; got 1\.5\.\.1\.5"),
        ([3], np.nan, r"expected factors in \[0, 1\]; got nan\.\.nan"),
    ],
)
def test_classes_and_factors_out_of_range_are_refused(labels, factors, message):
    with pytest.raises(ValueError, match=message):
        garments.render(np.array(labels), np.full((1, 13), factors))
