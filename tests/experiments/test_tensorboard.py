import sys

import numpy as np
import pytest

from configs import pinwheel
from experiments import main
from experiments.config import settings
from experiments.sweep import tensorboard
from experiments.system import parallel
from experiments.training import one_run
from tests.experiments.live_view import check, scalars
from tests.faults.attempts import attempt

RESULTS = ("scores.csv", "metrics.csv", "summary.csv", "summary.md", "pictures.npz")
MEMBERS = parallel.enumerate_runs(2, 3, 0)
ROWS = [{"beta": 1.0}, {"beta": 4.0}]


def smoke(*, on):
    """Two settings of two seeds, in two blocks."""
    with pinwheel.get_config("smoke").unlocked() as config:
        config.figures = ("aggregate_posterior",)
        config.objective.alpha, config.objective.beta = (0.0, 2.0), (1.0, 0.0)
        config.data.points, config.train.batch_size = 60, 60
        config.runs.block = 2
        config.tensorboard = on
    return config


@pytest.mark.slow
def test_a_live_view_may_be_added_later_and_changes_no_result(tmp_path):
    pytest.importorskip("tensorboardX")
    on, off = tmp_path / "on", tmp_path / "off"
    main.run(*settings.validate(smoke(on=True)), on)
    main.run(*settings.validate(smoke(on=False)), off)
    for name in RESULTS:
        assert (off / name).read_bytes() == (on / name).read_bytes(), name
    assert not (off / "tensorboard").exists()
    main.run(*settings.validate(smoke(on=True)), off)  # trains nothing
    for workdir in (on, off):
        check(workdir)


def records(count):
    """Curves `[R, 1 + measures]` of the six runs, a record every ten steps."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, 6, len(one_run.MEASURES)))
    steps = np.broadcast_to(
        10.0 * np.arange(1, count + 1)[:, None, None], (count, 6, 1)
    )
    return list(np.concatenate([steps, values], axis=2))


def test_after_a_kill_every_point_is_written_exactly_once(tmp_path):
    pytest.importorskip("tensorboardX")
    curves, alive = records(4), np.ones(6, bool)
    killed = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    for count in (1, 2, 3):
        killed.record(MEMBERS, curves[:count], alive)
    folder = tmp_path / "tensorboard" / "training" / "beta=1"
    assert {step for _, step in scalars(folder)} == {10, 20, 30}
    (path,) = folder.glob("events.*")
    path.write_bytes(path.read_bytes()[:-7])  # a kill may cut the last record
    assert len(scalars(folder)) == 3 * 3 * len(one_run.MEASURES) - 1
    killed.close()
    # The checkpoint is of step 20, so the later steps are trained again.
    continued = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    assert not folder.exists()
    for count in (3, 4):
        continued.record(MEMBERS, curves[:count], alive)
    points = scalars(folder)
    assert {step for _, step in points} == {10, 20, 30, 40}
    assert len(points) == 4 * 3 * len(one_run.MEASURES)
    loss = np.mean([row[1] for row in curves[3][MEMBERS.setting == 0]])
    assert points["loss/mean", 40] == pytest.approx(loss)
    continued.close()


def test_runs_that_diverged_are_excluded_from_the_block_in_training(tmp_path):
    pytest.importorskip("tensorboardX")
    board = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    alive = np.array([False, True] * 3)  # all of the first setting
    board.record(MEMBERS, records(1), alive)
    training = tmp_path / "tensorboard" / "training"
    assert scalars(training / "beta=1") == {}
    assert len(scalars(training / "beta=4")) == 3 * len(one_run.MEASURES)
    board.close()


def test_a_folder_is_replaced_entirely_or_not_at_all(tmp_path):
    pytest.importorskip("tensorboardX")
    tensorboard._write(tmp_path, tensorboard._images({}, 0))
    before = list(tmp_path.iterdir())

    def failing():
        yield b"event"
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        tensorboard._write(tmp_path, failing())
    assert list(tmp_path.iterdir()) == before


def test_a_board_that_is_off_neither_writes_nor_imports(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    board = tensorboard.Board(tmp_path, ROWS, 40, on=False)
    board.record(MEMBERS, records(1), np.ones(6, bool))
    board.finished([])
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_a_sweep_ends_in_one_line_that_names_the_extra(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    outcome = attempt(
        "no package",
        "main",
        (
            "--config=configs/pinwheel.py:smoke",
            "--config.tensorboard=True",
            f"--workdir={tmp_path / 'w'}",
        ),
        tmp_path,
    )
    assert outcome.refused
    assert (
        "tensorboardX is not installed; it belongs to the extra 'tensorboard'"
        in outcome.line
    )
