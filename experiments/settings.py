"""From a configuration to its settings: checks, and the axes of the sweep."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments import algebra, checks, runs, schedules

# Columns of a setting, and the fields that are swept for them.
_AXES = {
    "prior": "prior.name",
    "df": "prior.df",
    "spike": "prior.spike",
    "objective": "objective.name",
    "divergence": "objective.divergence",
    "beta": "objective.beta",
    "alpha": "objective.alpha",
    "gamma": "objective.gamma",
}
COLUMNS = tuple(_AXES)
_NEUTRAL = {"alpha": 0.0, "beta": 1.0, "gamma": 1.0}  # of a weight that is not read

_CHOICES = {
    "data.name": ("dsprites", "pinwheel", "fashion_mnist"),
    "data.source": ("rendered", "file", "tfds"),
    "data.side": (8, 16, 32, 64),
    "model.network": ("conv", "dense"),
    "model.channels": ("text", "kim_mnih"),
    "model.likelihood": ("bernoulli", "gaussian"),
    "model.scale": ("exp", "softplus"),
    "model.init": ("torch", "flax"),
    "model.precision": ("float32", "tf32", "bfloat16"),
    "prior.pca_ranks": ("top", "released_code"),
    "prior.layout": ("axes", "square"),
    "objective.sweep": ("product", "zip"),
    "objective.estimator": ("batch_mean", "weighted", "stratified", "symmetrised"),
    **{
        f"objective.schedule.{name}": tuple(schedules.SCHEDULES)
        for name in algebra.Weights._fields
    },
    "train.optimiser": ("adam", "amsgrad_torch"),
    "runs.layout": runs.LAYOUTS,
}
_SOME_OF = {
    "prior.name": algebra.PRIORS,
    "objective.name": tuple(algebra.OBJECTIVES),
    "objective.divergence": algebra.DIVERGENCES,
    "evaluate.metrics": ("mig", "modularity", "infom", "infoc", "sap", "hoyer"),
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
    "objective.samples",
    "objective.warm_up",
    "objective.cycles",
    "prior.components",
    "prior.spike_scale",
    "prior.slab_scale",
    "critic.learning_rate",
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
    "objective.capacity",
    "prior.top",
)
_TUPLES = {
    "prior.name": str,
    "prior.df": float,
    "prior.spike": float,
    "prior.groups": int,
    "objective.name": str,
    "objective.divergence": str,
    "objective.beta": float,
    "objective.alpha": float,
    "objective.gamma": float,
    "objective.groups": int,
    "model.hidden": int,
    "critic.hidden": int,
    "evaluate.metrics": str,
}
_MAY_BE_EMPTY = ("prior.groups", "objective.groups")
_AT_LEAST_TWO = (
    "evaluate.overlap_points",
    "evaluate.samples_per_vote",
    "evaluate.samples_per_point",
)
_DECAYS = ("train.b1", "train.b2", "critic.b1", "critic.b2")


def validate(config: ConfigDict) -> ConfigDict:
    """Returns a copy whose tuples have one type each, or says what is wrong with it.

    Raises:
        ValueError: One line naming the field, what was expected and what came.
    """
    config = config.copy_and_resolve_references()
    with config.unlocked():
        for field, cast in _TUPLES.items():
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
    checks.combinations(config, rows(config))
    return config


def rows(config: ConfigDict) -> list[dict[str, Any]]:
    """The settings of a validated config, a dict over `COLUMNS` each."""
    axes = [_field(config, field) for field in _AXES.values()]
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
    settings = [
        _canonical(dict(zip(COLUMNS, values, strict=True)), config)
        for values in combinations
    ]
    return list({tuple(row.values()): row for row in settings}.values())


def _canonical(row: dict[str, Any], config: ConfigDict) -> dict[str, Any]:
    """The setting with neutral values of what its objective and prior do not read."""
    objective = algebra.OBJECTIVES[row["objective"]]
    for name, neutral in _NEUTRAL.items():
        if name not in objective.weights:
            row[name] = neutral
    if objective.divergence != algebra.FREE:
        row["divergence"] = objective.divergence or algebra.NONE
    elif algebra.divergence(row) == algebra.NONE:
        one, *others = config.objective.divergence
        row["divergence"] = algebra.NONE if others else one  # not weighed
    if row["prior"] not in algebra.SWEPT_BY["df"]:
        row["df"] = math.inf
    if row["prior"] not in algebra.SWEPT_BY["spike"]:
        row["spike"] = 0.0
    return row


def family(config: ConfigDict) -> str:
    """The family of distributions of the prior: gaussian, or the prior's own name."""
    name = config.prior.name[0]
    return "gaussian" if name in algebra.GAUSSIANS else name


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
    if not elements and field not in _MAY_BE_EMPTY:
        raise ValueError(f"{field} expects at least one value; got none.")
    return elements


def _field(config: ConfigDict, field: str) -> Any:
    """The value of a field such as `objective.schedule.beta`."""
    for name in field.split("."):
        config = config[name]
    return config


def _require(
    config: ConfigDict, field: str, accepts: Callable[[Any], bool], expected: str
) -> None:
    value = _field(config, field)
    if not accepts(value):
        raise ValueError(f"{field} expects {expected}; got {value}.")
