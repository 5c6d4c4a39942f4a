from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.divergences import sliced_wasserstein

squared = jax.jit(sliced_wasserstein.squared, static_argnames="projections")
squared_1d = jax.jit(sliced_wasserstein.squared_1d)


def normal(*shape, dtype=np.float32):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_the_distance_on_a_line_is_that_of_the_best_assignment():
    z, y = normal(2, 6, dtype=np.float64) * [[1.0], [2.0]]
    exact = min(np.mean((z - y[list(order)]) ** 2) for order in permutations(range(6)))
    with jax.enable_x64(True):
        np.testing.assert_allclose(squared_1d(z, y), exact, rtol=1e-13)


def test_the_distance_of_a_shifted_set_is_the_squared_length_over_d():
    z, shift = normal(5, 3), np.float32([[1.0, -2.0, 0.5]])
    distance = squared(jax.random.key(1), z, z + shift, projections=2000)
    length = np.sum(shift**2)
    # (θ·a)²/|a|² has mean 1/D and variance 2(D − 1)/(D²(D + 2)).
    deviation = length * np.sqrt(2 * 2 / (9 * 5))
    assert abs(distance - length / 3) < 4 * deviation / np.sqrt(2000)


def test_in_one_dimension_every_direction_gives_the_distance_itself():
    z, y = normal(2, 7)
    distance = squared(jax.random.key(1), z[:, None], y[:, None], projections=3)
    np.testing.assert_allclose(distance, squared_1d(z, y), rtol=1e-5)


@jax.jit
def distances(shift, scale):
    """SW² of 2000 draws of N(shift, scale² I) and N(0, I), and of 8, 20 times each."""

    def once(i):
        noise_key, *keys = jax.random.split(jax.random.fold_in(jax.random.key(0), i), 3)
        y, noise = jax.random.normal(noise_key, (2, 2000, 2))
        z = shift[None] + scale * noise
        return [
            sliced_wasserstein.squared(key, z[:count], y[:count], projections=20)
            for key, count in zip(keys, (2000, 8), strict=True)
        ]

    return jax.lax.map(once, jnp.arange(20))


def test_the_distance_of_gaussians_is_their_closed_form_in_the_limit():
    shift, scale = np.float32([1.0, -0.5]), 1.5
    values = np.float64(distances(shift, scale)[0])
    exact = np.sum(shift**2) / 2 + (scale - 1) ** 2
    assert abs(values.mean() - exact) < 4 * values.std(ddof=1) / np.sqrt(20)


def test_the_distance_of_equal_distributions_is_positive_and_falls_with_the_draws():
    many, few = distances(np.zeros(2, np.float32), 1.0)
    assert np.all(many > 0)
    assert np.all(few > many)
    assert np.mean(few) > 20 * np.mean(many)


def test_the_gradient_moves_sorted_points_together():
    z, y = np.float32([3.0, -1.0, 0.5]), np.float32([0.0, 2.0, -2.0])
    matched = np.float32([2.0, -2.0, 0.0])
    np.testing.assert_allclose(
        jax.grad(squared_1d)(z, y), 2 / 3 * (z - matched), rtol=1e-6
    )


Z = np.zeros((4, 2), np.float32)
REFUSED = [
    (lambda key: sliced_wasserstein.squared(key, Z, Z[:3]), "got 4 and 3"),
    (lambda key: sliced_wasserstein.squared_1d(Z[:2, 0], Z[:, 0]), "got 2 and 4"),
    (lambda key: sliced_wasserstein.squared(key, Z, Z, projections=0), "got 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_sets_of_other_sizes_and_no_directions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(jax.random.key(0))
