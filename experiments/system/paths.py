"""Paths on the command line: expands `~`, and finds configs from any folder."""

import os
import pathlib

CLONE = pathlib.Path(__file__).parents[2]


def path(text: str | os.PathLike[str]) -> pathlib.Path:
    """The path of an argument, with `~` expanded, which shells do not do after `=`.

    Raises:
        ValueError: One line, if the home folder is unknown.
    """
    typed = os.fspath(text)
    whole = os.path.expanduser(typed)
    home = typed.partition("/")[0]
    if whole == typed and home.startswith("~") and not os.path.exists(home):
        raise ValueError(
            f"{typed}: the home folder {home} is unknown; expected a path without ~."
        )
    return pathlib.Path(whole)


def in_clone(text: str) -> pathlib.Path:
    """A file relative to the current folder or, if it is not there, to the clone."""
    here = path(text)
    there = CLONE / here
    return there if not here.exists() and there.exists() else here


def shown(file: pathlib.Path) -> str:
    """The path of a file of the clone, relative to the current folder."""
    try:
        return str(file.relative_to(pathlib.Path.cwd()))
    except (ValueError, OSError):  # it is on another drive, or the folder is gone
        return str(file)
