"""The command line of a sweep: parsing, help, and one-line errors."""

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
        config, rest = _read(argv, load_config(argument))
        _reject_stray(flags.FLAGS(rest))
        workdir = flags.FLAGS.workdir or default_workdir(argument)
        return Command(*validate(argument, config), paths.path(str(workdir)))
    except _ERRORS as error:
        fail(str(error))


def config_of(argv: Sequence[str]) -> tuple[ConfigDict, list[ProgramSettings]]:
    """The validated config of a command line and its programs.

    Args:
        argv: A name, --config and any --config.FIELD.

    Raises:
        ValueError: One line, for an argument that cannot be used.
    """
    try:
        argument = config_argument(argv)
        config, rest = _read(argv, load_config(argument))
        _reject_stray(flags.FlagValues()(rest))
        return validate(argument, config)
    except _ERRORS as error:
        raise ValueError(str(error)) from None


def _read(argv: Sequence[str], config: ConfigDict) -> tuple[ConfigDict, list[str]]:
    """The config with every --config.FIELD applied, and the other arguments.

    Raises:
        ValueError: For a field that does not exist, naming the choices, or a value.
    """
    words = iter(argv)
    typed, rest = {}, [next(words)]
    for word in words:
        name, equals, text = word.partition("=")
        name = name.lstrip("-")
        if not word.startswith("-") or name.partition(".")[0] != "config":
            rest.append(word)
            continue
        if name in typed:
            raise ValueError(
                f"--{name} was given twice; separate several values with commas, "
                "such as 1,4."
            )
        alone = name != "config" and type(_default(config, name)) is bool
        typed[name] = text if equals else "True" if alone else next(words, "")
    del typed["config"]  # it is loaded already
    with config.unlocked(), config.ignore_type():
        for name, text in typed.items():
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
    found = flags.FLAGS.read_flags_from_files(list(argv))
    if found != list(argv):
        sys.argv = found
    return found


def fail(message: str) -> NoReturn:
    """Prints one line and exits with code 2."""
    sys.exit(commands.fail("experiments.main", message))


def config_argument(argv: Sequence[str]) -> str:
    """The value of --config.

    Raises:
        ValueError: If it is missing or given more than once.
    """
    found = [
        _value(argv, position)
        for position, argument in enumerate(argv)
        if argument.partition("=")[0] in ("--config", "-config")
    ]
    if not found:
        raise ValueError(f"--config is missing; choices: {', '.join(_config_files())}.")
    if len(found) > 1:
        raise ValueError(f"--config was given twice: {' and '.join(found)}.")
    return found[0]


def load_config(argument: str) -> ConfigDict:
    """Loads the config of `path.py:variants`, with the fields of registered entries.

    Raises:
        ValueError: If there is no such file, or no such variant, or the file fails.
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
        config = module.get_config(*([variants] if colon else []))
    except Exception as error:  # a user's file may raise anything
        at = [f.lineno for f in traceback.extract_tb(error.__traceback__)][-1]
        kind = (
            ""
            if type(error) is ValueError
            else f"{type(error).__name__} in line {at}: "
        )
        raise ValueError(f"--config={path}: {kind}{error}") from error
    if not isinstance(config, ConfigDict):
        raise ValueError(
            f"--config={path} must have a get_config that returns a ConfigDict; got "
            f"{type(config).__name__}."
        )
    try:
        with config.unlocked(), config.ignore_type():
            return fields.add_registered(config)
    except ValueError as error:
        raise ValueError(f"--config={path}: {error}") from None


def validate(
    argument: str, config: ConfigDict
) -> tuple[ConfigDict, list[ProgramSettings]]:
    """Checks the config of `path.py:variants` with the arguments applied.

    Raises:
        ValueError: One line with the file and the field.
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
        "  VARIANT  laptop, authors, smoke; none is the paper's text",
        "  FOLDER   default results/FILE-VARIANT in the current folder; the same "
        "command continues an interrupted sweep",
        "  VALUE    values with commas are swept: --config.objective.beta=1,4 or "
        "--config.model.latents=5,10; whole numbers are written 1000 or 1_000, not 1e3",
        "",
        "With --config, --help lists its fields.",
    ]
    if any(argument.partition("=")[0] == "--config" for argument in argv):
        lines[-1] = "Fields:"
        lines += _fields(load_config(config_argument(argv)))
    return "\n".join(lines)


def _default(config: ConfigDict, name: str) -> Any:
    """The value of a field named `config.section.field`."""
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
    return section


def _is_swept(name: str, default: Any, text: str) -> bool:
    """Whether a text such as 5,10,20 has several values of a field for one value."""
    field = fields.described().get(name.removeprefix("config."))
    if field is None or not fields.may_be_swept(name.removeprefix("config.")):
        return False
    one = field.parts is None and not isinstance(default, tuple)
    listed = bool(field.choices) or not isinstance(field.default, str)
    return one and listed and "," in text


def _value(argv: Sequence[str], position: int) -> str:
    """The value of an argument, after = or in the next argument."""
    _, equals, value = argv[position].partition("=")
    return value if equals else "".join(argv[position + 1 : position + 2])


def _config_files() -> list[str]:
    """The paths of the configs, relative to the current folder."""
    found = sorted(_CONFIGS.glob("*.py"))
    return [paths.shown(p) for p in found if p.stem not in ("__init__", "base")]


def _fields(config: ConfigDict) -> Iterator[str]:
    """Each field with its value, its help and its choices."""
    known = fields.described()
    for name, value in fields.leaves(config):
        if name in ("deviations", "variant", "title"):
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else ""
        yield f"  --config.{name}={text or value}"
        if name in known:
            help = f"{known[name].help[:1].upper()}{known[name].help[1:]}."
            if allowed := fields.choices(known[name]):
                some = "Any of" if known[name].parts else "One of"
                help += f" {some} {', '.join(map(str, allowed))}."
            yield from textwrap.wrap(
                help, 88, initial_indent=" " * 8, subsequent_indent=" " * 8
            )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that names the file of a sweep with entries of its own."""
    parser.add_argument(
        "--config",
        type=_registered,
        metavar="FILE",
        help="config file that registers the entries of the sweep, if it has its own",
    )


def _registered(text: str) -> pathlib.Path:
    """Runs a config file to register its entries."""
    file = paths.in_clone(text.partition(":")[0])
    try:
        runpy.run_path(str(file))
    except Exception as error:  # a user's file may raise anything
        reason = " ".join(str(error).split())[:300]
        raise argparse.ArgumentTypeError(f"{file} is not a config: {reason}") from None
    return file
