import numpy as np
import pytest

from decomp.datasets import principal


def data():
    rng = np.random.default_rng(0)
    return (rng.random((300, 12)) < rng.random(12)).astype(np.float32)


def moments(points):
    return principal.second_moments(np.array_split(points, 4))


def test_top_ranks_are_the_squared_singular_values_of_the_centred_data():
    points = data()
    centred = points.astype(np.float64) - points.astype(np.float64).mean(0)
    singular = np.linalg.svd(centred, compute_uv=False)
    variances = principal.variances(moments(points), latents=4)
    np.testing.assert_allclose(variances, singular[:4] ** 2 / 300, rtol=1e-12)


def test_the_released_code_takes_later_ranks_of_uncentred_data():
    points = data()
    singular = np.linalg.svd(points.astype(np.float64), compute_uv=False)
    variances = principal.variances(moments(points), latents=4, ranks="released_code")
    np.testing.assert_allclose(variances, singular[[7, 6, 5, 4]] ** 2 / 300, rtol=1e-12)


def test_moments_do_not_depend_on_the_batches():
    points = data()
    whole, parts = principal.second_moments([points]), moments(points)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: principal.second_moments([]), "at least one batch"),
        (
            lambda: principal.variances(moments(data()), latents=2, ranks="best"),
            "unknown ranks 'best'; choices: top, released_code",
        ),
        (
            lambda: principal.variances(moments(data()[:, :3]), latents=4),
            "4 latents, 3 axes",
        ),
        (
            lambda: principal.variances(moments(np.ones((9, 5), "f")), latents=2),
            "need more principal axes",
        ),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
