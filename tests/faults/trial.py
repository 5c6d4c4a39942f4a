"""A fault that is tried, and what must not come of it."""

import pathlib
from collections.abc import Callable, Generator
from typing import NamedTuple


class Problem(NamedTuple):
    """Something that a fault did and must not do."""

    words: str
    lost: int = 0  # bytes that are not those of a sweep without faults
    tracebacks: int = 0  # shown


Problems = Generator[Problem, None, None]


class Trial(NamedTuple):
    """Faults that are tried one after another."""

    kind: str
    times: int
    starts: int  # of a sweep, about: what it costs
    inject: Callable[[pathlib.Path], Problems]  # in a folder that is not there yet


class TrialRow(NamedTuple):
    """What came of the trials of a kind."""

    kind: str
    injected: int
    problems: list[Problem]  # one or more for each fault that was not survived

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Faults injected, faults survived, bytes lost, tracebacks shown."""
        survived = max(self.injected - len(self.problems), 0)
        lost = sum(problem.lost for problem in self.problems)
        return self.injected, survived, lost, sum(p.tracebacks for p in self.problems)
