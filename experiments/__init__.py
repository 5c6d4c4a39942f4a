"""The harness for the paper: files, configurations, many runs, figures."""

import importlib.util
import sys

from decomp import extras

# The packages of the extra `experiments`, by the names under which they are imported:
# those that the library can use, and those that the harness needs besides.
PACKAGES = tuple(name for name in extras.EXTRAS if name != "tensorboardX")
PACKAGES += ("orbax", "ml_collections", "absl", "tqdm", "matplotlib", "scipy")
# Python's name for a command until it has found the module.
_IS_COMMAND = sys.argv[:1] == ["-m"]


def check_packages() -> None:
    """Says in one line which packages are missing and what installs them.

    A command, `python -m experiments.NAME`, ends with it.

    Raises:
        ModuleNotFoundError: If a package is missing and this is not a command.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    line = (
        f"experiments: {', '.join(missing)} not installed for {sys.executable}; run "
        "`make setup` and use .venv/bin/python, or pip install '.[experiments]'"
    )
    if _IS_COMMAND:
        print(line, file=sys.stderr)
        sys.exit(2)
    raise ModuleNotFoundError(line, name=missing[0])


if _IS_COMMAND:
    from experiments.system import signals

    signals.watch()  # before the other imports

    from experiments.system import commands

    commands.use_plain_output()

check_packages()
