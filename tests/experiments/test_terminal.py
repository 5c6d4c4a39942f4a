from concurrent import futures

import pytest

from experiments.system.terminal import Progress, duration


def test_the_first_estimate_is_given_once_from_calls_that_are_long_enough():
    with Progress(1_000, shown=False) as progress:
        progress.trained(100, 30.0, 1.0)  # compiles
        assert progress.first_estimate() is None
        progress.trained(10, 0.1, 1.0)  # mostly overhead
        assert progress.first_estimate() is None
        progress.trained(90, 1.0, 1.0)
        assert progress.first_estimate() == pytest.approx(800 / 90)
        assert progress.first_estimate() is None


def test_a_pace_slowed_by_other_work_is_dropped_when_that_work_ends():
    compiling = futures.Future()
    with Progress(1_000, shown=False) as progress:
        progress.beside(compiling)
        progress.trained(10, 30.0, 1.0)
        progress.trained(10, 1.0, 1.0)
        assert progress.seconds_left() == pytest.approx(980 / 10)
        assert progress.first_estimate() is None
        compiling.set_result(None)
        progress.trained(10, 1.0, 1.0)  # was slowed when it began
        assert progress.first_estimate() is None
        progress.trained(70, 1.0, 1.0)
        assert progress.first_estimate() == pytest.approx(900 / 70)


def test_the_time_left_includes_scoring_and_resumed_work():
    with Progress(1_000, shown=False) as progress:
        progress.resumed(10, 50)
        progress.trained(100, 9.0, 1.0)
        progress.trained(100, 1.0, 1.0)
        progress.evaluated(7.0)
        assert progress.seconds_left() == pytest.approx(300 * (1 / 100 + 7 / 700))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (720, "12 min"), (12_600, "3.5 h"), (1_814_400, "21 days")],
)
def test_a_duration_has_a_suitable_unit(seconds, words):
    assert duration(seconds) == words
