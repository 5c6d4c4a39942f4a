"""The command line: help, errors of one line, and what a sweep says when it starts."""

import importlib.util
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from absl import flags
from ml_collections import ConfigDict

_CONFIGS = pathlib.Path(__file__).parent.parent / "configs"


def parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; help or an error is printed and ends the program."""
    try:
        if {"--help", "-help", "-h", "--helpshort", "--helpfull"} & set(argv):
            print(usage(argv))
            sys.exit(0)
        check(argv)
        return flags.FLAGS(list(argv))
    except (flags.Error, ValueError, AttributeError, TypeError, OSError) as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Prints one line and exits with code 2."""
    print(f"experiments.main: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def config_argument(argv: Sequence[str]) -> str:
    """The value of --config.

    Raises:
        ValueError: If there is none, naming the choices.
    """
    for position, argument in enumerate(argv):
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config"):
            following = argv[position + 1 : position + 2]
            return value if equals else "".join(following)
    raise ValueError(f"--config is missing; choices: {', '.join(_config_files())}.")


def load_config(argument: str) -> ConfigDict:
    """The config of `path.py:variants`.

    Raises:
        ValueError: If there is no such file, or no such variant.
    """
    path, _, variants = argument.partition(":")
    if not pathlib.Path(path).is_file() or not path.endswith(".py"):
        raise ValueError(
            f"--config={path} is not a file of Python; choices: "
            f"{', '.join(_config_files())}."
        )
    spec = importlib.util.spec_from_file_location("config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(variants)


def check(argv: Sequence[str]) -> None:
    """Checks that every --config.FIELD names a field.

    Raises:
        ValueError: For a field that does not exist, naming the choices.
    """
    config = load_config(config_argument(argv))
    for argument in argv[1:]:
        name = argument.partition("=")[0].lstrip("-")
        if not name.startswith("config."):
            continue
        section: Any = config
        for part in name.split(".")[1:]:
            if not isinstance(section, ConfigDict) or part not in section:
                known = section if isinstance(section, ConfigDict) else {}
                raise ValueError(
                    f"--{name}: there is no field '{part}'; choices: "
                    f"{', '.join(known) or 'none, this is a value'}."
                )
            section = section[part]
        if isinstance(section, ConfigDict):
            raise ValueError(f"--{name} is a section; fields: {', '.join(section)}.")


def reject_stray(argv: Sequence[str]) -> None:
    """Refuses arguments that are not flags."""
    if len(argv) > 1:
        raise ValueError(
            f"unexpected argument '{argv[1]}'; expected --config=, --workdir= and "
            "--config.FIELD=VALUE only."
        )


def default_workdir(argument: str) -> pathlib.Path:
    """results/NAME or results/NAME-VARIANTS, of a --config argument."""
    path, _, variants = argument.partition(":")
    return pathlib.Path(
        "results", "-".join([pathlib.Path(path).stem, *variants.split(",")]).strip("-")
    )


def usage(argv: Sequence[str]) -> str:
    """The help text; with a --config, its fields and their values."""
    lines = [
        "usage: python -m experiments.main --config=FILE[:VARIANT,...] "
        "[--workdir=FOLDER] [--config.FIELD=VALUE ...]",
        "",
        f"  FILE     {', '.join(_config_files())}",
        "  VARIANT  laptop, authors, smoke; none is the paper's text",
        "  FOLDER   default results/FILE-VARIANT; the same command goes on in it",
        "  VALUE    of a tuple is swept: --config.objective.beta=1,4; whole numbers "
        "are written 1000 or 1_000, not 1e3",
        "",
        "With --config, --help lists its fields.",
    ]
    if any(argument.partition("=")[0] == "--config" for argument in argv):
        lines[-1] = "Fields:"
        lines += _fields(load_config(config_argument(argv)), "--config.")
    return "\n".join(lines)


def _config_files() -> list[str]:
    paths = sorted(_CONFIGS.glob("*.py"))
    return [f"configs/{p.name}" for p in paths if p.stem not in ("__init__", "base")]


def _fields(config: ConfigDict, prefix: str) -> list[str]:
    lines = []
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            lines += _fields(value, f"{prefix}{name}.")
        elif name not in ("deviations", "variant", "title"):
            text = ",".join(map(str, value)) if isinstance(value, tuple) else ""
            lines.append(f"  {prefix}{name}={text or value}")
    return lines
