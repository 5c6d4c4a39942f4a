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
def test_a_live_view_may_be_asked_for_later_and_changes_no_result(tmp_path):
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


def test_after_a_kill_no_point_is_there_twice_and_none_is_lost(tmp_path):
    pytest.importorskip("tensorboardX")
    every, alive = records(4), np.ones(6, bool)
    killed = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    for count in (1, 2, 3):
        killed.record(MEMBERS, every[:count], alive)
    folder = tmp_path / "tensorboard" / "training" / "beta=1"
    assert {step for _, step in scalars(folder)} == {10, 20, 30}
    (path,) = folder.glob("events.*")
    path.write_bytes(path.read_bytes()[:-7])  # what a kill may leave
    assert len(scalars(folder)) == 3 * 3 * len(one_run.MEASURES) - 1
    killed.close()
    # The checkpoint is of step 20: what follows is trained again.
    again = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    assert not folder.exists()
    for count in (3, 4):
        again.record(MEMBERS, every[:count], alive)
    found = scalars(folder)
    assert {step for _, step in found} == {10, 20, 30, 40}
    assert len(found) == 4 * 3 * len(one_run.MEASURES)
    loss = np.mean([row[1] for row in every[3][MEMBERS.setting == 0]])
    assert found["loss/mean", 40] == pytest.approx(loss)
    again.close()


def test_runs_that_diverged_are_left_out_of_the_block_in_training(tmp_path):
    pytest.importorskip("tensorboardX")
    board = tensorboard.Board(tmp_path, ROWS, 40, on=True)
    alive = np.array([False, True] * 3)  # all of the first setting
    board.record(MEMBERS, records(1), alive)
    training = tmp_path / "tensorboard" / "training"
    assert scalars(training / "beta=1") == {}
    assert len(scalars(training / "beta=4")) == 3 * len(one_run.MEASURES)
    board.close()


def test_a_folder_is_replaced_whole_or_stays_as_it_was(tmp_path):
    pytest.importorskip("tensorboardX")
    tensorboard._write(tmp_path, tensorboard._images({}, 0))
    before = list(tmp_path.iterdir())

    def failing():
        yield b"event"
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        tensorboard._write(tmp_path, failing())
    assert list(tmp_path.iterdir()) == before


def test_off_it_neither_writes_nor_needs_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    board = tensorboard.Board(tmp_path, ROWS, 40, on=False)
    board.record(MEMBERS, records(1), np.ones(6, bool))
    board.finished([])
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_a_sweep_ends_in_one_line_that_names_the_extra(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    found = attempt(
        "no package",
        "main",
        (
            "--config=configs/pinwheel.py:smoke",
            "--config.tensorboard=True",
            f"--workdir={tmp_path / 'w'}",
        ),
        tmp_path,
    )
    assert found.refused
    assert (
        "tensorboardX is not installed; it belongs to the extra 'tensorboard'"
        in found.line
    )
