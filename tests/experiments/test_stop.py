import os
import signal

import pytest

from experiments import stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(number):
    usual = signal.getsignal(number)
    with stop.listening() as asked:
        assert asked() == 0
        os.kill(os.getpid(), number)
        assert asked() == number
    assert signal.getsignal(number) is usual
    assert stop.Stopped(number).exit_code == 128 + number


def test_the_second_signal_has_its_usual_effect():
    with pytest.raises(KeyboardInterrupt), stop.listening():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
