"""Sizes of a config against each other: runs, points, batches, latents, steps."""

import math
from typing import Any

from ml_collections import ConfigDict

from experiments.data import catalogue, factor_grid
from experiments.models import objectives

_MOST_RUNS = 1_000_000
_ARMS = 4  # of the pinwheel


def number_of_runs(config: ConfigDict, axes: list[int]) -> None:
    """Raises ValueError for a sweep of more runs than tables can hold.

    Args:
        config: With every field valid by itself.
        axes: Lengths of the axes of the sweep.
    """
    settings = math.prod(axes) if config.objective.sweep == "product" else max(axes)
    if settings * config.seeds > _MOST_RUNS:
        raise ValueError(
            f"seeds expects at most {_MOST_RUNS:,} runs in all; got {config.seeds:,} "
            f"seeds × {settings:,} settings."
        )
    if config.first_seed + config.seeds > 2**31:
        raise ValueError(
            "first_seed expects first_seed + seeds of at most 2,147,483,648; got "
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
    """The number of points that the config tells, or 0 if only a file does."""
    points = config.data.points
    if catalogue.is_plane(config.data) and (points % _ARMS or not points):
        raise ValueError(
            f"data.points expects a multiple of {_ARMS}, the arms of a pinwheel; "
            f"got {points}."
        )
    known, most = _limits(config)
    for field, limit in most.items():
        section, _, field_name = field.partition(".")
        value = config[section][field_name]
        if value > limit:
            raise ValueError(
                f"{field} expects at most {limit:,} points; got {value:,}."
            )
    for section in ("data", "evaluate"):
        if config[section].points == 1:
            raise ValueError(
                f"{section}.points expects 0, which is all, or 2 and more; got 1."
            )
    return known


def _limits(config: ConfigDict) -> tuple[int, dict[str, float]]:
    """The number of points that the config tells, or 0, and the most of each field."""
    of_set, data = catalogue.SETS[config.data.name], config.data
    once = data.held_out and not data.correlated  # else some are drawn again
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
            f"train.epochs expects a step or more, up to 2³¹; {each:,} make an epoch; "
            f"got {config.train.epochs} epochs."
        )


def _principal_axes(config: ConfigDict, points: int) -> None:
    """A prior of principal variances needs as many axes as latents."""
    if not {"pca", "learned"} & set(config.prior.name):
        return
    plane, shape = catalogue.is_plane(config.data), catalogue.shape(config.data)
    values = 2 if plane else math.prod(shape) if shape else points
    width = min(values, points - 1)
    most = width // 2 if config.prior.pca_ranks == "released_code" else width
    if config.model.latents > most:
        raise ValueError(
            f"model.latents expects at most {most}, the principal axes of the data "
            f"for prior.name = pca or learned; got {config.model.latents}."
        )


def _batches(config: ConfigDict, rows: list[dict[str, Any]]) -> None:
    """What compares the points of a minibatch needs two of them."""
    needing = next(filter(None, map(objectives.of_pairs, rows)), "")
    for field in ("train", "evaluate"):
        if needing and config[field].batch_size < 2:
            raise ValueError(
                f"{field}.batch_size expects at least 2 for {needing}, which compares "
                "the points of a minibatch; got 1."
            )
