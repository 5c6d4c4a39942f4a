import jax
import numpy as np
import pytest

from decomp.datasets import pinwheel

N = 40_000
sample = jax.jit(pinwheel.sample, static_argnames=("num_points", "num_arms"))


def before_the_turn(points, arms, *, num_arms: int, rate: float) -> np.ndarray:
    """Solves u₁ = |x| cos(∠x + θ(u₁)), a contraction near an arm, for points u."""
    points = np.asarray(points, np.float64)
    length = np.hypot(points[:, 0], points[:, 1])
    direction = np.arctan2(points[:, 1], points[:, 0])
    direction = direction + 2 * np.pi * np.asarray(arms) / num_arms
    radial = length
    for _ in range(60):
        radial = length * np.cos(direction + rate * np.exp(radial))
    across = length * np.sin(direction + rate * np.exp(radial))
    return np.stack([radial, across], axis=1)


@pytest.mark.parametrize(
    "options", [{}, {"num_arms": 5, "rate": 0.1, "radial_std": 0.2}], ids=str
)
def test_turning_back_recovers_independent_normals(options):
    points, arms = sample(jax.random.key(0), num_points=N, **options)
    settings = {"num_arms": 4, "rate": 0.25, "radial_std": 0.3} | options
    u = before_the_turn(
        points, arms, num_arms=settings["num_arms"], rate=settings["rate"]
    )
    stds = np.array([settings["radial_std"], 0.1])
    assert (abs(u.mean(axis=0) - [1, 0]) < 4 * stds / np.sqrt(N)).all()
    assert (abs(u.std(axis=0) - stds) < 4 * stds / np.sqrt(2 * N)).all()
    assert abs(np.corrcoef(u.T)[0, 1]) < 4 / np.sqrt(N)


def test_without_spread_the_arms_are_rotations_of_one_point():
    points, arms = pinwheel.sample(
        jax.random.key(0), num_points=4, radial_std=0.0, tangential_std=0.0
    )
    angle = -(2 * np.pi * np.arange(4) / 4 + 0.25 * np.e)
    expected = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.testing.assert_allclose(points, expected, atol=1e-6)
    np.testing.assert_array_equal(arms, np.arange(4))


def test_every_arm_is_the_first_one_rotated():
    points, arms = sample(jax.random.key(1), num_points=N)
    points, arms = np.asarray(points, np.float64), np.asarray(arms)
    first = points[arms == 0]
    for arm in range(1, 4):
        angle = 2 * np.pi * arm / 4
        cos, sin = np.cos(angle), np.sin(angle)
        rotated = points[arms == arm] @ np.array([[cos, sin], [-sin, cos]])
        stderr = np.sqrt((first.var(axis=0) + rotated.var(axis=0)) / len(first))
        assert (abs(rotated.mean(axis=0) - first.mean(axis=0)) < 4 * stderr).all()


def test_arms_are_equal_in_number_and_have_the_documented_types():
    points, arms = pinwheel.sample(jax.random.key(0))
    assert (points.shape, points.dtype) == ((400, 2), np.float32)
    assert arms.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(arms), [100] * 4)


def test_jit_draws_the_same_points():
    def draw(key, spread):
        return pinwheel.sample(key, num_points=20, radial_std=spread)[0]

    plain = draw(jax.random.key(2), 0.3)
    compiled = jax.jit(draw)(jax.random.key(2), 0.3)
    np.testing.assert_allclose(compiled, plain, atol=1e-5)


def test_points_must_divide_into_arms():
    with pytest.raises(ValueError, match="multiple of num_arms = 4; got 10"):
        pinwheel.sample(jax.random.key(0), num_points=10)
