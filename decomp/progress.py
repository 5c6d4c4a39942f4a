"""A line that shows how far training has got, in a terminal or in a notebook."""

import importlib
import sys
import time
from typing import Any

import numpy as np

_WIDTH = 30  # characters of the bar


class Bar:
    """One line that is rewritten as training goes on.

    In a terminal it is rewritten on stderr; in a notebook it is one output that is
    updated, also where the notebook is run without a browser. Elsewhere, as in a file
    or a pipe, there is none.

    Args:
        total: Steps of the training.
        shown: Whether to show it at all.
    """

    def __init__(self, total: int, *, shown: bool):
        self._notebook = "ipykernel" in sys.modules
        self._shown = shown and (self._notebook or sys.stderr.isatty())
        self._total, self._done, self._begun = total, 0, time.monotonic()
        self._output: Any = None  # of a notebook, once there is one

    def update(self, steps: int, losses: np.ndarray) -> None:
        """Counts steps and shows the mean loss of runs that have not diverged.

        Args:
            steps: Taken since the last update.
            losses: Mean losses of the runs `[R]`, in nats.
        """
        self._done += steps
        if not self._shown:
            return
        finite = losses[np.isfinite(losses)]
        loss = f"{finite.mean():.4g}" if finite.size else "not finite"
        seconds = (time.monotonic() - self._begun) * (self._total / self._done - 1)
        share = self._done / self._total
        full = round(_WIDTH * share)
        bar = "█" * full + "·" * (_WIDTH - full)
        self._show(f"{share:4.0%} {bar} {seconds:.0f} s left, mean loss {loss} nats")

    def close(self) -> None:
        """Ends the line."""
        if self._shown and not self._notebook:
            print(file=sys.stderr)

    def _show(self, text: str) -> None:
        if not self._notebook:
            print(f"\r{text}   ", end="", file=sys.stderr, flush=True)
        elif self._output is None:
            display = importlib.import_module("IPython.display").display
            self._output = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._output.update({"text/plain": text}, raw=True)
