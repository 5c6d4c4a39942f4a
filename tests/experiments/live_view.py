"""Reads event files, and compares a live view with the tables of its sweep."""

import csv
import json
import struct

import numpy as np
import pytest

from experiments.sweep import tensorboard
from experiments.training import one_run


def events_of(folder):
    """The events of the one file in a folder; an incomplete last record is ignored."""
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import masked_crc32c

    (path,) = folder.glob("events.*")
    data, events = path.read_bytes(), []
    while len(data) >= 12:
        (length,) = struct.unpack("<Q", data[:8])
        if len(data) < length + 16:
            break
        content, crc = data[12 : 12 + length], data[12 + length : 16 + length]
        assert struct.unpack("<I", crc) == (masked_crc32c(content),)
        events.append(event_pb2.Event.FromString(content))
        data = data[16 + length :]
    return events


def scalars(folder):
    """Values by tag and step, each of which must occur once."""
    values = {}
    for event in events_of(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                assert (value.tag, event.step) not in values
                values[value.tag, event.step] = value.simple_value
    return values


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def means(workdir, setting):
    """Means over the runs of a setting, by tag and step, from metrics.csv."""
    values = {}
    for row in table(workdir / "metrics.csv"):
        if all(row[name] == str(value) for name, value in setting.items()):
            key = f"{row['name']}/mean", int(row["step"])
            values.setdefault(key, []).append(float(row["value"]))
    return {key: np.mean(runs) for key, runs in values.items()}


def check(workdir):
    """Compares the live view of a finished sweep with its tables and figures."""
    rows = json.loads((workdir / "settings.json").read_text())
    board, names = workdir / "tensorboard", tensorboard.names(rows)
    assert {path.name for path in board.iterdir()} == {*names, "sweep"}
    scores = {row["score"] for row in table(workdir / "summary.csv")}
    for name, row in zip(names, rows, strict=True):
        values, expected = scalars(board / name), means(workdir, row)
        assert len(expected) == 2 * len(one_run.MEASURES)
        for key, mean in expected.items():
            assert values[key] == pytest.approx(mean, rel=1e-5, abs=1e-5)
        tags = {tag for tag, _ in values}
        assert {f"score/{score}" for score in scores} <= tags
        images = [v.tag for e in events_of(board / name) for v in e.summary.value]
        assert "aggregate_posterior" in images
    whole = [v for e in events_of(board / "sweep") for v in e.summary.value]
    images = {v.tag: v.image.encoded_image_string for v in whole if v.HasField("image")}
    paths = (workdir / "figures").glob("*.png")
    assert images == {path.stem: path.read_bytes() for path in paths}
