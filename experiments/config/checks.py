"""Checks which fields of a config go together.

Each error is one line that names the field and says what is allowed.
"""

import math
from typing import Any

from ml_collections import ConfigDict

from experiments.config import fields
from experiments.data import catalogue, factor_grid
from experiments.models import divergences, networks, objectives, priors
from experiments.results import columns
from experiments.system import paths

_MOST_RUNS = 1_000_000
_CLUSTERS = 4  # the number of arms of the pinwheel, and of moons


def combinations(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError for a config whose fields cannot be combined.

    Args:
        config: A config in which every field is valid by itself.
        rows: Its settings, each a dict by column.
    """
    _prior(config)
    _objective(config)
    for row in rows:
        reason = objectives.refusal(
            row,
            groups=config.objective.groups,
            prior_groups=config.prior.groups,
        )
        if reason:
            raise ValueError(reason)
    _data(config)


def axes(config: ConfigDict) -> None:
    """Raises ValueError for fields that have no effect if they are swept.

    Args:
        config: A config in which every field is valid by itself.
    """
    of_axes = fields.axes()
    for field, own in fields.registered().items():
        get = fields.get if field in of_axes else fields.values
        values, names = get(config, field), fields.get(config, own.owner)
        if len(values) > 1 and not fields.reads(config, own):
            raise ValueError(
                f"{field} is not read by {own.owner} = {names} and cannot be swept; "
                f"got {values}."
            )
    sets = fields.values(config, "data.name")
    if len({catalogue.SETS[name].labels == catalogue.PLANE for name in sets}) > 1:
        raise ValueError(
            "data.name sweeps over images, or over points of the plane, but not over "
            f"both, as these have other scores and figures; got {sets}."
        )


def effects(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError for a swept field that no setting of the sweep reads.

    `axes` has checked the fields that entries declare.

    Args:
        config: A config in which every field is valid by itself.
        rows: All its settings, each a dict by column.
    """
    measures = [divergences.DIVERGENCES[objectives.divergence(row)] for row in rows]
    correlated = any(fields.values(config, "data.correlated"))
    for field in fields.swept(config):
        needed = ""
        if field.startswith("critic.") and not any(d.critic for d in measures):
            needed = "an objective or a divergence with a critic"
        elif field == "data.correlation" and not correlated:
            needed = "data.correlated"
        if needed:
            raise ValueError(
                f"{field} has no effect without {needed} and cannot be swept; got "
                f"{fields.values(config, field)}."
            )


def _prior(config: ConfigDict) -> None:
    """Checks the size of the latent space against the prior and the groups."""
    for name in config.prior.name:
        if reason := priors.PRIORS[name].refusal(config):
            raise ValueError(reason)
    groups, latents = config.objective.groups, config.model.latents
    if groups and (sum(groups) != latents or min(groups) < 1):
        raise ValueError(
            f"objective.groups must be sizes whose sum is model.latents = {latents}; "
            f"got {groups}."
        )


def _objective(config: ConfigDict) -> None:
    """Checks that objectives have what they need."""
    objective = config.objective
    for name in objective.name:
        if "groups" in objectives.OBJECTIVES[name].fields and not objective.groups:
            raise ValueError(
                f"objective.name = {name} needs objective.groups, sizes of groups of "
                "latents such as 5,5; got none."
            )
    layered = [n for n, entry in networks.NETWORKS.items() if entry.dense_layers]
    model, optimiser = config.model, config.train.optimiser
    matches = (model.network in layered, model.scale == "exp", optimiser == "adam")
    if objective.matched and not all(matches):
        raise ValueError(
            f"objective.matched needs model.network = {' or '.join(layered)}, "
            f"model.scale = exp and train.optimiser = adam; got {model.network}, "
            f"{model.scale} and {optimiser}."
        )


def _data(config: ConfigDict) -> None:
    """Checks that model, metrics and the choice of images suit the data."""
    plane = catalogue.is_plane(config.data)
    if plane and config.model.latents != 2:
        raise ValueError(
            f"data.name = {config.data.name} is scored by quadrature in the plane and "
            f"needs model.latents = 2; got {config.model.latents}."
        )
    if plane and config.model.likelihood != "gaussian":
        raise ValueError(
            f"data.name = {config.data.name} needs model.likelihood = gaussian; got "
            f"{config.model.likelihood}."
        )
    network, shape = config.model.network, catalogue.shape(config.data)
    shape = (2,) if plane else shape
    if shape and network != networks.AUTO:  # otherwise only the file says it
        data = f"data.name = {config.data.name} of "
        if reason := networks.refusal(network, shape, data):
            raise ValueError(f"model.network = {network} {reason}.")
    looks = catalogue.SETS[config.data.name].looks
    if config.data.look not in looks:
        raise ValueError(
            f"data.look must be one of {looks} for data.name = {config.data.name}; got "
            f"{config.data.look}."
        )
    _labels(config)
    _source(config)
    factor_grid.check(config)


def _labels(config: ConfigDict) -> None:
    """Checks that metrics of factors are chosen only for data with factors."""
    words = {"class": "has classes but no factors", "none": "has no factors"}
    labels = catalogue.SETS[config.data.name].labels
    of_factors = {*config.evaluate.metrics} & {*columns.OF_FACTORS}
    if labels in words and of_factors:
        raise ValueError(
            f"data.name = {config.data.name} {words[labels]} and needs "
            f"evaluate.metrics among {columns.OF_CODES} or auto; got "
            f"{config.evaluate.metrics}."
        )


def _source(config: ConfigDict) -> None:
    """Checks where the data come from."""
    name, path = config.data.name, config.data.path
    source, choices = catalogue.source(config.data), catalogue.SETS[name].sources
    if source not in choices:
        raise ValueError(
            f"data.name = {name} needs data.source among {choices}; got {source}."
        )
    if source == "file" and not path:
        published = catalogue.SETS[name].published
        words = f", to {published}" if published else ""
        raise ValueError(
            f"data.source = file needs data.path{words}; got an empty path."
        )
    paths.path(path)
    if path and source == "rendered":
        raise ValueError(
            "data.path needs data.source = file or tfds; got data.source = rendered "
            f"and data.path = {path}."
        )


def number_of_runs(config: ConfigDict, axes: list[int]) -> None:
    """Raises ValueError for a sweep of more runs than tables can have.

    Args:
        config: A config in which every field is valid by itself.
        axes: The lengths of the axes of the sweep.
    """
    settings = math.prod(axes) if config.objective.sweep == "product" else max(axes)
    if settings * config.seeds > _MOST_RUNS:
        raise ValueError(
            f"seeds may give at most {_MOST_RUNS:,} runs in all; got {config.seeds:,} "
            f"seeds × {settings:,} settings."
        )
    if config.first_seed + config.seeds > 2**31:
        raise ValueError(
            "first_seed + seeds must be at most 2,147,483,648; got "
            f"{config.first_seed:,} + {config.seeds:,}."
        )


def sizes(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError for sizes that do not fit the data or the objective.

    Args:
        config: A config in which every field is valid by itself.
        rows: Its settings, each a dict by column.
    """
    _batches(config, rows)
    if num_points := _points(config):
        _steps(config, num_points)
        _principal_axes(config, num_points)


def _points(config: ConfigDict) -> int:
    """Checks numbers of points; returns that of the data, 0 if only a file says it."""
    points = config.data.points
    if catalogue.is_plane(config.data) and (points % _CLUSTERS or not points):
        raise ValueError(
            f"data.points must be a positive multiple of {_CLUSTERS}, the number of "
            f"arms of the pinwheel and of moons; got {points}."
        )
    num_points, limits = _limits(config)
    for field, limit in limits.items():
        section, _, field_name = field.partition(".")
        value = config[section][field_name]
        if value > limit:
            raise ValueError(
                f"{field} must be at most {limit:,} points; got {value:,}."
            )
    for section in ("data", "evaluate"):
        if config[section].points == 1:
            raise ValueError(
                f"{section}.points must be 0 (all points) or at least 2; got 1."
            )
    return num_points


def _limits(config: ConfigDict) -> tuple[int, dict[str, float]]:
    """The number of points, 0 if only a file says it, and the limits of fields."""
    entry, data = catalogue.SETS[config.data.name], config.data
    once = data.held_out and not data.correlated  # otherwise images may be repeated
    images = factor_grid.images(data) if once else entry.rendered
    rendered = catalogue.source(data) == "rendered"
    num_points = data.points or (images if rendered else 0)
    limits = {"data.points": (images if once else entry.most) or math.inf}
    if num_points:
        choices = {"all": entry.rendered, "held_out": factor_grid.held_out(data)}
        limits["train.batch_size"] = num_points
        limits["evaluate.points"] = choices.get(config.evaluate.images, num_points)
    return num_points, limits


def _steps(config: ConfigDict, num_points: int) -> None:
    """Checks that the epochs make a number of steps that fits int32."""
    per_epoch = num_points // config.train.batch_size
    steps = config.train.steps or round(config.train.epochs * per_epoch)
    if not 1 <= steps < 2**31:
        raise ValueError(
            "train.epochs must give at least 1 step and fewer than 2³¹ "
            f"({per_epoch:,} steps per epoch); got {config.train.epochs} epochs."
        )


def _principal_axes(config: ConfigDict, num_points: int) -> None:
    """Checks that the data have as many principal axes as the prior needs."""
    names = [name for name, prior in priors.PRIORS.items() if prior.principal]
    if not {*names} & {*config.prior.name}:
        return
    plane, shape = catalogue.is_plane(config.data), catalogue.shape(config.data)
    values = 2 if plane else math.prod(shape) if shape else num_points
    rank = min(values, num_points - 1)
    most = rank // 2 if config.prior.pca_ranks == "released_code" else rank
    if config.model.latents > most:
        raise ValueError(
            f"model.latents must be at most {most}, the principal axes of the data, "
            f"for prior.name = {' or '.join(names)}; got {config.model.latents}."
        )


def _batches(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Checks that a minibatch has two points if its points are compared."""
    quantity = next(filter(None, map(objectives.of_pairs, rows)), "")
    for section in ("train", "evaluate"):
        if quantity and config[section].batch_size < 2:
            raise ValueError(
                f"{section}.batch_size must be at least 2 for {quantity}, which "
                "compares the points of a minibatch; got 1."
            )
