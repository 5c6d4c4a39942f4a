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


def build(done: Finished, score: str, room: int) -> dict[str, Any] | None:
    """The data of the explorer for some runs of every setting.

    Args:
        done: A sweep with finished runs.
        score: Name of the score whose lowest, median and highest runs are shown.
        room: Bytes that the data may take.

    Returns:
        Values for JSON; None if every run diverged.
    """
    score = score if f"scores/{score}" in done.tables else "loss"
    chosen = choose(done, score)
    if not chosen:
        return None
    first = done.works[trained.program(done, chosen[0][2])].data.points
    works = {
        i: trained.on_some(work, _POINTS)
        for i, work in enumerate(done.works)
        if work.data.points is first  # a page has the images of one data set
    }
    shown = [
        {"run": int(done.tables["number"][place]), "setting": setting, "role": role}
        | latents.of_run(works[program], *trained.parameters(done, place))
        for setting, role, place in chosen
        if (program := trained.program(done, place)) in works
    ]
    work = next(iter(works.values()))
    shared = latents.shared(work)
    runs, bases = _fit(shown, room - _size(shared))
    return shared | {
        "score": columns.name(score),
        "factors": list(work.data.factor_names),
        "active": work.config.evaluate.active_threshold,
        "points": len(work.data.points),
        "bases": bases,
        "runs": runs,
    }


def choose(done: Finished, score: str) -> list[tuple[int, str, int]]:
    """Setting, role and index in the tables of the runs to show.

    The roles are lowest, median and highest by the score. Two runs have no median, and
    one run is only the median. Runs that diverged are left out.
    """
    tables = done.tables
    values = tables[f"scores/{score}"]
    ok = (tables["diverged"] < 0) & np.isfinite(values)
    chosen = []
    for setting in range(len(done.rows)):
        members = np.flatnonzero((tables["setting"] == setting) & ok)
        order = members[np.argsort(values[members], kind="stable")]
        places = {"lowest": 0, "median": (len(order) - 1) // 2, "highest": -1}
        if len(order) == 1:
            places = {"only": 0}
        elif len(order) == 2:
            places = {"lowest": 0, "highest": 1}
        if len(order):
            chosen += [(setting, role, int(order[i])) for role, i in places.items()]
    return chosen


def _fit(shown: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], int]:
    """The runs that fit the page, and the base images of each."""
    kept: list[dict[str, Any]] = []
    for every, bases in _LEVELS:
        kept = [
            run | ({"sheets": run["sheets"][:bases]} if "sheets" in run else {})
            for run in (shown if every else _one_each(shown))
        ]
        if sum(map(_size, kept)) <= room:
            return kept, bases
    sizes = np.cumsum([_size(run) for run in kept])
    return kept[: max(1, int(np.sum(sizes <= room)))], bases


def _one_each(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median run of each setting, or its first run if there is none."""
    found: dict[int, dict[str, Any]] = {}
    for run in shown:
        if run["setting"] not in found or run["role"] == "median":
            found[run["setting"]] = run
    return list(found.values())


def _size(value: Any) -> int:
    return len(json.dumps(value))
