"""Command lines of the smaller programs: every error is raised, to end in one line."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

_LARGEST = 2**31 - 1


def parser(name: str, description: str, **options: Any) -> argparse.ArgumentParser:
    """A parser that raises ValueError for arguments that cannot be used.

    Args:
        name: Of the program, as its errors begin.
        description: One line for its help.
        **options: Further arguments of `ArgumentParser`.
    """
    made = argparse.ArgumentParser(prog=name, description=description, **options)

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    made.error = refuse
    return made


def whole(low: int, high: int = _LARGEST) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f"expects a whole number from {low} to {high}; got {text[:100]}."
            )
        return number

    return convert
