"""What each field of a config may hold by itself; `checks` has what goes together."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from ml_collections import ConfigDict

from configs import base
from experiments.data import catalogue, loaders
from experiments.models import divergences, networks, objectives, priors, schedules
from experiments.results import columns
from experiments.system import parallel, terminal
from experiments.system.terminal import short

_KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "values with commas between",
}

FIGURES = (
    *("reconstruction_vs_score", "aggregate_posterior", "prior_density", "traversals"),
    *("reconstructions", "scores_by_setting", "ablation", "equivalence", "sparsity"),
)
# Columns of a setting, and the fields that are swept for them.
AXES = {
    "prior": "prior.name",
    "df": "prior.df",
    "spike": "prior.spike",
    "objective": "objective.name",
    "divergence": "objective.divergence",
    "beta": "objective.beta",
    "alpha": "objective.alpha",
    "gamma": "objective.gamma",
}
_CHOICES = {
    "objective.schedule.capacity": tuple(schedules.SCHEDULES),
    "data.look": catalogue.LOOKS,
    "data.source": ("rendered", "file", "tfds", "auto"),
    "data.side": (0, *catalogue.SIDES),
    "model.channels": ("text", "kim_mnih"),
    "model.likelihood": ("bernoulli", "gaussian"),
    "model.scale": ("exp", "softplus"),
    "model.init": ("torch", "flax"),
    "model.precision": ("float32", "tf32", "bfloat16"),
    "prior.pca_ranks": ("top", "released_code"),
    "prior.layout": ("axes", "square"),
    "objective.sweep": ("product", "zip"),
    "objective.estimator": ("batch_mean", "weighted", "stratified", "symmetrised"),
    "train.optimiser": ("adam", "amsgrad_torch"),
    "evaluate.images": ("trained", "all", "held_out"),
    "runs.layout": parallel.LAYOUTS,
}
_SOME_OF = {
    "figures": FIGURES,
}
_POSITIVE = (
    *("seeds", "model.latents", "prior.variance", "train.batch_size"),
    *("train.learning_rate", "train.eps", "train.records", "evaluate.batch_size"),
    *("evaluate.votes", "evaluate.train_votes", "evaluate.held_out_votes"),
    *("objective.prior_count", "objective.samples"),
    *("objective.warm_up", "objective.cycles", "prior.components"),
    *("prior.spike_scale", "prior.slab_scale", "critic.learning_rate"),
    "data.correlation",
)
_NOT_NEGATIVE = (
    *("rng", "first_seed", "data.points", "data.rate", "data.radial_std"),
    *("data.tangential_std", "model.scale_floor", "model.likelihood_floor"),
    *("train.epochs", "train.steps", "evaluate.points", "runs.block"),
    *("runs.devices", "runs.checkpoint_minutes", "evaluate.active_threshold"),
    *("objective.capacity", "prior.top"),
)
_AT_LEAST_TWO = (
    *("evaluate.overlap_points", "evaluate.samples_per_vote"),
    "evaluate.samples_per_point",
)
_DECAYS = ("train.b1", "train.b2", "critic.b1", "critic.b2")
_RULES = (
    (_POSITIVE, lambda v: 0 < v < math.inf, "a finite number above 0"),
    (_NOT_NEGATIVE, lambda v: 0 <= v < math.inf, "0 or a number above"),
    (_AT_LEAST_TWO, lambda v: v >= 2, "at least 2, for a variance"),
    (("evaluate.grid_points",), lambda v: v >= 2, "at least 2"),
    (_DECAYS, lambda v: 0 <= v < 1, "a number in [0, 1)"),
    (("model.hidden", "critic.hidden"), lambda v: min(v) > 0, "units of each layer"),
)
# Sizes of arrays: above these a number is a slip of the hand, not an experiment.
_AT_MOST = {
    "seeds": 1_000_000,
    "data.points": 2_000_000,
    "model.latents": 10_000,
    "model.hidden": 100_000,
    "critic.hidden": 100_000,
    "prior.components": 100_000,
    "objective.samples": 10_000,
    "evaluate.votes": 10_000_000,
    "evaluate.train_votes": 10_000_000,
    "evaluate.held_out_votes": 10_000_000,
    "evaluate.samples_per_vote": 1_000_000,
    "evaluate.overlap_points": 100_000,
    "evaluate.grid_points": 10_000,
    "evaluate.samples_per_point": 10_000,
}
_TUPLES = {
    "data.correlated": str,
    "prior.name": str,
    "prior.df": float,
    "prior.spike": float,
    "prior.groups": int,
    "objective.name": str,
    "objective.divergence": str,
    "objective.groups": int,
    "model.hidden": int,
    "critic.hidden": int,
    "evaluate.metrics": str,
    "figures": str,
    "figure_sweeps": str,
    "figure_score": str,
}
_MAY_BE_EMPTY = (
    *("data.correlated", "prior.groups", "objective.groups", "figures"),
    *("figure_sweeps", "figure_score"),
)
_WHOLE = 2**31 - 1  # the largest that int32 holds
_SMALL, _LARGE = 1e-30, 1e30  # well inside float32


def check(config: ConfigDict) -> None:
    """Gives the tuples of a config one type each and checks every field by itself.

    Args:
        config: Unlocked; the tuples are replaced.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    _add_weights(config)
    same_fields(config, known())
    tuples, choices, some_of = _of_entries()
    for field, cast in tuples.items():
        section, name = _place(config, field)
        section[name] = found = elements(field, section[name], cast)
        if not found and field not in _MAY_BE_EMPTY:
            raise ValueError(f"{field} expects at least one value; got none.")
    _sizes(config)
    for field, allowed in choices.items():
        _require(config, field, allowed.__contains__, f"one of {allowed}")
    for field, allowed in some_of.items():
        _require(config, field, set(allowed).issuperset, f"some of {allowed}")
    for names, accepts, expected in _RULES:
        for field in names:
            _require(config, field, accepts, expected)


def known() -> ConfigDict:
    """Every field there is, with its default, those of registered weights too."""
    return _add_weights(base.get_config())


def axis(column: str) -> str:
    """The field that is swept for a column of the settings."""
    return AXES.get(column, f"objective.{column}")


def axes() -> tuple[str, ...]:
    """The columns that a sweep may have."""
    return (*AXES, *(name for name in objectives.weights() if name not in AXES))


def _add_weights(config: ConfigDict) -> ConfigDict:
    """The config, with the fields of weights that it does not have."""
    for name, weight in objectives.weights().items():
        if name not in config.objective:
            config.objective[name] = (weight.default,)
        if name not in config.objective.schedule:
            config.objective.schedule[name] = "constant"
    return config


def _of_entries() -> tuple[dict[str, type], dict[str, tuple], dict[str, tuple]]:
    """Types of tuples, choices of one, choices of some, with what entries add."""
    weights, columns_ = objectives.weights(), axes()
    tuples = _TUPLES | {f"objective.{name}": float for name in weights}
    steps = tuple(schedules.SCHEDULES)
    choices = _CHOICES | {f"objective.schedule.{name}": steps for name in weights}
    choices |= {"figure_line": columns_, "figure_label": columns_}
    choices |= {"data.name": loaders.names(), "model.network": networks.names()}
    some_of = _SOME_OF | {
        "prior.name": priors.names(),
        "objective.name": tuple(objectives.OBJECTIVES),
        "objective.divergence": divergences.names(),
        "figure_sweeps": columns_,
        "figure_score": tuple(columns.COLUMNS),
        "evaluate.metrics": columns.metrics(),
    }
    return tuples, choices, some_of


def get(config: ConfigDict, field: str) -> Any:
    """The value of a field such as `objective.schedule.beta`."""
    section, name = _place(config, field)
    return section[name]


def _place(config: ConfigDict, field: str) -> tuple[ConfigDict, str]:
    *sections, name = field.split(".")
    for section in sections:
        config = config[section]
    return config, name


def _sizes(config: ConfigDict) -> None:
    """Every number has to fit int32 or float32, and arrays the memory of a machine."""
    for field, value in leaves(config):
        most = _AT_MOST.get(field, _WHOLE)
        for number in value if isinstance(value, tuple) else [value]:
            if type(number) is int and number > most:
                raise ValueError(
                    f"{field} expects at most {most:,}; got {number:.10g}."
                )
            if type(number) is float and not _in_float32(number):
                raise ValueError(
                    f"{field} expects numbers between {_SMALL} and {_LARGE}; "
                    f"got {number}."
                )


def _in_float32(number: float) -> bool:
    """Whether float32 holds a number; 0, infinity and NaN are for others to judge."""
    return not math.isfinite(number) or not number or _SMALL <= abs(number) <= _LARGE


def _require(
    config: ConfigDict, field: str, accepts: Callable[[Any], bool], expected: str
) -> None:
    value = get(config, field)
    if not accepts(value):
        raise ValueError(f"{field} expects {expected}; got {terminal.short(value)}.")


def same_fields(given: ConfigDict, known: ConfigDict, prefix: str = "") -> None:
    """Checks the names and types of all fields.

    Args:
        given: A config.
        known: One that has every field.
        prefix: Of the names of the fields.

    Raises:
        ValueError: For a field too many or too few, or a value of another type.
    """
    for name in given:
        if name not in known:
            raise ValueError(
                f"there is no field {prefix}{name}; choices: {', '.join(known)}."
            )
    for name, default in known.items():
        field = prefix + name
        if isinstance(default, ConfigDict):
            if not isinstance(given.get(name), ConfigDict):
                raise ValueError(
                    f"{field} expects a section with {', '.join(default)}; "
                    f"got {short(given.get(name))}."
                )
            same_fields(given[name], default, f"{field}.")
        elif name not in given or not _like(given[name], default):
            value = given.get(name)
            raise ValueError(
                f"{field} expects {_KINDS[type(default)]}; got {short(value)} "
                f"({type(value).__name__})."
            )


def expected(default: Any) -> str:
    """What may stand where a value like this one stands, in words."""
    return _KINDS[type(default)]


def elements(field: str, value: tuple, cast: Callable[[Any], Any]) -> tuple:
    """Casts the elements of a tuple; `3,inf` typed in a shell comes as one string.

    Raises:
        ValueError: Naming the field, for an element of another type.
    """
    parts = [
        part
        for element in value
        for part in (element.split(",") if isinstance(element, str) else [element])
    ]
    try:
        return tuple(_cast(part, cast) for part in parts)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{field} expects {cast.__name__} values with commas between; "
            f"got {short(value)}."
        ) from None


def leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All fields, such as `objective.schedule.beta`, and their values."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default; whole numbers are numbers."""
    wanted = (int, float) if type(default) is float else type(default)
    same = isinstance(value, bool) == isinstance(default, bool)
    return same and isinstance(value, wanted)


def _cast(part: Any, cast: Callable[[Any], Any]) -> Any:
    """A number from a number or a text; 1.5 is no whole number and True is none."""
    exact = cast is float and type(part) is int
    if not (exact or isinstance(part, str) or type(part) is cast):
        raise TypeError
    return cast(part)
