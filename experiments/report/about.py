"""The question of a sweep, what was run, and the commands that run it again."""

import ast
import json
import math
import pathlib
import re
import shlex
from collections.abc import Sequence
from typing import Any

from experiments.plots import style
from experiments.results import labels, reading
from experiments.system.terminal import counted

_CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
_BARE = str.maketrans("", "", "[]'")  # removes brackets and quotes of lists


def environment(workdir: pathlib.Path) -> dict[str, Any]:
    """The contents of env.json; empty if there is none.

    Raises:
        ValueError: One line, if it cannot be read.
    """
    path = workdir / "env.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"env.json cannot be read: {error}.") from None
    if not isinstance(content, dict):
        raise ValueError("env.json cannot be read: expected an object.")
    return content


def question(env: dict[str, Any]) -> tuple[str, str]:
    """The first line of the config's file, and the results that it expects."""
    file = pathlib.Path(_flag(env, "--config").partition(":")[0]).name
    path = _CONFIGS / file
    if not file.endswith(".py") or not path.is_file():
        return "", ""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    expected = re.search(r"Expected: (.*?)(?:\n\n|\Z)", text, re.DOTALL)
    words = " ".join(expected[1].split()) if expected else ""
    return text.partition("\n")[0], words[:1].upper() + words[1:]


def facts(results: reading.Results, env: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a name and a value; unknown values are left out."""
    pairs = [
        ("Runs", _runs(results)),
        ("Settings", _settings(results)),
        ("Prior", _prior(results)),
        ("Objective", "; ".join(_objectives(results))),
        *_of_config(results.config, results.shapes),
        ("Device", _device(env)),
        ("Wall time", _duration(env.get("seconds"))),
        ("Versions", _versions(env)),
        ("Revision", str(env.get("revision") or "")),
    ]
    return [(name, words) for name, words in pairs if words]


def command(env: dict[str, Any]) -> str:
    """The command that made the folder, or nothing if it is unknown."""
    arguments = _arguments(env)
    return (
        shlex.join(["python", "-m", "experiments.main", *arguments])
        if arguments
        else ""
    )


def changed(env: dict[str, Any], results: reading.Results) -> list[str]:
    """The same command with one setting changed, and the command of its report."""
    column, value = _other(results)
    field = f"--config.{_field(results.config, column)}"
    folder = _flag(env, "--workdir") or "results/new"
    folder = f"{folder.rstrip('/')}-{column}-{value}"
    others = [
        argument
        for argument in _arguments(env)
        if argument.partition("=")[0] not in (field, "--workdir")
    ]
    words = [*others, f"{field}={value}", f"--workdir={folder}"]
    report = [folder, f"--out={folder}.html"]
    return [
        shlex.join(["python", "-m", "experiments.main", *words]),
        shlex.join(["python", "-m", "experiments.report", *report]),
    ]


def _arguments(env: dict[str, Any]) -> list[str]:
    """The arguments of the command, each as `--name=value`."""
    argv = env.get("command")
    words = [str(word) for word in argv[1:]] if isinstance(argv, list) else []
    joined: list[str] = []
    for word in words:
        if not word.startswith("-") and joined and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _flag(env: dict[str, Any], name: str) -> str:
    values = (word.partition("=") for word in _arguments(env))
    return next((value for key, _, value in values if key == name), "")


def _other(results: reading.Results) -> tuple[str, str]:
    """A swept column with a new value, or more seeds if nothing is swept.

    The value is between the two largest that were swept, and so in the range of both.
    """
    settings = results.settings or []
    for name in style.varying(settings) if settings else []:
        values = sorted({s[name] for s in settings if isinstance(s[name], float)})
        if len(values) > 1 and _field(results.config, name) != "seeds":
            low, high = values[-2:]
            between = (low + high) / 2 if math.isfinite(high) else 2 * low or 1.0
            return name, f"{between:g}"
    seeds = results.config.get("seeds")
    return "seeds", str(2 * seeds if isinstance(seeds, int) else 10)


def _field(config: dict[str, Any], column: str) -> str:
    """The swept field of a column of numbers, or the seeds if there is none."""
    for section in ("objective", "prior"):
        if column in _part(config, section):
            return f"{section}.{column}"
    return "seeds"


def _runs(results: reading.Results) -> str:
    settings, seeds = results.settings or [], results.config.get("seeds")
    of_seeds = counted(seeds, "seed") if isinstance(seeds, int) else f"{seeds} seeds"
    planned = f"{counted(len(settings), 'setting')} × {of_seeds}"
    runs = list((results.scores or {}).values())
    failed = sum(run.get("status") != "ok" for run in runs)
    missing = len(settings) * seeds - len(runs) if isinstance(seeds, int) else 0
    words = [f"{len(runs):,} finished of {planned}"]
    words += [f"{missing:,} not yet finished"] if missing > 0 else []
    return ", ".join([*words, f"{failed:,} diverged"])


def _settings(results: reading.Results) -> str:
    settings = results.settings or []
    words = []
    for name in style.varying(settings) if settings else []:
        values = list(dict.fromkeys(s[name] for s in settings))
        if all(isinstance(value, float) for value in values):
            values.sort(key=style.rank)
        words.append(f"{style.symbol(name)}: {' | '.join(map(style.number, values))}")
    return "; ".join(words)


def _prior(results: reading.Results) -> str:
    """The prior, if all settings have the same."""
    names = _names(results, "prior")
    return names[0] if len(names) == 1 else ""


def _objectives(results: reading.Results) -> list[str]:
    """Each objective with what it maximises.

    An objective that is one of several, and whose formula is unknown, is left out: the
    settings name it.
    """
    settings = [s for s in results.settings or [] if s.get("objective") is not None]
    names = list(dict.fromkeys(str(s["objective"]) for s in settings))
    texts = []
    for name in names:
        formula = labels.FORMULAS.get(name, "")
        if formula:
            of_one = [s for s in settings if s["objective"] == name]
            values = _constants(formula, of_one)
            where = f", where {', '.join(values)}" if values else ""
            texts.append(f"{labels.label(name)}: {formula} is maximised{where}")
        elif len(names) == 1:
            texts.append(labels.label(name))
    return texts


def _constants(formula: str, settings: Sequence[reading.Setting]) -> list[str]:
    """The symbols of a formula whose values all settings share, such as `α = 0`."""
    weights = [name for name in settings[0] if name != "divergence"]
    symbols = {name: style.symbol(name) for name in weights} | {"divergence": "D"}
    texts = []
    for name, symbol in symbols.items():
        values = {s.get(name) for s in settings}
        if len(values) == 1 and re.search(
            rf"(?<!\w){re.escape(symbol)}(?!\w)", formula
        ):
            texts.append(f"{symbol} = {style.number(*values)}")
    return texts


def _names(results: reading.Results, column: str) -> list[str]:
    """The names of the values of a column, each once."""
    values = [s[column] for s in results.settings or [] if s.get(column) is not None]
    return list(dict.fromkeys(map(style.number, values)))


def _of_config(
    config: dict[str, Any], shapes: Sequence[tuple[int, ...]] | None
) -> list[tuple[str, str]]:
    sections = (_part(config, name) for name in ("data", "model", "train"))
    data, model, train = ({k: _swept(v) for k, v in s.items()} for s in sections)
    # Results of earlier versions do not have the shapes.
    images = dict.fromkeys(s[:2] for s in shapes or () if len(s) == 3)
    side = " | ".join(f"{height}×{width} pixels" for height, width in images)
    of_data, data_fields = _entries(_part(config, "data").get("name"))
    network, network_fields = _entries(_part(config, "model").get("network"))
    source = str(data.get("source", "")) if "source" in data_fields else ""
    file = pathlib.PurePath(str(data.get("path") or "")).name
    if source == "auto":  # as in the catalogue
        source = "file" if file else "tfds"
    layers = " ".join(_joined(_part(config, "model").get(f)) for f in network_fields)
    length = (
        f"{_thousands(train.get('steps'))} steps"
        if train.get("steps")
        else f"{train.get('epochs')} epochs"
    )
    return [
        ("Data", _list(of_data, side, source, file, *_drawn(config))),
        (
            "Network",
            _list(
                f"{network} {layers}".strip(),
                f"{model.get('latents')} latents",
                "Gaussian p(x|z)" if model.get("likelihood") == "gaussian" else "",
            ),
        ),
        (
            "Training",
            _list(
                f"{length} of batch {train.get('batch_size')}",
                train.get("optimiser"),
                f"learning rate {train.get('learning_rate')}",
            ),
        ),
    ]


def _entries(names: Any) -> tuple[str, list[str]]:
    """The label of an entry, or of several, and the fields that are shown beside it."""
    several = list(map(str, names)) if isinstance(names, list) else [str(names)]
    fields = dict.fromkeys(f for name in several for f in labels.SHOWN.get(name, ()))
    return " | ".join(map(labels.label, several)), list(fields)


def _joined(value: Any) -> str:
    """A field that may be a tuple, such as the widths of layers, 128-64; or several."""
    if not isinstance(value, list):
        return str(value)
    nested = any(isinstance(part, list) for part in value)
    return (" | " if nested else "-").join(map(_joined, value))


def _swept(value: Any) -> Any:
    """The values of a swept field as a text, such as `5 | 10`."""
    several = isinstance(value, list) and not any(isinstance(v, list) for v in value)
    return " | ".join(map(_thousands, value)) if several else value


def _thousands(value: Any) -> str:
    return f"{value:,}" if type(value) is int else str(value)


def _drawn(config: dict[str, Any]) -> list[str]:
    """Facts about images that are drawn on a grid of factors."""
    data, look = _part(config, "data"), _part(config, "data").get("look", "plain")
    pair, left_out = data.get("correlated"), data.get("held_out")
    scored = _part(config, "evaluate").get("images", "trained")
    words = {
        f"look {look}": look != "plain",
        f"{pair} correlated, σ = {data.get('correlation')}": pair,
        f"without {left_out}": left_out,
        f"scored on {scored}": scored != "trained",
    }
    return [text.translate(_BARE) for text, said in words.items() if said]


def _device(env: dict[str, Any]) -> str:
    devices = env.get("devices")
    kinds = list(map(str, devices)) if isinstance(devices, list) else []
    counted = [f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds)]
    cores = f"{env['cores']} cores" if "cores" in env else ""
    return _list(*counted, cores, env.get("machine"))


def _versions(env: dict[str, Any]) -> str:
    packages = {"Python": env.get("python"), **_part(env, "packages")}
    return ", ".join(
        f"{name} {version}" for name, version in packages.items() if version
    )


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return ""
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.1f} min"


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _list(*words: Any) -> str:
    return ", ".join(str(word) for word in words if word)
