import hashlib

import numpy as np
import pytest

from decomp.datasets import dsprites, selection

SIZES = (4, 3, 5)
CLASSES = np.indices(SIZES).reshape(3, -1).T
COUNT = 60_000
SHA256 = "41ce91e1f7673330840b99ccce1726f5ff77d0e45636695b0f00e3219aa084b7"


def exact(sigma, pair=(0, 2)):
    """p of every image of the grid, computed from the formula."""
    f, g = (CLASSES[:, i] / (SIZES[i] - 1) for i in pair)
    p = np.exp(-((f - g) ** 2) / (2 * sigma**2))
    return p / p.sum()


@pytest.mark.parametrize("sigma", [0.2, 0.7, 1e6])
def test_images_are_drawn_with_the_probabilities_of_the_formula(sigma):
    weights = selection.correlated(CLASSES, SIZES, (0, 2), sigma=sigma)
    index = selection.draw(weights, seed=1, count=COUNT)
    expected = COUNT * exact(sigma)
    counts = np.bincount(index, minlength=len(CLASSES))
    frequent = expected > 5
    square = ((counts - expected) ** 2 / np.maximum(expected, 1e-9))[frequent].sum()
    freedom = frequent.sum() - 1
    assert abs(square - freedom) < 4 * np.sqrt(2 * freedom)
    assert abs(counts[~frequent].sum() - expected[~frequent].sum()) < 10


def test_the_other_factors_stay_uniform_and_independent():
    weights = selection.correlated(CLASSES, SIZES, (0, 2), sigma=0.3)
    p = (weights / weights.sum()).reshape(SIZES)
    np.testing.assert_allclose(p, np.repeat(p[:, :1], 3, axis=1), rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.4])
def test_weights_are_the_formula_rounded_to_24_bits(sigma):
    weights = selection.correlated(CLASSES, SIZES, (2, 0), sigma=sigma)
    assert weights.max() == 2**24
    p = exact(sigma)
    np.testing.assert_allclose(weights / 2**24, p / p.max(), atol=2.0**-25)


def test_a_narrow_correlation_of_the_whole_set_is_pinned():
    classes = dsprites.factor_classes()
    weights = selection.correlated(classes, dsprites.FACTOR_SIZES, (1, 3), sigma=0.2)
    index = selection.draw(weights, seed=0, count=5_000)
    assert (np.diff(index) >= 0).all()
    scale, x = classes[index][:, 1] / 5, classes[index][:, 3] / 31
    assert 0.6 < np.corrcoef(scale, x)[0, 1] < 0.9
    assert hashlib.sha256(index.astype("<i8").data).hexdigest() == SHA256


def test_held_out_images_have_every_class_in_its_range():
    mask = selection.held_out(CLASSES, {0: (1, 2), 2: (4, 4)})
    expected = [(f in (1, 2)) and g == 4 for f, _, g in CLASSES]
    np.testing.assert_array_equal(mask, expected)
    index = selection.draw(np.where(mask, 0, 3), seed=0, count=COUNT)
    assert not mask[index].any()
    assert len(np.unique(index)) == len(CLASSES) - mask.sum()


@pytest.mark.parametrize("weights", [np.zeros(3, int), np.full(3, 2**50)])
def test_weights_without_a_valid_sum_are_refused(weights):
    with pytest.raises(ValueError, match=r"expected weights of a sum in \(0, 2⁵⁰\)"):
        selection.draw(weights, seed=0, count=1)
