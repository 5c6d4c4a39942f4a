"""The points of a live view; the package TensorBoard is not needed here."""

import math

import numpy as np
import pytest

from experiments.results.summary import Row
from experiments.sweep import tensorboard
from experiments.sweep.tensorboard import Point

ROWS = [
    {"prior": prior, "df": df, "beta": beta}
    for prior, df in (("isotropic", math.inf), ("student_t", 3.0))
    for beta in (1.0, 1.0000001)
]


def test_every_setting_has_a_distinct_name_of_the_columns_that_differ():
    assert tensorboard.names(ROWS) == [
        "prior=isotropic,df=inf,beta=1",
        "prior=isotropic,df=inf,beta=1.0000001",
        "prior=student_t,df=3,beta=1",
        "prior=student_t,df=3,beta=1.0000001",
    ]
    assert tensorboard.names(ROWS[:1]) == ["prior=isotropic"]


def test_numbers_stay_numbers_unless_one_of_them_is_infinite():
    assert tensorboard.hyperparameters(ROWS)[0] == {
        "prior": "isotropic",
        "df": "inf",
        "beta": 1.0,
    }


def test_a_curve_has_the_mean_and_the_interval_of_every_record():
    runs = np.array([[[2, 1.0], [4, 3.0]], [[2, 2.0], [4, 5.0]]])  # [R, records, 2]
    points = list(tensorboard.curve(runs, ("loss",)))
    assert [(p.tag, p.step) for p in points] == [
        (f"loss/{name}", step) for step in (2, 4) for name in ("mean", "low", "high")
    ]
    half = 12.706204736 * math.sqrt(1 / 2) / math.sqrt(2)  # t of one degree of freedom
    values = [p.value for p in points[:3]]
    assert values == pytest.approx([1.5, 1.5 - half, 1.5 + half])


def test_values_that_are_not_finite_are_excluded_and_one_run_has_no_interval():
    runs = np.array([[[2, 1.0]], [[2, np.nan]]])
    assert list(tensorboard.curve(runs, ("loss",))) == [Point("loss/mean", 2, 1.0)]
    assert list(tensorboard.curve(runs[:0], ("loss",))) == []
    assert list(tensorboard.curve(runs[1:], ("loss",))) == []


def test_a_score_is_a_point_at_the_end_of_its_own_setting():
    rows = [
        Row(row, "mig", 2, 0, mean, 0.1, 0.0, 1.0)
        for row, mean in zip(ROWS, (0.5, 0.25, math.nan, 0.1), strict=True)
    ]
    assert list(tensorboard.scores(rows, ROWS[1], 9)) == [Point("score/mig", 9, 0.25)]
    assert list(tensorboard.scores(rows, ROWS[2], 9)) == []


def test_the_size_of_a_png_is_read_from_its_header():
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    assert tensorboard.size(header + bytes([0, 0, 1, 2, 0, 0, 0, 3])) == (258, 3)
