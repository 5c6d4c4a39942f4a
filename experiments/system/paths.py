"""Paths as people type them: `~` is a home, and a config is found from anywhere."""

import os
import pathlib

CLONE = pathlib.Path(__file__).parents[2]


def path(text: str | os.PathLike[str]) -> pathlib.Path:
    """The path that was typed; a shell leaves `~` as it is behind `=`.

    Raises:
        ValueError: In one line, for a home folder that is not known.
    """
    typed = os.fspath(text)
    whole = os.path.expanduser(typed)
    home = typed.partition("/")[0]
    if whole == typed and home.startswith("~") and not os.path.exists(home):
        raise ValueError(
            f"{typed}: the home folder {home} is not known; expected a path that "
            "begins otherwise."
        )
    return pathlib.Path(whole)


def in_clone(text: str) -> pathlib.Path:
    """A file as typed, relative to the current folder, or else to the clone."""
    here = path(text)
    there = CLONE / here
    return there if not here.exists() and there.exists() else here


def shown(file: pathlib.Path) -> str:
    """A path that leads to a file of the clone from the current folder."""
    try:
        return str(file.relative_to(pathlib.Path.cwd()))
    except (ValueError, OSError):  # it lies elsewhere, or the folder is gone
        return str(file)
