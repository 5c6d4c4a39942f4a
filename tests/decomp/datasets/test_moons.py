import jax
import numpy as np
import pytest

from decomp.datasets import moons

N = 40_000
sample = jax.jit(moons.sample, static_argnames=("num_points", "num_moons"))


@pytest.mark.parametrize("num_moons", [2, 4])
def test_undoing_the_place_of_each_moon_gives_one_half_circle(num_moons):
    points, labels = sample(
        jax.random.key(0), num_points=N, num_moons=num_moons, noise_std=0.0
    )
    points, labels = np.asarray(points, np.float64), np.asarray(labels)
    x = points[:, 0] - (labels - (num_moons - 1) / 2)
    y = points[:, 1] * np.where(labels % 2, -1, 1) + 0.25
    np.testing.assert_allclose(np.hypot(x, y), 1, atol=1e-5)
    angles = np.arctan2(y, x)
    assert (angles > -1e-5).all()
    for label in range(num_moons):
        shares = np.sort(angles[labels == label]) / np.pi
        # The Kolmogorov–Smirnov distance; 1.95/√n is passed once in 1,000.
        steps = np.arange(len(shares) + 1) / len(shares)
        distance = max(abs(shares - steps[1:]).max(), abs(shares - steps[:-1]).max())
        assert distance < 1.95 / np.sqrt(len(shares))


def test_noise_is_normal_around_the_points_without_it():
    without, _ = sample(jax.random.key(1), num_points=N, noise_std=0.0)
    noisy, _ = sample(jax.random.key(1), num_points=N, noise_std=0.3)
    noise = np.float64(noisy) - np.float64(without)
    assert (abs(noise.mean(axis=0)) < 4 * 0.3 / np.sqrt(N)).all()
    assert (abs(noise.std(axis=0) - 0.3) < 4 * 0.3 / np.sqrt(2 * N)).all()
    assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / np.sqrt(N)


def test_moons_are_equal_in_number_and_have_the_documented_types():
    points, labels = moons.sample(jax.random.key(0))
    assert (points.shape, points.dtype) == ((400, 2), np.float32)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(labels), [100] * 4)


def test_points_must_divide_into_moons():
    with pytest.raises(ValueError, match="multiple of num_moons = 4; got 10"):
        moons.sample(jax.random.key(0), num_points=10)
