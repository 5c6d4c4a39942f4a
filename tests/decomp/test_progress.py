import io
import sys
import types

import numpy as np
import pytest

from decomp.progress import Bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def outputs(monkeypatch):
    """The outputs that a notebook shows, with their texts and numbers of updates."""
    handles = []

    class Handle:
        def __init__(self, data):
            self.text, self.updates = data["text/plain"], 0
            handles.append(self)

        def update(self, data, *, raw):
            assert raw
            self.text, self.updates = data["text/plain"], self.updates + 1

    display = types.ModuleType("IPython.display")
    display.display = lambda data, *, raw, display_id: Handle(data)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handles


def show_training(*, shown=True):
    bar = Bar(100, shown=shown)
    for step in range(1, 51):
        bar.update(2, np.array([step, np.nan, step + 2.0]))
    bar.close()


def test_a_notebook_has_one_output_that_is_updated(outputs, capsys):
    show_training()
    (output,) = outputs
    assert output.updates == 49
    assert output.text.startswith("100% ██████")
    assert output.text.endswith("0 s left, mean loss 51 nats")  # NaN is excluded
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_one_line_that_is_rewritten(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    show_training()
    text = sys.stderr.getvalue()
    assert text.count("\r") == 50
    assert text.count("\n") == 1
    assert text.endswith("100% " + 30 * "█" + " 0 s left, mean loss 51 nats   \n")


def test_nothing_is_shown_in_a_pipe_or_if_switched_off(outputs, monkeypatch):
    show_training(shown=False)
    assert outputs == []
    monkeypatch.delitem(sys.modules, "ipykernel")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    show_training()
    assert sys.stderr.getvalue() == ""


def test_runs_of_which_all_diverged_have_no_mean_loss(outputs):
    Bar(2, shown=True).update(1, np.array([np.nan]))
    assert "mean loss not finite nats" in outputs[0].text
