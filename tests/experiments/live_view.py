"""Reads files of events back, and compares a live view with the tables."""

import csv
import json
import struct

import numpy as np
import pytest

from experiments.sweep import tensorboard
from experiments.training import one_run


def events_of(folder):
    """The events of the one file in a folder, checksums compared; a rest is left."""
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import masked_crc32c

    (path,) = folder.glob("events.*")
    data, found = path.read_bytes(), []
    while len(data) >= 12:
        (length,) = struct.unpack("<Q", data[:8])
        if len(data) < length + 16:
            break
        content, crc = data[12 : 12 + length], data[12 + length : 16 + length]
        assert struct.unpack("<I", crc) == (masked_crc32c(content),)
        found.append(event_pb2.Event.FromString(content))
        data = data[16 + length :]
    return found


def scalars(folder):
    """Values by tag and step, each of which may stand there once."""
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
    """Of every measure and step in metrics.csv, over the runs of a setting."""
    values = {}
    for row in table(workdir / "metrics.csv"):
        if all(row[name] == str(value) for name, value in setting.items()):
            place = f"{row['name']}/mean", int(row["step"])
            values.setdefault(place, []).append(float(row["value"]))
    return {place: np.mean(found) for place, found in values.items()}


def check(workdir):
    """The live view of a sweep that has ended, against its tables and figures."""
    rows = json.loads((workdir / "settings.json").read_text())
    board, names = workdir / "tensorboard", tensorboard.names(rows)
    assert {path.name for path in board.iterdir()} == {*names, "sweep"}
    scores = {row["score"] for row in table(workdir / "summary.csv")}
    for name, row in zip(names, rows, strict=True):
        found, expected = scalars(board / name), means(workdir, row)
        assert len(expected) == 2 * len(one_run.MEASURES)
        for place, mean in expected.items():
            assert found[place] == pytest.approx(mean, rel=1e-5, abs=1e-5)
        tags = {tag for tag, _ in found}
        assert {f"score/{score}" for score in scores} <= tags
        images = [v.tag for e in events_of(board / name) for v in e.summary.value]
        assert "aggregate_posterior" in images
    whole = [v for e in events_of(board / "sweep") for v in e.summary.value]
    images = {v.tag: v.image.encoded_image_string for v in whole if v.HasField("image")}
    drawn = (workdir / "figures").glob("*.png")
    assert images == {path.stem: path.read_bytes() for path in drawn}
