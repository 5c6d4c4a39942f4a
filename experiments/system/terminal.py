"""Shows how far a command is: by a bar on a terminal, by plain lines elsewhere."""

import sys
import time
from concurrent import futures
from typing import Any

from tqdm import tqdm

_LINE_EVERY = 30.0  # seconds between plain lines
_LONG = 200  # characters of a value that a message shows at most
_TELLING = 0.5  # seconds of a call above which its overhead does not matter


class Progress:
    """Counts run-steps and shows the time left; other lines appear above the bar.

    Args:
        total: Run-steps of the whole sweep.
        shown: Whether to show progress; of several processes, only one does.
    """

    def __init__(self, total: int, *, shown: bool = True):
        self._total, self._done, self._rate = total, 0, 0.0
        self._calls, self._announced = 0, False
        self._beside: futures.Future | None = None
        self._alone = True  # nothing else ran when the last call ended
        self._steady = False  # the pace is that of calls beside which nothing ran
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
        """Whether a call was long enough to measure the pace."""
        return self._rate > 0

    def beside(self, work: futures.Future) -> None:
        """Names work beside the training; the first estimate waits for its end."""
        self._beside, self._alone = work, False

    def resumed(self, runs: int, steps: int) -> None:
        """Counts the training of an earlier process, and says so."""
        if steps:
            go = "run goes" if runs == 1 else "runs go"
            say(f"  {runs} {go} on after step {steps:,}")
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
        """The seconds left, once they are known for the first time; afterwards None."""
        if self._announced or not self._steady:
            return None
        self._announced = True
        return self.seconds_left()

    def evaluated(self, seconds: float) -> None:
        """Includes the evaluation of the last block in the time left."""
        self._extra_per_step = seconds / max(self._done, 1)

    def seconds_left(self) -> float:
        """Expected seconds until all runs are trained and scored; 0 if unknown."""
        rest = self._total - self._done
        return rest * (self._extra_per_step + (1 / self._rate if self._rate else 0.0))

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the bar."""
        self._bar.close()


class StageProgress:
    """Shows how far each stage of a command is, on stderr.

    On a terminal it is a bar. Elsewhere it is a plain line, after 30 s without one.
    """

    def __init__(self):
        self._last_line = time.monotonic()
        self._bar = tqdm(
            total=1,
            disable=None,
            leave=False,
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar}| {desc}",
        )

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows that `done` of `total` parts of a stage, such as values, are done."""
        text, now = f"{done:,} of {total:,} {stage}", time.monotonic()
        if not self._bar.disable:
            self._bar.n, self._bar.total = done, total
            self._bar.set_description_str(text)
        elif now - self._last_line >= _LINE_EVERY:
            self._last_line = now
            print(f"  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> "StageProgress":
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the bar."""
        self._bar.close()


def say(text: str) -> None:
    """Prints a line above any bar."""
    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """A duration such as 40 s, 12 min, 3.5 h or 21 days."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as 1 seed or 1,200 seeds.

    >>> counted(1, "seed"), counted(1_200, "seed")
    ('1 seed', '1,200 seeds')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(value: Any) -> str:
    """A value for a message, shortened if it is long."""
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"
