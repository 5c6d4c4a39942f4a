"""Checks of combinations in a config; an error is one line with field and choices."""

import math
from typing import Any

from ml_collections import ConfigDict

from experiments.config import fields
from experiments.data import catalogue, factor_grid
from experiments.models import networks, objectives, priors
from experiments.results import columns
from experiments.system import paths

_MOST_RUNS = 1_000_000
_CLUSTERS = 4  # arms of the pinwheel, and moons


def combinations(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError for a config whose fields cannot be combined.

    Args:
        config: With every field valid by itself.
        rows: Its settings.
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
    """Raises ValueError for axes of a sweep that have no meaning.

    Args:
        config: With every field valid by itself.
    """
    for field, own in fields.registered().items():
        get = fields.get if own.traced else fields.values
        values, names = get(config, field), fields.get(config, own.owner)
        if len(values) > 1 and not fields.reads(config, own):
            raise ValueError(
                f"{field} is not read by {own.owner} = {names} and cannot be swept; "
                f"got {values}."
            )
    free = any(
        objectives.OBJECTIVES[name].divergence == objectives.FREE
        for name in config.objective.name
    )
    if len(config.objective.divergence) > 1 and not free:
        raise ValueError(
            "objective.divergence has no effect on objective.name = "
            f"{config.objective.name} and cannot be swept; got "
            f"{config.objective.divergence}."
        )
    sets = fields.values(config, "data.name")
    if len({catalogue.SETS[name].labels == catalogue.PLANE for name in sets}) > 1:
        raise ValueError(
            "data.name sweeps over images, or over points of the plane, which have "
            f"other scores and figures; got {sets}."
        )


def _prior(config: ConfigDict) -> None:
    """Checks the size of the latent space against the prior and the groups."""
    if reason := priors.PRIORS[config.prior.name[0]].refusal(config):
        raise ValueError(reason)
    groups, latents = config.objective.groups, config.model.latents
    if groups and (sum(groups) != latents or min(groups) < 1):
        raise ValueError(
            f"objective.groups must be sizes whose sum is model.latents = {latents}; "
            f"got {groups}."
        )


def _objective(config: ConfigDict) -> None:
    objective = config.objective
    for name in objective.name:
        if objectives.OBJECTIVES[name].own_groups and not objective.groups:
            raise ValueError(
                f"objective.name = {name} needs objective.groups, sizes of groups of "
                "latents such as 5,5; got none."
            )
    if objective.warm_up > 1:
        raise ValueError(
            f"objective.warm_up must be a share in (0, 1]; got {objective.warm_up}."
        )
    layered = [n for n, entry in networks.NETWORKS.items() if entry.dense_layers]
    exp = config.model.network in layered and config.model.scale == "exp"
    if objective.matched and not (exp and config.train.optimiser == "adam"):
        raise ValueError(
            f"objective.matched needs model.network = {' or '.join(layered)}, "
            "model.scale = exp and "
            f"train.optimiser = adam; got {config.model.network}, "
            f"{config.model.scale} and {config.train.optimiser}."
        )


def _data(config: ConfigDict) -> None:
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
    if shape and network != networks.AUTO:  # otherwise only the file says
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
    asked = [m for m in config.evaluate.metrics if m in columns.OF_FACTORS]
    if labels in words and asked:
        raise ValueError(
            f"data.name = {config.data.name} {words[labels]} and needs "
            f"evaluate.metrics among {columns.OF_CODES} or auto; got "
            f"{config.evaluate.metrics}."
        )


def _source(config: ConfigDict) -> None:
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
            "data.path needs data.source = file or tfds; got "
            f"{name}, {source} and {path}."
        )


def number_of_runs(config: ConfigDict, axes: list[int]) -> None:
    """Raises ValueError for a sweep of more runs than tables can have.

    Args:
        config: With every field valid by itself.
        axes: Lengths of the axes of the sweep.
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


def check(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError for sizes that do not fit the data or the objective.

    Args:
        config: With every field valid by itself.
        rows: Its settings.
    """
    _batches(config, rows)
    known = _points(config)
    if known:
        _steps(config, known)
        _principal_axes(config, known)


def _points(config: ConfigDict) -> int:
    """The number of points by the config, or 0 if only a file says it."""
    points = config.data.points
    if catalogue.is_plane(config.data) and (points % _CLUSTERS or not points):
        raise ValueError(
            f"data.points must be a positive multiple of {_CLUSTERS}, the number of "
            f"arms of the pinwheel and of moons; got {points}."
        )
    known, most = _limits(config)
    for field, limit in most.items():
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
    return known


def _limits(config: ConfigDict) -> tuple[int, dict[str, float]]:
    """The number of points by the config, or 0, and the upper limit of each field."""
    of_set, data = catalogue.SETS[config.data.name], config.data
    once = data.held_out and not data.correlated  # otherwise images may be repeated
    trained = factor_grid.images(data) if once else of_set.rendered
    rendered = catalogue.source(data) == "rendered"
    known = data.points or (trained if rendered else 0)
    most = {"data.points": (trained if once else of_set.most) or math.inf}
    if known:
        scored = {"all": of_set.rendered, "held_out": factor_grid.held_out(data)}
        most["train.batch_size"] = known
        most["evaluate.points"] = scored.get(config.evaluate.images, known)
    return known, most


def _steps(config: ConfigDict, points: int) -> None:
    each = points // config.train.batch_size
    if not config.train.steps and not 1 <= round(config.train.epochs * each) < 2**31:
        raise ValueError(
            f"train.epochs must give from 1 to 2³¹ steps ({each:,} steps per epoch); "
            f"got {config.train.epochs} epochs."
        )


def _principal_axes(config: ConfigDict, points: int) -> None:
    """Checks that the data have as many principal axes as there are latents."""
    principal = [name for name, prior in priors.PRIORS.items() if prior.principal]
    if not {*principal} & {*config.prior.name}:
        return
    plane, shape = catalogue.is_plane(config.data), catalogue.shape(config.data)
    values = 2 if plane else math.prod(shape) if shape else points
    width = min(values, points - 1)
    most = width // 2 if config.prior.pca_ranks == "released_code" else width
    if config.model.latents > most:
        raise ValueError(
            f"model.latents must be at most {most}, the principal axes of the data, "
            f"for prior.name = {' or '.join(principal)}; got {config.model.latents}."
        )


def _batches(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """Checks that a minibatch has two points if its points are compared."""
    needing = next(filter(None, map(objectives.of_pairs, rows)), "")
    for field in ("train", "evaluate"):
        if needing and config[field].batch_size < 2:
            raise ValueError(
                f"{field}.batch_size must be at least 2 for {needing}, which compares "
                "the points of a minibatch; got 1."
            )
