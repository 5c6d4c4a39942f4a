"""From a configuration to its settings: checks, and the axes of the sweep."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

COLUMNS = ("prior", "df", "beta", "alpha")

_GAUSSIAN = ("isotropic", "pca", "learned")
_CHOICES = {
    "data.name": ("dsprites", "pinwheel"),
    "data.source": ("rendered", "file", "tfds"),
    "data.side": (8, 16, 32, 64),
    "model.network": ("conv", "dense"),
    "model.channels": ("text", "kim_mnih"),
    "model.likelihood": ("bernoulli", "gaussian"),
    "model.scale": ("exp", "softplus"),
    "model.init": ("torch", "flax"),
    "prior.pca_ranks": ("top", "released_code"),
    "prior.layout": ("axes", "square"),
    "objective.sweep": ("product", "zip"),
    "train.optimiser": ("adam", "amsgrad_torch"),
}
_SOME_OF = {
    "prior.name": (*_GAUSSIAN, "student_t", "clusters"),
    "evaluate.metrics": ("mig", "modularity", "infom", "infoc", "sap"),
}
_POSITIVE = (
    "seeds",
    "model.latents",
    "prior.variance",
    "train.batch_size",
    "train.learning_rate",
    "train.eps",
    "train.records",
    "evaluate.batch_size",
    "evaluate.votes",
    "evaluate.train_votes",
    "evaluate.held_out_votes",
    "evaluate.grid_points",
    "objective.prior_count",
)
_NOT_NEGATIVE = (
    "rng",
    "first_seed",
    "data.points",
    "data.rate",
    "data.radial_std",
    "data.tangential_std",
    "model.scale_floor",
    "model.likelihood_floor",
    "train.epochs",
    "train.steps",
    "evaluate.points",
    "runs.block",
    "runs.devices",
    "runs.checkpoint_minutes",
    "evaluate.active_threshold",
)
_AT_LEAST_TWO = ("evaluate.samples_per_vote", "evaluate.samples_per_point")
_DECAYS = ("train.b1", "train.b2")


def validate(config: ConfigDict) -> ConfigDict:
    """Returns a copy whose tuples have one type each, or says what is wrong with it.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked():
        for field, cast in (
            ("prior.name", str),
            ("prior.df", float),
            ("objective.beta", float),
            ("objective.alpha", float),
            ("model.hidden", int),
            ("evaluate.metrics", str),
        ):
            section, name = field.split(".")
            config[section][name] = _elements(field, config[section][name], cast)
    for field, choices in _CHOICES.items():
        _require(config, field, lambda v, c=choices: v in c, f"one of {choices}")
    for field, choices in _SOME_OF.items():
        _require(
            config, field, lambda v, c=choices: set(v) <= set(c), f"some of {choices}"
        )
    for field in _POSITIVE:
        _require(config, field, lambda v: 0 < v < math.inf, "a finite number above 0")
    for field in _NOT_NEGATIVE:
        _require(config, field, lambda v: 0 <= v < math.inf, "0 or a number above")
    for field in _AT_LEAST_TWO:
        _require(config, field, lambda v: v >= 2, "at least 2, for a variance")
    for field in _DECAYS:
        _require(config, field, lambda v: 0 <= v < 1, "a number in [0, 1)")
    _check_axes(config)
    _check_combinations(config)
    return config


def rows(config: ConfigDict) -> list[dict[str, Any]]:
    """The settings of a validated config, a dict over `COLUMNS` each."""
    axes = (
        config.prior.name,
        config.prior.df,
        config.objective.beta,
        config.objective.alpha,
    )
    if config.objective.sweep == "product":
        combinations = list(itertools.product(*axes))
    else:
        length = max(map(len, axes))
        if any(len(axis) not in (1, length) for axis in axes):
            lengths = dict(zip(COLUMNS, map(len, axes), strict=True))
            raise ValueError(
                "objective.sweep = zip needs axes of equal length, or of length 1; "
                f"got {lengths}."
            )
        stretched = [axis * length if len(axis) == 1 else axis for axis in axes]
        combinations = list(zip(*stretched, strict=True))
    unique = dict.fromkeys(combinations)
    return [dict(zip(COLUMNS, values, strict=True)) for values in unique]


def family(config: ConfigDict) -> str:
    """The family of distributions of the prior: gaussian | student_t | clusters."""
    name = config.prior.name[0]
    return "gaussian" if name in _GAUSSIAN else name


def differences(
    new: Mapping[str, Any], old: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """The fields in which two nested dicts differ, as `field: old -> new`."""
    lines = []
    for name in sorted(set(new) | set(old)):
        ours, theirs = new.get(name), old.get(name)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            lines += differences(ours, theirs, f"{prefix}{name}.")
        elif ours != theirs:
            lines.append(f"{prefix}{name}: {theirs} -> {ours}")
    return lines


def _elements(field: str, value: tuple, cast: Callable[[str], Any]) -> tuple:
    """Casts the elements of a tuple; `3,inf` typed in a shell comes as one string."""
    parts = [
        part
        for element in value
        for part in (element.split(",") if isinstance(element, str) else [element])
    ]
    try:
        elements = tuple(cast(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(
            f"{field} expects {cast.__name__} values with commas between; got {value}."
        ) from None
    if not elements:
        raise ValueError(f"{field} expects at least one value; got none.")
    return elements


def _require(
    config: ConfigDict, field: str, accepts: Callable[[Any], bool], expected: str
) -> None:
    value = config
    for name in field.split("."):
        value = value[name]
    if not accepts(value):
        raise ValueError(f"{field} expects {expected}; got {value}.")


def _check_axes(config: ConfigDict) -> None:
    if len(config.prior.name) > 1 and not set(config.prior.name) <= set(_GAUSSIAN):
        raise ValueError(
            f"prior.name sweeps over {_GAUSSIAN} only, as other priors are other "
            f"programs; got {config.prior.name}."
        )
    for field, values in (
        ("objective.beta", config.objective.beta),
        ("objective.alpha", config.objective.alpha),
    ):
        if not all(0 <= value < math.inf for value in values):
            raise ValueError(f"{field} expects finite values ≥ 0; got {values}.")
    if not all(value > 0 for value in config.prior.df):
        raise ValueError(f"prior.df expects values above 0; got {config.prior.df}.")


def _check_combinations(config: ConfigDict) -> None:
    pinwheel = config.data.name == "pinwheel"
    if pinwheel and (config.model.latents != 2 or family(config) != "clusters"):
        raise ValueError(
            "data.name = pinwheel is scored against a clusters prior of 2 latents; got "
            f"prior.name = {config.prior.name}, model.latents = {config.model.latents}."
        )
    if not pinwheel and family(config) == "clusters":
        raise ValueError("prior.name = clusters expects data.name = pinwheel.")
    expected = "gaussian" if pinwheel else "bernoulli"
    if config.model.likelihood != expected:
        raise ValueError(
            f"data.name = {config.data.name} expects model.likelihood = {expected}; "
            f"got {config.model.likelihood}."
        )
    if config.model.network == "conv" and (pinwheel or config.data.side != 64):
        raise ValueError(
            "model.network = conv expects dsprites of data.side = 64; got "
            f"{config.data.name} of {config.data.side}."
        )
    if config.data.source == "file" and not config.data.path:
        raise ValueError("data.source = file expects data.path; got an empty path.")
