"""A live view of a sweep in TensorBoard, in WORKDIR/tensorboard.

SETTING/            means over the runs that have finished, scores, pictures
training/SETTING/   means over the runs of the block in training; removed at its end
sweep/              all settings: figures, the table, charts with bands

Everything is computed from the other files of the workdir and may be deleted. Each
setting has one event file, which is rewritten when a block finishes. The file of the
block in training is recreated on every start, so that no step is logged twice; a record
that was cut short by a kill is the last one of its file.
"""

import contextlib
import math
import os
import pathlib
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.style
import numpy as np

from experiments.plots import all_figures, style
from experiments.results import reading, run_tables, summary
from experiments.results.summary import Row
from experiments.system.parallel import Runs
from experiments.training import one_run

TOTAL = ("mean", "low", "high")  # the mean over runs and its 95 % interval
_FIGURES = ("traversals", "reconstructions", "aggregate_posterior")
_SHARED = ("side", "traversal_values", "class_names", "density_grid", "points")
_RUNS = ("picture_run", "density_run")


class Point(NamedTuple):
    """A value of one setting at one step."""

    tag: str
    step: int
    value: float


class Board:
    """Updates the folder while a sweep trains.

    Args:
        workdir: Folder of the results.
        rows: Columns of each setting.
        steps: Training steps of a run.
        on: Whether to write the folder; if not, all methods do nothing.
    """

    def __init__(
        self,
        workdir: pathlib.Path,
        rows: Sequence[dict[str, Any]],
        steps: int,
        *,
        on: bool,
    ):
        self._workdir, self._rows, self._steps, self._on = workdir, rows, steps, on
        self._root, self._names = workdir / "tensorboard", names(rows)
        self._files, self._records = {}, 0
        if on:
            self._forget()

    def record(
        self, members: Runs, curves: Sequence[np.ndarray], alive: np.ndarray
    ) -> None:
        """Adds the new records of the block in training.

        Args:
            members: The runs of the block `[R]`.
            curves: Its records so far, each `[≥ R, 1 + measures]`; the first column is
                the step.
            alive: Whether each run has not diverged `[≥ R]`.
        """
        new, count = curves[self._records :], len(members.number)
        if not self._on or not new:
            return
        table = np.stack(new, axis=1)[:count]
        for setting in np.unique(members.setting):
            chosen = (members.setting == setting) & alive[:count]
            if setting not in self._files:
                folder = self._root / "training" / self._names[setting]
                folder.mkdir(parents=True, exist_ok=True)
                self._files[setting] = _begun(folder / _file_name())
            file = self._files[setting]
            for event in _points(curve(table[chosen], one_run.MEASURES)):
                file.write(event)
            file.flush()
        self._records = len(curves)

    def finished(self, statistics: Sequence[Row], *, pictures: bool = False) -> None:
        """Shows all runs that have finished.

        Args:
            statistics: Rows of summary.csv.
            pictures: Whether to draw the pictures of each setting in pictures.npz.
        """
        if not self._on:
            return
        tables = run_tables.finished(self._workdir)
        ok = run_tables.finished_well(tables)
        drawings = draw(self._workdir) if pictures else [{}] * len(self._rows)
        parameters = hyperparameters(self._rows)
        for i, (name, row) in enumerate(zip(self._names, self._rows, strict=True)):
            curves = tables["curves"][ok & (tables["setting"] == i)]
            whole = [
                *_session(parameters[i]),
                *_points(curve(curves, one_run.MEASURES)),
                *_points(scores(statistics, row, self._steps)),
                *_images(drawings[i], self._steps),
            ]
            _write(self._root / name, whole)
        _write(self._root / "sweep", self._sweep(statistics, parameters[0]))
        self._forget()

    def _sweep(
        self, statistics: Sequence[Row], setting: dict[str, Any]
    ) -> Iterator[bytes]:
        """The events that concern all settings."""
        from tensorboardX import summary

        tags = dict.fromkeys(f"score/{row.score}" for row in statistics)
        yield _event(summary=summary.hparams(setting, tags)[0])
        yield _event(summary=summary.custom_scalars(charts(one_run.MEASURES)))
        table = (self._workdir / "summary.md").read_text(encoding="utf-8")
        yield _event(summary=summary.text("summary", table), step=self._steps)
        paths = sorted((self._workdir / "figures").glob("*.png"))
        whole = {path.stem: path.read_bytes() for path in paths}
        yield from _images(whole, self._steps)

    def close(self) -> None:
        """Closes the files of the block in training."""
        for file in self._files.values():
            file.close()
        self._files, self._records = {}, 0

    def _forget(self) -> None:
        """Removes the block in training."""
        self.close()
        shutil.rmtree(self._root / "training", ignore_errors=True)


def _write(folder: pathlib.Path, whole: Iterable[bytes]) -> None:
    """Replaces the contents of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    old, temporary = list(folder.glob("events.*")), folder / ".unfinished"
    try:
        with contextlib.closing(_begun(temporary)) as file:
            for event in whole:
                file.write(event)
            file.flush()
        os.replace(temporary, folder / _file_name())
    finally:
        temporary.unlink(missing_ok=True)
    for path in old:
        path.unlink()


def _file_name() -> str:
    """A name for an event file; TensorBoard reads those of a folder in their order."""
    return f"events.out.tfevents.{time.time():017.6f}"


def _begun(path: pathlib.Path) -> Any:
    """A new event file; TensorBoard forgets earlier contents of its folder."""
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import RecordWriter

    file = RecordWriter(str(path))
    file.write(_event(file_version="brain.Event:2"))
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    file.write(_event(session_log=start))
    return file


def _event(step: int = 0, **content: Any) -> bytes:
    from tensorboardX.proto import event_pb2

    event = event_pb2.Event(wall_time=time.time(), step=step, **content)
    return event.SerializeToString()


def _points(points: Iterable[Point]) -> Iterator[bytes]:
    from tensorboardX.proto.summary_pb2 import Summary

    for tag, step, value in points:
        scalar = Summary.Value(tag=tag, simple_value=value)
        yield _event(step, summary=Summary(value=[scalar]))


def _images(pictures: dict[str, bytes], step: int) -> Iterator[bytes]:
    from tensorboardX.proto.summary_pb2 import Summary

    for name, png in sorted(pictures.items()):
        width, height = size(png)
        image = Summary.Image(
            width=width, height=height, colorspace=4, encoded_image_string=png
        )
        picture = Summary.Value(tag=name, image=image)
        yield _event(step, summary=Summary(value=[picture]))


def _session(setting: dict[str, Any]) -> Iterator[bytes]:
    """The record of the setting for the table of hyperparameters."""
    from tensorboardX import summary

    _, start, end = summary.hparams(setting, {})
    yield _event(summary=start)
    yield _event(summary=end)


def names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name of a folder for each setting, from the columns in which they differ."""
    return [",".join(f"{c}={_value(row[c])}" for c in _columns(rows)) for row in rows]


def hyperparameters(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same columns, as text if one of their numbers is infinite."""
    columns = _columns(rows)
    infinite = {c for c in columns for row in rows if row[c] in (math.inf, -math.inf)}
    return [{c: _value(r[c]) if c in infinite else r[c] for c in columns} for r in rows]


def curve(runs: np.ndarray, measures: Sequence[str]) -> Iterator[Point]:
    """The training curve of one setting: means over its runs, with their intervals.

    Args:
        runs: Curves of the runs in the mean `[R, records, 1 + measures]`; the first
            column is the step, and non-finite values are left out.
        measures: Names of the other columns.

    Yields:
        `MEASURE/mean` if any run is left, and `/low` and `/high` if two are.
    """
    for record in np.asarray(runs, np.float64).transpose(1, 2, 0):
        step, *values = record
        for measure, column in zip(measures, values, strict=True):
            finite = column[np.isfinite(column)]
            mean, _, low, high = summary.interval(finite)
            for name, value in zip(TOTAL, (mean, low, high), strict=True):
                if math.isfinite(value):
                    yield Point(f"{measure}/{name}", int(step[0]), value)


def scores(
    statistics: Sequence[Row], setting: Mapping[str, Any], step: int
) -> Iterator[Point]:
    """The mean of every score of a setting, at the last step of the training."""
    for row in statistics:
        if row.setting == setting and math.isfinite(row.mean):
            yield Point(f"score/{row.score}", step, row.mean)


def charts(measures: Sequence[str]) -> dict[str, dict[str, list]]:
    """A chart per measure with its interval as a band, in TensorBoard's layout."""
    bands = {m: ["Margin", [f"{m}/{name}" for name in TOTAL]] for m in measures}
    return {"means over runs, 95 % intervals": bands}


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that differ between settings, or the first if none does."""
    varying = [c for c in rows[0] if len({row[c] for row in rows}) > 1]
    return varying or list(rows[0])[:1]


def _value(value: Any) -> str:
    """The number with as many digits as distinguish it from the others."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


_DPI, _LEAST = 100, 5.0  # resolution, and the least side in inches


def draw(workdir: pathlib.Path) -> list[dict[str, bytes]]:
    """The pictures of each setting by name, for the figures that config.json lists.

    There are none for a setting whose runs have all diverged.
    """
    results = reading.read(workdir)
    return [_of_setting(results, i) for i in range(len(reading.settings(results)))]


def _of_setting(results: reading.Results, index: int) -> dict[str, bytes]:
    pictures = {
        name: array if name in _SHARED else array[index : index + 1]
        for name, array in (results.pictures or {}).items()
    }
    if any(pictures[name][0] < 0 for name in _RUNS if name in pictures):
        return {}
    single = results._replace(
        settings=[reading.settings(results)[index]],
        pictures=pictures,
        config=results.config | {"title": ""},
    )
    drawn = {}
    for name in set(_FIGURES) & set(results.config["figures"]):
        with matplotlib.style.context(["default", style.RC]):
            try:
                (figure,) = all_figures.FIGURES[name](single).values()
            except reading.Missing:
                continue
            figure.set_size_inches(np.maximum(figure.get_size_inches(), _LEAST))
            drawn[name] = style.drawn(figure, "png", dpi=_DPI, bbox_inches="tight")
    return drawn
