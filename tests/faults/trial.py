"""A trial injects faults and reports what they must not do."""

import pathlib
from collections.abc import Callable, Generator
from typing import NamedTuple


class Problem(NamedTuple):
    """Something that a fault did and must not do."""

    words: str
    lost: int = 0  # bytes that differ from those of a sweep without faults
    tracebacks: int = 0  # tracebacks in the output


Problems = Generator[Problem, None, None]


class Trial(NamedTuple):
    """Faults that are injected one after another."""

    kind: str
    times: int
    starts: int  # about how often it starts a sweep, which is its cost
    inject: Callable[[pathlib.Path], Problems]  # in a folder that does not exist yet


class TrialRow(NamedTuple):
    """The outcome of all trials of a kind."""

    kind: str
    injected: int
    problems: list[Problem]  # one or more for each fault that was not survived

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Faults injected, faults survived, bytes lost, tracebacks shown."""
        survived = max(self.injected - len(self.problems), 0)
        lost = sum(problem.lost for problem in self.problems)
        return self.injected, survived, lost, sum(p.tracebacks for p in self.problems)
