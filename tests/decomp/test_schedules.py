import jax.numpy as jnp
import numpy as np
import pytest

from decomp import schedules

PROGRESS = jnp.asarray([0.0, 0.1, 0.2, 0.25, 0.35, 0.5, 0.99, 1.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", [1] * 8),
        ("linear", [0, 0.2, 0.4, 0.5, 0.7, 1, 1, 1]),
        ("cyclic", [0, 0.8, 1, 0, 0.8, 0, 1, 1]),  # four cycles of a quarter
    ],
)
def test_a_schedule_is_a_function_of_the_share_of_the_training(name, expected):
    factors = schedules.SCHEDULES[name](PROGRESS, warm_up=0.5, cycles=4)
    np.testing.assert_allclose(factors, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "cyclic"])
def test_without_warm_up_a_weight_is_whole_from_the_first_step(name):
    factors = schedules.SCHEDULES[name](PROGRESS, warm_up=0.0)
    assert factors.tolist() == [1] * 8
