import os
import signal

import pytest

from experiments import stop


@pytest.fixture(autouse=True)
def usual():
    """The handlers of a process in the foreground, whatever those of the tests are."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, h) for number, h in handlers.items()}
    yield handlers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(number, usual):
    with stop.listening() as asked:
        assert asked() == 0
        os.kill(os.getpid(), number)
        assert asked() == number
    assert signal.getsignal(number) is usual[number]
    assert stop.Stopped(number).exit_code == 128 + number


def test_the_second_signal_has_its_usual_effect():
    with pytest.raises(KeyboardInterrupt), stop.listening():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop.listening() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked() == 0
