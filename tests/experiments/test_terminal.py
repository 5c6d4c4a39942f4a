import io
import sys
from concurrent import futures
from types import SimpleNamespace

import pytest

from experiments.system import terminal
from experiments.system.terminal import Progress, StageProgress, duration


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


def test_stages_are_lines_on_stderr_after_a_while_if_there_is_no_terminal(
    monkeypatch, capsys
):
    seconds = iter([0.0, 29.0, 30.0, 31.0, 60.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr(terminal, "time", clock)
    with StageProgress() as progress:
        for number in range(1, 5):
            progress("values", number, 1_000)
    assert capsys.readouterr() == ("", "  2 of 1,000 values\n  4 of 1,000 values\n")


def test_stages_are_a_bar_on_a_terminal_which_is_removed(monkeypatch):
    stderr = io.StringIO()
    stderr.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stderr)
    with StageProgress() as progress:
        progress("values", 1, 4)
        progress("intervals", 3, 4)
    texts = stderr.getvalue().split("\r")
    for percentage, words in ((" 25%", "1 of 4 values"), (" 75%", "3 of 4 intervals")):
        assert any(t.startswith(percentage) and words in t for t in texts)
    assert not texts[-1].strip()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (720, "12 min"), (12_600, "3.5 h"), (1_814_400, "21 days")],
)
def test_a_duration_has_a_suitable_unit(seconds, words):
    assert duration(seconds) == words
