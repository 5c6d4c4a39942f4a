"""Progress on a terminal as a bar, elsewhere as plain lines."""

import sys
import time
from concurrent import futures
from typing import Any

from tqdm import tqdm

_LINE_EVERY = 30.0  # seconds between plain lines
_LONG = 200  # characters of a value that a message shows
_TELLING = 0.5  # seconds from which the pace of a call is more than its overhead


class Progress:
    """Counts run-steps and tells the time left; prints what is said above the bar.

    Args:
        total: Run-steps of the whole sweep.
        shown: Whether there is a bar; of several processes, one has it.
    """

    def __init__(self, total: int, *, shown: bool = True):
        self._total, self._done, self._rate = total, 0, 0.0
        self._calls, self._announced = 0, False
        self._beside: futures.Future | None = None
        self._alone = True  # nothing slowed training when the last call ended
        self._steady = False  # the pace is of calls that nothing slowed
        self._extra_per_step = 0.0
        self._last_line = time.monotonic()
        self._bar = tqdm(
            total=total,
            disable=None if shown else True,
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar}| {desc}",
        )

    @property
    def measured(self) -> bool:
        """Whether a call was long enough to tell the pace."""
        return self._rate > 0

    def beside(self, work: futures.Future) -> None:
        """Says what slows training until done; the first estimate waits for it."""
        self._beside, self._alone = work, False

    def resumed(self, runs: int, steps: int) -> None:
        """Counts training that an earlier process did, and says so."""
        if steps:
            say(f"  {runs} runs go on after step {steps:,}")
        self._done += runs * steps
        self._bar.update(runs * steps)

    def trained(self, run_steps: int, seconds: float, loss: float) -> None:
        """Counts training; the time left follows from the pace of the last calls."""
        self._done += run_steps
        self._calls += 1
        if self._calls == 1:
            say(f"  compiled in {duration(seconds)}")
        elif seconds > _TELLING or self._done == self._total:
            pace = run_steps / max(seconds, 1e-9)
            self._rate = 0.7 * self._rate + 0.3 * pace if self._steady else pace
            self._steady = self._alone
        self._alone = self._beside is None or self._beside.done()
        text = f"{duration(self.seconds_left())} left, mean loss {loss:.4g} nats"
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(run_steps)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line > _LINE_EVERY and self.measured:
            self._last_line = now
            say(f"  {self._done / self._total:4.0%}, {text}")

    def first_estimate(self) -> float | None:
        """Seconds left, the first time that they are known; afterwards None."""
        if self._announced or not self._steady:
            return None
        self._announced = True
        return self.seconds_left()

    def evaluated(self, seconds: float) -> None:
        """Counts the evaluation of the last block into the time left."""
        self._extra_per_step = seconds / max(self._done, 1)

    def seconds_left(self) -> float:
        """Expected seconds until all runs are trained and scored; 0 if not known."""
        left = self._total - self._done
        return left * (self._extra_per_step + (1 / self._rate if self._rate else 0.0))

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the bar."""
        self._bar.close()


def say(text: str) -> None:
    """Prints a line above any bar."""
    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """Seconds as people say them: 40 s, 12 min, 3.5 h, 21 days."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"


def short(value: Any) -> str:
    """A value as a message shows it."""
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"
