"""The explorer: the runs that it shows, and the data of each.

A page cannot decode latents, so the images are computed here: a sheet of traversals for
each run and base image, as many as fit the page.
"""

import json
from typing import Any

import numpy as np

from experiments.report import latents
from experiments.results import columns
from experiments.sweep import trained
from experiments.sweep.trained import Finished

_POINTS = 10_000  # encoded per run, as in the scores of Locatello et al. 2019
# Whether all chosen runs of a setting are shown, and the base images; preferred first.
_LEVELS = ((True, 3), (True, 1), (False, 1))


def build(sweep: Finished, score: str, room: int) -> dict[str, Any] | None:
    """The data of the explorer for some runs of every setting.

    Args:
        sweep: A sweep with finished runs.
        score: Name of the score whose lowest, median and highest runs are shown.
        room: Bytes that the data may take.

    Returns:
        Values for JSON; None if every run diverged.
    """
    score = score if f"scores/{score}" in sweep.tables else "loss"
    choices = choose(sweep, score)
    if not choices:
        return None
    first = sweep.works[trained.program(sweep, choices[0][2])].data.points
    works = {
        i: trained.on_some(work, _POINTS)
        for i, work in enumerate(sweep.works)
        if work.data.points is first  # a page has the images of one data set
    }
    candidates = [
        {"run": int(sweep.tables["number"][place]), "setting": setting, "role": role}
        | latents.of_run(works[program], *trained.parameters(sweep, place))
        for setting, role, place in choices
        if (program := trained.program(sweep, place)) in works
    ]
    work = next(iter(works.values()))
    shared = latents.shared(work)
    runs, bases = _fit(candidates, room - _size(shared))
    return shared | {
        "score": columns.name(score),
        "factors": list(work.data.factor_names),
        "active": work.config.evaluate.active_threshold,
        "points": len(work.data.points),
        "bases": bases,
        "runs": runs,
    }


def choose(sweep: Finished, score: str) -> list[tuple[int, str, int]]:
    """Setting, role and index in the tables of the runs to show.

    The roles are lowest, median and highest by the score. Two runs have no median, and
    one run is only the median. Runs that diverged are left out.
    """
    tables = sweep.tables
    values = tables[f"scores/{score}"]
    ok = (tables["diverged"] < 0) & np.isfinite(values)
    choices = []
    for setting in range(len(sweep.rows)):
        members = np.flatnonzero((tables["setting"] == setting) & ok)
        order = members[np.argsort(values[members], kind="stable")]
        places = {"lowest": 0, "median": (len(order) - 1) // 2, "highest": -1}
        if len(order) == 1:
            places = {"only": 0}
        elif len(order) == 2:
            places = {"lowest": 0, "highest": 1}
        if len(order):
            choices += [(setting, role, int(order[i])) for role, i in places.items()]
    return choices


def _fit(
    candidates: list[dict[str, Any]], room: int
) -> tuple[list[dict[str, Any]], int]:
    """The runs that fit the page, and the base images of each."""
    selection: list[dict[str, Any]] = []
    for every, bases in _LEVELS:
        selection = [
            run | ({"sheets": run["sheets"][:bases]} if "sheets" in run else {})
            for run in (candidates if every else _one_each(candidates))
        ]
        if sum(map(_size, selection)) <= room:
            return selection, bases
    sizes = np.cumsum([_size(run) for run in selection])
    return selection[: max(1, int(np.sum(sizes <= room)))], bases


def _one_each(candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median run of each setting, or its first run if there is none."""
    medians: dict[int, dict[str, Any]] = {}
    for run in candidates:
        if run["setting"] not in medians or run["role"] == "median":
            medians[run["setting"]] = run
    return list(medians.values())


def _size(value: Any) -> int:
    return len(json.dumps(value))
