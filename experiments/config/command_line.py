"""The command line of a sweep: its fields, its help, and its one-line errors."""

import argparse
import importlib.util
import pathlib
import runpy
import sys
import textwrap
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import tuple_parser

from experiments.config import fields, settings
from experiments.config.settings import ProgramSettings
from experiments.system import commands, paths, terminal

flags.DEFINE_string("workdir", "", "Folder of the results.")

_CONFIGS = paths.CLONE / "configs"
_PARSERS = {
    bool: flags.BooleanParser(),
    int: flags.IntegerParser(),
    float: flags.FloatParser(),
    tuple: tuple_parser.TupleParser(),
}
# The errors that absl and the file of a config raise for wrong arguments.
_ERRORS = (flags.Error, ValueError, AttributeError, TypeError, OSError)


class Command(NamedTuple):
    """A parsed command line of `experiments.main`."""

    config: ConfigDict  # validated
    programs: list[ProgramSettings]
    workdir: pathlib.Path


def parse(argv: Sequence[str]) -> Command:
    """Parses and checks flags; help or an error is printed and ends the program."""
    try:
        argv = _with_flag_files(argv)
        if {"--help", "-help", "-h", "--helpshort", "--helpfull"} & set(argv):
            print(usage(argv))
            sys.exit(0)
        argument = config_argument(argv)
        config, rest = _with_fields(argv, load_config(argument))
        _reject_stray(flags.FLAGS(rest))
        workdir = flags.FLAGS.workdir or default_workdir(argument)
        return Command(*validate(argument, config), paths.path(str(workdir)))
    except _ERRORS as error:
        fail(str(error))


def config_of(argv: Sequence[str]) -> tuple[ConfigDict, list[ProgramSettings]]:
    """The validated config of a command line and its programs.

    Args:
        argv: The name of the program, --config and any number of --config.FIELD.

    Raises:
        ValueError: One line, for an argument that cannot be used.
    """
    try:
        argument = config_argument(argv)
        config, rest = _with_fields(argv, load_config(argument))
        _reject_stray(flags.FlagValues()(rest))
        return validate(argument, config)
    except _ERRORS as error:
        raise ValueError(str(error)) from None


def _with_fields(
    argv: Sequence[str], config: ConfigDict
) -> tuple[ConfigDict, list[str]]:
    """The config with the value of every --config.FIELD, and the other arguments.

    Raises:
        ValueError: One line, for a field that does not exist or is given twice, or for
            a value of another type.
    """
    words = iter(argv)
    texts, rest = {}, [next(words)]
    for word in words:
        name, equals, text = word.partition("=")
        name = name.lstrip("-")
        if not word.startswith("-") or name.partition(".")[0] != "config":
            rest.append(word)
            continue
        if name in texts:
            raise ValueError(
                f"--{name} was given twice; separate several values with commas, "
                "such as 1,4."
            )
        switch = name != "config" and type(_default(config, name)) is bool
        texts[name] = text if equals else "True" if switch else next(words, "")
    del texts["config"]  # it is loaded already
    with config.unlocked(), config.ignore_type():
        for name, text in texts.items():
            value = _parsed(name, _default(config, name), text)
            fields.put(config, name.removeprefix("config."), value)
    return config, rest


def _parsed(name: str, default: Any, text: str) -> Any:
    """The value of a field on the command line, or a tuple of values to sweep."""
    parser = _PARSERS.get(type(default), flags.ArgumentParser())
    if isinstance(default, tuple) and not text:
        return ()
    try:
        if _is_swept(name, default, text):
            return tuple(map(parser.parse, text.split(",")))
        return parser.parse(text)
    except (TypeError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"--{name} must be {fields.expected(default)}; got "
            f"{terminal.short(text) or 'nothing'}."
        ) from None


def _with_flag_files(argv: Sequence[str]) -> list[str]:
    """The arguments, with every --flagfile replaced by its contents."""
    arguments = flags.FLAGS.read_flags_from_files(list(argv))
    if arguments != list(argv):
        sys.argv = arguments
    return arguments


def fail(message: str) -> NoReturn:
    """Prints one line and exits with code 2."""
    sys.exit(commands.fail("experiments.main", message))


def config_argument(argv: Sequence[str]) -> str:
    """The value of --config.

    Raises:
        ValueError: If it is missing or given more than once.
    """
    values = [
        _value(argv, position)
        for position, argument in enumerate(argv)
        if _is_config(argument)
    ]
    if not values:
        raise ValueError(f"--config is missing; choices: {', '.join(_config_files())}.")
    if len(values) > 1:
        raise ValueError(
            f"--config was given twice; choose one of {' and '.join(values)}."
        )
    return values[0]


def load_config(argument: str) -> ConfigDict:
    """Loads the config of `path.py:variants`, with the fields of registered entries.

    Raises:
        ValueError: One line, if there is no such file or variant, or if the file raises
            an error, whose type and line are named.
    """
    path, colon, variants = argument.partition(":")
    file = paths.in_clone(path)
    if not file.is_file() or file.suffix != ".py":
        raise ValueError(
            f"--config={path} is not a Python file; choices: "
            f"{', '.join(_config_files())}."
        )
    try:
        spec = importlib.util.spec_from_file_location("config", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "get_config"):
            raise ValueError("it must have a function get_config; got none.")
        config = module.get_config(*([variants] if colon else []))
    except Exception as error:  # a user's file may raise anything
        raise ValueError(f"--config={path}: {_reason(error, file)}") from error
    if not isinstance(config, ConfigDict):
        raise ValueError(
            f"--config={path}: its get_config must return a ConfigDict; got "
            f"{type(config).__name__}."
        )
    try:
        with config.unlocked(), config.ignore_type():
            return fields.add_registered(config)
    except ValueError as error:
        raise ValueError(f"--config={path}: {error}") from None


def _reason(error: Exception, file: pathlib.Path) -> str:
    """The message of an error of a config file, with its type and its line there."""
    if type(error) is ValueError:
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if pathlib.Path(f.filename).absolute() == file.absolute()]
    named = own and not isinstance(error, SyntaxError)  # which says its line itself
    place = f" in line {own[-1].lineno}" if named else ""
    return f"{type(error).__name__}{place}: {error}"


def validate(
    argument: str, config: ConfigDict
) -> tuple[ConfigDict, list[ProgramSettings]]:
    """Checks a config and divides it into programs, as `settings.validate` does.

    Args:
        argument: The value of --config, which begins an error.
        config: The config with the fields of the command line.

    Raises:
        ValueError: One line that names the file and the field.
    """
    try:
        return settings.validate(config)
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None


def _reject_stray(argv: Sequence[str]) -> None:
    """Raises ValueError for arguments that are not flags."""
    if len(argv) > 1:
        raise ValueError(
            f"unexpected argument '{argv[1]}'; expected --config=, --workdir= and "
            "--config.FIELD=VALUE only."
        )


def default_workdir(argument: str) -> pathlib.Path:
    """The default workdir, results/NAME or results/NAME-VARIANTS."""
    path, _, variants = argument.partition(":")
    return pathlib.Path(
        "results", "-".join([pathlib.Path(path).stem, *variants.split(",")]).strip("-")
    )


def usage(argv: Sequence[str]) -> str:
    """The help text; with --config, it has the fields and their values."""
    lines = [
        "usage: python -m experiments.main --config=FILE[:VARIANT,...] "
        "[--workdir=FOLDER] [--config.FIELD=VALUE ...]",
        "",
        f"  FILE     {', '.join(_config_files())}",
        "  VARIANT  such as laptop, authors or smoke; the first lines of FILE name its "
        "variants; without one, a config follows the paper's text",
        "  FOLDER   by default results/FILE-VARIANT in the current folder; the same "
        "command continues an interrupted sweep",
        "  VALUE    several values with commas between them are swept: "
        "--config.objective.beta=1,4 or --config.model.latents=5,10; whole numbers are "
        "written 1000 or 1_000, not 1e3",
        "",
        "With --config, --help lists its fields.",
    ]
    if any(map(_is_config, argv)):
        lines[-1] = "Fields:"
        lines += _fields(load_config(config_argument(argv)))
    return "\n".join(lines)


def _default(config: ConfigDict, name: str) -> Any:
    """The value of a field named `config.section.field` in the file of a config.

    Raises:
        ValueError: One line with the choices, for a field that does not exist, or for
            a section.
    """
    section: Any = config
    for part in name.split(".")[1:]:
        if not isinstance(section, ConfigDict) or part not in section:
            choices = section if isinstance(section, ConfigDict) else {}
            raise ValueError(
                f"--{name}: there is no field '{part}'; choices: "
                f"{', '.join(choices) or 'none, this is a value'}."
            )
        section = section[part]
    if isinstance(section, ConfigDict):
        raise ValueError(f"--{name} is a section; fields: {', '.join(section)}.")
    return section


def _is_swept(name: str, default: Any, text: str) -> bool:
    """Whether a text such as 5,10,20 has several values of a field for one value.

    A string that may be anything, such as a path, may also have commas of its own.
    """
    field = fields.described().get(name.removeprefix("config."))
    if field is None or not fields.may_be_swept(name.removeprefix("config.")):
        return False
    is_single = field.parts is None and not isinstance(default, tuple)
    is_free_text = isinstance(field.default, str) and not field.choices
    return is_single and not is_free_text and "," in text


def _is_config(argument: str) -> bool:
    """Whether an argument is --config, with its value or before it."""
    return argument.partition("=")[0] in ("--config", "-config")


def _value(argv: Sequence[str], position: int) -> str:
    """The value of an argument, which is after = or is the next argument."""
    _, equals, value = argv[position].partition("=")
    return value if equals else "".join(argv[position + 1 : position + 2])


def _config_files() -> list[str]:
    """The paths of the configs, relative to the current folder."""
    files = sorted(_CONFIGS.glob("*.py"))
    return [paths.shown(f) for f in files if f.stem not in ("__init__", "base")]


def _fields(config: ConfigDict) -> Iterator[str]:
    """Lines with each field, its value, its help and its choices."""
    described = fields.described()
    for name, value in fields.leaves(config):
        if name in ("deviations", "variant", "title"):
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else ""
        yield f"  --config.{name}={text or value}"
        if field := described.get(name):
            words = f"{field.help[:1].upper()}{field.help[1:]}."
            if allowed := fields.choices(field):
                number = "Any of" if field.parts else "One of"
                words += f" {number} {', '.join(map(str, allowed))}."
            indent = " " * 8
            yield from textwrap.wrap(
                words, 88, initial_indent=indent, subsequent_indent=indent
            )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds --config, for the sweep of a config that registers entries of its own."""
    parser.add_argument(
        "--config",
        type=_run,
        metavar="FILE",
        help="config file that registers entries of its own, if the sweep has any",
    )


def _run(text: str) -> pathlib.Path:
    """Runs a config file, which registers its entries, and returns its path."""
    file = paths.in_clone(text.partition(":")[0])
    try:
        runpy.run_path(str(file))
    except Exception as error:  # a user's file may raise anything
        reason = " ".join(_reason(error, file).split())[:300]
        raise argparse.ArgumentTypeError(
            f"must be a config file that runs without an error; got {file}: {reason}"
        ) from None
    return file
